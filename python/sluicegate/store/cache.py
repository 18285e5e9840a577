"""What the response cache keeps beyond a worker's memory, and what was purged of it.

An entry is dead where a purge that matches it has a higher epoch than the entry. Epochs come from
one counter of the store, so that all workers and hosts on it agree whatever their clocks say.
"""

import secrets
from collections.abc import Iterator, Sequence
from typing import Final, Literal, NamedTuple

import msgspec

from sluicegate.store.database import Database, Transaction

WRITE_TIMEOUT_S: Final = 5.0
"""Off the request path."""
ROWS_AT_ONCE: Final = 500
"""In one transaction that deletes: other writers wait for no more than some milliseconds."""
KEYS_AT_ONCE: Final = 100
"""In one question."""
_IDENTITY: Final = "cache_identity"
MAX_PURGES: Final = 10_000
"""That are told one by one. Of more the oldest become one of all that is as old."""

Kind = Literal["key", "tag", "model", "tenant", "namespace", "all"]
"""What a purge is of; `key` in hex, `model` by the name that was asked for or by `provider/model`,
`all` with an empty value.
"""


class Purge(NamedTuple):
    """The end of every entry that matches and has a lower epoch."""

    epoch: int
    kind: Kind
    value: str


class MadePurge(NamedTuple):
    """A purge, and when it was made."""

    purge: Purge
    made_ms: int


class Label(NamedTuple):
    """What is known of an entry, and what purges match."""

    key: bytes
    tenant: str
    namespace: str
    model: str
    target: str
    tags: Sequence[str]
    epoch: int
    """The highest that its worker knew when its request began."""

    def names(self) -> Iterator[tuple[Kind, str]]:
        """Kinds and values of all purges that would match."""
        yield "all", ""
        yield "key", self.key.hex()
        yield "tenant", self.tenant
        yield "namespace", self.namespace
        yield "model", self.model
        yield "model", self.target
        for tag in self.tags:
            yield "tag", tag


class Entry(msgspec.Struct, frozen=True):
    """An answer that is kept."""

    label: Label
    made_ms: int
    expires_ms: int
    """When it may not be used any more, however stale."""
    body: bytes


class Kept(NamedTuple):
    """How much there is."""

    entries: int
    bytes: int
    vectors: int


