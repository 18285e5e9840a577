"""Files and batches of tenants. What is held for a batch stands in the ledger as a row of its own
until its lines have theirs: each change of both is one transaction, so that no crash counts a line
twice or never.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec

from sluicegate.accounting.ledger import JournalRow
from sluicegate.store.database import Database, Transaction
from sluicegate.store.ledger import Ledger
from sluicegate.store.tables import Table

WRITE_TIMEOUT_S: Final = 10.0
HOLD_ATTEMPT: Final = 2
"""The row of what is held; the first is the request that began the batch, lines come behind."""
ROWS_AT_ONCE: Final = 2000
"""In one transaction: other writers wait for no more than a few tenths of a second."""

Page = tuple[int, str]
"""When something was made, and its id: where a page ended."""


class StoredFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file. `provider` is empty where the gateway keeps it itself."""

    tenant: str
    id: str
    provider: str
    provider_key: str
    upstream_id: str
    purpose: str
    filename: str
    bytes: int
    created_at_ms: int
    expires_at_ms: int | None


class StoredLine(msgspec.Struct, frozen=True, array_like=True):
    """One line of a batch: what its row needs when it is answered."""

    custom_id: str
    asked: str
    """The name that was asked for."""
    model: str
    """The provider's name for it."""
    input_tokens: int
    output_tokens: int
    """At most, both."""
    pico_usd: int | None
    """At most; None where its model has no price."""


class StoredBatch(msgspec.Struct, frozen=True, kw_only=True):
    """A batch. `state` is `beginning` until its provider has taken it, `open` until its end was
    seen, `over` when its lines have their rows.
    """

    tenant: str
    id: str
    provider: str
    provider_key: str
    upstream_id: str
    form: str
    """Of its provider's batches."""
    dialect: str
    """Whose clients see it: OpenAI's or Anthropic's."""
    request_id: str
    created_at_ms: int
    state: str
    is_corrected: int
    """Whether the counters of its host's limits know what it used."""
    host: str
    leased_until_ms: int
    next_look_ms: int
    held: list[int]
    """Tokens in, tokens out, pico-dollars."""
    used: list[int]
    shown: dict[str, Any]
    """As its client sees it."""
    open_row: dict[str, Any]
    """Of the ledger: whose it is, and where it went."""
    bearer: dict[str, Any]
    """Under whose limits it falls, in the core's words."""
    lines: list[StoredLine]


_FILES: Final = Table("files", StoredFile, ("tenant", "id"))
_BATCHES: Final = Table("batches", StoredBatch, ("tenant", "id"))


