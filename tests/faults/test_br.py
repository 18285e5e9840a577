"""BR: budgets and limits under races. The figures are those of the case table."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import threading
import time
from decimal import Decimal
from typing import Any

import anthropic
import openai
import pytest

from ..client import Ask
from ..gateway import KEY, OTHER_KEY, Gateway
from ..upstream import ScriptedUpstream
from .checks import ask, asks, assert_good, cost, eventually, forms, pairs, ref
from .conftest import Start

#: Of the default prompt by the upstream's count, and of twenty tokens.
ONE = cost(3, 20)


def keys(**short: Any) -> list[dict[str, Any]]:
    """The two keys; the first one with limits."""
    return [{"name": "one", "key": KEY, **short}, {"name": "two", "key": OTHER_KEY}]


def spent(gateway: Gateway, key: str = "one") -> Decimal:
    """What the ledger says that a key cost."""
    rows = [row for row in gateway.ledger() if row["key_name"] == key]
    return sum((Decimal(str(row["cost_usd"] or 0)) for row in rows), Decimal())


@forms
@pytest.mark.parametrize("workers", [1, 4])
def test_br_01_br_02_a_budget_for_ten_admits_ten(
    own_gateway: Start, upstream: ScriptedUpstream, stream: bool, workers: int
) -> None:
    budget = 10 * ONE
    gateway = own_gateway(keys=keys(budget_usd=str(budget)), server={"workers": workers})
    name = f"ok-20@{ref('br01')}"
    what = [Ask(f"u/{name}", stream=stream, fields={"max_tokens": 20}) for _ in range(200)]
    got = asks(gateway, what, concurrency=100)
    statuses = [each.status for each in got]
    assert statuses.count(200) == 10
    assert statuses.count(402) == 190
    refused = next(each for each in got if each.status == 402)
    assert refused.code == "budget_exceeded"
    assert refused.headers["x-should-retry"] == "false"
    assert "retry-after" not in refused.headers  # a budget for good never comes back by itself
    assert len(upstream.of(name)) == 10
    assert spent(gateway) <= budget


def test_br_03_what_was_held_and_not_used_comes_back(own_gateway: Start) -> None:
    """Half of the budget would be held by eight of the fifty."""
    worst = cost(3, 4096)
    gateway = own_gateway(keys=keys(budget_usd=str(16 * worst)))
    kinds = ["ok-5+ttft-30", "fault-500", "fault-429", "fault-midstream-reset-after-3", "ok-5"]
    what = [
        Ask(
            f"u/{kinds[n % len(kinds)]}@{ref('br03')}",
            stream=n % 2 == 0,
            fields={"max_tokens": 4096},
        )
        for n in range(50)
    ]
    got = asks(gateway, what, concurrency=50)
    assert sum(each.status == 402 for each in got) <= 2
    assert eventually(lambda: standing(gateway, "key:one:budget")["held"] == "0")
    assert Decimal(standing(gateway, "key:one:budget")["spent"]) == spent(gateway)


def standing(gateway: Gateway, limit: str) -> Any:
    """How a limit stands, as the admin API says."""
    return gateway.admin("GET", f"/admin/v1/limits/{limit}/standing").json()


def limits(*rules: dict[str, Any]) -> list[dict[str, Any]]:
    """Limits of the configuration."""
    return [dict(rule) for rule in rules]


def test_br_04_the_first_refusal_gives_the_others_back(own_gateway: Start) -> None:
    gateway = own_gateway(
        keys=[{"name": "one", "key": KEY, "organisation": "o", "team": "t", "user": "x"}],
        limits=limits(
            {"name": "org", "scope": {"organisation": "o"}, "requests": 100, "per": "total"},
            {"name": "team", "scope": {"team": "t"}, "requests": 100, "per": "total"},
            {"name": "end", "scope": {"end_user": "*"}, "requests": 1, "per": "total"},
            {"name": "key", "scope": {"key": "one"}, "requests": 10, "per": "total"},
        ),
    )
    name = f"u/ok-1@{ref('br04')}"
    same = asks(gateway, [Ask(name, headers={"x-sluicegate-user": "e"}) for _ in range(20)])
    assert sorted(each.status for each in same) == [200] + [429] * 19
    made_up = [Ask(name, fields={"user": f"made-up-{n}"}) for n in range(30)]
    got = asks(gateway, made_up)
    assert sum(each.status == 200 for each in got) == 9, "no more than the key has"
    again = ask(gateway, name, headers={"x-sluicegate-user": "new"})
    assert (again.status, again.code) == (429, "rate_limit_exceeded")
    assert '"key"' in str(again.error)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"n": 8, "max_tokens": 20},
        {"max_completion_tokens": 50},
        {"service_tier": "priority", "max_tokens": 5},
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "what is this?"},
                        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
                    ],
                }
            ],
            "max_tokens": 5,
        },
    ],
    ids=["nothing said", "eight answers", "the newer word", "priority", "a picture"],
)
def test_br_05_more_is_held_than_is_used(own_gateway: Start, fields: dict[str, Any]) -> None:
    """While it runs: what is held is what the intent's row says."""
    gateway = own_gateway(keys=keys(budget_usd="50"))
    got = ask(gateway, f"u/ok-5@{ref('br05')}", fields=fields)
    assert got.status == 200
    [row] = gateway.rows(got.ref)
    assert Decimal(str(row["cost_usd"])) > 0


