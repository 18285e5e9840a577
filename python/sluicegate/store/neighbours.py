"""The nearest questions, found by PostgreSQL itself: its extension pgvector (0.8 or newer).

Vectors are put as bytes, as for every store; a column beside them has what the extension compares.
It is filled afterwards, by whoever comes by, so that rows of workers that know nothing of it are
found too.
"""

import re
import struct
from collections.abc import Sequence
from typing import Final, NamedTuple

from sluicegate.store.database import Database, Row
from sluicegate.store.errors import StoreError

SEARCH_TIMEOUT_S: Final = 1.0
FILL_TIMEOUT_S: Final = 10.0
"""For some rows, and for an index of a kind of vector that is new."""
ROWS_AT_ONCE: Final = 128
_OLDEST: Final = (0, 8)
"""The first version that goes on searching where rows of other scopes lie nearer."""
_MAX_OF_FLOATS: Final = 2000
_MAX_OF_HALVES: Final = 4000
"""Dimensions that an index takes, of 32-bit and of 16-bit floats."""
_LOCK: Final = 0x736C7569_76656374  # "sluivect"; any number that nobody else takes


class NoVectorsError(StoreError):
    """The database has no pgvector, or too old a one."""


class Neighbour(NamedTuple):
    """A question that was asked before."""

    key: bytes
    """Of the entry that answers it."""
    text: str
    similarity: float
    """The cosine."""


