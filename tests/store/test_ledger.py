"""The ledger's export: every row once, every number exact."""

import csv
import io
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate import _core
from sluicegate.accounting.ledger import (
    EXPORTED,
    JournalRow,
    merged,
    write_csv,
    write_jsonl,
)
from sluicegate.store import sqlite_store

from .rows import row

#: design's columns, in any order
CONTRACT = [
    "request_id",
    "client_ref",
    "attempt",
    "parent_run",
    "run",
    "key_name",
    "organisation",
    "team",
    "project",
    "user",
    "tags",
    "metadata",
    "time",
    "operation",
    "dialect",
    "provider",
    "requested_model",
    "routed_model",
    "response_model",
    "upstream_request_id",
    "upstream_dialect",
    "stream",
    "status",
    "client_status",
    "outcome",
    "error_code",
    "basis",
    "input_tokens",
    "cached_input_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "output_tokens",
    "reasoning_tokens",
    "audio_tokens",
    "image_tokens",
    "counted_output_tokens",
    "cost_usd",
    "saved_usd",
    "price_version",
    "latency_ms",
    "first_token_ms",
    "cache",
    "tool",
    "finish_reason",
    "is_byok",
    "saved_input_tokens",
    "saved_output_tokens",
    "saved_ms",
    "prompt_cache_saved_usd",
]


def as_csv(rows: Iterator[dict[str, Any]]) -> list[dict[str, str]]:
    """What a program reads from the export as CSV."""
    out = io.StringIO(newline="")
    write_csv(rows, out)
    return list(csv.DictReader(io.StringIO(out.getvalue(), newline="")))