@pytest.mark.parametrize(
    ("lacks", "field"),
    [(None, "max_tokens"), ([], "max_completion_tokens")],
    ids=["unknown", "new"],
)
def test_br_05_a_whole_answer_is_bounded_in_the_field_that_the_host_takes(
    own_gateway: Start, upstream: ScriptedUpstream, lacks: list[str] | None, field: str
) -> None:
    """The client set no bound, and there is room for less than such an answer may have."""
    rule = {"name": "all", "output_tokens": 50, "per": "total"}
    gateway = own_gateway(limits=[rule], providers={"u": {"lacks": lacks}})
    name = f"ok-5@{ref('br05')}"
    assert ask(gateway, f"u/{name}").status == 200
    [exchange] = upstream.of(name)
    sent = json.loads(exchange.body)
    assert {word: sent[word] for word in sent if word.startswith("max_")} == {field: 50}


@forms
def test_a_prompt_is_counted_before_its_answer_is_cut(own_gateway: Start, stream: bool) -> None:
    """By its bytes it would leave room for some twenty tokens of the answer."""
    gateway = own_gateway(keys=keys(budget_usd=str(cost(1900, 0))), default_max_output_tokens=100)
    got = ask(gateway, f"u/ok-60@{ref('count')}", stream=stream, text="alpha " * 300)
    assert_good(got, 60)


def test_br_06_a_rate_admits_what_it_says(own_gateway: Start) -> None:
    gateway = own_gateway(keys=keys(rpm=100), server={"workers": 2})
    name = f"u/ok-1@{ref('br06')}"
    began = time.monotonic()
    got = asks(gateway, [Ask(name) for _ in range(600)], concurrency=64)
    took_s = time.monotonic() - began
    admitted = sum(each.status == 200 for each in got)
    assert 100 <= admitted <= 100 + 100 * took_s / 60 + 1
    refused = next(each for each in got if each.status == 429)
    assert refused.code == "rate_limit_exceeded"
    assert 0 < int(refused.headers["retry-after"]) <= 60
    assert refused.headers["x-ratelimit-limit-requests"] == "100"
    assert refused.headers["x-ratelimit-remaining-requests"] == "0"
    good = next(each for each in got if each.status == 200)
    assert int(good.headers["x-ratelimit-remaining-requests"]) < 100


@forms
def test_br_07_tokens_of_a_minute_are_trued_up(own_gateway: Start, stream: bool) -> None:
    gateway = own_gateway(keys=keys(tpm=2000))
    name = f"u/ok-10@{ref('br07')}"
    fields = {"max_tokens": 500}
    got = [ask(gateway, name, stream=stream, fields=fields) for _ in range(20)]
    assert [each.status for each in got] == [200] * 20, "thirteen tokens each, not five hundred"
    left = int(got[-1].headers["x-ratelimit-remaining-tokens"])
    assert 2000 - 20 * 13 - 600 <= left <= 2000