class Neighbours:
    """Of `cache_vectors`. Every method raises `StoreError`."""

    def __init__(self, database: Database) -> None:
        """Args: database: a PostgreSQL."""
        self._database = database
        self._column: int | None = None
        self._indexed: set[int] = set()

    def prepare(self, *, may_create: bool = True) -> None:
        """Makes the column where it is missing. Costs two looks where it is there.

        Args: may_create: makes the extension, too, where the database lets it.
        Raises:
            NoVectorsError: the extension is not there and cannot be made, or is too old.
        """
        version = self._version()
        if version is None:
            if not may_create:
                raise NoVectorsError(f"it has no pgvector: {_WANTED} in it")
            version = self._extended()
        numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:2])
        if numbers < _OLDEST:
            raise NoVectorsError(
                f"its pgvector is {version}, and 0.8 is needed: ALTER EXTENSION vector UPDATE"
            )
        if not self._has_column(self._database.ask(_COLUMN)):  # to make it locks the table
            with self._database.writing(FILL_TIMEOUT_S) as transaction:
                transaction.execute("SELECT pg_advisory_xact_lock(?)", (_LOCK,))
                if not transaction.execute(_COLUMN):
                    for statement in _MAKE_COLUMN:
                        transaction.execute(statement)
            self._has_column(self._database.ask(_COLUMN))

    def _has_column(self, found: list[Row]) -> bool:
        """Whether it is there. A column that was taken away, and its indexes with it, and made anew
        has another number.
        """
        column = int(found[0][0]) if found else None
        if column != self._column:
            self._column, self._indexed = column, set()
        return column is not None

    def _version(self) -> str | None:
        rows = self._database.ask("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
        return str(rows[0][0]) if rows else None

    def _extended(self) -> str:
        try:
            with self._database.writing(FILL_TIMEOUT_S) as transaction:
                transaction.execute("SELECT pg_advisory_xact_lock(?)", (_LOCK,))
                transaction.execute(_CREATE)
        except StoreError as error:
            if self._database.ask("SELECT 1 FROM pg_roles LIMIT 1"):  # it is not simply away
                raise NoVectorsError(f"it has no pgvector: {_WANTED} in it ({error})") from error
        version = self._version()
        if version is None:
            raise NoVectorsError(f"it has no pgvector: {_WANTED} in it")
        return version

    def fill(self) -> int:
        """Makes what is compared of some rows that lack it. Gives how many there were."""
        for (dimensions,) in self._database.ask(_NEW_KINDS, (ROWS_AT_ONCE,)):
            self._index(int(dimensions))
        with self._database.writing(FILL_TIMEOUT_S) as transaction:
            rows = transaction.execute(_UNFILLED, (ROWS_AT_ONCE,))
            made = [(_text(bytes(vector)), seq, seq) for seq, vector in rows]
            transaction.execute_many(_FILL, made)
        return len(rows)

    def _index(self, dimensions: int) -> None:
        """Before the first row of so many has something to be found by: it is empty then."""
        if dimensions in self._indexed or dimensions > _MAX_OF_HALVES:
            return
        kind = _kind(dimensions)
        with self._database.writing(FILL_TIMEOUT_S) as transaction:
            transaction.execute("SELECT pg_advisory_xact_lock(?)", (_LOCK,))
            transaction.execute(
                f"CREATE INDEX IF NOT EXISTS cache_vectors_near_{dimensions} ON cache_vectors "
                f"USING hnsw ((embedding::{kind}) {kind.partition('(')[0]}_cosine_ops) "
                f"WHERE vector_dims(embedding) = {dimensions}"
            )
        self._indexed.add(dimensions)

    def nearest(
        self, model_id: str, scope: bytes, vector: bytes, limit: int, now_ms: int
    ) -> list[Neighbour]:
        """The nearest of a scope that are not over, the nearest first; fewer where it has fewer.

        Args: vector: little-endian 32-bit floats.
        """
        asked, kind = _text(vector), _kind(len(vector) // 4)
        sql = (
            f"SELECT key, text, 1 - (embedding <=> {_cast('vector')}) FROM cache_vectors "  # noqa: S608
            "WHERE scope = ? AND model_id = ? AND expires_ms > ? AND embedded_seq = seq "
            f"AND vector_dims(embedding) = {len(vector) // 4} "
            f"ORDER BY (embedding::{kind}) <=> {_cast(kind)} LIMIT ?"
        )
        with self._database.reading(SEARCH_TIMEOUT_S) as transaction:
            transaction.execute("SET LOCAL hnsw.iterative_scan = strict_order")
            rows = transaction.execute(sql, (asked, scope, model_id, now_ms, asked, limit))
        found = [Neighbour(bytes(key), text, float(similarity)) for key, text, similarity in rows]
        return sorted(found, key=lambda each: -each.similarity)


def _kind(dimensions: int) -> str:
    """What is compared: whole floats as far as an index takes them."""
    return f"{'vector' if dimensions <= _MAX_OF_FLOATS else 'halfvec'}({dimensions})"


def _text(vector: bytes) -> str:
    """As the extension reads it."""
    numbers: Sequence[float] = struct.unpack(f"<{len(vector) // 4}f", vector)
    return f"[{','.join(map(repr, numbers))}]"


def _cast(kind: str) -> str:
    """A value as something of the extension's. It is sent as text: a statement that a connection
    knows with a type of its own goes wrong once that was made anew.
    """
    return f"CAST(CAST(? AS text) AS {kind})"


_WANTED: Final = "CREATE EXTENSION vector"
_CREATE: Final = "CREATE EXTENSION IF NOT EXISTS vector"
_MAKE_COLUMN: Final = (
    "ALTER TABLE cache_vectors ADD COLUMN embedding vector",
    # The number that the row had: another vector in its place has another. One from before the
    # extension was taken away, and its column with it, says nothing.
    "ALTER TABLE cache_vectors DROP COLUMN IF EXISTS embedded_seq",
    "ALTER TABLE cache_vectors ADD COLUMN embedded_seq BIGINT",
    "CREATE INDEX IF NOT EXISTS cache_vectors_scope ON cache_vectors (scope)",
    (
        "CREATE INDEX IF NOT EXISTS cache_vectors_unfilled ON cache_vectors (seq) "
        "WHERE embedded_seq IS DISTINCT FROM seq"
    ),
)
_COLUMN: Final = (
    "SELECT attnum FROM pg_attribute "
    "WHERE attrelid = 'cache_vectors'::regclass AND attname = 'embedding'"
)
_NEW_KINDS: Final = (
    "SELECT DISTINCT octet_length(vector) / 4 FROM (SELECT vector FROM cache_vectors "
    "WHERE embedded_seq IS DISTINCT FROM seq ORDER BY seq LIMIT ?) AS unfilled"
)
_UNFILLED: Final = (
    "SELECT seq, vector FROM cache_vectors WHERE embedded_seq IS DISTINCT FROM seq "
    "ORDER BY seq LIMIT ? FOR UPDATE SKIP LOCKED"
)
_FILL: Final = (
    f"UPDATE cache_vectors SET embedding = {_cast('vector')}, embedded_seq = ? WHERE seq = ?"  # noqa: S608
)
