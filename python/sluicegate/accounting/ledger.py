"""The ledger: one row for every attempt that was sent, one for every request that was refused."""

import csv
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any, Final, Protocol, TextIO

import msgspec

from sluicegate import _core

COLUMNS: Final = tuple(name for name, _ in _core.LEDGER_COLUMNS)
"""What a row has. Tokens are counts, times RFC 3339 in UTC or milliseconds; empty is unknown."""
_OWN: Final = frozenset({"response_id"})
"""What the gateway finds a request by."""
_FLAGS: Final = ("stream", "is_byok")
EXPORTED: Final = tuple(name for name in COLUMNS if name not in _OWN)
"""The export's columns, in its order."""

JournalRow = tuple[str, int, str, bytes]
"""`(request_id, attempt, kind, payload)`: `settled`, `unknown` (its process died) or `released`
(never sent).
"""

_FORMULA: Final = frozenset({"=", "+", "-", "@", "\t", "\r"})


class Rows(Protocol):
    """A store of rows."""

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """All rows, oldest first, values in the order of `COLUMNS`."""


def merged(store: Rows, journal: Iterable[JournalRow]) -> Iterator[dict[str, Any]]:
    """All rows once: those of the store, and those of the journal that it does not have yet or that
    are newer.
    """
    waiting = dict(_readable(journal))
    for values in store.rows():
        newer = waiting.pop((values[0], values[2]), None)
        yield shown(newer or values)
    for values in waiting.values():
        yield shown(values)


def _readable(journal: Iterable[JournalRow]) -> Iterator[tuple[tuple[str, int], tuple[Any, ...]]]:
    for row in journal:
        if row[2] != "released":
            # What cannot be read is logged when it is drained; here it must not end the export.
            with suppress(_core.UnreadableRowError):
                yield (row[0], row[1]), _core.ledger_values(row)


def shown(values: tuple[Any, ...]) -> dict[str, Any]:
    """A row by its columns' names, as exports show it."""
    row = {name: value for name, value in zip(COLUMNS, values, strict=True) if name not in _OWN}
    for flag in _FLAGS:
        row[flag] = bool(row[flag])
    if row["metadata"]:
        row["metadata"] = msgspec.json.decode(row["metadata"])
    return row


def write_jsonl(rows: Iterable[dict[str, Any]], out: TextIO) -> None:
    """One JSON object a line; null is unknown."""
    out.writelines(msgspec.json.encode(row).decode() + "\n" for row in rows)


def write_csv(rows: Iterable[dict[str, Any]], out: TextIO) -> None:
    """RFC 4180 with a header, lines that end as text files' do; empty is unknown."""
    writer = csv.DictWriter(_Lines(out), EXPORTED, lineterminator="\r\n")
    writer.writeheader()
    for row in rows:
        for flag in _FLAGS:
            row[flag] = "true" if row[flag] else "false"
        if row["metadata"] is not None:
            row["metadata"] = msgspec.json.encode(row["metadata"]).decode()
        writer.writerow({key: _cell(value) for key, value in row.items()})


class _Lines:
    """Takes rows that end in CR LF, since `csv` quotes only those line ends that it writes, and
    gives lines that end in LF.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def write(self, line: str) -> int:
        return self._out.write(line.removesuffix("\r\n") + "\n")


def _cell(value: Any) -> Any:
    """Spreadsheets run cells that begin like a formula. One that could call something is quoted;
    `@cf/llama` and `+1 555` stay what they are, since programs read this too.
    """
    if isinstance(value, str) and value[:1] in _FORMULA and any(c in value for c in "(|!"):
        return "'" + value
    return value