class Batches:
    """All of them. Every method raises `StoreError`; nothing was changed then."""

    def __init__(self, database: Database, ledger: Ledger) -> None:
        """Args: database: opened on first use."""
        self._database = database
        self._ledger = ledger

    # files

    def put_file(self, file: StoredFile, pieces: Iterable[bytes] = ()) -> None:
        """Adds one; one of the same id takes the older one's place."""
        with self._database.writing(WRITE_TIMEOUT_S) as transaction:
            _put_file(transaction, file, pieces)

    def file(self, tenant: str, file_id: str) -> StoredFile | None:
        """A tenant's own."""
        if self._database.is_empty:
            return None
        with self._database.reading() as transaction:
            return _FILES.get(transaction, tenant, file_id)

    def files(
        self, tenant: str, purpose: str | None, before: Page | None, limit: int, *, oldest: bool
    ) -> list[StoredFile]:
        """A page of a tenant's own, newest first unless `oldest`."""
        if self._database.is_empty:
            return []
        where = {"tenant": tenant} | ({} if purpose is None else {"purpose": purpose})
        with self._database.reading() as transaction:
            return _FILES.page(transaction, where, before, limit, oldest=oldest)

    def pieces(self, file_id: str) -> Iterator[bytes]:
        """What the gateway keeps of a file, a piece for each look at the store."""
        for number in range(1 << 31):
            found = self._database.ask(
                "SELECT content FROM file_pieces WHERE file_id = ? AND number = ?",
                (file_id, number),
            )
            if not found:
                return
            yield bytes(found[0][0])

    def kept_bytes(self, tenant: str) -> int:
        """Of all that the gateway keeps for a tenant."""
        if self._database.is_empty:
            return 0
        sql = "SELECT COALESCE(SUM(bytes), 0) FROM files WHERE tenant = ? AND provider = ''"
        [(total,)] = self._database.ask(sql, (tenant,))
        return int(total)

    def delete_file(self, tenant: str, file_id: str) -> None:
        """Forgets one."""
        with self._database.writing(WRITE_TIMEOUT_S) as transaction:
            _FILES.delete(transaction, {"tenant": tenant, "id": file_id})
            transaction.execute("DELETE FROM file_pieces WHERE file_id = ?", (file_id,))

    # batches

    def begin(self, batch: StoredBatch, hold: JournalRow) -> None:
        """Adds one that is about to go to its provider, and what is held for it."""
        with self._database.writing(WRITE_TIMEOUT_S) as transaction:
            self._ledger.put(transaction, [hold], batch.host)
            _BATCHES.add(transaction, batch)

    def abandon(self, batch: StoredBatch) -> None:
        """Forgets one that its provider did not take, and what was held for it."""
        with self._database.writing(WRITE_TIMEOUT_S) as transaction:
            _release(transaction, batch)
            _BATCHES.delete(transaction, {"tenant": batch.tenant, "id": batch.id})

    def replace(self, batch: StoredBatch) -> None:
        """Puts one in the place of what is known of it, unless that is over."""
        with self._database.writing(WRITE_TIMEOUT_S) as transaction:
            if _is_open(transaction, batch):
                _BATCHES.replace(transaction, batch)

    def batch(self, tenant: str, batch_id: str) -> StoredBatch | None:
        """A tenant's own, of whatever dialect."""
        if self._database.is_empty:
            return None
        with self._database.reading() as transaction:
            return _BATCHES.get(transaction, tenant, batch_id)

    def batches(
        self, tenant: str, dialect: str, before: Page | None, limit: int, *, oldest: bool = False
    ) -> list[StoredBatch]:
        """A page of a tenant's own for clients of a dialect, newest first unless `oldest`."""
        if self._database.is_empty:
            return []
        with self._database.reading() as transaction:
            where = {"tenant": tenant, "dialect": dialect}
            return _BATCHES.page(transaction, where, before, limit, oldest=oldest)

    def disown_batch(self, batch: StoredBatch) -> None:
        """Takes one from its tenant, with what came of it; the ledger keeps its rows."""
        with self._database.writing() as transaction:
            transaction.execute(
                "UPDATE batches SET tenant = '' WHERE tenant = ? AND id = ?",
                (batch.tenant, batch.id),
            )
            for name in ("output_file_id", "error_file_id"):
                _FILES.delete(transaction, {"tenant": batch.tenant, "id": batch.shown.get(name)})

    def claim(self, now_ms: int, until_ms: int, limit: int) -> list[StoredBatch]:
        """Batches that it is time to look at, for nobody else to look at until then."""
        if self._database.is_empty:
            return []
        sql = (
            "SELECT tenant, id FROM batches WHERE state <> 'over' AND next_look_ms <= ? "
            "AND leased_until_ms <= ? ORDER BY next_look_ms LIMIT ?"
        )
        due = self._database.ask(sql, (now_ms, now_ms, limit))
        claimed = (self.claim_one(tenant, name, now_ms, until_ms) for tenant, name in due)
        return [batch for batch in claimed if batch is not None]

    def claim_one(
        self, tenant: str, batch_id: str, now_ms: int, until_ms: int
    ) -> StoredBatch | None:
        """One that is not over, for nobody else to look at until then; None where somebody does."""
        sql = (
            "UPDATE batches SET leased_until_ms = ? WHERE tenant = ? AND id = ? "
            "AND state <> 'over' AND leased_until_ms <= ? RETURNING id"
        )
        with self._database.writing() as transaction:
            if not transaction.execute(sql, (until_ms, tenant, batch_id, now_ms)):
                return None
            return _BATCHES.get(transaction, tenant, batch_id)

    def settle(
        self, batch: StoredBatch, rows: Sequence[JournalRow], files: Iterable[StoredFile]
    ) -> bool:
        """Ends one: its lines have their rows, and nothing is held for it. False where somebody
        else has done it. A row that is there already is written again as it was, so that whoever
        begins anew counts nothing twice.
        """
        for begin in range(0, len(rows), ROWS_AT_ONCE):
            with self._database.writing(WRITE_TIMEOUT_S) as transaction:
                if not _is_open(transaction, batch):
                    return False
                self._ledger.put(transaction, rows[begin : begin + ROWS_AT_ONCE], batch.host)
        with self._database.writing(WRITE_TIMEOUT_S) as transaction:
            if not _is_open(transaction, batch):
                return False
            for file in files:
                _put_file(transaction, file, ())
            _release(transaction, batch)
            _BATCHES.replace(transaction, batch)
        return True

    def uncorrected(self, host: str) -> list[StoredBatch]:
        """Batches of a host that are over, and of which the counters of its limits do not know."""
        if self._database.is_empty:
            return []
        sql = (
            "SELECT tenant, id FROM batches WHERE host = ? AND state = 'over' AND is_corrected = 0"
        )
        found = [self.batch(tenant, name) for tenant, name in self._database.ask(sql, (host,))]
        return [batch for batch in found if batch is not None]

    def correct(self, batch: StoredBatch) -> bool:
        """Notes that the counters know of it; False where somebody else did."""
        sql = (
            "UPDATE batches SET is_corrected = 1 WHERE tenant = ? AND id = ? AND is_corrected = 0 "
            "RETURNING id"
        )
        with self._database.writing() as transaction:
            return bool(transaction.execute(sql, (batch.tenant, batch.id)))

    def know_all(self, host: str) -> None:
        """The counters of a host were made anew of what the ledger knows by now: nobody who ran on
        it lives.
        """
        if self._database.is_empty:
            return
        sql = "UPDATE batches SET is_corrected = 1 WHERE host = ? AND state = 'over'"
        free = "UPDATE batches SET leased_until_ms = 0 WHERE host = ? AND state <> 'over'"
        with self._database.writing() as transaction:
            transaction.execute(sql, (host,))
            transaction.execute(free, (host,))

    def prune(self, now_ms: int, before_ms: int) -> None:
        """Forgets files that have expired, and what is older and over."""
        if self._database.is_empty:
            return
        old = "created_at_ms < ?"
        with self._database.writing(WRITE_TIMEOUT_S) as transaction:
            transaction.execute(f"DELETE FROM batches WHERE {old} AND state = 'over'", (before_ms,))  # noqa: S608
            transaction.execute(
                f"DELETE FROM files WHERE expires_at_ms < ? OR (provider = '' AND {old})",  # noqa: S608
                (now_ms, before_ms),
            )
            transaction.execute(
                "DELETE FROM file_pieces WHERE file_id NOT IN (SELECT id FROM files)"
            )


