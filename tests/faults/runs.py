"""Requests of agent runs, and how they are ended."""

from __future__ import annotations

import time
from typing import Any

from ..client import Got
from ..gateway import Gateway
from .checks import ask


def in_run(run: str, parent: str | None = None) -> dict[str, str]:
    """The headers of a request that belongs to a run."""
    headers = {"x-sluicegate-run": run}
    return headers if parent is None else headers | {"x-sluicegate-parent-run": parent}


def step(gateway: Gateway, model: str, run: str, parent: str | None = None, **fields: Any) -> Got:
    """One request of a run."""
    return ask(gateway, model, headers=in_run(run, parent), **fields)


def left(got: Got, what: str) -> str | None:
    """What of a run is left, as the headers say."""
    return got.headers.get(f"x-sluicegate-run-remaining-{what}")


def kill(gateway: Gateway, run: str, by: str = "api") -> float:
    """Ends a run; when that was done."""
    if by == "command":
        status, said = gateway.run("runs", "kill", run, "--reason", "test")
        assert status == 0, said
    else:
        told = gateway.admin("POST", f"/admin/v1/runs/{run}/kill", {"reason": "test"})
        assert told.status_code == 200, told.text
    return time.monotonic()
