"""The statements that add or replace rows of the ledger."""

from functools import lru_cache
from typing import Final

from sluicegate import _core
from sluicegate.accounting.ledger import COLUMNS

STORED: Final = (*COLUMNS, "host")
"""The table's columns."""
_KEY: Final = ("request_id", "attempt")
_REPLACE: Final = "ON CONFLICT (request_id, attempt) DO UPDATE SET " + ", ".join(
    f'"{column}" = excluded."{column}"' for column in STORED if column not in _KEY
)
_POSTGRES_TYPES: Final = {
    "text": "text",
    "json": "text",
    "integer": "bigint",
    "money": "numeric",
}


@lru_cache(maxsize=256)
def upsert(columns: tuple[str, ...], rows: int = 1) -> str:
    """Takes the values of some columns, of some rows one after the other. What it does not name is
    NULL afterwards.
    """
    values = ", ".join([f"({', '.join('?' * len(columns))})"] * rows)
    return f"INSERT INTO ledger ({_names(columns)}) VALUES {values} {_REPLACE}"  # noqa: S608


def upsert_of_arrays() -> str:
    """PostgreSQL's: takes the host, then an array of each of `COLUMNS`, all of the same length."""
    arrays = ", ".join(f"?::{_POSTGRES_TYPES[kind]}[]" for _, kind in _core.LEDGER_COLUMNS)
    return (
        f'INSERT INTO ledger ("host", {_names(COLUMNS)}) '  # noqa: S608
        f"SELECT ?::text, * FROM unnest({arrays}) {_REPLACE}"
    )


def _names(columns: tuple[str, ...]) -> str:
    return ", ".join(f'"{column}"' for column in columns)