def as_jsonl(rows: Iterator[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same as JSON lines."""
    out = io.StringIO()
    write_jsonl(rows, out)
    return [json.loads(line) for line in out.getvalue().removesuffix("\n").split("\n")]


class Kept:
    """A store in memory."""

    def __init__(self, *rows: JournalRow) -> None:
        self._rows = rows

    def rows(self) -> Iterator[tuple[Any, ...]]:
        return map(_core.ledger_values, self._rows)


def test_the_columns_are_the_contracts() -> None:
    assert sorted(EXPORTED) == sorted(CONTRACT)


def test_rows_of_store_and_journal_are_shown_once_and_the_newer_wins() -> None:
    store = Kept(row(1, outcome="ok"), row(2, outcome="unknown"), row(2, 2, outcome="ok"))
    journal = [
        row(2, outcome="error"),
        row(3, outcome="ok"),
        row(4, kind="released", outcome="unknown"),
    ]
    got = [(r["request_id"][-1], r["attempt"], r["outcome"]) for r in merged(store, journal)]
    assert got == [("1", 1, "ok"), ("2", 1, "error"), ("2", 2, "ok"), ("3", 1, "ok")]


def test_unknown_is_empty_and_false_is_not() -> None:
    [line] = as_csv(merged(Kept(row(1)), []))
    assert (line["stream"], line["is_byok"]) == ("false", "false")
    assert {name for name, value in line.items() if value} == {
        "request_id",
        "attempt",
        "time",
        "stream",
        "is_byok",
    }
    [one] = as_jsonl(merged(Kept(row(1)), []))
    assert list(one) == list(EXPORTED)
    assert one["cost_usd"] is None
    assert one["stream"] is False


@pytest.mark.parametrize(
    "cost", ["0", "0.000000000001", "0.1", "-0.5", "999999999999999.000000000001"]
)
def test_money_is_neither_rounded_nor_written_with_an_exponent(tmp_path: Path, cost: str) -> None:
    store = sqlite_store(tmp_path / "s.sqlite")
    store.write([row(1, cost_usd=cost)])
    assert [line["cost_usd"] for line in as_csv(merged(store, []))] == [cost]
    assert [one["cost_usd"] for one in as_jsonl(merged(store, []))] == [cost]
    store.close()


def test_the_sum_of_many_small_costs_is_exact(tmp_path: Path) -> None:
    store = sqlite_store(tmp_path / "s.sqlite")
    store.write([row(number, cost_usd="0.0000001") for number in range(3000)])
    assert sum(Decimal(line["cost_usd"]) for line in as_csv(merged(store, []))) == Decimal("0.0003")
    store.close()


@pytest.mark.parametrize("tokens", [0, 10**15, 2**63 - 1])
def test_tokens_are_exact(tmp_path: Path, tokens: int) -> None:
    store = sqlite_store(tmp_path / "s.sqlite")
    store.write([row(1, input_tokens=tokens)])
    assert [one["input_tokens"] for one in as_jsonl(merged(store, []))] == [tokens]
    store.close()


def test_metadata_is_an_object_in_json_and_json_in_csv(tmp_path: Path) -> None:
    metadata = {"team": "ä,\"'\n", "n": [1, {"a": None}]}
    store = sqlite_store(tmp_path / "s.sqlite")
    store.write([row(1, metadata=metadata)])
    assert [one["metadata"] for one in as_jsonl(merged(store, []))] == [metadata]
    assert [json.loads(line["metadata"]) for line in as_csv(merged(store, []))] == [metadata]
    store.close()


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_any_text_survives_both_forms(text: str) -> None:
    [one] = as_jsonl(merged(Kept(row(1, user=text)), []))
    assert one["user"] == text
    [line] = as_csv(merged(Kept(row(1, user=text)), []))
    assert line["user"] in {text, "'" + text}


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("@cf/meta/llama-3", "@cf/meta/llama-3"),
        ("+1 555 0100", "+1 555 0100"),
        ("-", "-"),
        ("=1+1", "=1+1"),
        ("sum(1)", "sum(1)"),
        ('=HYPERLINK("http://h","x")', '\'=HYPERLINK("http://h","x")'),
        ("=cmd|'/C calc'!A0", "'=cmd|'/C calc'!A0"),
        ("@SUM(1)", "'@SUM(1)"),
        ("\t=SUM(1)", "'\t=SUM(1)"),
    ],
)
def test_a_cell_that_could_call_something_is_quoted_and_no_other(text: str, cell: str) -> None:
    [line] = as_csv(merged(Kept(row(1, user=text)), []))
    assert line["user"] == cell


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        (b"", "it is no JSON object"),
        (b"[]", "it is no JSON object"),
        (b"{", "EOF"),
        (b'{"time": "t"} {}', "trailing characters"),
        (b'{"time": "\xff"}', "invalid utf-8"),
        (b"{}", "it has no time"),
        (b'{"time": 3}', "time is no text"),
        (
            b'{"time": "t", "input_tokens": 9223372036854775808}',
            "input_tokens is no whole number of 64 bits",
        ),
        (b'{"time": "t", "input_tokens": 1.5}', "input_tokens is no whole number"),
        (b'{"time": "t", "input_tokens": "1"}', "input_tokens is no whole number"),
        (b'{"time": "t", "cost_usd": 1.5}', "cost_usd is no sum of money"),
        (b'{"time": "t", "cost_usd": "NaN"}', "cost_usd is no sum of money"),
        (b'{"time": "t", "cost_usd": "many"}', "cost_usd is no sum of money"),
        (b'{"time": "t", "cost_usd": "0.0000000000001"}', "cost_usd is no sum of money"),
        (b'{"time": "t", "cost_usd": "1000000000000000"}', "cost_usd is no sum of money"),
        (b'{"time": "t", "cost_usd": "1e-7"}', "cost_usd is no sum of money"),
        (b'{"time": "t", "cost_usd": "1."}', "cost_usd is no sum of money"),
        (b'{"time": "t", "user": 7}', "user is no text"),
        (b'{"time": "t", "user": "\\ud800"}', "user is no text"),
        (b'{"time": "t", "metadata": {"a": "\\ud800"}}', "metadata is no readable JSON"),
        (b'{"time": "t", "metadata": {"a": 1e999}}', "metadata is no readable JSON"),
        (b'{"time": "t", "metadata": ' + b"[" * 2000 + b"]" * 2000 + b"}", "no readable JSON"),
    ],
)
def test_a_row_that_no_column_can_hold_is_said_so(payload: bytes, says: str) -> None:
    with pytest.raises(_core.UnreadableRowError, match=says):
        _core.ledger_values(("0" * 32, 1, "settled", payload))


def test_one_unreadable_row_does_not_end_the_export() -> None:
    bad = ("f" * 32, 1, "settled", b"{")
    assert [r["attempt"] for r in merged(Kept(row(1)), [bad, row(2)])] == [1, 1]


def test_what_a_newer_worker_writes_is_passed_over() -> None:
    [one] = merged(Kept(row(1, colour="blue", user="u")), [])
    assert "colour" not in one
    assert one["user"] == "u"


def test_an_export_is_streamed() -> None:
    class Endless:
        def rows(self) -> Iterator[tuple[Any, ...]]:
            number = 0
            while True:
                number += 1
                yield _core.ledger_values(row(number % 3000))

    rows = merged(Endless(), [])
    first = [next(rows) for _ in range(10)]
    assert len(first) == 10
    assert msgspec.json.encode(first)
