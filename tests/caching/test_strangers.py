"""What others who ask the same may not do to a request: give it what was purged, their deadlines, or
what their limits left of an answer.
"""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ..client import Ask
from ..faults.checks import ask, asks, assert_good, eventually, forms, ref
from ..faults.conftest import Start
from ..gateway import merge
from ..upstream import ScriptedUpstream
from .checks import ON, TENANTS, calls, key_of, named, say, told


@forms
def test_ca_05_who_asks_behind_a_purge_follows_nobody_who_asked_before_it(
    gateways: Start, upstream: ScriptedUpstream, stream: bool
) -> None:
    gateway = gateways(**ON)
    model = named("ca05", "ok-5+ttft-1800")
    with ThreadPoolExecutor(1) as threads:
        before = threads.submit(ask, gateway, model, stream=stream)
        assert eventually(lambda: calls(upstream, model) == 1)
        purged = gateway.admin("POST", "/admin/v1/cache/purge", {"model": model})
        assert purged.status_code == 200, purged.text
        time.sleep(1.0)  # by contract
        behind = ask(gateway, model, stream=stream)
        assert [told(before.result()), told(behind)] == ["miss", "miss"]
    assert calls(upstream, model) == 2


@forms
def test_ca_06_deadlines_of_others_fail_nobody_who_has_time(
    gateways: Start, upstream: ScriptedUpstream, stream: bool
) -> None:
    gateway = gateways(**ON)
    model = named("ca06", "ok-5+ttft-1500")
    deadlines_ms = [300, 600, 900, 15_000]
    crowd = [
        Ask(model, stream=stream, headers={"x-sluicegate-timeout-ms": str(deadline_ms)})
        for deadline_ms in deadlines_ms
    ]
    *hasty, patient = asks(gateway, crowd, concurrency=len(crowd))
    assert_good(patient, 5)
    for each in hasty:
        assert each.error is not None
        assert each.code == "request_timeout"


def test_ca_06_what_a_limit_left_of_an_answer_is_nobody_elses(
    gateways: Start, upstream: ScriptedUpstream
) -> None:
    """The model is told to write no more than there is room for, which others never asked."""
    limit = {"name": "few", "scope": {"key": "core-1"}, "output_tokens": 20, "per": "day"}
    gateway = gateways(**merge(ON, TENANTS | {"limits": [limit]}))
    model = named("ca06", "ends-cut+ttft-800")
    asked: dict[str, Any] = {"fields": {"max_tokens": 500}}
    with ThreadPoolExecutor(1) as threads:
        poor = threads.submit(ask, gateway, model, key=key_of("core-1"), **asked)
        assert eventually(lambda: calls(upstream, model) == 1)
        rich = ask(gateway, model, key=key_of("core-2"), **asked)
        assert (poor.result().status, rich.status) == (200, 200)
    first, second = (json.loads(each.body) for each in upstream.of(model.partition("/")[2]))
    assert first["max_tokens"] < second["max_tokens"] == 500


def by_provider(embedder: str) -> dict[str, Any]:
    """A semantic cache with a provider's vectors."""
    semantic = {"enabled": True, "embedder": embedder, "threshold": 0.9}
    return merge(ON, {"cache": {"semantic": semantic}})


def test_only_if_cached_asks_no_embedder_either(
    gateways: Start, upstream: ScriptedUpstream
) -> None:
    embedder = f"u/ok-1@{ref('asked')}"
    gateway = gateways(**by_provider(embedder))
    got = ask(gateway, named("asked"), headers=say("only-if-cached"))
    assert (got.status, got.code) == (504, "not_cached")
    assert calls(upstream, embedder) == 0
