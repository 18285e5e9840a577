"""Entries for tests, of which only some things matter."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from sluicegate.store.cache import Entry, Label

MASTER = b"master key of the test 0123456789"


def full(name: bytes) -> bytes:
    """A key as long as the core's."""
    return name.ljust(32, b"\0")


def now_ms() -> int:
    """By this machine's clock."""
    return time.time_ns() // 1_000_000


def entry(key: bytes = b"k" * 32, **fields: Any) -> Entry:
    """Good for a minute."""
    label: dict[str, Any] = {
        "tenant": "team o/t",
        "namespace": "",
        "model": "smart",
        "target": "u/m",
        "tags": [],
        "epoch": 0,
    }
    rest: dict[str, Any] = {
        "made_ms": now_ms(),
        "expires_ms": now_ms() + 60_000,
        "body": b"\x00body\xff",
    }
    label |= {name: value for name, value in fields.items() if name in label}
    rest |= {name: value for name, value in fields.items() if name in rest}
    return Entry(Label(key, **label), **rest)


def eventually(is_so: Callable[[], object], within_s: float = 5.0) -> bool:
    """Whether something comes true."""
    until_s = time.monotonic() + within_s
    while time.monotonic() < until_s:
        if is_so():
            return True
        time.sleep(0.01)
    return bool(is_so())
