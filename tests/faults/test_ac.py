"""AC-02, AC-07 to AC-13: what a row says, whatever the upstream, the client and the operator do."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from ..client import Ask, Got
from ..gateway import Gateway, Row, command
from ..upstream import ScriptedUpstream, text
from .checks import (
    NATIVE,
    ask,
    asks,
    assert_free,
    assert_good,
    assert_refused,
    assert_row,
    cost,
    eventually,
    forms,
    pairs,
    ref,
)
from .conftest import Start

#: Input tokens of the default prompt, as the upstream counts them.
PROMPT = 3

# AC-02


@pairs
@pytest.mark.parametrize("asks_for_usage", [False, True], ids=["unasked", "asked"])
def test_ac_02_the_gateway_asks_for_usage_itself_and_hides_it(
    gateway: Gateway, upstream: ScriptedUpstream, dialect: str, provider: str, asks_for_usage: bool
) -> None:
    name = f"ok-20@{ref('ac02')}"
    fields: dict[str, Any] = {}
    if asks_for_usage and dialect == "openai":
        fields["stream_options"] = {"include_usage": True}
    got = ask(gateway, f"{provider}/{name}", dialect=dialect, stream=True, fields=fields)
    assert_good(got, 20)
    if provider == "u":
        assert upstream.of(name)[0].json["stream_options"]["include_usage"] is True
    if dialect == "openai":
        assert (got.usage is not None) is asks_for_usage
        assert all(payload["choices"] or asks_for_usage for payload in got.payloads)
    [row] = gateway.rows(got.ref)
    assert_row(row, basis="reported", input_tokens=PROMPT, output_tokens=20)


@pairs
@forms
@pytest.mark.parametrize("also", ["", "+fault-split-utf8"], ids=["plain", "split-utf8"])
def test_ac_02_missing_usage_is_counted_to_two_percent(
    gateway: Gateway, dialect: str, provider: str, stream: bool, also: str
) -> None:
    tokens = 300
    name = f"fault-usage-missing+n-{tokens}{also}@{ref('ac02')}"
    got = ask(gateway, f"{provider}/{name}", dialect=dialect, stream=stream)
    assert_good(got, tokens, wide=bool(also))
    [row] = gateway.rows(got.ref)
    assert_row(row, basis="counted", outcome="ok", input_tokens=PROMPT)
    made = row["output_tokens"]
    assert made == row["counted_output_tokens"]
    truth = tokens if not also else o200k(text(tokens, wide=True))
    assert abs(made - truth) <= truth * 0.02
    assert_row(row, cost_usd=cost(PROMPT, made))


def o200k(what: str) -> int:
    """Tokens by the vocabulary, which the core has and no other part of this test knows."""
    from sluicegate import _core

    return int(_core.count_tokens("gpt-4o", what))


# AC-07, AC-08


@pairs
def test_ac_07_ids_of_upstream_and_client_identify_nothing(
    gateway: Gateway, dialect: str, provider: str
) -> None:
    same = ref("ac07")
    what = [Ask(f"{provider}/fault-dup-id@{same}", dialect, ref=same) for _ in range(100)]
    got = asks(gateway, what)
    assert eventually(lambda: len(mine(gateway, same)) >= 100, 3)
    rows = mine(gateway, same)
    assert len(rows) == 100
    assert {row["request_id"] for row in rows} == {
        one.headers["x-sluicegate-request-id"] for one in got
    }
    assert sum(Decimal(row["cost_usd"]) for row in rows) == 100 * cost(PROMPT, 10)


def mine(gateway: Gateway, client_ref: str) -> list[Row]:
    """Rows of requests that their clients called so."""
    return [row for row in gateway.ledger() if row["client_ref"] == client_ref]


@forms
@pytest.mark.parametrize("provider", ["u", "a"])
def test_ac_08_the_model_that_answered_is_kept_priced_as_asked_and_told_once(
    own_gateway: Start, provider: str, stream: bool
) -> None:
    name = f"fault-model-mismatch@{ref('ac08')}"
    gateway = own_gateway(
        models={"alias": {"targets": [f"{provider}/{name}"]}},
        prices={f"{provider}/some-other-model": {"input": 100, "output": 100}},
    )
    for _ in range(3):
        got = ask(gateway, "alias", dialect=NATIVE[provider], stream=stream)
        assert_good(got)
        [row] = gateway.rows(got.ref)
        assert_row(
            row,
            requested_model="alias",
            routed_model=name,
            response_model="some-other-model",
            cost_usd=cost(PROMPT, 10),
        )
    told = f"model_differs: {provider}/{name}: some-other-model answered"
    assert eventually(lambda: told in gateway.log(), 3)
    assert not eventually(lambda: gateway.log().count("model_differs") > 1, 1.5)


def test_ac_08_the_model_that_was_asked_is_not_told(own_gateway: Start) -> None:
    gateway = own_gateway()
    for provider in ("u", "a"):
        assert_good(ask(gateway, f"{provider}/ok-3@{ref('ac08')}", stream=True), 3)
    assert not eventually(lambda: "model_differs" in gateway.log(), 1.5)


# AC-09

_FREE = (None, "none", 0)
#: Targets, and for each attempt: its status, on what basis, and how many tokens it is charged for.
ATTEMPTS: dict[str, tuple[list[str], list[tuple[int | None, str, int]]]] = {
    "retry": (["u/fault-500-then-ok-1@{}"], [(500, "none", 0), (200, "reported", 10)]),
    "reset": (["u/fault-reset-before-response-then-ok-1@{}"], [_FREE, (200, "reported", 10)]),
    "fallback": (
        ["u/fault-529@{}", "a/ok-7@{}"],
        [(529, "none", 0), (529, "none", 0), (200, "reported", 7)],
    ),
    "unreachable": (["dead/any@{}", "u/ok-7@{}"], [_FREE, _FREE, (200, "reported", 7)]),
    "error-in-200": (
        ["a/fault-200-error-body@{}", "u/ok-7@{}"],
        [(200, "none", 0), (200, "reported", 7)],
    ),
    "all-fail": (
        ["u/fault-400@{}", "a/ok-7@{}"],
        [(400, "none", 0)],
    ),
    "three": (
        ["u/fault-empty-200@{}", "a/fault-429-quota@{}", "u/ok-2@{}"],
        [(200, "none", 0), (429, "none", 0), (200, "reported", 2)],
    ),
}


@pytest.mark.parametrize("case", ATTEMPTS)
@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
def test_ac_09_every_attempt_has_its_line_and_the_costs_add_up(
    gateways: Start, upstream: ScriptedUpstream, case: str, dialect: str
) -> None:
    names = {
        f"{name}-{each}": {"targets": [t.format(f"ac09-{name}-{each}") for t in targets]}
        for name, (targets, _) in ATTEMPTS.items()
        for each in ("openai", "anthropic")
    }
    gateway = gateways(models=names)
    got = ask(gateway, f"{case}-{dialect}", dialect=dialect)
    expected = ATTEMPTS[case][1]
    rows = gateway.rows(got.ref, at_least=len(expected))
    found = [(row["status"], row["basis"], row["output_tokens"]) for row in rows]
    assert found == expected
    assert {row["client_status"] for row in rows} == {got.status}
    assert got.headers.get("x-sluicegate-attempts", str(len(rows))) == str(len(rows))
    due = sum((cost(PROMPT, made) for _, basis, made in expected if basis != "none"), Decimal(0))
    assert sum(Decimal(row["cost_usd"]) for row in rows) == due
    if got.status == 200:
        assert Decimal(got.headers["x-sluicegate-cost-usd"]) == due


def test_ac_09_a_stream_that_broke_is_charged_and_so_is_the_next_request(gateway: Gateway) -> None:
    """Behind the first content nothing is tried again, so a client's own retry is another request."""
    name = f"fault-midstream-reset-after-5-then-ok-1@{ref('ac09')}"
    same = ref("ac09-retry")
    broken, good = (ask(gateway, f"u/{name}", stream=True, ref=same) for _ in range(2))
    assert (broken.terminators, good.terminators) == (0, 1)
    rows = sorted(mine(gateway, same), key=lambda row: row["time"])
    assert [(row["attempt"], row["basis"], row["output_tokens"]) for row in rows] == [
        (1, "counted", 5),
        (1, "reported", 10),
    ]
    assert len({row["request_id"] for row in rows}) == 2


