"""The vectors of the semantic cache, from which every worker makes its index."""

from collections.abc import Sequence
from typing import Final

import msgspec

from sluicegate.store.cache import Label
from sluicegate.store.database import Database

WRITE_TIMEOUT_S: Final = 5.0
ROWS_AT_ONCE: Final = 1000
LAST: Final = 2**63 - 1
"""No row has a higher number."""
_COLUMNS: Final = (
    "model_id, scope, key, expires_ms, text, vector, tenant, namespace, model, target, tags, epoch"
)


class NewVector(msgspec.Struct, frozen=True, kw_only=True):
    """A vector of a question whose answer is in the cache."""

    model_id: str
    """Of the embedder, its version in it: vectors of two are never compared."""
    scope: bytes
    """A digest of all that must agree exactly."""
    label: Label
    """Of the entry that answers it."""
    expires_ms: int
    text: str
    vector: bytes


class StoredVector(NewVector, frozen=True, kw_only=True):
    """The same as it is kept."""

    seq: int
    """Higher for each that is put."""


class Vectors:
    """All of them. Every method raises `StoreError`; nothing was changed then."""

    def __init__(self, database: Database) -> None:
        """Args: database: opened on first use."""
        self._database = database

    def put(self, vectors: Sequence[NewVector]) -> None:
        """Adds them; one of the same model and key takes the older one's place."""
        with self._database.writing(WRITE_TIMEOUT_S) as transaction:
            [(last,)] = transaction.execute(
                "UPDATE cache_counters SET value = value + ? WHERE name = 'vector' RETURNING value",
                (len(vectors),),
            )
            first = int(last) - len(vectors) + 1
            rows = [(seq, *_values(each)) for seq, each in enumerate(vectors, start=first)]
            transaction.execute_many(_UPSERT, rows)

    def since(self, seq: int, now_ms: int, limit: int = ROWS_AT_ONCE) -> list[StoredVector]:
        """Some that were put later and are not over, in their order."""
        if self._database.is_empty:
            return []
        sql = (
            f"SELECT seq, {_COLUMNS} FROM cache_vectors "  # noqa: S608
            "WHERE seq > ? AND expires_ms > ? ORDER BY seq LIMIT ?"
        )
        rows = self._database.ask(sql, (seq, now_ms, limit))
        return [_vector(*row) for row in rows]

    def last(self) -> int:
        """The number of what was put last."""
        if self._database.is_empty:
            return 0
        [(value,)] = self._database.ask("SELECT value FROM cache_counters WHERE name = 'vector'")
        return int(value)

    def delete(self, keys: Sequence[bytes], until: int = LAST) -> None:
        """Forgets those of some entries. Args: until: none that was put behind this one."""
        for begin in range(0, len(keys), ROWS_AT_ONCE):
            some = keys[begin : begin + ROWS_AT_ONCE]
            marks = ", ".join("?" * len(some))
            sql = f"DELETE FROM cache_vectors WHERE key IN ({marks}) AND seq <= ?"  # noqa: S608
            with self._database.writing(WRITE_TIMEOUT_S) as transaction:
                transaction.execute(sql, (*some, until))

    def prune(self, now_ms: int, max_vectors: int) -> None:
        """Forgets those that are over, and the oldest of more, some rows at a time."""
        over = "SELECT seq FROM cache_vectors WHERE expires_ms <= ? LIMIT ?"
        while rows := self._database.ask(over, (now_ms, ROWS_AT_ONCE)):
            marks = ", ".join("?" * len(rows))
            with self._database.writing(WRITE_TIMEOUT_S) as transaction:
                transaction.execute(
                    f"DELETE FROM cache_vectors WHERE seq IN ({marks})",  # noqa: S608
                    [seq for (seq,) in rows],
                )
        self._drop_until(self.before_newest(max_vectors))

    def before_newest(self, count: int) -> int:
        """The number of the last row before the newest; 0 where there are no more than those."""
        if self._database.is_empty:
            return 0
        sql = "SELECT seq FROM cache_vectors ORDER BY seq DESC LIMIT 1 OFFSET ?"
        rows = self._database.ask(sql, (count,))
        return int(rows[0][0]) if rows else 0

    def _drop_until(self, last: int) -> None:
        sql = "SELECT MIN(seq) FROM cache_vectors"
        while (first := self._database.ask(sql)[0][0]) is not None and first <= last:
            until = min(first + ROWS_AT_ONCE, last)
            with self._database.writing(WRITE_TIMEOUT_S) as transaction:
                transaction.execute("DELETE FROM cache_vectors WHERE seq <= ?", (until,))


def _values(vector: NewVector) -> tuple[object, ...]:
    key, *names, tags, epoch = vector.label
    asked = vector.model_id, vector.scope, key, vector.expires_ms, vector.text, vector.vector
    return *asked, *names, msgspec.json.encode(list(tags)).decode(), epoch


def _vector(
    seq: int,
    model_id: str,
    scope: bytes,
    key: bytes,
    expires_ms: int,
    text: str,
    vector: bytes,
    tenant: str,
    namespace: str,
    model: str,
    target: str,
    tags: str,
    epoch: int,
) -> StoredVector:
    named = msgspec.json.decode(tags, type=list[str])
    return StoredVector(
        seq=seq,
        model_id=model_id,
        scope=bytes(scope),
        label=Label(bytes(key), tenant, namespace, model, target, named, epoch),
        expires_ms=expires_ms,
        text=text,
        vector=bytes(vector),
    )


_UPDATED: Final = ", ".join(
    f"{name} = excluded.{name}"
    for name in ("seq", *_COLUMNS.split(", "))
    if name not in ("model_id", "key")
)
_MARKS: Final = ", ".join("?" * (1 + len(_COLUMNS.split(", "))))
_UPSERT: Final = (
    f"INSERT INTO cache_vectors (seq, {_COLUMNS}) VALUES ({_MARKS}) "  # noqa: S608
    f"ON CONFLICT (model_id, key) DO UPDATE SET {_UPDATED}"
)
