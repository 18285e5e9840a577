"""CA-06: of identical requests at the same time one asks the model, and each has its own row."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import httpx
import pytest

from ..client import Ask, Got, ask, ask_all
from ..faults.checks import (
    all_pairs,
    asks,
    assert_good,
    assert_row,
    cost,
    eventually,
    forms,
    ref,
)
from ..faults.conftest import Start
from ..gateway import Gateway, Row, merge
from ..upstream import ScriptedUpstream, text
from .checks import ON, calls, named, told

#: Words of the prompt.
PROMPT = 3
#: Until all of a crowd have asked: how long the model thinks.
THINKS = "ttft-1500"


def crowd(gateway: Gateway, what: list[Ask]) -> list[Got]:
    """All at once, each over a connection of its own."""
    return asks(gateway, what, concurrency=len(what))


def rows_of(gateway: Gateway, got: list[Got]) -> list[Row]:
    """The rows of all of them."""
    return [row for rows in gateway.rows_of(each.ref for each in got).values() for row in rows]


def assert_paid_once(rows: list[Row], many: int, tokens: int) -> None:
    """One row of an attempt, and one of a hit for each of the others, with what it saved."""
    assert Counter(row["attempt"] for row in rows) == {0: many - 1, 1: 1}
    spent = cost(PROMPT, tokens)
    for row in rows:
        if row["attempt"]:
            assert_row(row, outcome="ok", cache="miss", cost_usd=spent, client_status=200)
            continue
        assert_row(row, outcome="cached", cache="hit", basis="none", cost_usd=0, client_status=200)
        assert_row(row, input_tokens=0, output_tokens=0, status=None)
        assert Decimal(row["saved_usd"]) == spent
        assert (row["saved_input_tokens"], row["saved_output_tokens"]) == (PROMPT, tokens)
    assert sum(Decimal(row["cost_usd"]) for row in rows) == spent


@pytest.mark.parametrize("many", [500, 1000])
@forms
def test_ca_06_a_crowd_that_asks_the_same_makes_one_call(
    gateways: Start, upstream: ScriptedUpstream, many: int, stream: bool
) -> None:
    gateway = gateways(**merge(ON, {"timeouts": {"first_byte_s": 20}}))
    model = named("ca06", f"ok-20+itl-10+{THINKS}")
    got = crowd(gateway, [Ask(model, stream=stream) for _ in range(many)])
    for each in got:
        assert_good(each, 20)
    assert calls(upstream, model) == 1
    assert len({each.raw for each in got}) == 1
    assert Counter(told(each) for each in got) == {"miss": 1, "hit": many - 1}
    assert_paid_once(rows_of(gateway, got), many, 20)


@all_pairs
@forms
def test_ca_06_followers_in_every_dialect(
    gateways: Start, upstream: ScriptedUpstream, dialect: str, provider: str, stream: bool
) -> None:
    gateway = gateways(**ON)
    model = named("ca06", "ok-8+itl-20+ttft-300", provider)
    got = crowd(gateway, [Ask(model, dialect=dialect, stream=stream) for _ in range(20)])
    for each in got:
        assert_good(each, 8)
    assert calls(upstream, model) == 1
    assert_paid_once(rows_of(gateway, got), 20, 8)


def test_ca_06_a_crowd_over_two_workers_makes_two_calls_at_most(
    gateways: Start, upstream: ScriptedUpstream
) -> None:
    gateway = gateways(**merge(ON, {"server": {"workers": 2}}))
    model = named("ca06", f"ok-10+{THINKS}")
    got = crowd(gateway, [Ask(model) for _ in range(500)])
    for each in got:
        assert_good(each, 10)
    assert calls(upstream, model) <= 2
    rows = rows_of(gateway, got)
    assert len(rows) == 500
    assert sum(row["attempt"] == 1 for row in rows) == calls(upstream, model)


def test_ca_06_followers_see_the_stream_while_it_flows(
    gateways: Start, upstream: ScriptedUpstream
) -> None:
    gateway = gateways(**ON)
    model = named("ca06", "ok-10+itl-100+ttft-300")
    got = crowd(gateway, [Ask(model, stream=True) for _ in range(5)])
    for each in got:
        assert_good(each, 10)
        arrivals = each.token_arrivals()
        assert arrivals[-1] - arrivals[0] > 0.5, "all at once"
    assert calls(upstream, model) == 1
    for row in rows_of(gateway, got):
        assert row["first_token_ms"] < row["latency_ms"] - 500


def test_ca_06_streams_and_whole_answers_may_be_two_calls_and_no_more(
    gateways: Start, upstream: ScriptedUpstream
) -> None:
    gateway = gateways(**ON)
    model = named("ca06", "ok-10+ttft-500")
    got = crowd(gateway, [Ask(model, stream=number % 2 == 0) for number in range(100)])
    for each in got:
        assert_good(each, 10)
    assert calls(upstream, model) <= 2


def test_ca_06_a_stream_that_is_too_long_to_be_kept_is_followed_from_its_beginning_alone(
    gateways: Start, upstream: ScriptedUpstream
) -> None:
    """What nobody follows is not remembered: who comes late asks for itself."""
    gateway = gateways(**merge(ON, {"cache": {"exact": {"max_entry_bytes": 4096}}}))
    together, late = named("ca06", "ok-60+itl-20+ttft-300"), named("ca06", "ok-60+itl-20")
    for each in crowd(gateway, [Ask(together, stream=True) for _ in range(20)]):
        assert_good(each, 60)
    assert calls(upstream, together) == 1
    first = Ask(late, stream=True)
    with ThreadPoolExecutor(1) as threads:
        leading = threads.submit(asks, gateway, [first])
        assert eventually(lambda: upstream.stats(late.partition("/")[2]).tokens_sent > 40)
        for each in [*crowd(gateway, [Ask(late, stream=True)]), *leading.result()]:
            assert_good(each, 60)
    assert calls(upstream, late) == 2


# the leader's client leaves


async def _led(gateway: Gateway, what: Ask, followers: int, *, is_whole: bool) -> list[Got]:
    """A leader that goes once others follow it; their answers."""
    async with httpx.AsyncClient(timeout=20, verify=False, trust_env=False) as client:
        url = gateway.url + what.path()
        body, head = what.content(), what.head(gateway.key)
        begun = asyncio.Event()

        async def lead() -> None:
            if is_whole:
                begun.set()
                await client.post(url, content=body, headers=head)
                return
            async with client.stream("POST", url, content=body, headers=head) as response:
                async for _ in response.aiter_raw():
                    begun.set()

        leader = asyncio.create_task(lead())
        await begun.wait()
        await asyncio.sleep(0.15)  # so that a whole answer's leader has come first
        same = [
            Ask(what.model, stream=what.stream, ref=f"{what.ref}-{n}") for n in range(followers)
        ]
        following = asyncio.create_task(
            ask_all(gateway.url, gateway.key, same, len(same), timeout_s=20)
        )
        await asyncio.sleep(0.3)
        leader.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await leader
        return await following


@forms
def test_ca_06_an_answer_goes_on_for_its_followers_where_the_leaders_client_leaves(
    gateways: Start, upstream: ScriptedUpstream, stream: bool
) -> None:
    gateway = gateways(**ON)
    model = named("ca06", "ok-30+itl-50" if stream else "ok-30+ttft-1500")
    what = Ask(model, stream=stream, ref=ref("leader"))
    got = asyncio.run(_led(gateway, what, 20, is_whole=not stream))
    for each in got:
        assert_good(each, 30)
    assert calls(upstream, model) == 1
    assert upstream.stats(model.partition("/")[2]).cancelled == 0
    rows = rows_of(gateway, got)
    # A stream's rest is paid by one of them; an answer that comes at once has none.
    assert Counter(row["attempt"] for row in rows) == ({0: 19, 1: 1} if stream else {0: 20})
    for row in rows:
        assert_row(row, cache="hit", client_status=200)
        assert_row(row, outcome="ok" if row["attempt"] else "cached")
    [own] = gateway.rows(what.ref)
    assert_row(own, attempt=1, outcome="cancelled", input_tokens=PROMPT)
    assert 0 < int(own["output_tokens"]) <= 30
    assert (int(own["output_tokens"]) < 30) is stream
    assert sum(Decimal(row["cost_usd"]) for row in [own, *rows]) == cost(PROMPT, 30)


@forms
def test_ca_06_an_answer_ends_where_the_last_who_waits_for_it_leaves(
    gateways: Start, upstream: ScriptedUpstream, stream: bool
) -> None:
    gateway = gateways(**ON)
    model = named("ca06", "ok-60+itl-50" if stream else "ok-60+ttft-1900")

    async def all_leave() -> None:
        async with httpx.AsyncClient(timeout=20, verify=False, trust_env=False) as client:
            tasks = []
            for _ in range(10):
                what = Ask(model, stream=stream)
                tasks.append(asyncio.create_task(ask(client, gateway.url, gateway.key, what)))
                await asyncio.sleep(0.03)
            await asyncio.sleep(0.3)
            for task in tasks:
                task.cancel()
                await asyncio.sleep(0.01)
            await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(all_leave())
    assert calls(upstream, model) == 1
    assert eventually(lambda: upstream.stats(model.partition("/")[2]).cancelled == 1)


# the leader fails


@forms
def test_ca_06_another_leads_where_the_leader_fails_before_anything_came(
    gateways: Start, upstream: ScriptedUpstream, stream: bool
) -> None:
    """The first one's upstream fails twice, which is the leader's own retry."""
    gateway = gateways(**ON)
    model = named("ca06", "fault-500-then-ok-2+ok-10+ttft-500")
    got = crowd(gateway, [Ask(model, stream=stream) for _ in range(100)])
    statuses = Counter(each.status for each in got)
    assert statuses[200] >= 99, statuses
    for each in got:
        if each.status == 200:
            assert_good(each, 10)
    assert calls(upstream, model) == 3
    rows = rows_of(gateway, got)
    assert len({row["client_ref"] for row in rows}) == 100
    assert sum(Decimal(row["cost_usd"]) for row in rows) == cost(PROMPT, 10)


@forms
def test_ca_06_a_model_that_fails_is_not_asked_by_everybody(
    gateways: Start, upstream: ScriptedUpstream, stream: bool
) -> None:
    gateway = gateways(**ON)
    model = named("ca06", "fault-500+ttft-500")
    got = crowd(gateway, [Ask(model, stream=stream) for _ in range(200)])
    assert {each.status for each in got} <= {502, 503}
    for each in got:
        assert each.error is not None
    assert calls(upstream, model) <= 5
    rows = rows_of(gateway, got)
    assert len({row["client_ref"] for row in rows}) == 200
    assert sum(Decimal(row["cost_usd"]) for row in rows) == 0


def test_ca_06_followers_of_a_stream_that_breaks_off_are_told_so(
    gateways: Start, upstream: ScriptedUpstream
) -> None:
    """What they have is the beginning of an answer that no other call can go on with."""
    gateway = gateways(**ON)
    model = named("ca06", "fault-midstream-reset-after-5+itl-100+ttft-300")
    got = crowd(gateway, [Ask(model, stream=True) for _ in range(50)])
    for each in got:
        assert each.status == 200
        assert each.text == text(5)
        assert each.error is not None
        assert each.terminators == 0
    assert calls(upstream, model) <= 2
    rows = rows_of(gateway, got)
    assert len({row["client_ref"] for row in rows}) == 50
    assert sum(row["attempt"] == 1 for row in rows) == calls(upstream, model)
    for row in rows:
        assert row["outcome"] == "error"


# what followers hold


def test_ca_06_followers_count_for_limits_on_requests_and_for_none_on_money(
    own_gateway: Start, upstream: ScriptedUpstream
) -> None:
    limits: list[dict[str, Any]] = [
        {"name": "money", "scope": {"key": "one"}, "cost_usd": 1, "per": "day"},
        {"name": "requests", "scope": {"key": "one"}, "requests": 30, "per": "hour", "burst": 30},
    ]
    gateway = own_gateway(**merge(ON, {"limits": limits}))
    model = named("ca06", "ok-10+ttft-500")
    got = crowd(gateway, [Ask(model) for _ in range(40)])
    assert Counter(each.status for each in got) == {200: 30, 429: 10}
    assert calls(upstream, model) == 1

    def standing(name: str) -> dict[str, Any]:
        found: dict[str, Any] = gateway.admin("GET", f"/admin/v1/limits/{name}/standing").json()
        return found

    assert Decimal(str(standing("money")["spent"])) == cost(PROMPT, 10)
    assert Decimal(str(standing("money")["held"])) == 0
    assert standing("requests")["spent"] == 30
