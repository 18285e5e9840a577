"""OB-02: liveness stays true, readiness and the parts' states tell the truth within two seconds."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from ..client import Ask, run_asks
from ..gateway import KEY, Gateway
from ..postgres import Server
from ..rawclient import RawClient
from ..upstream import ScriptedUpstream
from .scrape import scrape

WITHIN_S = 2.0
#: For this machine's other load: the state is looked for a little longer than the contract says.
SLACK_S = 1.0


def ready(gateway: Gateway) -> tuple[int, dict[str, Any]]:
    """What a balancer reads, over a connection of its own: any worker may answer."""
    answer = httpx.get(f"{gateway.url}/health/ready", timeout=2)
    return answer.status_code, answer.json()


def becomes(gateway: Gateway, is_so: Callable[[int, dict[str, Any]], bool]) -> bool:
    """Whether every worker says so in time, and that the process lives all the while."""
    end = time.monotonic() + WITHIN_S + SLACK_S
    while time.monotonic() < end:
        assert httpx.get(f"{gateway.url}/health/live", timeout=2).status_code == 200
        if all(is_so(*ready(gateway)) for _ in range(8)):
            return True
    return False


def bound_files(gateway: Gateway, size_bytes: int) -> None:
    """No worker can write beyond so much of any file, as if a disk were full."""
    assert gateway.process is not None
    for worker in psutil.Process(gateway.process.pid).children():
        worker.rlimit(psutil.RLIMIT_FSIZE, (size_bytes, resource.RLIM_INFINITY))


@pytest.mark.parametrize("fault", ["freeze", "stop"])
def test_ob_02_a_store_that_is_away_is_told_and_serving_goes_on(
    fault: str, upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    with Server() as server:
        settings: dict[str, Any] = {"store": server.database(), "server": {"workers": 2}}
        with Gateway(upstream.url, tmp_path, **settings) as gateway:
            assert ready(gateway)[1]["ledger"] == "ok"
            getattr(server, fault)()
            assert becomes(gateway, lambda s, body: (s, body["ledger"]) == (200, "degraded"))
            assert run_asks(gateway.url, KEY, [Ask("u/ok-5")])[0].status == 200
            assert scrape(gateway).of("sluicegate_component_up", component="ledger") == 0
            server.thaw() if fault == "freeze" else server.start()
            assert becomes(gateway, lambda s, body: (s, body["ledger"]) == (200, "ok"))
            assert scrape(gateway).of("sluicegate_component_up", component="ledger") == 1


def test_ob_02_a_journal_that_cannot_be_written_is_told(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    with Gateway(upstream.url, tmp_path, server={"workers": 2}) as gateway:
        bound_files(gateway, 1)
        refused = run_asks(gateway.url, KEY, [Ask("u/ok-5") for _ in range(8)])
        assert {got.status for got in refused} == {503}
        assert becomes(gateway, lambda s, body: (s, body["journal"]) == (503, "full"))
        assert ready(gateway)[1]["status"] == "unavailable"
        bound_files(gateway, resource.RLIM_INFINITY)
        assert becomes(gateway, lambda s, body: (s, body["journal"]) == (200, "ok"))
        assert run_asks(gateway.url, KEY, [Ask("u/ok-5")])[0].status == 200


def test_a_drain_is_told_while_requests_finish(upstream: ScriptedUpstream, tmp_path: Path) -> None:
    with Gateway(upstream.url, tmp_path) as gateway, RawClient(gateway.url) as client:
        # Long enough to be looked at three times, on a busy machine too.
        client.ask(Ask("u/ok-200+itl-20", stream=True), KEY)
        client.until(b"data: ")
        gateway.signal(15)
        assert becomes(gateway, lambda s, body: (s, body["status"]) == (503, "draining"))
        assert ready(gateway)[1]["active"] == 1
        assert scrape(gateway).of("sluicegate_draining_workers") == 1
        assert b"[DONE]" in client.until(b"[DONE]")