# AC-10


def test_ac_10_a_hit_costs_nothing_and_says_what_it_saved(own_gateway: Start) -> None:
    gateway = own_gateway(cache={"exact": {"enabled": True}})
    name = f"ok-5@{ref('ac10')}"
    first, hit = (ask(gateway, f"u/{name}") for _ in range(2))
    assert (first.headers["x-sluicegate-cache"], hit.headers["x-sluicegate-cache"]) == (
        "miss",
        "hit",
    )
    [row] = gateway.rows(hit.ref)
    assert_row(row, attempt=0, outcome="cached", basis="none", cost_usd=0)
    assert Decimal(row["saved_usd"]) == cost(PROMPT, 5)


# AC-11


def sluicegate(gateway: Gateway, *arguments: str) -> str:
    """What the command prints."""
    line = [*command(), *arguments, "--config", str(gateway.config_path)]
    return subprocess.run(line, capture_output=True, check=True, timeout=60).stdout.decode()


def test_ac_11_export_report_and_command_are_equal_to_the_last_unit(own_gateway: Start) -> None:
    """Tenths of a millionth of a dollar, and fractions of pico-dollars that were rounded once."""
    prices = {"input": 0.0000333333, "output": 0.0499999999}
    gateway = own_gateway(prices={"u/*": prices, "a/*": {"input": 3.3, "output": 777777.7}})
    what = [Ask(f"{'ua'[n % 2]}/ok-{n % 7 + 1}@{ref('ac11')}") for n in range(400)]
    what += [Ask(f"u/fault-500@{ref('ac11')}") for _ in range(10)]
    asks(gateway, what)
    lines = gateway.ledger()
    assert len(lines) == 420
    exact = sum(Decimal(row["cost_usd"]) for row in lines)
    written = csv.DictReader(
        io.StringIO(sluicegate(gateway, "ledger", "export", "--format", "csv"))
    )
    assert sum(Decimal(row["cost_usd"]) for row in written) == exact

    def reported(path: str = "/admin/v1/spend") -> dict[str, Any]:
        report: dict[str, Any] = gateway.admin("GET", path).json()
        return report

    assert eventually(lambda: reported()["total"]["attempts"] == 420, 5)
    assert Decimal(reported()["total"]["cost_usd"]) == exact
    by_model = reported("/admin/v1/spend?by=model")
    assert sum(Decimal(row["sums"]["cost_usd"]) for row in by_model["data"]) == exact
    shown = json.loads(sluicegate(gateway, "spend", "--json"))
    assert Decimal(shown["total"]["cost_usd"]) == exact
    for name in ("input_tokens", "output_tokens"):
        assert reported()["total"][name] == sum(row[name] for row in lines)


