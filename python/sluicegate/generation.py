"""`GET /v1/generation?id=`: what one request was, for whoever's it is."""

from typing import Any
from urllib.parse import parse_qs

import msgspec

from sluicegate import _core
from sluicegate.accounting.generation import GenerationView, generation_of
from sluicegate.errors import GatewayError, InvalidRequestError, NotReadyError
from sluicegate.routes import GENERATION
from sluicegate.store import StoreError
from sluicegate.stored.ledger_rows import Found, LedgerRows, tenant_of
from sluicegate.stored.looking import LookUps


class UnknownGenerationError(GatewayError):
    """No request of that id, or somebody else's: it is not told which."""

    status = 404
    default_code = "generation_not_found"

    def __init__(self, asked: str) -> None:
        """Args: asked: the id."""
        super().__init__(f"this key has no request {asked!r} that is over", param="id")


class GenerationLookup:
    """Looks requests up for one worker."""

    def __init__(self, rows: LedgerRows, looking: LookUps, *, has_other_hosts: bool) -> None:
        """Args: has_other_hosts: others may write to the same store."""
        self._rows = rows
        self._looking = looking
        self._has_other_hosts = has_other_hosts

    async def body(self, engine: _core.Engine, scope: dict[str, Any]) -> bytes:
        """The body of a 200.

        Raises:
            RefusedError: no good key, or one that may not use the path.
            UnknownGenerationError: the key's tenant has no such request that is over.
            NotReadyError: the store cannot be asked.
        """
        tenant = engine.asker(scope["headers"], GENERATION)
        asked = _asked(scope)
        try:
            found = await self._looking.until(
                lambda: self._rows.find(asked, lambda row: tenant_of(row) == tenant),
                self._may_come,
            )
        except (StoreError, OSError) as error:
            raise NotReadyError(
                "the store does not answer", code="store_unavailable", retry_after_s=1.0
            ) from error
        if not found.rows:
            raise UnknownGenerationError(asked)
        return msgspec.json.encode(GenerationView(data=generation_of(asked, found.rows)))

    def _may_come(self, found: Found) -> bool:
        return not found.is_over and (found.may_follow or self._has_other_hosts)


def _asked(scope: dict[str, Any]) -> str:
    query: dict[str, list[str]] = parse_qs(scope["query_string"].decode("latin-1"))
    ids = query.get("id", [])
    if len(ids) != 1:
        raise InvalidRequestError("name one request: ?id=...", param="id")
    return ids[0]
