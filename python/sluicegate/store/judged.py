"""What the shadow mode found: counts that survive, and that all workers and hosts add to."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from sluicegate.store.database import Database, Transaction

WRITE_TIMEOUT_S: Final = 5.0


class Pair(NamedTuple):
    """What is counted together.

    Args:
        model: the name that was asked for.
        bucket: the likeness of the two questions, in hundredths, rounded down.
    """

    model: str
    tenant: str
    embedder: str
    bucket: int


class Count(NamedTuple):
    """How many answers were judged, and how many of them were wrong."""

    judged: int = 0
    wrong: int = 0

    def __add__(self, other: object) -> "Count":
        """Both together."""
        if not isinstance(other, Count):
            return NotImplemented
        return Count(self.judged + other.judged, self.wrong + other.wrong)


class Judged:
    """All of them. Every method raises `StoreError`; nothing was changed then."""

    def __init__(self, database: Database) -> None:
        """Args: database: opened on first use."""
        self._database = database

    def add(self, counts: Mapping[Pair, Count]) -> None:
        """Adds to what is there."""
        rows = [(*pair, *count) for pair, count in counts.items()]
        with self._database.writing(WRITE_TIMEOUT_S) as transaction:
            transaction.execute_many(_ADD, rows)

    def all(self) -> dict[Pair, Count]:
        """What was found so far."""
        if self._database.is_empty:
            return {}
        sql = (
            "SELECT model, tenant, embedder, bucket, judged, wrong FROM cache_judged "
            "ORDER BY model, tenant, embedder, bucket"
        )
        return {
            Pair(model, tenant, embedder, int(bucket)): Count(int(judged), int(wrong))
            for model, tenant, embedder, bucket, judged, wrong in self._database.ask(sql)
        }


def rename(transaction: Transaction, tenant: str, becomes: str) -> None:
    """Takes a tenant's name out; what was found of it stays."""
    sql = "UPDATE cache_judged SET tenant = ? WHERE tenant = ?"
    transaction.execute(sql, (becomes, tenant))


_ADD: Final = (
    "INSERT INTO cache_judged (model, tenant, embedder, bucket, judged, wrong) "
    "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (model, tenant, embedder, bucket) DO UPDATE SET "
    "judged = cache_judged.judged + excluded.judged, wrong = cache_judged.wrong + excluded.wrong"
)