# AC-12


def test_ac_12_no_price_is_told_and_never_nothing(
    upstream: ScriptedUpstream, own_gateway: Start
) -> None:
    bare = {"dialect": "openai", "base_url": f"{upstream.url}/v1", "api_key": "none"}
    poor = {"name": "poor", "key": "sluicegate-test-key-with-budget", "budget_usd": 1}
    gateway = own_gateway(providers={"bare": bare}, keys=[{"name": "one", "key": own_key()}, poor])
    names = [f"ok-{n}@{ref('ac12')}" for n in range(1, 6)]
    for name in names:
        assert_good(ask(gateway, f"bare/{name}"), int(name[3]))
    broken = ask(gateway, f"bare/fault-500@{ref('ac12')}")
    rows = gateway.ledger()
    for row in rows:
        if row["client_ref"] == broken.ref:
            assert_row(row, basis="none", cost_usd=0)
        else:
            assert_row(row, price_version="unpriced", basis="reported")
            assert row["cost_usd"] is None
            assert row["output_tokens"] > 0
    for name in names:
        told = f"unpriced: bare/{name}"
        assert eventually(lambda told=told: told in gateway.log(), 3)  # type: ignore[misc]
    total = gateway.admin("GET", "/admin/v1/spend").json()["total"]
    assert eventually(
        lambda: gateway.admin("GET", "/admin/v1/spend").json()["total"]["unpriced"] == 5, 3
    ), total
    refused = ask(gateway, f"bare/{names[0]}", key=poor["key"])
    assert_refused(refused, 403, origin="gateway")
    assert len(upstream.of(names[0])) == 1


