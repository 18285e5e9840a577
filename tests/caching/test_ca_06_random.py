"""CA-06: whatever a crowd does, each has a beginning of the same answer or all of it, and nothing is left of it."""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import signal
from collections import Counter

import httpx
import pytest

from ..client import Ask, Got, ask
from ..faults.checks import assert_good, assert_row, eventually, ref
from ..faults.conftest import Start
from ..gateway import Gateway, merge
from ..upstream import ScriptedUpstream
from .checks import ON, calls, named


def in_flight(gateway: Gateway) -> float:
    """Requests that the metrics say are running."""
    told = httpx.get(f"{gateway.url}/metrics", timeout=5, trust_env=False).text
    values = re.findall(r"^sluicegate_active_requests (\S+)$", told, re.MULTILINE)
    assert values, told[:2000]
    return sum(map(float, values))


def held(gateway: Gateway) -> int:
    """What requests still hold of the limit."""
    return int(gateway.admin("GET", "/admin/v1/limits/all/standing").json()["held"])


def crowd(gateway: Gateway, what: list[tuple[float, Ask, float | None]]) -> list[Got | None]:
    """Asks, each after its delay; one with a patience leaves after that, and has no answer."""

    async def one(client: httpx.AsyncClient, come: tuple[float, Ask, float | None]) -> Got | None:
        delay_s, asked, patience_s = come
        await asyncio.sleep(delay_s)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                return await ask(client, gateway.url, gateway.key, asked)
        return None

    async def go() -> list[Got | None]:
        limits = httpx.Limits(max_connections=len(what))
        async with httpx.AsyncClient(timeout=25, limits=limits, verify=False) as client:
            return await asyncio.gather(*(one(client, come) for come in what))

    return asyncio.run(go())


def is_counted_once(gateway: Gateway, upstream: ScriptedUpstream, model: str) -> bool:
    """Whether rows have all of the calls that were answered, and no more than was sent."""
    exchanges = upstream.of(model.partition("/")[2])
    whole = sum(each.finished is not None for each in exchanges)
    sent = sum(each.tokens_sent for each in exchanges)
    rows = [row for row in gateway.ledger() if row["requested_model"] == model]
    given = sum(int(row["input_tokens"]) for row in rows)
    made = sum(int(row["output_tokens"]) for row in rows)
    tokens = int(model.split("-")[1].split("+", maxsplit=1)[0])
    return tokens * whole <= made <= sent and 3 * whole <= given <= 3 * len(exchanges)


LIMITED = merge(
    ON, {"limits": [{"name": "all", "scope": {"key": "one"}, "output_tokens": 10**9, "per": "day"}]}
)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(("dialect", "provider"), [("openai", "u"), ("openai", "a")])
def test_ca_06_two_hundred_come_and_go_and_nothing_is_left(
    own_gateway: Start, upstream: ScriptedUpstream, dialect: str, provider: str, seed: int
) -> None:
    """Half of them leave at any time, the leader's client among them or not."""
    gateway = own_gateway(**LIMITED)
    assert_good(
        crowd(gateway, [(0, Ask(named("ca06"), stream=True), None)])[0] or Got(Ask(""), "", 0), 5
    )
    chance = random.Random(seed)
    models = [named("ca06", f"ok-{tokens}+itl-25", provider) for tokens in (20, 40, 60)]
    what = [
        (
            chance.uniform(0, 1.2),
            Ask(chance.choice(models), dialect=dialect, stream=True, ref=ref("one")),
            chance.choice([None, chance.uniform(0.05, 1.5)]),
        )
        for _ in range(200)
    ]
    got = crowd(gateway, what)
    for each in got:
        if each is not None:
            assert_good(each, int(each.ask.model.split("-")[1].split("+")[0]))
    assert eventually(lambda: in_flight(gateway) == 0, 5)
    assert eventually(lambda: held(gateway) == 0, 5)
    rows = gateway.rows_of((asked.ref for _, asked, patience in what if patience is None), 1)
    for each in rows.values():
        assert [row["outcome"] for row in each] in (["ok"], ["cached"]), each
    for model in models:
        assert eventually(lambda of=model: is_counted_once(gateway, upstream, of), 5), model
    asked = sum(calls(upstream, model) for model in models)
    stats = [upstream.stats(model.partition("/")[2]) for model in models]
    assert asked - sum(each.cancelled for each in stats) == sum(
        exchange.finished is not None
        for model in models
        for exchange in upstream.of(model.partition("/")[2])
    )


@pytest.mark.parametrize("at", range(1, 9))
def test_ca_06_a_leader_who_leaves_at_any_event_leaves_the_stream_to_the_others(
    gateways: Start, upstream: ScriptedUpstream, at: int
) -> None:
    """And who joins at any event has it from its beginning."""
    gateway = gateways(**ON)
    model = named("ca06", "ok-9+itl-120")
    leave_s = 0.06 + 0.12 * (at - 1)
    joins = [0.02 + 0.12 * event for event in range(8)]
    what: list[tuple[float, Ask, float | None]] = [(0, Ask(model, stream=True), max(leave_s, 0.1))]
    what += [(delay_s, Ask(model, stream=True, ref=ref("other")), None) for delay_s in joins]
    leader, *others = crowd(gateway, what)
    assert leader is None
    for each in others:
        assert each is not None
        assert_good(each, 9)
    assert calls(upstream, model) == 1
    assert eventually(lambda: in_flight(gateway) == 0, 5)


def test_ca_06_a_gateway_that_drains_lets_a_crowd_have_its_answer(
    own_gateway: Start, upstream: ScriptedUpstream
) -> None:
    gateway = own_gateway(**ON)
    model = named("ca06", "ok-30+itl-60")
    what: list[tuple[float, Ask, float | None]] = [
        (0.01 * number, Ask(model, stream=True, ref=ref("one")), 0.8 if number == 0 else None)
        for number in range(20)
    ]

    async def go() -> list[Got | None]:
        asking = asyncio.to_thread(crowd, gateway, what)
        stopping = asyncio.to_thread(stop)
        return (await asyncio.gather(asking, stopping))[0]

    def stop() -> None:
        assert eventually(lambda: upstream.stats(model.partition("/")[2]).tokens_sent > 5, 5)
        gateway.signal(signal.SIGTERM)

    _, *others = asyncio.run(go())
    for each in others:
        assert each is not None
        assert_good(each, 30)
    assert gateway.process is not None
    assert gateway.process.wait(15) == 0
    assert calls(upstream, model) == 1
    found = gateway.rows_of(each.ref for each in others if each is not None)
    rows = [row for rows in found.values() for row in rows]
    assert Counter(row["outcome"] for row in rows) == {"cached": 18, "ok": 1}
    [own] = gateway.rows(what[0][1].ref)
    assert_row(own, outcome="cancelled")
    assert sum(int(row["output_tokens"]) for row in [own, *rows]) == 30
