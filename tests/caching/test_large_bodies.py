"""Requests of megabytes keep no others of their worker waiting longer than without the cache."""

from __future__ import annotations

import json
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from ..faults.conftest import Start
from ..gateway import Gateway, merge
from .checks import ON, named, say

MESSAGES = 120_000
"""Of a request of twelve megabytes."""
TIMES = 5
SEMANTIC: dict[str, Any] = {"cache": {"semantic": {"enabled": True}}}


def large(model: str) -> bytes:
    """Many small messages, whose fields stand in another order than the key has them in."""
    turns = [{"role": "user", "content": f"{'word ' * 14}{at}"} for at in range(MESSAGES)]
    return json.dumps({"model": model, "messages": turns}).encode()


def connected(gateway: Gateway) -> httpx.Client:
    """One connection."""
    headers = {"authorization": f"Bearer {gateway.key}", "content-type": "application/json"}
    return httpx.Client(base_url=gateway.url, headers=headers, timeout=30)


def ask(client: httpx.Client, body: bytes, status: int = 200, **headers: str) -> httpx.Response:
    """An answer of this status."""
    got = client.post("/v1/chat/completions", content=body, headers=headers)
    assert got.status_code == status, got.text[:300]
    return got


def longest_s(gateway: Gateway, body: bytes, status: int) -> float:
    """How long small requests wait at the most while a large one is answered, half of the times."""
    small = json.dumps({"model": named("small"), "messages": [{"role": "user", "content": "hi"}]})
    waits = []
    with ThreadPoolExecutor(1) as pool, connected(gateway) as one, connected(gateway) as other:
        for _ in range(TIMES):
            asked, waited = pool.submit(ask, one, body, status), []
            while not asked.done():
                began_s = time.monotonic()
                ask(other, small.encode(), **say("no-store"))
                waited.append(time.monotonic() - began_s)
            asked.result()
            waits.append(max(waited))
    return statistics.median(waits)


@pytest.mark.parametrize("more", [{}, SEMANTIC], ids=["exact", "semantic"])
def test_large_requests_hold_up_no_others(gateways: Start, more: dict[str, Any]) -> None:
    """Beside a request that is read, and refused for its model: nobody is asked in either case."""
    gateway, name = gateways(**merge(ON, more)), named("large")
    with connected(gateway) as client:
        assert ask(client, large(name)).headers["x-sluicegate-cache"] == "miss"
        assert ask(client, large(name)).headers["x-sluicegate-cache"] == "hit"
    refused_s = longest_s(gateway, large("nobody/knows it"), 404)
    hit_s = longest_s(gateway, large(name), 200)
    assert hit_s < 2 * refused_s + 0.03