class Cache:
    """Entries and purges. Every method raises `StoreError`; nothing was changed then."""

    def __init__(self, database: Database) -> None:
        """Args: database: opened on first use."""
        self._database = database

    # entries

    def get(self, keys: Sequence[bytes], now_ms: int) -> dict[bytes, bytes]:
        """The bodies of those keys that have an entry which is not over."""
        found: dict[bytes, bytes] = {}
        if self._database.is_empty:
            return found
        for some in _pieces(keys, KEYS_AT_ONCE):
            sql = (
                f"SELECT key, body FROM cache_entries WHERE key IN ({_marks(some)}) "  # noqa: S608
                "AND expires_ms > ?"
            )
            rows = self._database.ask(sql, (*some, now_ms))
            found.update((bytes(key), bytes(body)) for key, body in rows)
        return found

    def put(self, entries: Sequence[Entry]) -> None:
        """Adds them. One of the same key takes an older one's place, but none of a higher epoch."""
        rows = [_row(each) for each in entries]
        with self._database.writing(WRITE_TIMEOUT_S) as transaction:
            transaction.execute_many(_UPSERT, rows)

    def delete(self, keys: Sequence[bytes]) -> None:
        """Forgets them."""
        for some in _pieces(keys, ROWS_AT_ONCE):
            with self._database.writing(WRITE_TIMEOUT_S) as transaction:
                _delete(transaction, some)

    def forget(self, purges: Sequence[Purge]) -> list[bytes]:
        """Deletes what is dead by these purges, some rows at a time. Gives their keys."""
        epochs = {(purge.kind, purge.value): purge.epoch for purge in purges}
        newest, after = max(epochs.values(), default=0), b""
        gone: list[bytes] = []
        while labels := self._labels(after, newest):
            dead = [
                label.key
                for label in labels
                if any(epochs.get(name, 0) > label.epoch for name in label.names())
            ]
            self.delete(dead)
            gone += dead
            after = labels[-1].key
        return gone

    def _labels(self, after: bytes, below_epoch: int) -> list[Label]:
        sql = (
            "SELECT key, tenant, namespace, model, target, tags, epoch FROM cache_entries "
            "WHERE key > ? AND epoch < ? ORDER BY key LIMIT ?"
        )
        rows = self._database.ask(sql, (after, below_epoch, ROWS_AT_ONCE))
        return [
            Label(bytes(key), tenant, namespace, model, target, msgspec.json.decode(tags), epoch)
            for key, tenant, namespace, model, target, tags, epoch in rows
        ]

    def expire(self, now_ms: int) -> int:
        """Deletes what is over, some rows at a time. Gives how many were."""
        sql = "SELECT key FROM cache_entries WHERE expires_ms <= ? LIMIT ?"
        gone = 0
        while over := self._database.ask(sql, (now_ms, ROWS_AT_ONCE)):
            self.delete([bytes(key) for (key,) in over])
            gone += len(over)
        return gone

    def shrink(self, max_bytes: int) -> int:
        """Deletes what expires first until the rest has no more bytes. Gives how many were."""
        [(total,)] = self._database.ask("SELECT COALESCE(SUM(bytes), 0) FROM cache_entries")
        beyond, gone = int(total) - max_bytes, 0
        sql = "SELECT key, bytes FROM cache_entries ORDER BY expires_ms LIMIT ?"
        while beyond > 0 and (first := self._database.ask(sql, (ROWS_AT_ONCE,))):
            keys = []
            for key, size in first:
                if beyond <= 0:
                    break
                keys.append(bytes(key))
                beyond -= int(size)
            self.delete(keys)
            gone += len(keys)
        return gone

    def kept(self) -> Kept:
        """How much there is."""
        if self._database.is_empty:
            return Kept(0, 0, 0)
        sql = (
            "SELECT COUNT(*), COALESCE(SUM(bytes), 0), (SELECT COUNT(*) FROM cache_vectors) "
            "FROM cache_entries"
        )
        [counts] = self._database.ask(sql)
        return Kept(*(int(count) for count in counts))

    # purges

    def identity(self) -> str:
        """Of the store whose epochs these are, hex; made on first use."""
        sql = "SELECT value FROM meta WHERE name = ?"
        if found := self._database.ask(sql, (_IDENTITY,)):
            return str(found[0][0])
        with self._database.writing() as transaction:
            transaction.execute(
                "INSERT INTO meta VALUES (?, ?) ON CONFLICT (name) DO NOTHING",
                (_IDENTITY, secrets.token_hex(8)),
            )
            [(value,)] = transaction.execute(sql, (_IDENTITY,))
            return str(value)

    def epoch(self) -> int:
        """That of the last purge; cheap enough to be asked all the time."""
        if self._database.is_empty:
            return 0
        sql = "SELECT value FROM cache_counters WHERE name = 'epoch'"
        [(value,)] = self._database.ask(sql)
        return int(value)

    def purges(self, since: int) -> list[Purge]:
        """Those with a higher epoch, in their order."""
        sql = "SELECT epoch, kind, value FROM cache_purges WHERE epoch > ? ORDER BY epoch"
        if self._database.is_empty:
            return []
        return [Purge(int(epoch), *rest) for epoch, *rest in self._database.ask(sql, (since,))]

    def last_purges(self, limit: int) -> list[MadePurge]:
        """Some, the newest first."""
        sql = "SELECT epoch, kind, value, made_ms FROM cache_purges ORDER BY epoch DESC LIMIT ?"
        if self._database.is_empty:
            return []
        rows = self._database.ask(sql, (limit,))
        return [MadePurge(Purge(epoch, kind, value), made) for epoch, kind, value, made in rows]

    def fold(self, before_ms: int, max_purges: int = MAX_PURGES) -> None:
        """Makes one purge of those that are older, and of the oldest where there are more: of all
        that is older than they are. Nothing that was purged can come back by it.
        """
        with self._database.writing(WRITE_TIMEOUT_S) as transaction:
            [(old,)] = transaction.execute(_NEWEST_OLD, (before_ms,))
            many = transaction.execute(_NEWEST_BEYOND, (max_purges,))
            epoch = max(old or 0, many[0][0] if many else 0)
            [(count,)] = transaction.execute(
                "SELECT COUNT(*) FROM cache_purges WHERE epoch <= ? AND kind <> 'all'", (epoch,)
            )
            if count:
                [(made_ms,)] = transaction.execute(
                    "SELECT made_ms FROM cache_purges WHERE epoch = ?", (epoch,)
                )
                transaction.execute("DELETE FROM cache_purges WHERE epoch <= ?", (epoch,))
                sql = f"{_PUT_PURGE} WHERE excluded.epoch > cache_purges.epoch"
                transaction.execute(sql, ("all", "", epoch, made_ms))

    # who looks after all this

    def claim_sweep(self, now_ms: int, until_ms: int) -> bool:
        """Whether it is time to sweep, and nobody else does; nobody else will until then."""
        sql = (
            "UPDATE cache_counters SET value = ? WHERE name = 'swept_until_ms' AND value <= ? "
            "RETURNING value"
        )
        with self._database.writing() as transaction:
            return bool(transaction.execute(sql, (until_ms, now_ms)))

    def forgotten(self) -> int:
        """The epoch up to which dead entries were deleted."""
        sql = "SELECT value FROM cache_counters WHERE name = 'forgotten'"
        [(value,)] = self._database.ask(sql)
        return int(value)

    def note_forgotten(self, epoch: int) -> None:
        """Notes that they were."""
        sql = "UPDATE cache_counters SET value = ? WHERE name = 'forgotten' AND value < ?"
        with self._database.writing() as transaction:
            transaction.execute(sql, (epoch, epoch))


