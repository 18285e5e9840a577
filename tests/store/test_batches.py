"""Rows in bulk are the same rows as one by one, in either form that stores take them in."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate import _core
from sluicegate.accounting.ledger import COLUMNS, JournalRow
from sluicegate.store import Store

from .rows import row

Values = tuple[str | int | None, ...]

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "user": TEXTS,
        "run": TEXTS,
        "metadata": st.dictionaries(TEXTS, JSON, max_size=3),
        "stream": st.booleans(),
        "status": st.integers(100, 599),
        "input_tokens": st.integers(0, 2**63 - 1),
        "cost_usd": st.sampled_from(["0", "0.000000000001", "-1.5", "999999999999999"]),
        "colour": JSON,
    },
)
BATCHES = st.lists(
    st.builds(
        lambda number, attempt, fields: row(number, attempt, **fields),
        st.integers(1, 9),
        st.integers(0, 2),
        FIELDS,
    )
    | st.builds(lambda number: (f"{number:032x}", 1, "settled", b"{"), st.integers(1, 9)),
    max_size=30,
)


def sorted_out(rows: list[JournalRow]) -> tuple[dict[tuple[Any, Any], Values], list[int]]:
    """The last readable row of each attempt by its id, and the places of unreadable ones that no
    readable one follows.
    """
    readable: dict[tuple[Any, Any], Values] = {}
    unreadable: list[int] = []
    for place, each in reversed(list(enumerate(rows))):
        if each[:2] in readable:
            continue
        try:
            readable[each[:2]] = _core.ledger_values(each)
        except _core.UnreadableRowError:
            unreadable.insert(0, place)
    return readable, unreadable


def by_id(rows: list[Values]) -> dict[tuple[Any, Any], Values]:
    """Whole rows, of which no two are about one attempt."""
    found = {(values[0], values[2]): values for values in rows}
    assert len(found) == len(rows)
    return found


def one_by_one(columns: tuple[str, ...], together: tuple[str | int, ...]) -> list[Values]:
    """The rows of one tuple of a group."""
    assert columns[-1] == "host"
    assert None not in together
    rows = []
    for begin in range(0, len(together), len(columns)):
        named = dict(zip(columns, together[begin : begin + len(columns)], strict=True))
        assert named.pop("host") == "h"
        rows.append(tuple(named.get(column) for column in COLUMNS))
    return rows


@given(BATCHES, st.integers(1, 4), st.none() | st.integers(1, 9))
def test_groups_and_the_rest_are_the_rows(
    rows: list[JournalRow], together: int, until: int | None
) -> None:
    moment = None if until is None else f"2026-11-23T00:00:{until:02}.000000Z"
    groups, rest, bad = _core.ledger_groups(rows, together, host="h", apart_until=moment)
    found = [
        each for columns, tuples in groups for some in tuples for each in one_by_one(columns, some)
    ]
    readable, unreadable = sorted_out(rows)
    assert by_id([*found, *rest]) == readable
    assert [place for place, _ in bad] == unreadable
    assert all(moment is None or str(values[12]) > moment for values in found)
    assert all(
        len(some) == together * len(columns) for columns, tuples in groups for some in tuples
    )


@given(st.dictionaries(TEXTS, JSON, max_size=4))
def test_metadata_that_is_kept_reads_as_it_came(metadata: dict[str, Any]) -> None:
    values = _core.ledger_values(row(1, metadata=metadata))
    kept = values[COLUMNS.index("metadata")]
    assert isinstance(kept, str)
    assert json.loads(kept) == metadata


AWKWARD = [
    "",
    "NULL",
    "null",
    "{}",
    '{"a,b"}',
    '"',
    "\\",
    '\\"',
    "a\nb\tc\r",
    "ä€😀",
    " ",
    "'",
    "%s ?",
    "\\N",
]


@pytest.mark.parametrize("alike", [1, 9], ids=["one by one", "together"])
def test_any_text_comes_back_from_each_store(store: Store, alike: int) -> None:
    texts = AWKWARD * alike
    store.write([row(number, user=text, run=text) for number, text in enumerate(texts)])
    at = COLUMNS.index("user")
    assert [values[at] for values in store.rows()] == texts


def test_a_column_that_a_newer_row_leaves_out_is_empty_again(store: Store) -> None:
    full = [row(n, user="u", cost_usd="1", error_code="e") for n in range(9)]
    store.write(full)
    store.write([row(n, cost_usd="2") for n in range(9)])
    user, cost, code = (COLUMNS.index(name) for name in ("user", "cost_usd", "error_code"))
    assert {(v[user], v[cost], v[code]) for v in store.rows()} == {(None, "2", None)}
