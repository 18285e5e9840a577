"""The check of a load's ledger finds each way in which one can be wrong."""

from collections import Counter
from typing import Any

import pytest

from bench.load.ledger import Asked, compare, cost_usd, output_tokens, sentence

STREAM = "mock.n200.b16"


def rows() -> list[dict[str, str]]:
    """Two whole answers and a stream, as they must be."""
    whole = {
        "requested_model": "mock",
        "stream": "0",
        "outcome": "ok",
        "basis": "reported",
        "input_tokens": "50",
        "output_tokens": "40",
        "counted_output_tokens": "",
        "cost_usd": "0.00013",
    }
    stream = whole | {
        "requested_model": STREAM,
        "stream": "1",
        "output_tokens": "200",
        "counted_output_tokens": "2200",
        "cost_usd": "0.000450",
    }
    return [it | {"request_id": str(at)} for at, it in enumerate((whole, whole, stream))]


def compared(found: list[dict[str, str]]) -> dict[str, Any]:
    counts = Counter({"mock": 2, STREAM: 1})
    return compare(found, Asked(counts, counts.copy()))


def test_a_ledger_that_holds_everything_holds() -> None:
    found = compared(rows())
    assert found["holds"]
    assert (found["rows"], found["cost_usd"], found["expected_usd"]) == (3, "0.000710", "0.00071")
    assert "each with its cost and its count" in sentence(found)


@pytest.mark.parametrize(
    ("at", "change", "said"),
    [
        (0, {"cost_usd": "0.00012"}, {"mock cost_usd": 1}),
        (0, {"cost_usd": ""}, {"mock cost_usd": 1}),
        (1, {"output_tokens": "41"}, {"mock output_tokens": 1}),
        (1, {"input_tokens": ""}, {"mock input_tokens": 1}),
        (2, {"basis": "counted"}, {f"{STREAM} basis": 1}),
        (2, {"counted_output_tokens": ""}, {f"{STREAM} counted_output_tokens": 1}),
        (2, {"counted_output_tokens": "199"}, {f"{STREAM} counted_output_tokens": 1}),
    ],
    ids=lambda it: "-".join(it) if isinstance(it, dict) else "",
)
def test_a_wrong_row_is_found(at: int, change: dict[str, str], said: dict[str, int]) -> None:
    changed = rows()
    changed[at] |= change
    found = compared(changed)
    assert not found["holds"]
    assert found["wrong"] == said
    assert "NOT AS ASKED" in sentence(found)


def test_a_request_without_a_row_is_found() -> None:
    found = compared(rows()[1:])
    assert found["differences"] == {"mock": {"asked": 2, "in_ledger": 1}}
    assert not found["holds"]


def test_a_request_that_nobody_made_is_found() -> None:
    found = compared([*rows(), rows()[0] | {"request_id": "9", "requested_model": "other"}])
    assert found["differences"] == {"other": {"asked": 0, "in_ledger": 1}}


def test_an_answer_that_the_ledger_calls_an_error_is_found() -> None:
    changed = rows()
    changed[2]["outcome"] = "cancelled"
    found = compared(changed)
    assert found["unanswered"] == {STREAM: {"answered": 1, "ok_in_ledger": 0}}
    assert not found["holds"]


def test_a_second_attempt_is_no_second_request() -> None:
    first = rows()[0] | {"outcome": "error", "cost_usd": ""}
    assert compared([first, *rows()])["differences"] == {}


@pytest.mark.parametrize(
    ("model", "tokens", "usd"),
    [
        ("mock", 40, "0.00013"),
        (STREAM, 200, "0.00045"),
        ("bench/mock.n100.b16.d100000", 100, "0.00025"),
        ("bench/mock.l20000", 40, "0.00013"),
    ],
)
def test_what_an_answer_costs_is_known_from_its_model(model: str, tokens: int, usd: str) -> None:
    assert output_tokens(model) == tokens
    assert str(cost_usd(model).normalize()) == usd