def purge(transaction: Transaction, kind: Kind, value: str, now_ms: int) -> Purge:
    """A purge, with an epoch above all that were given. It is never below the clock's milliseconds,
    so that a store that was restored from a copy gives no number twice.
    """
    sql = (
        "UPDATE cache_counters SET value = CASE WHEN value < ? THEN ? ELSE value + 1 END "
        "WHERE name = 'epoch' RETURNING value"
    )
    [(epoch,)] = transaction.execute(sql, (now_ms, now_ms))
    if kind == "all":  # whatever the others end, this does
        transaction.execute("DELETE FROM cache_purges")
    transaction.execute(_PUT_PURGE, (kind, value, epoch, now_ms))
    return Purge(int(epoch), kind, value)


def _row(entry: Entry) -> tuple[object, ...]:
    key, *names, tags, epoch = entry.label
    texts = (*names, msgspec.json.encode(tags).decode())
    return key, *texts, epoch, entry.made_ms, entry.expires_ms, len(entry.body), entry.body


def _delete(transaction: Transaction, keys: Sequence[bytes]) -> None:
    transaction.execute(f"DELETE FROM cache_entries WHERE key IN ({_marks(keys)})", keys)  # noqa: S608


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))


def _pieces(keys: Sequence[bytes], size: int) -> Iterator[Sequence[bytes]]:
    for begin in range(0, len(keys), size):
        yield keys[begin : begin + size]


_COLUMNS: Final = (*Label._fields, "made_ms", "expires_ms", "bytes", "body")
_UPSERT: Final = (
    f"INSERT INTO cache_entries ({', '.join(_COLUMNS)}) VALUES ({_marks(_COLUMNS)}) "  # noqa: S608
    "ON CONFLICT (key) DO UPDATE SET "
    + ", ".join(f"{column} = excluded.{column}" for column in _COLUMNS[1:])
    + " WHERE excluded.epoch >= cache_entries.epoch"
)
_PUT_PURGE: Final = (
    "INSERT INTO cache_purges (kind, value, epoch, made_ms) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (kind, value) DO UPDATE SET epoch = excluded.epoch, made_ms = excluded.made_ms"
)
_NEWEST_OLD: Final = "SELECT MAX(epoch) FROM cache_purges WHERE made_ms < ? AND kind <> 'all'"
_NEWEST_BEYOND: Final = "SELECT epoch FROM cache_purges ORDER BY epoch DESC LIMIT 1 OFFSET ?"
