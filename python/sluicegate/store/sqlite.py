"""The embedded store: one SQLite file in WAL mode."""

import logging
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from sluicegate.accounting.ledger import COLUMNS, JournalRow, UnreadableRowError, columns_of
from sluicegate.store.migrate import migrate

log = logging.getLogger("sluicegate")

BUSY_TIMEOUT_MS: Final = 2000
"""Another process's write lock is waited for this long; then the rows wait in the journal."""

_NAMES: Final = ", ".join(f'"{column}"' for column in COLUMNS)
_UPSERT: Final = (
    f"INSERT INTO ledger ({_NAMES}) VALUES ({', '.join('?' * len(COLUMNS))}) "  # noqa: S608
    f"ON CONFLICT (request_id, attempt) DO UPDATE SET "
    + ", ".join(
        f'"{column}" = excluded."{column}"'
        for column in COLUMNS
        if column not in ("request_id", "attempt")
    )
)


class SqliteStore:
    """Rows of the ledger. One thread uses it; the connection is made on first use."""

    def __init__(self, path: Path) -> None:
        """Args: path: the file; made with mode 0600 where it is not there."""
        self._path = path
        self._connection: sqlite3.Connection | None = None

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            if not self._path.exists():
                self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
            connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
            connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            migrate(connection)
            self._connection = connection
        return self._connection

    def write(self, rows: list[JournalRow]) -> None:
        """Adds or replaces rows, all or none. A row that no column can hold is set aside and
        logged: it would hold up all that come after it.

        Raises:
            sqlite3.Error: nothing was written.
        """
        if not rows:
            return
        connection = self._open()
        connection.execute("BEGIN IMMEDIATE")
        try:
            for row in rows:
                self._write_row(connection, row)
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    @staticmethod
    def _write_row(connection: sqlite3.Connection, row: JournalRow) -> None:
        try:
            connection.execute(_UPSERT, columns_of(row))
        except UnreadableRowError as error:
            request_id, attempt, _, payload = row
            log.error("ledger row %s/%d is set aside: %s", request_id, attempt, error)
            connection.execute(
                "INSERT OR REPLACE INTO unreadable VALUES (?, ?, ?)", (request_id, attempt, payload)
            )

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """All rows, oldest first; none where there is no file yet."""
        if not self._path.exists():
            return
        yield from self._open().execute(
            f"SELECT {_NAMES} FROM ledger ORDER BY time, request_id, attempt"  # noqa: S608
        )

    def close(self) -> None:
        """Ends the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
