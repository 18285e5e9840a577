"""The nearest questions, found by PostgreSQL itself: its extension pgvector (0.8 or newer).

Vectors are put as bytes, as for every store; a column beside them has what the extension compares.
It is filled afterwards, by whoever comes by, so that rows of workers that know nothing of it are
found too.
"""

import re
import struct
from collections.abc import Sequence
from typing import Final, NamedTuple

from sluicegate.store.database import Database
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
        self._indexed: set[int] = set()

    def prepare(self) -> None:
        """Makes the column where it is missing.

        Raises:
            NoVectorsError: the extension is not there and cannot be made, or is too old.
        """
        version = self._version()
        if version is None:
            version = self._extended()
        numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:2])
        if numbers < _OLDEST:
            raise NoVectorsError(
                f"its pgvector is {version}, and 0.8 is needed: ALTER EXTENSION vector UPDATE"
            )
        if self._database.ask(_HAS_COLUMN)[0][0]:
            return  # to look again would lock the table
        with self._database.writing(FILL_TIMEOUT_S) as transaction:
            transaction.execute("SELECT pg_advisory_xact_lock(?)", (_LOCK,))
            for statement in _COLUMN:
                transaction.execute(statement)

    def _version(self) -> str | None:
        rows = self._database.ask("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
        return str(rows[0][0]) if rows else None

    def _extended(self) -> str:
        try:
            with self._database.writing(FILL_TIMEOUT_S) as transaction:
                transaction.execute("SELECT pg_advisory_xact_lock(?)", (_LOCK,))
                transaction.execute("CREATE EXTENSION IF NOT EXISTS vector")
        except StoreError as error:
            if self._database.ask("SELECT 1 FROM pg_roles LIMIT 1"):  # it is not simply away
                raise NoVectorsError(
                    f"it has no pgvector: CREATE EXTENSION vector in it ({error})"
                ) from error
        version = self._version()
        if version is None:
            raise NoVectorsError("it has no pgvector: CREATE EXTENSION vector in it")
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
            "SELECT key, text, 1 - (embedding <=> CAST(? AS vector)) FROM cache_vectors "  # noqa: S608
            "WHERE scope = ? AND model_id = ? AND expires_ms > ? AND embedded_seq = seq "
            f"AND vector_dims(embedding) = {len(vector) // 4} "
            f"ORDER BY (embedding::{kind}) <=> CAST(? AS {kind}) LIMIT ?"
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


_COLUMN: Final = (
    "ALTER TABLE cache_vectors ADD COLUMN IF NOT EXISTS embedding vector",
    # The number that the row had: another vector in its place has another.
    "ALTER TABLE cache_vectors ADD COLUMN IF NOT EXISTS embedded_seq BIGINT",
    "CREATE INDEX IF NOT EXISTS cache_vectors_scope ON cache_vectors (scope)",
    (
        "CREATE INDEX IF NOT EXISTS cache_vectors_unfilled ON cache_vectors (seq) "
        "WHERE embedded_seq IS DISTINCT FROM seq"
    ),
)
_HAS_COLUMN: Final = (
    "SELECT EXISTS (SELECT 1 FROM pg_attribute WHERE attrelid = 'cache_vectors'::regclass "
    "AND attname = 'embedded_seq')"
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
    "UPDATE cache_vectors SET embedding = CAST(? AS vector), embedded_seq = ? WHERE seq = ?"
)