def disown(transaction: Transaction, tenant: str, name: str) -> None:
    """Takes a tenant's files and batches from whoever gets its name later."""
    for table in ("files", "batches"):
        transaction.execute(f"UPDATE {table} SET tenant = ? WHERE tenant = ?", (name, tenant))  # noqa: S608


def _put_file(transaction: Transaction, file: StoredFile, pieces: Iterable[bytes]) -> None:
    _FILES.delete(transaction, {"tenant": file.tenant, "id": file.id})
    transaction.execute("DELETE FROM file_pieces WHERE file_id = ?", (file.id,))
    _FILES.add(transaction, file)
    for number, content in enumerate(pieces):
        transaction.execute("INSERT INTO file_pieces VALUES (?, ?, ?)", (file.id, number, content))


def _release(transaction: Transaction, batch: StoredBatch) -> None:
    transaction.execute(
        "DELETE FROM ledger WHERE request_id = ? AND attempt = ?",
        (batch.request_id, HOLD_ATTEMPT),
    )


def _is_open(transaction: Transaction, batch: StoredBatch) -> bool:
    """Whether it is not over; nobody else ends it until the transaction does."""
    sql = (
        "UPDATE batches SET state = state WHERE tenant = ? AND id = ? AND state <> 'over' "
        "RETURNING id"
    )
    return bool(transaction.execute(sql, (batch.tenant, batch.id)))