@pairs
def test_br_07_a_stream_ends_where_its_tokens_do(
    own_gateway: Start, dialect: str, provider: str
) -> None:
    """At most the cap and one event more, and a clean end in the client's dialect."""
    rule = {"name": "cap", "scope": {"key": "one"}, "output_tokens": 12, "per": "total"}
    gateway = own_gateway(limits=limits(rule))
    got = ask(gateway, f"{provider}/ok-400+itl-5@{ref('br07')}", dialect=dialect, stream=True)
    assert got.status == 200, got.raw
    assert got.error is None
    assert got.finish == ("length" if dialect == "openai" else "max_tokens")
    assert got.terminators == 1
    words = len(got.text.split())
    assert 10 <= words <= 14
    assert b'sluicegate: cut at limit "cap"' in got.raw
    [row] = gateway.rows(got.ref)
    assert row["outcome"] == "ok"
    assert row["error_code"] == "cut_by_limit"
    assert row["basis"] == "counted"
    assert 12 <= int(row["output_tokens"]) <= 14
    again = ask(gateway, f"{provider}/ok-1@{ref('br07')}", dialect=dialect)
    assert again.status == 429
    assert again.headers["x-ratelimit-remaining-tokens"] == "0"


def test_br_07_finish_lets_it_end_and_blocks_the_next(own_gateway: Start) -> None:
    rule = {
        "name": "cap",
        "scope": {"key": "one"},
        "output_tokens": 12,
        "per": "total",
        "at_cap": "finish",
    }
    gateway = own_gateway(limits=limits(rule))
    got = ask(gateway, f"u/ok-40@{ref('br07f')}", stream=True)
    assert_good(got, 40)
    assert ask(gateway, f"u/ok-1@{ref('br07f')}").status == 429


def test_br_07_downgrade_leads_to_a_cheaper_model(
    own_gateway: Start, upstream: ScriptedUpstream
) -> None:
    cheaper = f"ok-2@{ref('br07d')}"
    rule = {
        "name": "premium",
        "scope": {"model": "smart"},
        "requests": 2,
        "per": "total",
        "at_cap": "downgrade",
        "downgrade_to": "cheap",
    }
    models = {
        "smart": {"targets": [f"u/ok-3@{ref('br07d')}"]},
        "cheap": {"targets": [f"u/{cheaper}"]},
    }
    gateway = own_gateway(limits=limits(rule), models=models)
    got = [ask(gateway, "smart", stream=n % 2 == 0) for n in range(4)]
    assert [each.status for each in got] == [200] * 4
    led = [each.headers.get("x-sluicegate-downgraded-to") for each in got]
    assert led == [None, None, "cheap", "cheap"]
    assert len(upstream.of(cheaper)) == 2
    [row] = gateway.rows(got[-1].ref)
    assert (row["requested_model"], row["routed_model"]) == ("smart", cheaper)


@pytest.mark.parametrize("how", ["leave", "answer", "timeout"])
def test_br_08_slots_come_back(own_gateway: Start, how: str) -> None:
    gateway = own_gateway(
        keys=keys(max_parallel=10), timeouts={"first_byte_s": 0.3, "total_s": 0.5}
    )
    kind = {"leave": "ok-100+itl-20", "answer": "ok-2", "timeout": "fault-hang"}[how]
    for _ in range(3):
        what = [Ask(f"u/{kind}@{ref('br08')}", stream=True) for _ in range(30)]
        got = asks(gateway, what, concurrency=30)
        refused = [each for each in got if each.status == 429]
        assert all(each.code == "too_many_parallel_requests" for each in refused)
    assert eventually(lambda: standing(gateway, "key:one:parallel")["held"] == 0)
    assert ask(gateway, f"u/ok-1@{ref('br08')}").status == 200


