"""CA-06: of a stream with several readers each row has its own part, and together they are the bill."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest

from ..client import Ask, Got
from ..faults.checks import (
    ask,
    asks,
    assert_error_shape,
    assert_good,
    assert_row,
    cost,
    eventually,
    ref,
)
from ..faults.conftest import Start
from ..faults.runs import in_run, kill
from ..gateway import Gateway, Row, merge
from ..rawclient import RawClient
from ..upstream import ScriptedUpstream, text
from .checks import ON, calls, key_of, named
from .test_ca_06_random import in_flight

PROMPT = 3
TOKENS = 60
#: A model that takes three seconds.
SLOWLY = f"ok-{TOKENS}+itl-50"
#: Four keys of one team, who share what is kept.
TEAM = [f"core-{number}" for number in range(1, 5)]
SHARING: dict[str, Any] = merge(
    ON,
    {
        "keys": [
            {"name": name, "key": key_of(name), "organisation": "acme", "team": "core"}
            for name in TEAM
        ]
    },
)
#: In the client's own dialect, and told anew.
PAIRS = [("openai", "u"), ("openai", "a"), ("anthropic", "u"), ("openai_responses", "r")]
pairs = pytest.mark.parametrize(("dialect", "provider"), PAIRS, ids=[f"{d}-{p}" for d, p in PAIRS])
HURRIED = {"x-sluicegate-timeout-ms": "1200"}


def capped(**caps: int) -> dict[str, Any]:
    """Output tokens that keys may have in all, by the number of the key."""
    return merge(
        SHARING,
        {
            "limits": [
                {
                    "name": f"cap-{number}",
                    "scope": {"key": f"core-{number}"},
                    "output_tokens": cap,
                    "per": "total",
                }
                for number, cap in ((name.removeprefix("core_"), cap) for name, cap in caps.items())
            ]
        },
    )


def of(number: int, model: str, dialect: str = "openai", **fields: Any) -> Ask:
    """A request by one of the team's keys."""
    key = key_of(f"core-{number}")
    return Ask(model, dialect=dialect, stream=True, key=key, ref=ref(f"key-{number}"), **fields)


def crowd(gateway: Gateway, *what: Ask) -> list[Got]:
    """The answers of one who leads, and of those who follow it, in this order."""
    with ThreadPoolExecutor(len(what)) as threads:
        asked = []
        for each in what:
            asked.append(threads.submit(asks, gateway, [each]))
            assert eventually(lambda: in_flight(gateway) >= len(asked))
        return [each.result()[0] for each in asked]


def rows_of(gateway: Gateway, asked: list[Ask]) -> list[Row]:
    """The one row of each."""
    found = gateway.rows_of(each.ref for each in asked)
    for rows in found.values():
        assert len(rows) == 1, rows
    return [found[each.ref][0] for each in asked]


def words(got: Got) -> int:
    """Tokens that a client has had."""
    return len(got.text.split())


def assert_is_the_bill(rows: list[Row], tokens: int) -> None:
    """Counted once: the prompt by who asked, each token of the answer by one of them."""
    assert sum(int(row["input_tokens"]) for row in rows) == PROMPT
    assert sum(int(row["output_tokens"]) for row in rows) == tokens
    assert sum(Decimal(row["cost_usd"]) for row in rows) == cost(PROMPT, tokens)
    for row in rows:
        own = cost(int(row["input_tokens"]), int(row["output_tokens"]))
        assert Decimal(row["cost_usd"]) == own, "each at its own price"


