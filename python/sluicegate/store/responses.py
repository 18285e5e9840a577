"""Responses that the gateway keeps: what was asked, whole, and what was answered."""

from collections.abc import Sequence
from typing import Final

import msgspec

from sluicegate.store.database import Database
from sluicegate.store.tables import Table

WRITE_TIMEOUT_S: Final = 5.0
"""Off the request path; what waits is in memory."""


class KeptResponse(msgspec.Struct, frozen=True, kw_only=True):
    """One of them. `items` is a JSON list: the whole conversation that was answered; `response` is
    the response object, as its client has it.
    """

    tenant: str
    id: str
    model: str
    """As the client asked for it."""
    created_at_ms: int
    bytes: int
    items: str
    response: str


class Responses:
    """All of them. Every method raises `StoreError`; nothing was changed then."""

    def __init__(self, database: Database) -> None:
        """Args: database: opened on first use."""
        self._database = database

    def get(self, tenant: str, response_id: str) -> KeptResponse | None:
        """A tenant's own."""
        if self._database.is_empty:
            return None
        with self._database.reading() as transaction:
            return RESPONSES.get(transaction, tenant, response_id)

    def put(self, kept: Sequence[KeptResponse]) -> None:
        """Adds them; one of the same id takes the older one's place."""
        with self._database.writing(WRITE_TIMEOUT_S) as transaction:
            for each in kept:
                RESPONSES.delete(transaction, {"tenant": each.tenant, "id": each.id})
                RESPONSES.add(transaction, each)

    def delete(self, tenant: str, response_id: str) -> None:
        """Forgets one."""
        with self._database.writing() as transaction:
            RESPONSES.delete(transaction, {"tenant": tenant, "id": response_id})

    def prune(self, *, before_ms: int, max_bytes: int) -> None:
        """Forgets what is older, and the oldest of what is more."""
        with self._database.writing(WRITE_TIMEOUT_S) as transaction:
            transaction.execute("DELETE FROM responses WHERE created_at_ms < ?", (before_ms,))
            beyond = transaction.execute(_BEYOND, (max_bytes,))
            if beyond:
                [(newest_ms,)] = beyond
                sql = "DELETE FROM responses WHERE created_at_ms <= ?"
                transaction.execute(sql, (newest_ms,))


RESPONSES: Final = Table("responses", KeptResponse, ("tenant", "id"))
_BEYOND: Final = """
SELECT created_at_ms FROM (
    SELECT created_at_ms, SUM(bytes) OVER (ORDER BY created_at_ms DESC, id) AS total FROM responses
) AS sums WHERE total > ? ORDER BY created_at_ms DESC LIMIT 1
"""
"""When the newest was made of those for which there is no room."""