def test_br_10_a_budget_changes_while_it_is_used(own_gateway: Start) -> None:
    gateway = own_gateway(keys=keys(rpm=100_000))
    made = gateway.admin(
        "POST",
        "/admin/v1/limits",
        {"name": "b", "scope": {"key": "one"}, "cost_usd": str(3 * ONE), "per": "total"},
    )
    assert made.status_code == 201, made.text
    name = f"u/ok-20@{ref('br10')}"

    def admitted(count: int) -> int:
        what = [Ask(name, fields={"max_tokens": 20}) for _ in range(count)]
        return sum(each.status == 200 for each in asks(gateway, what, concurrency=8))

    assert eventually(lambda: "left" in standing(gateway, "b"), 1.0)
    assert admitted(10) == 3
    raised = gateway.admin("PATCH", "/admin/v1/limits/b", {"cost_usd": str(5 * ONE)})
    assert raised.status_code == 200, raised.text
    time.sleep(1)
    assert admitted(10) == 2
    reset = gateway.admin("POST", "/admin/v1/limits/b/reset", {})
    assert reset.status_code in {200, 204}, reset.text
    time.sleep(1)
    assert admitted(10) == 5
    assert Decimal(standing(gateway, "b")["left"]) >= 0


@forms
def test_a_crash_leaves_no_hold_and_forgets_no_cost(own_gateway: Start, stream: bool) -> None:
    gateway = own_gateway(keys=keys(budget_usd="1"))
    assert ask(gateway, f"u/ok-20@{ref('crash')}", stream=stream).status == 200
    before = spent(gateway)
    gateway.kill()
    gateway.start()
    now = standing(gateway, "key:one:budget")
    assert Decimal(now["spent"]) == before
    assert Decimal(now["held"]) == 0


def test_official_clients_see_the_errors_they_know(own_gateway: Start) -> None:
    gateway = own_gateway(keys=keys(rpm=1, budget_usd="1"))
    model = f"u/ok-1@{ref('sdk')}"
    client = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=KEY, max_retries=0)
    message: Any = [{"role": "user", "content": "one two three"}]
    client.chat.completions.create(model=model, messages=message)
    with pytest.raises(openai.RateLimitError) as limited:
        client.chat.completions.create(model=model, messages=message)
    assert 0 < int(limited.value.response.headers["retry-after"]) <= 60
    assert limited.value.code == "rate_limit_exceeded"
    claude = anthropic.Anthropic(base_url=gateway.url, api_key=KEY, max_retries=0)
    with pytest.raises(anthropic.RateLimitError):
        claude.messages.create(model=model, messages=message, max_tokens=5)


def test_official_clients_wait_as_long_as_they_are_told(own_gateway: Start) -> None:
    """One request a second: the second one is refused, waits and is answered."""
    rule = {"name": "slow", "scope": {"key": "one"}, "requests": 1, "per": "second"}
    gateway = own_gateway(limits=limits(rule))
    model = f"u/ok-1@{ref('wait')}"
    message: Any = [{"role": "user", "content": "one two three"}]
    client = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=KEY, max_retries=3)
    claude = anthropic.Anthropic(base_url=gateway.url, api_key=KEY, max_retries=3)
    client.chat.completions.create(model=model, messages=message)
    began = time.monotonic()
    client.chat.completions.create(model=model, messages=message)
    claude.messages.create(model=model, messages=message, max_tokens=5)
    assert time.monotonic() - began > 1.5, "two more, a second each"
    rows = gateway.ledger()
    assert [row["outcome"] for row in rows].count("ok") == 3
    assert [row["error_code"] for row in rows].count("rate_limit_exceeded") <= 3


def test_a_used_up_budget_is_not_asked_again(
    own_gateway: Start, upstream: ScriptedUpstream
) -> None:
    gateway = own_gateway(keys=keys(budget_usd="0"))
    name = f"ok-1@{ref('sdk')}"
    client = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=KEY, max_retries=5)
    with pytest.raises(openai.APIStatusError) as refused:
        client.chat.completions.create(
            model=f"u/{name}", messages=[{"role": "user", "content": "hi"}]
        )
    assert (refused.value.status_code, refused.value.code) == (402, "budget_exceeded")
    assert not upstream.of(name)
    assert len([row for row in gateway.ledger() if row["outcome"] == "refused"]) == 1


def test_a_budget_needs_a_price(own_gateway: Start) -> None:
    gateway = own_gateway(keys=keys(budget_usd="1"), providers={"free": free(own_gateway)})
    got = ask(gateway, f"free/ok-1@{ref('price')}")
    assert (got.status, got.code) == (403, "unpriced_model")
    other = ask(gateway, f"free/ok-1@{ref('price')}", key=OTHER_KEY)
    assert other.status == 502, "a key without a budget may: nobody listens there"