@pairs
def test_ca_06_the_rest_is_paid_by_the_first_who_follows(
    own_gateway: Start, upstream: ScriptedUpstream, dialect: str, provider: str
) -> None:
    """Two keys, two budgets: each is charged for its own part, and nothing is held behind it."""
    budgets = [
        {"name": name, "scope": {"key": name}, "cost_usd": 1, "per": "day"} for name in TEAM[:3]
    ]
    gateway = own_gateway(**merge(SHARING, {"limits": budgets}))
    model = named("ca06", SLOWLY, provider)
    asked = [
        of(1, model, dialect, headers=HURRIED),
        of(2, model, dialect),
        of(3, model, dialect),
    ]
    leader, *followers = crowd(gateway, *asked)
    assert leader.code == "request_timeout"
    for each in followers:
        assert_good(each, TOKENS)
    assert calls(upstream, model) == 1
    own, rest, free = rows_of(gateway, asked)
    assert_row(own, attempt=1, outcome="error", basis="counted", output_tokens=words(leader))
    assert_row(own, input_tokens=PROMPT, error_code="request_timeout", cache="miss")
    assert_row(rest, attempt=1, outcome="ok", basis="reported", cache="hit", client_status=200)
    assert_row(rest, input_tokens=0, upstream_request_id=own["upstream_request_id"])
    assert_row(free, attempt=0, outcome="cached", basis="none")
    assert_is_the_bill([own, rest, free], TOKENS)
    assert_row(rest, saved_input_tokens=PROMPT, saved_output_tokens=words(leader))
    for row in (rest, free):
        assert Decimal(row["saved_usd"]) + Decimal(row["cost_usd"]) == cost(PROMPT, TOKENS)
    for row in (own, rest, free):
        standing = gateway.admin("GET", f"/admin/v1/limits/{row['key_name']}/standing").json()
        assert Decimal(str(standing["spent"])) == Decimal(row["cost_usd"])
        assert Decimal(str(standing["held"])) == 0


def test_ca_06_a_follower_is_told_what_its_own_part_cost(
    own_gateway: Start, upstream: ScriptedUpstream
) -> None:
    gateway = own_gateway(**SHARING)
    model = named("ca06", SLOWLY, "a")
    usage = {"stream_options": {"include_usage": True}}
    asked = [of(1, model, headers=HURRIED, fields=usage), of(2, model, fields=usage)]
    _, follower = crowd(gateway, *asked)
    assert_good(follower, TOKENS)
    [row] = gateway.rows(asked[1].ref)
    assert follower.usage is not None
    assert Decimal(str(follower.usage["cost_usd"])) == Decimal(row["cost_usd"]) > 0
    assert follower.usage["completion_tokens"] == TOKENS


@pairs
def test_ca_06_each_pays_up_to_its_own_limit_and_the_next_goes_on(
    own_gateway: Start, upstream: ScriptedUpstream, dialect: str, provider: str
) -> None:
    """Nobody is charged past its limit, and each is told of its own, as it would be alone."""
    caps = {"core_1": 12, "core_2": 20, "core_3": 8}
    gateway = own_gateway(**capped(**caps))
    model = named("ca06", f"ok-{TOKENS * 2}+itl-30", provider)
    asked = [of(number, model, dialect) for number in (1, 2, 3)]
    got = crowd(gateway, *asked)
    rows = rows_of(gateway, asked)
    had = 0
    for number, (each, row, cap) in enumerate(zip(got, rows, caps.values(), strict=True), 1):
        had += cap + 1
        assert_cut(each, number)
        assert words(each) == had
        assert each.text == text(had)
        assert_row(row, attempt=1, outcome="ok", error_code="cut_by_limit", basis="counted")
        assert_row(row, output_tokens=cap + 1, finish_reason="length", client_status=200)
    assert_is_the_bill(rows, had)
    [exchange] = upstream.of(model.partition("/")[2])
    assert eventually(lambda: exchange.cancelled is not None), "nobody reads on"


def assert_cut(got: Got, number: int) -> None:
    """It ends as at the key's own limit."""
    assert_ended_by(got, f"cap-{number}")


