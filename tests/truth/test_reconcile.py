"""The reconciler finds what is wrong: each planted error is told, and a true ledger is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from ..client import Ask, Got
from ..gateway import Row
from ..upstream import Exchange
from .drive import Sent
from .mix import Leave, Sending, plans, sendings
from .reconcile import Report, reconcile, truth_of

PRICES = {"input": "1", "cached_input": "0.5", "output": "2"}


def exchange(**fields: Any) -> Exchange:
    """A whole good answer of 10 tokens to 3."""
    body = json.dumps({"model": "ok", "user": "r"}).encode()
    out = Exchange(1, "POST", "/v1/chat/completions", [], body, 1.0, "ok", 1, "openai")
    out.status, out.input_tokens, out.readable_tokens, out.token_times = 200, 3, 10, [1.0] * 10
    out.kinds, out.finished = {"open", "token", "finish", "usage", "end"}, 2.0
    out.said = {"prompt_tokens": 3, "completion_tokens": 10}
    for name, value in fields.items():
        setattr(out, name, value)
    return out


def row(**fields: Any) -> Row:
    """Its line in the ledger."""
    return {
        "request_id": "q",
        "client_ref": "r",
        "attempt": 1,
        "provider": "u",
        "routed_model": "ok",
        "upstream_dialect": "openai",
        "status": 200,
        "client_status": 200,
        "outcome": "ok",
        "error_code": None,
        "basis": "reported",
        "input_tokens": 3,
        "cached_input_tokens": 0,
        "output_tokens": 10,
        "cost_usd": "0.000023",
    } | fields


def compare(exchanges: list[Exchange], rows: list[Row], leave: Leave | None = None) -> Report:
    """One request with a client that got 200."""
    what = Ask("u/ok", ref="r")
    return reconcile([Sent(Sending(what, leave), Got(what, "r", 0, 200))], exchanges, rows, PRICES)


def test_a_true_ledger_agrees() -> None:
    report = compare([exchange()], [row()])
    assert report.problems == []
    assert (report.missing, report.extra, report.duplicate) == (0, 0, 0)
    assert report.tokens == {"reported": 10}


def _none(status: int | None, **fields: Any) -> Row:
    free = {"input_tokens": 0, "output_tokens": 0, "cost_usd": "0", "basis": "none"}
    return row(status=status, outcome="error", **(free | fields))


PLANTED: list[tuple[str, Callable[[], Report], str]] = [
    ("token", lambda: compare([exchange()], [row(output_tokens=11, cost_usd="0.000025")]), "output is 11"),
    ("input", lambda: compare([exchange()], [row(input_tokens=2, cost_usd="0.000022")]), "input_tokens is 2"),
    ("money", lambda: compare([exchange()], [row(cost_usd="0.000023000001")]), "is not"),
    ("basis", lambda: compare([exchange()], [row(basis="counted")]), "basis is counted"),
    ("outcome", lambda: compare([exchange()], [row(outcome="error")]), "outcome error"),
    ("status", lambda: compare([exchange()], [row(client_status=502)]), "the client got 200"),
    ("model", lambda: compare([exchange()], [row(routed_model="other")]), "u/other is not"),
    ("missing", lambda: compare([exchange(), exchange(arrived=2.0)], [row()]), "starts"),
    ("extra", lambda: compare([exchange()], [row(), row(attempt=2)]), "starts"),
    ("gap", lambda: compare([exchange()], [row(attempt=2)]), "attempts [2]"),
    ("left", lambda: compare([exchange()], [row(outcome="cancelled")]), "nobody left"),
    (
        "free",
        lambda: compare([exchange(status=500, said={}, readable_tokens=0)], [row(status=500)]),
        "basis is reported",
    ),
    (
        "cut",
        lambda: compare([exchange(kinds={"open", "token"}, said={})], [row()]),
        "basis is reported, not counted",
    ),
    (
        "dead",
        lambda: compare([], [row(provider="dead")]),
        "an attempt that reached nobody",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("call", "says"), [p[1:] for p in PLANTED], ids=[p[0] for p in PLANTED])
def test_a_planted_error_is_told(call: Callable[[], Report], says: str) -> None:
    assert any(says in problem for problem in call().problems)


def test_lines_and_starts_of_nobody_are_counted() -> None:
    report = compare([exchange()], [row(), row(), row(client_ref="stranger", request_id="x")])
    assert (report.extra, report.duplicate) == (2, 1)
    stranger = json.dumps({"model": "ok", "user": "stranger"}).encode()
    assert compare([exchange(), exchange(body=stranger)], [row()]).missing == 1


def test_what_left_lies_between_what_the_client_had_and_what_was_sent() -> None:
    leave = Leave(1, 1)
    for made, wrong in ((10, 0), (7, 0), (11, 1)):
        cost = f"{(3 + 2 * made) / 10**6:f}"
        line = row(outcome="cancelled", basis="counted", output_tokens=made, cost_usd=cost)
        report = compare([exchange(kinds={"open", "token"}, said={})], [line], leave)
        assert len(report.problems) == wrong, report.problems


def test_an_attempt_that_nobody_read_is_no_extra_line_while_it_is_free() -> None:
    died = _none(None, error_code="upstream_reset")
    report = compare([exchange()], [died, row(attempt=2)])
    assert (report.problems, report.unseen) == ([], 1)
    charged = row(status=None, outcome="error", error_code="upstream_reset")
    assert compare([exchange()], [charged, row(attempt=2)]).extra == 1


def test_anthropics_input_leaves_out_what_the_cache_had() -> None:
    said = {"input_tokens": 400, "cache_read_input_tokens": 600, "output_tokens": 10}
    truth = truth_of(exchange(dialect="anthropic", said=said))
    assert (truth.input_tokens, truth.cached_input_tokens) == (1000, 600)
    absurd = truth_of(exchange(said={"prompt_tokens": 10**30, "completion_tokens": -1}))
    assert (absurd.basis, absurd.input_tokens, absurd.output_tokens) == ("counted", 3, 10)


def test_a_seed_gives_the_same_mixture_and_two_fifths_of_it_are_faults() -> None:
    first, again = list(sendings(7, 2000)), list(sendings(7, 2000))
    assert first == again
    assert plans(7) == plans(7)
    assert len({one.ask.ref for one in first}) == 2000
    faulty = sum("fault-" in one.ask.model or one.leave is not None for one in first)
    assert 0.35 < faulty / 2000 < 0.5
