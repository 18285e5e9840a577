"""CA-06: what ends the leader's own stream ends nobody else's; it is told, and they have all of it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from ..client import Ask, Got
from ..faults.checks import asks, assert_good, assert_row, cost, eventually, ref
from ..faults.conftest import Start
from ..faults.runs import in_run, kill
from ..gateway import Gateway, merge
from ..rawclient import RawClient
from ..upstream import ScriptedUpstream, text
from .checks import ON, TENANTS, calls, is_kept, key_of, named
from .test_ca_06_own import led

PROMPT = 3
TOKENS = 60
#: A model that takes three seconds.
SLOWLY = f"ok-{TOKENS}+itl-50"
#: Its leader's key may write so many tokens in all.
CAP = 12


@dataclass
class Cause:
    """What ends the leader's stream, and what its client and its row say of it."""

    code: str
    outcome: str = "error"
    error: str = ""
    key: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    act: Callable[[Gateway, str], object] | None = None


CAPPED = {
    "limits": [
        {"name": "cap", "scope": {"key": "core-1"}, "output_tokens": CAP, "per": "total"},
    ]
}
CAUSES = {
    "its-time": Cause("request_timeout", headers={"x-sluicegate-timeout-ms": "1200"}),
    "its-run-is-killed": Cause("run_ended", act=kill),
    "its-runs-time": Cause("run_limit_exceeded", settings={"runs": {"wall_s": 1.2}}),
    "its-limit": Cause("cut_by_limit", outcome="ok", key="core-1", settings=CAPPED),
}


def leader_of(cause: Cause, model: str, dialect: str, run: str) -> Ask:
    """Who begins, and has less of something than the others."""
    headers = cause.headers | (in_run(run) if "run" in cause.code else {})
    key = key_of(cause.key or "core-1")
    return Ask(model, dialect=dialect, stream=True, key=key, headers=headers, ref=ref("leader"))


def assert_its_own_end(got: Got, cause: Cause) -> None:
    """Its client is told what it would be told alone."""
    assert got.status == 200
    assert text(TOKENS).startswith(got.text)
    assert 0 < len(got.text.split()) < TOKENS - 10
    if cause.outcome == "ok":
        assert got.error is None
        assert got.finish in ("length", "max_tokens")
        assert got.terminators == 1
        assert b'cut at limit "cap"' in got.raw
    else:
        assert got.code == cause.code
        assert got.terminators == 0


@pytest.mark.parametrize("name", CAUSES)
@pytest.mark.parametrize(
    ("dialect", "provider"), [("openai", "u"), ("openai", "a"), ("anthropic", "u")]
)
def test_ca_06_a_stream_goes_on_for_its_followers_where_the_leaders_own_ends(
    own_gateway: Start, upstream: ScriptedUpstream, dialect: str, provider: str, name: str
) -> None:
    cause = CAUSES[name]
    gateway = own_gateway(**merge(merge(ON, TENANTS), cause.settings))
    model, run = named("ca06", SLOWLY, provider), ref("run")
    leading = leader_of(cause, model, dialect, run)
    others = [
        Ask(model, dialect=dialect, stream=True, key=key_of("core-2"), ref=ref("other"))
        for _ in range(5)
    ]
    if cause.act is not None:
        threading.Timer(1.2, cause.act, (gateway, run)).start()
    leader, *followers = led(gateway, upstream, leading, *others)
    assert_its_own_end(leader, cause)
    assert leader.ended < followers[0].ended - 0.5, "it waits for nobody"
    for each in followers:
        assert_good(each, TOKENS)
    assert calls(upstream, model) == 1
    assert upstream.stats(model.partition("/")[2]).cancelled == 0
    [own] = gateway.rows(leading.ref)
    had = len(leader.text.split())
    assert_row(own, attempt=1, outcome=cause.outcome, error_code=cause.code, client_status=200)
    assert_row(own, output_tokens=had, cost_usd=cost(PROMPT, had), basis="counted")
    rows = [
        row for rows in gateway.rows_of(each.ref for each in followers).values() for row in rows
    ]
    assert Counter(row["attempt"] for row in rows) == {0: 4, 1: 1}
    for row in rows:
        assert_row(row, cache="hit", client_status=200)
        assert_row(row, outcome="ok" if row["attempt"] else "cached")
        assert_row(row, cost_usd=cost(0, TOKENS - had) if row["attempt"] else 0)
    assert is_kept(gateway, model, dialect=dialect, stream=True, key=key_of("core-2"))


def test_ca_06_a_followers_own_time_ends_its_own_stream_alone(
    gateways: Start, upstream: ScriptedUpstream
) -> None:
    gateway = gateways(**ON)
    model = named("ca06", SLOWLY)
    hurried = {"x-sluicegate-timeout-ms": "1200"}
    what = [
        Ask(model, stream=True),
        Ask(model, stream=True, headers=hurried),
        Ask(model, stream=True),
    ]
    leader, late, other = led(gateway, upstream, *what)
    assert_its_own_end(late, CAUSES["its-time"])
    assert_good(leader, TOKENS)
    assert_good(other, TOKENS)
    assert calls(upstream, model) == 1
    [row] = gateway.rows(late.ref)
    assert_row(row, attempt=0, outcome="error", error_code="request_timeout", cost_usd=0)


def test_ca_06_a_stream_that_outlived_its_leader_ends_with_the_last_who_follows(
    own_gateway: Start, upstream: ScriptedUpstream
) -> None:
    gateway = own_gateway(**ON)
    model = named("ca06", "ok-400+itl-40")
    leading = Ask(
        model, stream=True, headers={"x-sluicegate-timeout-ms": "1000"}, ref=ref("leader")
    )
    following = Ask(model, stream=True, ref=ref("other"))
    got: list[Got] = []
    thread = threading.Thread(target=lambda: got.extend(asks(gateway, [leading])))
    thread.start()
    assert eventually(lambda: upstream.of(model.partition("/")[2]))
    with RawClient(gateway.url) as client:
        client.ask(following, gateway.key)
        client.until(b"data: ")
        thread.join()
        assert got[0].code == "request_timeout"
        assert upstream.stats(model.partition("/")[2]).cancelled == 0
    assert eventually(lambda: upstream.stats(model.partition("/")[2]).cancelled == 1)
    [own], [rest] = gateway.rows(leading.ref), gateway.rows(following.ref)
    assert_row(own, outcome="error", error_code="request_timeout", basis="counted")
    assert_row(rest, attempt=1, outcome="cancelled", basis="counted", input_tokens=0)
    sent = upstream.stats(model.partition("/")[2]).tokens_sent
    paid = int(own["output_tokens"]) + int(rest["output_tokens"])
    assert int(own["output_tokens"]) <= paid <= sent < 400
    assert not is_kept(gateway, model, stream=True)
