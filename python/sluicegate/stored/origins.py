"""Who made a response, and for whom.

The ledger knows: a row has its answer's id. Ids cannot carry a route of
our own, since a provider's answer passes unaltered; and the ledger survives restarts, is read by
all workers and hosts, and has a row before the client has read its answer: what is not drained yet
is in the journal.
"""

import re
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec

from sluicegate.store.responses import KeptResponse
from sluicegate.store.store import Store
from sluicegate.stored.ledger_rows import LedgerRows, tenant_of

OWN_ID: Final = re.compile(r"resp_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""What an id of the gateway's own looks like."""
_KEPT: Final = frozenset({"openai_responses", "anthropic"})
"""Dialects of which a provider keeps answers: responses, and messages of threads."""


class Made(NamedTuple):
    """A response that a provider made and keeps.

    Args:
        requested_model: the name that its client asked for.
        row: of the attempt that made it.
    """

    provider: str
    model: str
    requested_model: str
    row: dict[str, Any]

    @property
    def owed(self) -> tuple[bytes, int] | None:
        """The row and when its request came, in seconds since 1970, where the provider has not yet
        said what it used.
        """
        if self.row["basis"] == "reported":
            return None
        told = {name: value for name, value in self.row.items() if value is not None}
        told["stream"] = bool(told.get("stream"))
        return msgspec.json.encode(told), int(datetime.fromisoformat(told["time"]).timestamp())


class Another(NamedTuple):
    """A response of another tenant's: as if it were not there, and nothing to go on from."""


Found = KeptResponse | Made | Another


class Origins:
    """Finds them. Any thread may use it."""

    def __init__(self, store: Store, rows: LedgerRows, *, has_other_hosts: bool) -> None:
        """Args: has_other_hosts: others may write to the same store."""
        self._store = store
        self._rows = rows
        self._has_other_hosts = has_other_hosts

    def may_come(self, response_id: str) -> bool:
        """Whether a response that is not found may still be on its way here."""
        return self._has_other_hosts or OWN_ID.fullmatch(response_id) is not None

    def find(self, tenant: str, response_id: str) -> Found | None:
        """What is known of a response by now; None where nothing is. Blocks.

        Raises:
            StoreError: the store cannot be asked.
        """
        kept = self._store.responses.get(tenant, response_id)
        if kept is not None:
            return kept
        rows = [row for row in self._rows.of_response(response_id) if _can_be_asked_for(row)]
        own = [row for row in rows if tenant_of(row) == tenant and row["provider"]]
        if not own:
            return Another() if rows else None
        row = own[0]
        return Made(row["provider"], row["routed_model"], row["requested_model"], row)


def _can_be_asked_for(row: dict[str, Any]) -> bool:
    """Whether an answer is one that its provider may keep."""
    if row["operation"] == "passthrough":
        return True
    return row["dialect"] == row["upstream_dialect"] and row["dialect"] in _KEPT
