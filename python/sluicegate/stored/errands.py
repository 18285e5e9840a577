"""What is asked about a response by its id, and from which response a request goes on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, quote, urlencode
from weakref import WeakValueDictionary

import msgspec

from sluicegate import _core, beside
from sluicegate.course import Answer
from sluicegate.errors import InvalidRequestError, NotReadyError
from sluicegate.routes import StoredPath
from sluicegate.store import StoreError
from sluicegate.store.responses import KeptResponse
from sluicegate.store.store import Store
from sluicegate.stored.items import expanded, listed
from sluicegate.stored.looking import LookUps
from sluicegate.stored.origins import Found, Made, Origins

_PASSED: Final = frozenset(
    {
        "after",
        "before",
        "include",
        "include[]",
        "include_obfuscation",
        "limit",
        "order",
        "starting_after",
        "stream",
    }
)
"""Parameters that go to the provider. Source:
https://platform.openai.com/docs/api-reference/responses
"""


class Asked(NamedTuple):
    """A request that is about a response, as the core admits it.

    Args:
        kept: the response, where the gateway answers by itself.
    """

    place: "_core.Place"
    body: bytes
    kept: KeptResponse | None = None


class Errands:
    """Of one worker."""

    def __init__(self, store: Store, origins: Origins, looking: LookUps) -> None:
        """Args: store: of responses that the gateway keeps."""
        self._store = store
        self._origins = origins
        self._looking = looking
        self._turns: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    async def found(self, tenant: str, response_id: str) -> Found | None:
        """What is known of a response.

        Raises:
            NotReadyError: it cannot be known now.
        """
        try:
            return await self._looking.until(
                lambda: self._origins.find(tenant, response_id),
                lambda found: found is None and self._origins.may_come(response_id),
            )
        except (StoreError, OSError) as error:
            raise NotReadyError(
                "whose response this is cannot be known now: the store does not answer",
                code="store_unavailable",
                retry_after_s=1.0,
            ) from error

    @asynccontextmanager
    async def turn(self, tenant: str, path: StoredPath) -> AsyncIterator[None]:
        """One after the other: of two that ask for a job when it is done, one pays for it. Nobody
        waits for another tenant.
        """
        if path.streams or path.verb:
            yield
            return
        lock = self._turns.setdefault((tenant, path.response_id), asyncio.Lock())
        async with lock:
            yield

    async def asked(self, place: "_core.Place", path: StoredPath, tenant: str) -> Asked:
        """What is asked by id."""
        found = await self.found(tenant, path.response_id)
        query = [(name, value) for name, value in parse_qsl(path.query) if name in _PASSED]
        verb = f"/{path.verb}" if path.verb else ""
        tail = f"{quote(path.response_id, safe='')}{verb}"
        tail += f"?{urlencode(query)}" if query else ""
        if isinstance(found, KeptResponse):
            errand = (path.method, tail, False, None)
            about = _core.About(path.response_id, kept=True, errand=errand)
            return Asked(place.concerning(about, found.model), b"", found)
        if isinstance(found, Made):
            about = _core.About(
                path.response_id,
                made=(found.provider, found.model),
                errand=(path.method, tail, path.streams, found.owed),
            )
            return Asked(place.concerning(about, found.requested_model), b"")
        about = _core.About(path.response_id, errand=(path.method, tail, False, None))
        return Asked(place.concerning(about, ""), b"")

    async def goes_on(
        self, tenant: str, response_id: str, body: bytes
    ) -> "tuple[_core.About | None, bytes | None]":
        """What a request goes on from, and its body where all of the conversation is put into it.
        One that nobody here has heard of is left to the provider.
        """
        found = await self.found(tenant, response_id)
        if isinstance(found, Made):
            unpaid = found.row["basis"] == "none"
            made = (found.provider, found.model)
            return _core.About(response_id, made=made, unpaid=unpaid), None
        if isinstance(found, KeptResponse):
            try:
                size_bytes = len(body) + found.bytes
                whole = await beside.done(lambda: expanded(body, found), size_bytes)
                return _core.About(response_id, kept=True), whole
            except msgspec.MsgspecError:
                return None, None  # the core says what is wrong with it
        return (None, None) if found is None else (_core.About(response_id), None)

    async def answer(
        self, exchange: "_core.Exchange", path: StoredPath, kept: KeptResponse
    ) -> Answer:
        """The gateway's own answer about a response that it keeps.

        Raises:
            InvalidRequestError: it cannot be done.
        """
        body = await self._done(path, kept)
        exchange.close(200)
        headers = [
            (b"content-type", b"application/json"),
            (b"x-sluicegate-request-id", exchange.request_id.encode()),
        ]
        return Answer(200, headers, body)

    async def _done(self, path: StoredPath, kept: KeptResponse) -> bytes:
        if path.verb == "cancel":
            raise InvalidRequestError("Cannot cancel a synchronous response.")
        if path.verb == "input_items":
            listing = await beside.done(lambda: listed(kept, path.query), kept.bytes)
            return msgspec.json.encode(listing)
        if path.method == "DELETE":
            try:
                await asyncio.to_thread(self._store.responses.delete, kept.tenant, kept.id)
            except StoreError as error:
                raise NotReadyError(
                    "the store does not answer", code="store_unavailable", retry_after_s=1.0
                ) from error
            gone: dict[str, Any] = {"id": kept.id, "object": "response", "deleted": True}
            return msgspec.json.encode(gone)
        if path.streams:
            raise InvalidRequestError(
                "`stream` is for responses that were made in the background as a stream",
                param="stream",
            )
        return kept.response.encode()
