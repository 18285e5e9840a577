"""Caps while tokens flow: where a stream is cut, how it ends, and what is written down of it."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import anthropic
import openai
import pytest

from ..client import Ask, Got
from ..gateway import KEY, Gateway
from ..upstream import ScriptedUpstream
from ..upstream.vocabulary import text as text_of
from .checks import ALL_PAIRS, all_pairs, ask, asks, assert_good, cost, eventually, ref
from .conftest import Start

CAPS = [1, 7, 64, 257]
PER_EVENT = [1, 7]
#: A limit is used up by one trial: a second of the same case has its own.
TRIALS = 2
_trials: dict[tuple[str, str], Iterator[int]] = defaultdict(itertools.count)
#: Of the default prompt, by the upstream's count; by ours it may be a few more.
INPUT = 3
MEASURES: dict[str, dict[int, Any]] = {
    "output_tokens": {cap: cap for cap in CAPS},
    "total_tokens": {cap: cap + INPUT + 20 for cap in CAPS},
    "cost_usd": {cap: str(cost(INPUT + 20, cap)) for cap in CAPS},
}


def tag(measure: str, cap: int, case: str) -> str:
    """Each request of this file has a limit of its own."""
    return f"{measure}-{cap}-{case}"


def capped(cases: list[str]) -> list[dict[str, Any]]:
    """A limit for each measure, cap and case."""
    return [
        {"name": name, "scope": {"tag": name}, measure: amount, "per": "total"}
        for measure, amounts in MEASURES.items()
        for cap, amount in amounts.items()
        for case in cases
        for name in [tag(measure, cap, case)]
    ]


@pytest.fixture(scope="module")
def capping(gateways: Start) -> Gateway:
    """A gateway with every limit of this file."""
    cases = [
        f"{dialect}-{provider}-{per_event}-{trial}"
        for (dialect, provider), per_event in itertools.product(ALL_PAIRS, PER_EVENT)
        for trial in range(TRIALS)
    ]
    return gateways(limits=capped([*cases, "openai-sdk", "anthropic-sdk"]))


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("per_event", PER_EVENT, ids=["single", "batched"])
@all_pairs
def test_br_07_a_client_gets_the_cap_and_one_event_at_most(
    capping: Gateway,
    upstream: ScriptedUpstream,
    dialect: str,
    provider: str,
    per_event: int,
    measure: str,
) -> None:
    case = f"{dialect}-{provider}-{per_event}"
    case = f"{case}-{next(_trials[case, measure])}"
    names = {cap: f"ok-{cap + 200}+per-{per_event}+itl-2@{ref('cap')}" for cap in CAPS}
    usage = {"stream_options": {"include_usage": True}} if dialect == "openai" else {}
    what = [
        Ask(
            f"{provider}/{names[cap]}",
            dialect=dialect,
            stream=True,
            fields=usage,
            headers={"x-sluicegate-team-tag": tag(measure, cap, case)},
        )
        for cap in CAPS
    ]
    got = asks(capping, what)
    rows = capping.rows_of([each.ref for each in got])
    for cap, each in zip(CAPS, got, strict=True):
        assert each.status == 200, each.raw
        words = len(each.text.split())
        assert words <= cap + per_event + (20 if measure != "output_tokens" else 0)
        if measure == "output_tokens":
            assert cap < words <= cap + per_event, "all of it, and one event at most"
        amount = MEASURES[measure][cap]
        row = rows[each.ref][0]
        spent = {
            "output_tokens": int(row["output_tokens"]),
            "total_tokens": int(row["input_tokens"]) + int(row["output_tokens"]),
            "cost_usd": Decimal(str(row["cost_usd"])),
        }[measure]
        more = per_event * (cost(0, 1) if measure == "cost_usd" else 1)
        assert spent <= Decimal(str(amount)) + more, (cap, row)
        assert_clean_cut(each, tag(measure, cap, case))
        assert reported(each) == words == int(row["output_tokens"])
        assert (row["outcome"], row["error_code"], row["basis"]) == (
            "ok",
            "cut_by_limit",
            "counted",
        )
        [exchange] = upstream.of(names[cap])
        assert eventually(lambda e=exchange: e.cancelled is not None), "nobody reads on"
        assert exchange.finished is None


def assert_clean_cut(got: Got, limit: str) -> None:
    """The end that the model would have written at its own bound, and why in a comment."""
    assert got.error is None
    assert got.broken is None
    ends = {"openai": "length", "anthropic": "max_tokens", "openai_responses": "incomplete"}
    assert got.finish == ends[got.ask.dialect]
    assert got.terminators == 1
    assert f'sluicegate: cut at limit "{limit}"'.encode() in got.raw


def reported(got: Got) -> int:
    """Output tokens, as the stream itself says."""
    usage = got.usage or {}
    return int(usage.get("completion_tokens", usage.get("output_tokens", -1)))


@pytest.mark.parametrize("kind", ["ok-300", "ok-tools", "fault-reasoning+ok-300"])
@pytest.mark.parametrize("provider", ["u", "a"])
@pytest.mark.parametrize("cap", [1, 5, 9])
def test_official_clients_read_a_cut_stream_to_its_end(
    gateways: Start, provider: str, kind: str, cap: int
) -> None:
    each_run = {"key": "*", "run": "*"}
    gateway = gateways(
        limits=[{"name": "cap", "scope": each_run, "output_tokens": cap, "per": "total"}]
    )
    model = f"{provider}/{kind}+itl-5@{ref('sdk')}"
    message: Any = [{"role": "user", "content": "one two three"}]
    openai_client = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=KEY, max_retries=0)
    chunks = list(
        openai_client.chat.completions.create(
            model=model,
            messages=message,
            stream=True,
            stream_options={"include_usage": True},
            extra_headers={"x-sluicegate-run": ref("o")},
        )
    )
    reasons = [choice.finish_reason for chunk in chunks for choice in chunk.choices]
    assert [reason for reason in reasons if reason] == ["length"]
    usage = chunks[-1].usage
    assert usage is not None
    assert cap < usage.completion_tokens <= cap + 7
    claude = anthropic.Anthropic(base_url=gateway.url, api_key=KEY, max_retries=0)
    with claude.messages.stream(
        model=model,
        max_tokens=1000,
        messages=message,
        extra_headers={"x-sluicegate-run": ref("a")},
    ) as stream:
        final = stream.get_final_message()
    assert final.stop_reason == "max_tokens"
    assert cap < final.usage.output_tokens <= cap + 7
    assert final.usage.input_tokens > 0


def test_finish_lets_a_stream_end_and_blocks_the_next(own_gateway: Start) -> None:
    """By tokens and by money; streams that began before have what they need."""
    for measure, amount in (("total_tokens", 20), ("cost_usd", str(cost(0, 10)))):
        rule = {"name": "cap", "per": "total", "at_cap": "finish", measure: amount}
        gateway = own_gateway(limits=[rule])
        name = f"u/ok-60+itl-5@{ref('finish')}"
        got = asks(gateway, [Ask(name, stream=True)])
        assert_good(got[0], 60)
        [row] = gateway.rows(got[0].ref)
        assert (row["outcome"], row["basis"]) == ("ok", "reported")
        again = ask(gateway, f"u/ok-1@{ref('finish')}", stream=True)
        assert again.status == (402 if measure == "cost_usd" else 429)


#: By measure, what one answer of 60 tokens uses up.
DOWNGRADING = {"output_tokens": 50, "total_tokens": 60, "cost_usd": str(cost(3, 50))}


@pytest.fixture(scope="module")
def downgrading(gateways: Start) -> Gateway:
    """A gateway with a dear and a cheap name of each provider, and limits on the dear ones that
    every tag has by itself.
    """
    models: dict[str, Any] = {}
    limits = []
    for (dialect, provider), measure in itertools.product(ALL_PAIRS, DOWNGRADING):
        name = f"{dialect}-{provider}-{measure}"
        models[f"dear-{name}"] = {"targets": [f"{provider}/ok-60@dear-{name}"]}
        models[f"cheap-{name}"] = {"targets": [f"{provider}/ok-2@cheap-{name}"]}
        rule = {"scope": {"model": f"dear-{name}", "tag": "*"}, "per": "total", "name": name}
        leads = {"at_cap": "downgrade", "downgrade_to": f"cheap-{name}"}
        limits.append({**rule, **leads, measure: DOWNGRADING[measure]})
    return gateways(limits=limits, models=models)


@pytest.mark.parametrize("measure", DOWNGRADING)
@all_pairs
def test_downgrade_leads_what_comes_next_to_a_cheaper_model(
    downgrading: Gateway, upstream: ScriptedUpstream, dialect: str, provider: str, measure: str
) -> None:
    name = f"{dialect}-{provider}-{measure}"
    dear, cheap = f"ok-60@dear-{name}", f"ok-2@cheap-{name}"
    before = (len(upstream.of(dear)), len(upstream.of(cheap)))
    headers = {"x-sluicegate-team-tag": ref("downgrade")}
    asked = {"dialect": dialect, "headers": headers}
    got = [ask(downgrading, f"dear-{name}", stream=n % 2 == 0, **asked) for n in range(4)]
    assert_good(got[0], 60)
    assert [each.status for each in got] == [200] * 4
    led = [each.headers.get("x-sluicegate-downgraded-to") for each in got]
    assert led == [None, *[f"cheap-{name}"] * 3]
    assert (len(upstream.of(dear)), len(upstream.of(cheap))) == (before[0] + 1, before[1] + 3)
    [row] = downgrading.rows(got[-1].ref)
    assert (row["requested_model"], row["routed_model"]) == (f"dear-{name}", cheap)


@pytest.mark.parametrize(("reserve", "least", "most"), [("bound", 1, 3), ("learned", 10, 20)])
def test_br_03_a_learned_estimate_lets_more_streams_run_at_once(
    own_gateway: Start, upstream: ScriptedUpstream, reserve: str, least: int, most: int
) -> None:
    """Room for three streams by their bound, and for all by what such answers become."""
    rule = {"name": "all", "total_tokens": 3 * 4300, "per": "total"}
    gateway = own_gateway(limits=[rule], reserve=reserve)
    name = f"ok-12+itl-60@{ref('learn')}"
    seen = [Ask(f"u/{name}", fields={"max_tokens": 12}) for _ in range(30)]
    assert {got.status for got in asks(gateway, seen, concurrency=30)} == {200}
    what = [Ask(f"u/{name}", stream=True, fields={"max_tokens": 4096}) for _ in range(20)]
    got = asks(gateway, what, concurrency=20)
    refused = [each for each in got if each.status != 200]
    if reserve == "learned":
        assert not refused
    streams = upstream.of(name)[30:]
    first_end = min(exchange.finished or 0 for exchange in streams)
    at_once = sum(exchange.arrived < first_end for exchange in streams)
    assert least <= at_once <= most


@pytest.mark.parametrize(("room", "words"), [(300, 301), (1000, 400)], ids=["cut", "whole"])
def test_br_07_an_answer_longer_than_was_learned_is_held_as_it_grows(
    own_gateway: Start, room: int, words: int
) -> None:
    """The cap holds, to an event, whatever was learned; what is not used is free again."""
    rule = {"name": "all", "output_tokens": 30 * 5 + room, "per": "total"}
    gateway = own_gateway(limits=[rule], reserve="learned")
    name = f"u/ok-400+n-5-then-ok-30@{ref('grow')}"
    seen = [Ask(name, stream=n % 2 == 0, fields={"max_tokens": 5}) for n in range(30)]
    assert {got.status for got in asks(gateway, seen)} == {200}
    got = ask(gateway, name, stream=True, fields={"max_tokens": 4096})
    assert len(got.text.split()) == words
    assert got.terminators == 1
    standing = gateway.admin("GET", "/admin/v1/limits/all/standing").json()
    assert (int(standing["spent"]), int(standing["held"])) == (150 + words, 0)
    whole = ask(gateway, name, fields={"max_tokens": 4096})
    assert whole.status == (200 if words == 400 else 429)
    if words == 400:
        assert len(whole.text.split()) == 400, "what cannot grow holds what it may use"


@pytest.mark.parametrize(
    ("measure", "amount", "tokens"),
    [
        ("total_tokens", 480, 300),
        ("cost_usd", str(cost(480, 0)), 150),
    ],
    ids=["tokens", "money"],
)
def test_br_07_no_stream_is_cut_while_its_prompt_holds_more_than_it_costs(
    own_gateway: Start, measure: str, amount: Any, tokens: int
) -> None:
    """A prompt of 60 tokens is held as some 440, and the answer as 10: it becomes much longer."""
    rule = {"name": "all", "scope": {"tag": "*"}, measure: amount, "per": "total"}
    gateway = own_gateway(limits=[rule], default_max_output_tokens=10)
    prompt = text_of(60)
    what = [
        Ask(
            f"u/ok-{many}+per-5@{ref('surplus')}",
            text=prompt,
            stream=True,
            headers={"x-sluicegate-team-tag": f"t{many}"},
        )
        for many in (tokens, 1000)
    ]
    whole, cut = asks(gateway, what)
    assert (whole.finish, whole.terminators, len(whole.text.split())) == ("stop", 1, tokens)
    assert_clean_cut(cut, "all")
    assert tokens < len(cut.text.split()) < 480
    rows = gateway.rows_of([whole.ref, cut.ref])
    for got in (whole, cut):
        [row] = rows[got.ref]
        spent = int(row["input_tokens"]) + int(row["output_tokens"])
        used = Decimal(spent) if measure == "total_tokens" else Decimal(str(row["cost_usd"]))
        assert used <= Decimal(str(amount)) + (5 if measure == "total_tokens" else cost(0, 5))
        path = f"/admin/v1/limits/all/standing?of=t{tokens if got is whole else 1000}"
        assert eventually(lambda p=path, u=used: stands(gateway, p) == (u, 0))


def stands(gateway: Gateway, path: str) -> tuple[Decimal, Decimal]:
    """What of a limit is spent and held."""
    shown = gateway.admin("GET", path).json()
    return Decimal(str(shown["spent"])), Decimal(str(shown["held"]))