def assert_ended_by(got: Got, limit: str) -> None:
    """It ends as the model would have at this bound."""
    assert got.status == 200
    assert got.error is None
    assert got.terminators == 1
    ends = {"openai": "length", "anthropic": "max_tokens", "openai_responses": "incomplete"}
    assert got.finish == ends[got.ask.dialect]
    assert f'cut at limit "{limit}"'.encode() in got.raw


@pytest.mark.parametrize("measure", ["total_tokens", "cost_usd"])
def test_ca_06_two_who_share_a_limit_stay_within_it_together(
    own_gateway: Start, upstream: ScriptedUpstream, measure: str
) -> None:
    """Each holds a part of it; what the prompt does not need a second time is room for the answer."""
    most = {"total_tokens": 150, "cost_usd": str(cost(0, 150))}[measure]
    rule = {"name": "team", "scope": {"team": "core"}, measure: most, "per": "total"}
    gateway = own_gateway(**merge(SHARING, {"limits": [rule]}))
    model = named("ca06", "ok-400+itl-15")
    asked = [of(number, model, fields={"max_tokens": 20}) for number in (1, 2)]
    got = crowd(gateway, *asked)
    rows = rows_of(gateway, asked)
    for each in got:
        assert_ended_by(each, "team")
    assert words(got[0]) < words(got[1])
    assert_is_the_bill(rows, words(got[1]))
    used = {
        "total_tokens": PROMPT + words(got[1]),
        "cost_usd": cost(PROMPT, words(got[1])) / cost(0, 1),
    }[measure]
    assert 150 - 15 <= used <= 150 + 2, "one event more for each, and what a prompt might need"
    standing = gateway.admin("GET", "/admin/v1/limits/team/standing").json()
    assert Decimal(str(standing["held"])) == 0


@pytest.mark.parametrize("how", ["its-time", "its-run-is-killed", "its-limit", "its-client-leaves"])
def test_ca_06_who_has_no_room_for_the_rest_is_told_of_its_own_limit(
    own_gateway: Start, upstream: ScriptedUpstream, how: str
) -> None:
    """One at the provider, which nobody asks as long as others pay."""
    first, second = f"ok-{TOKENS}+itl-50@{ref('ca06')}", f"ok-5@{ref('ca06')}"
    targets = [f"u/{first}", f"a/{second}"]
    caps = [
        {
            "name": "cap-2",
            "scope": {"key": "core-2", "provider": "u"},
            "output_tokens": 5,
            "per": "total",
        },
        {"name": "cap-1", "scope": {"key": "core-1"}, "output_tokens": 20, "per": "total"},
    ]
    settings = {
        "limits": caps if how == "its-limit" else caps[:1],
        "models": {"m": {"strategy": "fallback", "targets": targets}},
    }
    gateway = own_gateway(**merge(SHARING, settings))
    spending = ask(gateway, f"u/ok-5@{ref('ca06')}", key=key_of("core-2"), fields={"max_tokens": 5})
    assert_good(spending, 5)
    run = ref("run")
    headers = {"its-time": HURRIED, "its-run-is-killed": in_run(run)}.get(how, {})
    leading, following = of(1, "m", headers=headers), of(2, "m")
    if how == "its-run-is-killed":
        threading.Timer(1.0, kill, (gateway, run)).start()
    if how == "its-client-leaves":
        with ThreadPoolExecutor(1) as threads:
            with RawClient(gateway.url) as client:
                client.ask(leading, key_of("core-1"))
                client.until(b"data: ")
                asked = threads.submit(asks, gateway, [following])
                assert eventually(lambda: in_flight(gateway) == 2)
            [follower] = asked.result()
    else:
        _, follower = crowd(gateway, leading, following)
    assert_cut(follower, 2)
    assert text(TOKENS).startswith(follower.text)
    assert 0 < words(follower) < TOKENS - 10
    own, none = rows_of(gateway, [leading, following])
    assert_row(none, attempt=0, outcome="cached", error_code="cut_by_limit", cost_usd=0)
    assert_row(none, finish_reason="length", saved_output_tokens=words(follower))
    assert Decimal(none["saved_usd"]) == Decimal(own["cost_usd"]) > 0
    assert int(own["output_tokens"]) == words(follower)
    [exchange] = upstream.of(first)
    assert eventually(lambda: exchange.cancelled is not None)
    assert not upstream.of(second)
    standing = gateway.admin("GET", "/admin/v1/limits/cap-2/standing").json()
    assert (int(standing["spent"]), int(standing["held"])) == (5, 0)


