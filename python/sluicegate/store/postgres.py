"""A PostgreSQL server, by psycopg. Every wait is bounded on our side too: a server that is frozen
cannot keep its own time.
"""

import re
import select
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Any, Final

import psycopg
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus

from sluicegate import _core
from sluicegate.accounting.ledger import JournalRow
from sluicegate.store.database import Row, Transaction, Values
from sluicegate.store.errors import ConflictError, StoreUnavailableError
from sluicegate.store.migrate import is_current, migrate
from sluicegate.store.pool import Pool
from sluicegate.store.upsert import upsert_of_arrays

CONNECT_TIMEOUT_S: Final = 1.0
STATEMENT_TIMEOUT_S: Final = 1.0
MIGRATION_TIMEOUT_S: Final = 60.0
"""For a statement that changes the schema, and for another process that does so."""
SPARE_S: Final = 0.25
"""Longer than the server's own timeout, whose answer says more."""
_UPSERT: Final = upsert_of_arrays()
_MIGRATION_LOCK: Final = 0x736C7569_63656761  # "sluicega"; any number that nobody else takes


class _Patient(psycopg.Connection[Row]):
    """A connection that waits for its server only so long."""

    patience_s: float = STATEMENT_TIMEOUT_S + SPARE_S

    def wait(self, gen: PQGen[Any], interval: float = 0.1, timeout: float | None = None) -> Any:
        """What the server answers."""
        return super().wait(gen, interval, self.patience_s if timeout is None else timeout)


class PostgresDatabase:
    """A database of a server."""

    def __init__(self, url: str) -> None:
        """Args: url: `postgresql://user:password@host:port/database`. Nothing is opened yet."""
        self._url = url
        self._pool = Pool(self._connect, _is_good, _close)
        self._migrating = threading.Lock()
        self._is_present = False

    @property
    def is_empty(self) -> bool:
        """It may have something."""
        return False

    def ask(self, sql: str, values: Values = ()) -> list[Row]:
        """The rows of one statement."""
        with self._taken(STATEMENT_TIMEOUT_S) as connection:
            return _Transaction(connection).execute(sql, values)

    @contextmanager
    def reading(self, timeout_s: float = STATEMENT_TIMEOUT_S) -> Iterator[Transaction]:
        """A transaction that sees one moment."""
        with (
            self._taken(timeout_s) as connection,
            _transaction(connection, "ISOLATION LEVEL REPEATABLE READ READ ONLY", timeout_s) as it,
        ):
            yield it

    @contextmanager
    def writing(self, timeout_s: float = STATEMENT_TIMEOUT_S) -> Iterator[Transaction]:
        """A transaction that is kept at its end."""
        with (
            self._taken(timeout_s) as connection,
            _transaction(connection, "READ WRITE", timeout_s) as it,
        ):
            yield it

    def total(self, column: str) -> str:
        """Its sums of decimals have no bound; Python's would be rounded to 28 digits."""
        whole = f"TRUNC(SUM({column}))"
        return f"{whole}, 0, (SUM({column}) - {whole}) * 1000000000000"

    def close(self) -> None:
        """Ends the connections."""
        self._pool.close()

    @contextmanager
    def _taken(self, timeout_s: float) -> Iterator[_Patient]:
        try:
            with self._pool.taken() as connection:
                connection.patience_s = timeout_s + SPARE_S
                yield connection
        except psycopg.errors.UniqueViolation as error:
            raise ConflictError(str(error)) from error
        except psycopg.Error as error:
            raise StoreUnavailableError(_said(error)) from error

    def _connect(self) -> _Patient:
        connection = _connected(self._url)
        try:
            with self._migrating:
                if not self._is_present:
                    self._migrate(connection)
                    self._is_present = True
        except BaseException:
            _close(connection)
            raise
        return connection

    @staticmethod
    def _migrate(connection: _Patient) -> None:
        """One process changes the schema, others wait for it; a failure leaves all as it was."""
        if _is_current(connection):
            return
        connection.patience_s = MIGRATION_TIMEOUT_S + SPARE_S
        with _transaction(connection, "READ WRITE", MIGRATION_TIMEOUT_S) as transaction:
            transaction.execute("SELECT pg_advisory_xact_lock(?)", (_MIGRATION_LOCK,))
            migrate(transaction, "postgres")
        connection.patience_s = STATEMENT_TIMEOUT_S + SPARE_S


