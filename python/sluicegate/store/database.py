"""What the tables ask of a database. Their SQL is one text for all: `?` stands for a value, and it
uses what SQLite and PostgreSQL agree on.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from sluicegate.accounting.ledger import JournalRow

Row = tuple[Any, ...]
Values = Sequence[Any]


class Transaction(Protocol):
    """Statements that hold together."""

    def execute(self, sql: str, values: Values = ()) -> list[Row]:
        """The rows of one statement; none where it gives none."""

    def execute_many(self, sql: str, values: Sequence[Values]) -> None:
        """One statement for each of many sets of values."""

    def put_rows(
        self, rows: Sequence[JournalRow], host: str | None, apart_until: str | None
    ) -> tuple[list[Row], list[tuple[int, str]]]:
        """Adds or replaces rows of the ledger, in the way that costs this database least.

        Returns:
            What it left: rows as values of `COLUMNS`, all of up to `apart_until` among them; and
            the places of those that no column can hold, with the reason.
        """

    def stream(self, sql: str, values: Values = ()) -> Iterator[Row]:
        """The same as `execute`, for more rows than memory should hold."""

    def hold_changes(self) -> None:
        """Until this transaction ends no change of the tables that administrators write is made."""


class Database(Protocol):
    """A database. Any thread may use it; every wait is bounded.

    Each method raises:
        StoreUnavailableError: it cannot be reached or does not answer; nothing was changed.
        SchemaError: its schema is not this version's.
        ConflictError: a row of that key is there already.
    """

    @property
    def is_empty(self) -> bool:
        """Whether it surely has nothing, so that reading need not make it."""

    def ask(self, sql: str, values: Values = ()) -> list[Row]:
        """The rows of one statement that stands alone; the cheapest way to ask."""

    def reading(self, timeout_s: float = ...) -> AbstractContextManager[Transaction]:
        """A transaction that sees one moment and changes nothing.

        Args: timeout_s: for one statement.
        """

    def writing(self, timeout_s: float = ...) -> AbstractContextManager[Transaction]:
        """A transaction that is kept at its end, and undone by any exception."""

    def total(self, column: str) -> str:
        """SQL of three sums (whole, millionths, million-millionths) that together are a column of
        exact decimals summed exactly.
        """

    def close(self) -> None:
        """Ends the connections that nobody uses."""