def free(_: Start) -> dict[str, Any]:
    """A provider without a price."""
    return {"dialect": "openai", "base_url": "http://127.0.0.1:9/v1", "api_key": "none"}


def test_a_providers_limit_leads_on_to_the_next_target(own_gateway: Start) -> None:
    rule = {"name": "u", "scope": {"provider": "u"}, "requests": 2, "per": "total"}
    first, second = f"ok-2@{ref('prov')}", f"ok-2@{ref('prov')}"
    gateway = own_gateway(
        limits=limits(rule),
        models={"m": {"strategy": "fallback", "targets": [f"u/{first}", f"a/{second}"]}},
    )
    got = [ask(gateway, "m") for _ in range(4)]
    assert [each.status for each in got] == [200] * 4
    providers = [each.headers["x-sluicegate-provider"] for each in got]
    assert providers == ["u", "u", "a", "a"]
    only = ask(gateway, f"u/{first}")
    assert (only.status, only.code) == (429, "rate_limit_exceeded")
    [row] = gateway.rows(only.ref)
    assert (row["attempt"], row["outcome"]) == (0, "refused")


def test_minted_keys_open_models_until_they_are_revoked(own_gateway: Start) -> None:
    gateway = own_gateway()
    made = gateway.admin("POST", "/admin/v1/keys", {"name": "minted", "models": ["u/ok-1"]})
    assert made.status_code == 201, made.text
    key, key_id = made.json()["key"], made.json()["record"]["id"]
    assert eventually(lambda: ask(gateway, "u/ok-1", key=key).status == 200, 1.0)
    assert ask(gateway, "u/ok-2", key=key).status == 403
    with sqlite3.connect(f"file:{gateway.folder}/data/sluicegate.sqlite?mode=ro", uri=True) as db:
        assert key not in "\n".join(db.iterdump())
    gone = gateway.admin("POST", f"/admin/v1/keys/{key_id}/revoke", {})
    assert gone.status_code in {200, 204}, gone.text
    assert eventually(lambda: ask(gateway, "u/ok-1", key=key).status == 401, 1.0)


def test_thresholds_are_told_once(own_gateway: Start) -> None:
    gateway = own_gateway(keys=keys(budget_usd=str(10 * ONE)), server={"workers": 2})
    name = f"u/ok-20@{ref('told')}"
    for _ in range(10):
        assert ask(gateway, name, fields={"max_tokens": 20}).status == 200

    def told() -> list[str]:
        return [line for line in gateway.log().splitlines() if "% used" in line]

    # Each worker tells every second what it saw.
    assert eventually(lambda: len(told()) >= 3, 5.0)
    time.sleep(1.5)
    percents = {line.split(": ", 1)[1].split(" %")[0] for line in told()}
    assert (percents, len(told())) == ({"50", "80", "100"}, 3)
    assert all("limit key:one:budget" in line for line in told())


def test_a_worker_that_is_killed_costs_what_it_held(own_gateway: Start) -> None:
    """kill -9 of one worker while its stream runs: the other one settles what it held."""
    gateway = own_gateway(keys=keys(budget_usd="1", max_parallel=5), server={"workers": 2})
    name = f"u/ok-400+itl-50@{ref('dead')}"
    asking = [
        threading.Thread(target=ask, args=(gateway, name), kwargs={"stream": True})
        for _ in range(4)
    ]
    for thread in asking:
        thread.start()
    assert eventually(lambda: standing(gateway, "key:one:parallel")["held"] == 4, 5.0)
    for pid in gateway.processes()[1:]:
        os.kill(pid, signal.SIGKILL)
    for thread in asking:
        thread.join()
    assert eventually(gateway.ready, 10.0)
    assert eventually(lambda: standing(gateway, "key:one:parallel")["held"] == 0, 10.0)
    held = Decimal(standing(gateway, "key:one:budget")["held"])
    assert held == 0
    rows = [row for row in gateway.ledger() if row["outcome"] == "unknown"]
    assert len(rows) == 4
    assert all(row["basis"] == "estimated" for row in rows)
    assert all(Decimal(str(row["cost_usd"])) > 0 for row in rows)
    total = Decimal(standing(gateway, "key:one:budget")["spent"])
    assert total >= sum(Decimal(str(row["cost_usd"])) for row in rows)
