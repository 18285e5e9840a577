"""All that is kept, on whichever database."""

import hmac
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final

import msgspec

from sluicegate.accounting.key_cache import KeyCache
from sluicegate.accounting.keys import MasterKeyError, fingerprint
from sluicegate.accounting.ledger import JournalRow
from sluicegate.accounting.limits import Limit
from sluicegate.store import records
from sluicegate.store.batches import Batches
from sluicegate.store.cache import Cache
from sluicegate.store.database import Database, Row, Transaction
from sluicegate.store.judged import Judged
from sluicegate.store.ledger import Ledger
from sluicegate.store.neighbours import Neighbours
from sluicegate.store.records import CREDENTIALS, KEYS, KILLED_RUNS, LIMITS, META, PROVIDER_KEYS
from sluicegate.store.responses import Responses
from sluicegate.store.savings import SavingsLedger
from sluicegate.store.sums import Sums
from sluicegate.store.vectors import Vectors

CHANGE_TIMEOUT_S: Final = 1.0
_FINGERPRINT: Final = "master_key_fingerprint"
_BUMP: Final = "UPDATE changes SET counter = counter + 1"


class StoredKey(msgspec.Struct, frozen=True, kw_only=True):
    """A credential that opens models, as the core's table has it."""

    digest: str
    name: str
    organisation: str
    team: str
    project: str
    user: str
    models: list[str] | None
    providers: list[str] | None
    routes: list[str] | None
    metadata: dict[str, Any]
    expires_at_ms: int | None
    revoked: bool
    cache: KeyCache | None = None


class Governance(msgspec.Struct, frozen=True, kw_only=True):
    """What the gateway must know of the store's content to serve, as it was at one moment."""

    change: int
    keys: tuple[StoredKey, ...]
    limits: tuple[records.StoredLimit, ...]
    killed_runs: tuple[records.KilledRun, ...]
    provider_keys: tuple[records.ProviderKey, ...] = ()


class Store:
    """Ledger, keys, limits, identities, runs. Any thread may use it; every wait is bounded.

    Every method raises `StoreError` of its own kinds; nothing was changed then.
    """

    def __init__(self, database: Database, host: str | None = None) -> None:
        """Args: database: opened on first use. host: whose rows are written."""
        self._database = database
        self.ledger = Ledger(database, host)
        self.responses = Responses(database)
        self.batches = Batches(database, self.ledger)
        self.cache = Cache(database)
        self.vectors = Vectors(database)
        self.neighbours = Neighbours(database)
        self.judged = Judged(database)
        self.savings = SavingsLedger(database)

    def close(self) -> None:
        """Ends the connections; a later use makes new ones."""
        self._database.close()

    # the ledger, as the drainer and the export use it

    def write(self, rows: Sequence[JournalRow]) -> None:
        """Adds or replaces rows, all or none."""
        self.ledger.write(rows)

    def rows(self) -> Iterator[Row]:
        """All rows, oldest first."""
        return self.ledger.rows()

    def spent(
        self, limit: Limit, since: str, host: str | None = None
    ) -> dict[tuple[str, ...], Sums]:
        """What a limit's scope used since its window began, on one host or on all, for each of its
        instances.
        """
        return self.ledger.spent(limit, since, host)

    def spent_by_host(self, limit: Limit, since: str) -> dict[tuple[str, ...], dict[str, Sums]]:
        """The same for each host."""
        return self.ledger.spent_by_host(limit, since)

    # what administrators write

    def reading(self) -> AbstractContextManager[Transaction]:
        """A look at one moment."""
        return self._database.reading()

    @contextmanager
    def changing(self, timeout_s: float = CHANGE_TIMEOUT_S) -> Iterator[Transaction]:
        """A change that all who poll `changes` will see. Changes come one after the other.

        Args: timeout_s: for one statement.
        """
        with self._database.writing(timeout_s) as transaction:
            transaction.execute(_BUMP)
            yield transaction

    def changes(self) -> int:
        """A number that every change makes larger; cheap enough to be asked all the time."""
        [(counter,)] = self._database.ask("SELECT counter FROM changes")
        return int(counter)

    def governance(self, now_ms: int, killed_within_ms: int) -> Governance:
        """All that serving needs, in one look.

        Args: killed_within_ms: runs that were ended longer ago are left out.
        """
        with self._database.reading() as transaction:
            [(change,)] = transaction.execute("SELECT counter FROM changes")
            return Governance(
                change=int(change),
                keys=tuple(_keys(transaction, now_ms)),
                limits=tuple(LIMITS.find(transaction)),
                provider_keys=tuple(PROVIDER_KEYS.find(transaction)),
                killed_runs=tuple(
                    each
                    for each in KILLED_RUNS.find(transaction)
                    if each.killed_at_ms >= now_ms - killed_within_ms
                ),
            )

    def load_keys(self, now_ms: int) -> list[StoredKey]:
        """Credentials that open models, but those that are over."""
        with self._database.reading() as transaction:
            return list(_keys(transaction, now_ms))

    def load_limits(self) -> list[records.StoredLimit]:
        """All limits."""
        with self._database.reading() as transaction:
            return LIMITS.find(transaction)

    def confirm_master_key(self, master: bytes) -> None:
        """Makes sure that digests are made with the key that made those in the store; the first
        key it is asked with is that one.

        Raises:
            MasterKeyError: it is another one.
        """
        own = fingerprint(master)
        with self._database.reading() as transaction:
            kept = META.get(transaction, _FINGERPRINT)
        if kept is None:
            with self._database.writing() as transaction:
                transaction.execute(
                    "INSERT INTO meta VALUES (?, ?) ON CONFLICT (name) DO NOTHING",
                    (_FINGERPRINT, own),
                )
                kept = META.get(transaction, _FINGERPRINT)
        if kept is None or not hmac.compare_digest(kept.value, own):
            raise MasterKeyError(
                "the store's keys were made with another master key: restore that one (master_key, "
                "or master.key in data_dir); with this one none of them would be known"
            )


def _keys(transaction: Transaction, now_ms: int) -> Iterator[StoredKey]:
    """A key's end is its credential's too; who administers asks no models."""
    by_id = {key.id: key for key in KEYS.find(transaction, {"role": ""})}
    for credential in CREDENTIALS.find(transaction):
        key = by_id.get(credential.key_id)
        if key is None:
            continue
        ends = [end for end in (key.expires_at_ms, credential.expires_at_ms) if end is not None]
        if ends and min(ends) <= now_ms:
            continue
        yield StoredKey(
            digest=credential.digest,
            name=key.name,
            organisation=key.organisation,
            team=key.team,
            project=key.project,
            user=key.user,
            models=key.models,
            providers=key.providers,
            routes=key.routes,
            metadata=key.metadata,
            expires_at_ms=min(ends, default=None),
            revoked=key.revoked_at_ms is not None,
            cache=key.cache,
        )