def test_ca_06_each_of_a_chain_pays_its_own_part(
    own_gateway: Start, upstream: ScriptedUpstream
) -> None:
    """One leaves, one's run is killed, one has no more time, and one joins while others pay."""
    gateway = own_gateway(**SHARING)
    model = named("ca06", "ok-100+itl-40")
    run = ref("run")
    leading, second = of(1, model), of(2, model, headers=in_run(run))
    third = of(3, model, headers={"x-sluicegate-timeout-ms": "2500"})
    last = of(4, model)
    with ThreadPoolExecutor(3) as threads:
        followed = []
        with RawClient(gateway.url) as client:
            client.ask(leading, key_of("core-1"))
            client.until(b"data: ")
            for each in (second, third):
                followed.append(threads.submit(asks, gateway, [each]))
                assert eventually(lambda: in_flight(gateway) == 1 + len(followed))
        assert gateway.rows(leading.ref)[0]["outcome"] == "cancelled", "it is over at once"
        kill(gateway, run)
        followed.append(threads.submit(asks, gateway, [last]))
        killed, late, whole = [each.result()[0] for each in followed]
    assert killed.code == "run_ended"
    assert late.code == "request_timeout"
    assert_good(whole, 100)
    assert calls(upstream, model) == 1
    rows = rows_of(gateway, [leading, second, third, last])
    assert [row["outcome"] for row in rows] == ["cancelled", "error", "error", "ok"]
    assert [row["error_code"] for row in rows] == [
        None,
        "run_ended",
        "request_timeout",
        None,
    ]
    assert [row["attempt"] for row in rows] == [1, 1, 1, 1]
    assert all(int(row["output_tokens"]) > 0 for row in rows)
    assert_is_the_bill(rows, 100)
    paid = [int(row["output_tokens"]) for row in rows]
    assert words(killed) == sum(paid[:2])
    assert words(late) == sum(paid[:3])


#: How an upstream fails, and what rows say of it.
BREAKS = {
    "midstream-reset": "upstream_truncated",
    "midstream-clean-end": "upstream_truncated",
    "error-event": "upstream_error",
}


@pytest.mark.parametrize("fault", BREAKS)
@pairs
def test_ca_06_what_came_before_a_stream_broke_is_paid_by_those_it_came_to(
    own_gateway: Start, upstream: ScriptedUpstream, dialect: str, provider: str, fault: str
) -> None:
    gateway = own_gateway(**SHARING)
    model = named("ca06", f"fault-{fault}-after-40+itl-50", provider)
    asked = [of(1, model, dialect, headers=HURRIED), of(2, model, dialect), of(3, model, dialect)]
    leader, *followers = crowd(gateway, *asked)
    for each in followers:
        assert words(each) == 40
        assert_error_shape(each)
        assert each.terminators == 0
    own, rest, free = rows_of(gateway, asked)
    assert_is_the_bill([own, rest, free], 40)
    assert int(own["output_tokens"]) == words(leader) < 40
    for row in (rest, free):
        assert_row(row, outcome="error", error_code=BREAKS[fault])
    assert (rest["attempt"], free["attempt"]) == (1, 0)