def own_key() -> str:
    """The key that requests of these tests carry."""
    from ..gateway import KEY

    return KEY


# AC-13


def test_ac_13_a_deleted_key_and_user_leave_their_lines(own_gateway: Start) -> None:
    gateway = own_gateway()
    made = gateway.admin(
        "POST", "/admin/v1/keys", {"name": "alices-laptop", "user": "alice"}
    ).json()
    assert eventually(lambda: ask(gateway, "u/ok-2", key=made["key"]).status == 200, 5)
    personal = {"x-sluicegate-user": "bob@example.org", "x-sluicegate-metadata": '{"of":"bob"}'}
    for provider in ("u", "a"):
        ask(gateway, f"{provider}/ok-5", key=made["key"], headers=personal, ref="alice-was-here")
    ask(gateway, "u/ok-9")

    def spend() -> dict[str, Any]:
        total: dict[str, Any] = gateway.admin("GET", "/admin/v1/spend").json()["total"]
        return total

    assert eventually(lambda: spend()["attempts"] == len(gateway.ledger()), 5)
    before, lines = spend(), gateway.ledger()
    assert "bob@example.org" in json.dumps(lines)
    deleted = gateway.admin("DELETE", f"/admin/v1/keys/{made['record']['id']}")
    assert deleted.status_code == 200, deleted.text
    gone = gateway.admin("POST", "/admin/v1/redactions", {"user": "bob@example.org"})
    assert gone.status_code < 300, gone.text
    after = gateway.ledger()
    assert spend() == before
    for name in ("alice", "bob", "alices-laptop"):
        assert name not in json.dumps(after)
    figures = [name for name in after[0] if name.endswith(("_tokens", "_usd", "_ms", "status"))]
    assert [[row[name] for name in figures] for row in after] == [
        [row[name] for name in figures] for row in lines
    ]
    assert eventually(lambda: ask(gateway, "u/ok-2", key=made["key"]).status == 401, 3)


# columns


UNREADABLE = {
    "half a surrogate": r'{"a": "\ud800"}',
    "a number beyond all floats": '{"a": 1e999}',
    "a thousand levels": '{"a": ' + "[" * 1000 + "]" * 1000 + "}",
    "no object": "[1]",
}


