"""The ledger: one row for every attempt that was sent, one for every request that was refused."""

import csv
from collections.abc import Iterable, Iterator
from typing import Any, Final, Protocol, TextIO

import msgspec

COLUMNS: Final = (
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
)
"""The export's columns, in its order. Tokens are counts, times RFC 3339 in UTC or milliseconds;
empty is unknown.
"""

JournalRow = tuple[str, int, str, bytes]
"""`(request_id, attempt, kind, payload)`: `settled`, `unknown` (its process died) or `released`
(never sent).
"""

_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode


def columns_of(row: JournalRow) -> tuple[Any, ...]:
    """A journal row's values in the order of `COLUMNS`. Columns that it does not know are None."""
    fields = _decode(row[3])
    metadata = fields.get("metadata")
    if metadata is not None:
        fields["metadata"] = msgspec.json.encode(metadata).decode()
    fields["stream"] = int(fields.get("stream", False))
    return tuple(fields.get(column) for column in COLUMNS)


class Rows(Protocol):
    """A store of rows."""

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """All rows, oldest first, values in the order of `COLUMNS`."""


def merged(store: Rows, journal: Iterable[JournalRow]) -> Iterator[dict[str, Any]]:
    """All rows once: those of the store, and those of the journal that it does not have yet or that
    are newer.
    """
    waiting = {(row[0], row[1]): columns_of(row) for row in journal if row[2] != "released"}
    for values in store.rows():
        newer = waiting.pop((values[0], values[2]), None)
        yield _shown(newer or values)
    for values in waiting.values():
        yield _shown(values)


def _shown(values: tuple[Any, ...]) -> dict[str, Any]:
    row = dict(zip(COLUMNS, values, strict=True))
    row["stream"] = bool(row["stream"])
    if row["metadata"]:
        row["metadata"] = msgspec.json.decode(row["metadata"])
    return row


def write_jsonl(rows: Iterable[dict[str, Any]], out: TextIO) -> None:
    """One JSON object a line; null is unknown."""
    out.writelines(msgspec.json.encode(row).decode() + "\n" for row in rows)


def write_csv(rows: Iterable[dict[str, Any]], out: TextIO) -> None:
    """RFC 4180 with a header; empty is unknown."""
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        row["stream"] = "true" if row["stream"] else "false"
        if row["metadata"] is not None:
            row["metadata"] = msgspec.json.encode(row["metadata"]).decode()
        writer.writerow({key: _cell(value) for key, value in row.items()})


def _cell(value: Any) -> Any:
    """Spreadsheets run cells that begin like a formula."""
    if isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r"}:
        return "'" + value
    return value