def test_ca_06_a_gateway_that_is_killed_has_charged_each_for_its_part(
    own_gateway: Start, upstream: ScriptedUpstream
) -> None:
    """The leader's is settled by then; who went on is charged for what it held, and no more."""
    gateway = own_gateway(**capped(core_2=200))
    model = named("ca06", "ok-400+itl-40")
    leading, following = of(1, model, headers=HURRIED), of(2, model)
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(crowd, gateway, leading, following)
        [own] = gateway.rows(leading.ref)
        gateway.kill()
        leader, follower = asked.result()
    assert not follower.terminators
    gateway.start()
    assert int(own["output_tokens"]) == words(leader)
    [again], [rest] = gateway.rows(leading.ref), gateway.rows(following.ref)
    assert again == own
    assert_row(rest, attempt=1, outcome="unknown", basis="estimated")
    assert int(rest["input_tokens"]) < 20, "what it was held by its size before, others paid"
    assert int(rest["output_tokens"]) == 200
    standing = gateway.admin("GET", "/admin/v1/limits/cap-2/standing").json()
    assert (int(standing["spent"]), int(standing["held"])) == (200, 0)


#: What an upstream says of its usage.
SAYS = ["usage-cached", "usage-reasoning", "usage-each", "usage-twice", "usage-missing"]
#: What a row sums up.
SUMMED = [
    "input_tokens",
    "cached_input_tokens",
    "output_tokens",
    "reasoning_tokens",
    "cost_usd",
    "prompt_cache_saved_usd",
]


@pytest.mark.parametrize("usage", SAYS)
@pytest.mark.parametrize("provider", ["u", "a"])
def test_ca_06_parts_are_together_what_one_would_have_paid_alone(
    own_gateway: Start, provider: str, usage: str
) -> None:
    """Class by class: what is known only at the end is paid by who is there then."""
    gateway = own_gateway(**SHARING)
    behaviour = f"fault-{usage}+ok-40+itl-50"
    alone, shared = (named("ca06", behaviour, provider) for _ in range(2))
    first = of(3, alone)
    crowd(gateway, first)
    [single] = rows_of(gateway, [first])
    asked = [of(1, shared, headers=HURRIED), of(2, shared)]
    leader, follower = crowd(gateway, *asked)
    assert 0 < words(leader) < words(follower) == 40
    rows = rows_of(gateway, asked)
    for name in SUMMED:
        parts = sum(Decimal(row[name] or 0) for row in rows)
        assert parts == Decimal(single[name] or 0), name
    assert all(Decimal(row["cost_usd"]) > 0 for row in rows)


def test_ca_06_who_does_not_read_pays_for_nothing_that_it_is_not_given(
    own_gateway: Start, upstream: ScriptedUpstream
) -> None:
    """The leader's limit ends its part at the first event; who comes next takes nothing of the rest."""
    small = {"cache": {"exact": {"max_entry_bytes": 1 << 20}}, "server": {"write_stall_s": 60}}
    gateway = own_gateway(**merge(capped(core_1=12), small))
    model = named("ca06", "fault-flood-16+ttft-1500")
    leading, quiet, reading = (of(number, model) for number in (1, 2, 3))
    with ThreadPoolExecutor(2) as threads:
        leader = threads.submit(asks, gateway, [leading])
        assert eventually(lambda: in_flight(gateway) == 1)
        with RawClient(gateway.url, receive_buffer=8192) as client:
            client.ask(quiet, key_of("core-2"))
            assert eventually(lambda: in_flight(gateway) == 2)
            reader = threads.submit(asks, gateway, [reading])
            [whole] = reader.result()
            [part] = gateway.rows(quiet.ref)
    [cut] = leader.result()
    assert_cut(cut, 1)
    assert whole.terminators == 1
    assert calls(upstream, model) == 1
    own, rest = rows_of(gateway, [leading, reading])
    assert_row(own, attempt=1, error_code="cut_by_limit")
    assert_row(part, attempt=1, outcome="cancelled", client_status=200)
    assert_row(rest, attempt=1, outcome="ok")
    all_of_it = sum(int(row["counted_output_tokens"]) for row in (own, part, rest))
    assert 0 < int(part["counted_output_tokens"]) < all_of_it / 2