@pytest.mark.parametrize("metadata", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_metadata_that_no_ledger_could_hold_is_refused_before_anything_is_sent(
    own_gateway: Start, metadata: str
) -> None:
    gateway = own_gateway()
    refused = ask(gateway, "u/ok-2", headers={"x-sluicegate-metadata": metadata})
    assert refused.status == 400
    assert ask(gateway, "u/ok-2").status == 200
    assert eventually(
        lambda: gateway.admin("GET", "/admin/v1/spend").json()["total"]["attempts"] == 1, 5
    )


def test_every_column_of_a_row_is_filled_and_true(own_gateway: Start) -> None:
    key = {
        "name": "full",
        "key": "sluicegate-test-key-with-all-names",
        "organisation": "acme",
        "team": "core",
        "project": "apollo",
        "user": "alice",
    }
    gateway = own_gateway(
        keys=[key], models={"alias": {"targets": ["a/fault-usage-cached+ttft-30@full"]}}
    )
    headers = {
        "x-sluicegate-team-tag": "blue",
        "x-sluicegate-run": "run-2",
        "x-sluicegate-parent-run": "run-1",
        "x-sluicegate-metadata": r'{"ticket": 7, "deep": {"a": ["\u00e4"]}}',
    }
    began = datetime.now(UTC)
    got = ask(gateway, "alias", key=key["key"], stream=True, headers=headers, ref="mine-1")
    ended = datetime.now(UTC)
    assert_good(got)
    [row] = gateway.ledger()
    assert began <= datetime.fromisoformat(row["time"]) <= ended
    assert row["time"].endswith("Z")
    assert (
        30 <= row["first_token_ms"] <= row["latency_ms"] <= 1000 * (ended - began).total_seconds()
    )
    assert row["upstream_request_id"].startswith("up-")
    exact = {
        "request_id": got.headers["x-sluicegate-request-id"],
        "client_ref": "mine-1",
        "attempt": 1,
        "parent_run": "run-1",
        "run": "run-2",
        "key_name": "full",
        "organisation": "acme",
        "team": "core",
        "project": "apollo",
        "user": "alice",
        "tags": "blue",
        "metadata": {"ticket": 7, "deep": {"a": ["ä"]}},
        "operation": "chat",
        "dialect": "openai",
        "provider": "a",
        "requested_model": "alias",
        "routed_model": "fault-usage-cached+ttft-30@full",
        "response_model": "fault-usage-cached+ttft-30@full",
        "upstream_dialect": "anthropic",
        "stream": True,
        "status": 200,
        "client_status": 200,
        "outcome": "ok",
        "error_code": None,
        "basis": "reported",
        "input_tokens": PROMPT + 1000,
        "cached_input_tokens": 600,
        "cache_write_tokens": 0,
        "cache_write_1h_tokens": 0,
        "output_tokens": 10,
        "reasoning_tokens": 0,
        "audio_tokens": 0,
        "image_tokens": 0,
        "counted_output_tokens": 10,
        "saved_usd": None,
        "saved_input_tokens": None,
        "saved_output_tokens": None,
        "saved_ms": None,
        "prompt_cache_saved_usd": "0.0003",
        "price_version": "config",
        "cache": "bypass",
        "tool": None,
        "finish_reason": "stop",
        "is_byok": False,
    }
    assert {name: row[name] for name in exact} == exact
    spent = Decimal(PROMPT + 400) + 600 * Decimal("0.5") + 2 * 10
    assert Decimal(row["cost_usd"]) == spent / 10**6
    told = {"time", "cost_usd", "latency_ms", "first_token_ms", "upstream_request_id"}
    assert set(row) - set(exact) - told <= {"host"}


@pytest.mark.parametrize(
    ("headers", "fields", "user"),
    [
        ({"x-sluicegate-user": "of-header"}, {"user": "of-body"}, "of-header"),
        ({}, {"user": "of-body"}, "of-body"),
        ({}, {}, None),
    ],
    ids=["header", "body", "nobody"],
)
def test_the_end_user_is_the_headers_then_the_bodys(
    gateway: Gateway, headers: dict[str, str], fields: dict[str, str], user: str | None
) -> None:
    got = ask(gateway, "u/ok-1", headers=headers, fields=fields)
    [row] = gateway.rows(got.ref)
    assert row["user"] == user


def test_a_refused_request_has_one_row_with_attempt_nought(own_gateway: Start) -> None:
    key = {"name": "narrow", "key": "sluicegate-test-key-of-one-model", "models": ["u/ok-1"]}
    gateway = own_gateway(keys=[key])
    got = ask(gateway, "u/ok-2", key=key["key"], headers={"x-sluicegate-run": "r"})
    assert_refused(got, 403, origin="gateway")
    [row] = gateway.rows(got.ref)
    assert_row(row, attempt=0, outcome="refused", basis="none", cost_usd=0, run="r")
    assert_row(row, client_status=403, status=None, requested_model="u/ok-2", input_tokens=0)


# the export


@forms
def test_the_export_has_a_request_as_soon_as_its_client_has_the_answer(
    gateway: Gateway, stream: bool
) -> None:
    for _ in range(3):
        got = ask(gateway, f"u/ok-3@{ref('now')}", stream=stream)
        [row] = mine(gateway, got.ref)
        assert_row(row, outcome="ok", output_tokens=3)


def test_the_export_has_a_failed_request_within_a_second(gateway: Gateway) -> None:
    got: Got = ask(gateway, f"u/fault-500@{ref('now')}")
    rows = mine(gateway, got.ref)
    assert len(rows) == 2
    for row in rows:
        assert_free(row)
        assert_row(row, client_status=502)
