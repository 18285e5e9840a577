"""The embedded database: one SQLite file in WAL mode."""

import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from sluicegate import _core
from sluicegate.accounting.ledger import JournalRow
from sluicegate.store.database import Row, Transaction, Values
from sluicegate.store.errors import ConflictError, SchemaError, StoreUnavailableError
from sluicegate.store.migrate import is_current, migrate
from sluicegate.store.pool import Pool
from sluicegate.store.upsert import upsert

BUSY_TIMEOUT_MS: Final = 2000
"""Another process's write lock is waited for this long; then the rows wait in the journal."""
ROWS_A_STATEMENT: Final = 8
"""Of the ledger, where as many say something in the same columns. An insert of one costs a fifth
more; and Python binds a NULL at eight times the price of a value, so that none is bound.
"""
WAL_RETRY_S: Final = 0.02
MAX_WAL_BYTES: Final = 64 * 2**20
"""What stays of the write-ahead log once a checkpoint is through: a long reader lets it grow."""


class SqliteDatabase:
    """A file; made with mode 0600 on first use."""

    def __init__(self, path: Path, *, busy_timeout_ms: int = BUSY_TIMEOUT_MS) -> None:
        """Args: path: the file. Nothing is opened yet."""
        self._path = path
        self._busy_timeout_ms = busy_timeout_ms
        self._pool = Pool(
            self._connect, lambda each: not each.in_transaction, sqlite3.Connection.close
        )
        self._migrating = threading.Lock()
        self._is_present = False

    @property
    def is_empty(self) -> bool:
        """Whether there is no file yet."""
        return not self._path.exists()

    def ask(self, sql: str, values: Values = ()) -> list[Row]:
        """The rows of one statement."""
        with self._taken() as connection:
            return connection.execute(sql, values).fetchall()

    @contextmanager
    def reading(self, timeout_s: float = 0.0) -> Iterator[Transaction]:  # noqa: ARG002
        """A transaction that sees one moment. A reader waits for nobody, so there is no timeout."""
        with self._taken() as connection, _transaction(connection, "BEGIN") as transaction:
            yield transaction

    @contextmanager
    def writing(self, timeout_s: float = 0.0) -> Iterator[Transaction]:  # noqa: ARG002
        """A transaction that keeps other writers out; the wait for it is the busy timeout."""
        with self._taken() as connection, _transaction(connection, "BEGIN IMMEDIATE") as held:
            yield held

    def total(self, column: str) -> str:
        """Its sums end at 64 bits, so each is over small parts of the decimal text."""
        sign = f"CASE WHEN substr({column}, 1, 1) = '-' THEN -1 ELSE 1 END"
        point = f"instr({column}, '.')"
        digits = f"substr({column}, {point} + 1) || '000000000000'"
        part = f"CASE WHEN {point} THEN CAST(substr({digits}, %d, 6) AS INTEGER) ELSE 0 END"
        return f"SUM(CAST({column} AS INTEGER)), SUM({sign} * {part % 1}), SUM({sign} * {part % 7})"

    def close(self) -> None:
        """Ends the connections."""
        self._pool.close()

    @contextmanager
    def _taken(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._pool.taken() as connection:
                yield connection
        except sqlite3.IntegrityError as error:
            raise ConflictError(str(error)) from error
        except (sqlite3.Error, OSError) as error:
            raise StoreUnavailableError(str(error)) from error

    def _connect(self) -> sqlite3.Connection:
        if self.is_empty:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        try:
            connection.execute(f"PRAGMA busy_timeout = {self._busy_timeout_ms}")
            _keep_ahead_log(connection, self._busy_timeout_ms / 1000)
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(f"PRAGMA journal_size_limit = {MAX_WAL_BYTES}")
            with self._migrating:
                if not self._is_present:
                    if not _is_current(connection):
                        with _transaction(connection, "BEGIN IMMEDIATE") as transaction:
                            migrate(transaction, "sqlite", self._back_up)
                    self._is_present = True
        except BaseException:
            connection.close()
            raise
        return connection

    def _back_up(self, number: int) -> None:
        """A copy of the file as it is, beside it. The writer holds the lock, so nothing comes in
        between.
        """
        copy = self._path.with_name(f"{self._path.name}.schema-{number}.backup")
        whole = copy.with_name(f"{copy.name}.part")
        try:
            with suppress(FileNotFoundError):
                whole.unlink()
            os.close(os.open(whole, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            with (
                closing(sqlite3.connect(self._path)) as source,
                closing(sqlite3.connect(whole)) as target,
            ):
                source.backup(target)
            whole.replace(copy)
        except (sqlite3.Error, OSError) as error:
            raise SchemaError(
                f"the store needs a change of its schema, and no backup can be made first: {error}"
            ) from error


def _keep_ahead_log(connection: sqlite3.Connection, within_s: float) -> None:
    """Has the file written ahead. Of many that open a new one together SQLite refuses this to all
    but one at once, whatever its busy timeout says.
    """
    until_s = time.monotonic() + within_s
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > until_s:
                raise
            time.sleep(WAL_RETRY_S)
        else:
            return


class _Transaction:
    """A transaction of SQLite's."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, sql: str, values: Values = ()) -> list[Row]:
        return self._connection.execute(sql, values).fetchall()

    def execute_many(self, sql: str, values: Sequence[Values]) -> None:
        self._connection.executemany(sql, values)

    def put_rows(
        self, rows: Sequence[JournalRow], host: str | None, apart_until: str | None
    ) -> tuple[list[Row], list[tuple[int, str]]]:
        groups, left, unreadable = _core.ledger_groups(
            rows, ROWS_A_STATEMENT, host=host, apart_until=apart_until
        )
        for columns, values in groups:
            self._connection.executemany(upsert(columns, ROWS_A_STATEMENT), values)
        return left, unreadable

    def stream(self, sql: str, values: Values = ()) -> Iterator[Row]:
        yield from self._connection.execute(sql, values)

    def hold_changes(self) -> None:
        """A writer of SQLite is alone anyway."""


def _is_current(connection: sqlite3.Connection) -> bool:
    has_any = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'migrations'"
    transaction = _Transaction(connection)
    return bool(transaction.execute(has_any)) and is_current(transaction, "sqlite")


@contextmanager
def _transaction(connection: sqlite3.Connection, begin: str) -> Iterator[Transaction]:
    connection.execute(begin)
    try:
        yield _Transaction(connection)
        connection.execute("COMMIT")
    except BaseException:
        # Some failures, a full disk among them, have ended it already.
        if connection.in_transaction:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
        raise