class _Transaction:
    """A transaction of PostgreSQL's."""

    def __init__(self, connection: _Patient) -> None:
        self._connection = connection

    def execute(self, sql: str, values: Values = ()) -> list[Row]:
        cursor = self._connection.execute(_ours(sql), [_storable(each) for each in values])
        return cursor.fetchall() if cursor.description else []

    def execute_many(self, sql: str, values: Sequence[Values]) -> None:
        with self._connection.cursor() as cursor:
            cursor.executemany(_ours(sql), [[_storable(each) for each in one] for one in values])

    def put_rows(
        self, rows: Sequence[JournalRow], host: str | None, apart_until: str | None
    ) -> tuple[list[Row], list[tuple[int, str]]]:
        # psycopg takes half a microsecond for each value; these are text already, one a column.
        arrays, left, unreadable = _core.ledger_arrays(rows, apart_until=apart_until)
        self.execute(_UPSERT, [host, *arrays])
        return left, unreadable

    def stream(self, sql: str, values: Values = ()) -> Iterator[Row]:
        with self._connection.cursor(name="stream") as cursor:
            cursor.itersize = 2000
            yield from cursor.execute(_ours(sql), [_storable(each) for each in values])

    def hold_changes(self) -> None:
        self.execute("SELECT counter FROM changes FOR SHARE")


def _is_current(connection: _Patient) -> bool:
    transaction = _Transaction(connection)
    [(has_any,)] = transaction.execute("SELECT to_regclass('migrations') IS NOT NULL")
    return bool(has_any) and is_current(transaction, "postgres")


@contextmanager
def _transaction(connection: _Patient, mode: str, timeout_s: float) -> Iterator[Transaction]:
    timeout_ms = int(timeout_s * 1000)
    connection.execute(f"BEGIN {mode}; SET LOCAL statement_timeout = {timeout_ms}")
    try:
        yield _Transaction(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.pgconn.transaction_status in _OPEN:
            with suppress(psycopg.Error):
                connection.execute("ROLLBACK")
        raise


_OPEN: Final = (TransactionStatus.INTRANS, TransactionStatus.INERROR)


def _connected(url: str) -> _Patient:
    """A new connection. libpq's own timeout is 2 s at the least, so a thread waits in our place."""
    made: list[_Patient | psycopg.Error] = []
    is_late = threading.Event()

    def connect() -> None:
        try:
            connection = _Patient.connect(
                url, autocommit=True, connect_timeout=2, application_name="sluicegate"
            )
        except psycopg.Error as error:
            made.append(error)
            return
        made.append(connection)
        if is_late.is_set():
            _close(connection)

    thread = threading.Thread(target=connect, name="sluicegate-connect", daemon=True)
    thread.start()
    thread.join(CONNECT_TIMEOUT_S)
    if not made:
        is_late.set()
        raise StoreUnavailableError(f"PostgreSQL gives no connection in {CONNECT_TIMEOUT_S:g} s")
    [result] = made
    if isinstance(result, psycopg.Error):
        raise result
    return result


def _is_good(connection: _Patient) -> bool:
    """Whether it is idle, and the server has not hung up meanwhile."""
    if connection.closed or connection.pgconn.transaction_status != TransactionStatus.IDLE:
        return False
    readable, _, _ = select.select([connection.fileno()], [], [], 0)
    return not readable


def _close(connection: _Patient) -> None:
    # `close` says goodbye, which a frozen server never takes; this only lets go.
    connection.pgconn.finish()


def _said(error: psycopg.Error) -> str:
    """What the server says, on one line; libpq's own texts name hosts and never a password."""
    return " ".join(str(error).split()) or type(error).__name__


def _storable(value: Any) -> Any:
    """PostgreSQL's text holds every character but one."""
    return value.replace("\0", "\ufffd") if isinstance(value, str) else value


@lru_cache(maxsize=256)
def _ours(text: str) -> str:
    """A statement with psycopg's own placeholders. Statements are constants of ours: no value is
    ever part of one.
    """
    return re.sub(r"\?", "%s", text.replace("%", "%%"))
