"""The ledger: one row for every attempt that was sent, one for every request that was refused."""

import csv
from collections.abc import Iterable, Iterator
from contextlib import suppress
from decimal import Decimal, InvalidOperation
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
_MAX_INTEGER: Final = 2**63
_MAX_USD: Final = 10**15
_PICO: Final = Decimal("1e-12")
_MONEY: Final = frozenset({"cost_usd", "saved_usd"})
_INTEGERS: Final = frozenset(
    {"attempt", "stream", "status", "client_status", "latency_ms", "first_token_ms"}
    | {column for column in COLUMNS if column.endswith("_tokens")}
)
_FORMULA: Final = frozenset({"=", "+", "-", "@", "\t", "\r"})


class UnreadableRowError(ValueError):
    """A journal row that the ledger's columns cannot hold."""


def columns_of(row: JournalRow) -> tuple[Any, ...]:
    """A journal row's values in the order of `COLUMNS`; None where the row says nothing.

    Columns that it does not know are passed over: a newer worker may have written it.

    Raises:
        UnreadableRowError: it is not a JSON object, has no time, a number beyond 64 bits, or money
        that is no decimal of up to 15 whole digits and 12 places.
    """
    request_id, attempt, _, payload = row
    try:
        fields = _decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnreadableRowError(str(error)) from None
    if not isinstance(fields.get("time"), str):
        raise UnreadableRowError("it has no time")
    fields.update(request_id=request_id, attempt=attempt, stream=bool(fields.get("stream")))
    return tuple(_value(column, fields.get(column)) for column in COLUMNS)


def _value(column: str, value: Any) -> Any:
    """A value as every store can hold it: a scalar of the column's type; objects and lists as JSON.
    A store that refused a row would be offered the same one for ever.
    """
    if value is None:
        return None
    if column in _MONEY:
        return _money(column, value)
    if column in _INTEGERS:
        if not isinstance(value, int):
            raise UnreadableRowError(f"{column} is no whole number")
        if not -_MAX_INTEGER <= value < _MAX_INTEGER:
            raise UnreadableRowError(f"{column} is beyond 64 bits")
        return int(value)
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _money(column: str, value: Any) -> str:
    try:
        usd = Decimal(value) if isinstance(value, str) else Decimal("NaN")
    except InvalidOperation:
        usd = Decimal("NaN")
    if not usd.is_finite() or abs(usd) >= _MAX_USD or usd != usd.quantize(_PICO):
        raise UnreadableRowError(f"{column} is no sum of money")
    return format(usd, "f")


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
            with suppress(UnreadableRowError):
                yield (row[0], row[1]), columns_of(row)


def shown(values: tuple[Any, ...]) -> dict[str, Any]:
    """A row by its columns' names, as exports show it."""
    row = dict(zip(COLUMNS, values, strict=True))
    row["stream"] = bool(row["stream"])
    if row["metadata"]:
        row["metadata"] = msgspec.json.decode(row["metadata"])
    return row


def write_jsonl(rows: Iterable[dict[str, Any]], out: TextIO) -> None:
    """One JSON object a line; null is unknown."""
    out.writelines(msgspec.json.encode(row).decode() + "\n" for row in rows)


def write_csv(rows: Iterable[dict[str, Any]], out: TextIO) -> None:
    """RFC 4180 with a header, lines that end as text files' do; empty is unknown."""
    writer = csv.DictWriter(_Lines(out), COLUMNS, lineterminator="\r\n")
    writer.writeheader()
    for row in rows:
        row["stream"] = "true" if row["stream"] else "false"
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
