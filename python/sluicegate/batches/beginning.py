"""A batch begins: its lines are read and asked for, what it may cost is held, its provider takes
it.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import msgspec

from sluicegate import _core
from sluicegate.admitting import begun, read_headers
from sluicegate.batches.drafting import Draft, Drafting, Wish
from sluicegate.batches.errand import course_of, form_body, object_of, own_headers, refused_by
from sluicegate.batches.forms import FORMS
from sluicegate.batches.forms.base import Asked, Sent
from sluicegate.batches.lines import Line
from sluicegate.batches.objects import batch_object, new_id, now_ms
from sluicegate.batches.outside import path_at
from sluicegate.batches.paths import FiledPath
from sluicegate.batches.settlement import hold_row
from sluicegate.course import Answer
from sluicegate.errors import (
    InvalidRequestError,
    NotReadyError,
)
from sluicegate.inside import Headers, collected
from sluicegate.rendering import JSON
from sluicegate.routes import ModelRoute
from sluicegate.store import StoreError
from sluicegate.store.batches import StoredBatch
from sluicegate.watch import Watched

if TYPE_CHECKING:
    from sluicegate.store.batches import Batches
    from sluicegate.worker import Worker

log = logging.getLogger("sluicegate")

FIRST_LOOK_MS: Final = 2_000
BEGINS_WITHIN_MS: Final = 15 * 60 * 1000
"""Whoever dies while it begins one leaves it to others after this."""
TRIES: Final = 60
TRY_PAUSE_S: Final = 1.0
BOUNDARY: Final = "sluicegate-batch-file"
_FILES: Final = _core.ModelRoutes({"/v1/batches": ModelRoute("file", "openai")})
"""A file that goes up for a batch: whoever may begin one may send it."""


class Beginning:
    """Of one worker."""

    def __init__(self, worker: "Worker", store: "Batches", host: str) -> None:
        """Args: host: whose limits count it."""
        self._worker = worker
        self._store = store
        self._host = host
        self._drafting = Drafting(worker, store)
        self._running: set[asyncio.Task[tuple[StoredBatch, Headers]]] = set()

    async def answer(
        self, path: FiledPath, tenant: str, headers: Headers, body: bytes, watched: Watched
    ) -> Answer:
        """The batch, as its provider took it.

        Raises:
            GatewayError: why it does not begin.
        """
        try:
            wish = msgspec.json.decode(body, type=Wish)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InvalidRequestError(str(error)) from None
        loop = asyncio.get_running_loop()
        plan = await asyncio.to_thread(self._drafting.drafted, wish, tenant, headers, loop)
        batch, own = await self._begun(path, tenant, plan, headers, watched)
        return Answer(200, [JSON, *own], msgspec.json.encode(batch.shown))

    async def of_messages(
        self, path: FiledPath, tenant: str, headers: Headers, lines: list[Line], watched: Watched
    ) -> tuple[StoredBatch, Headers]:
        """A batch of Anthropic's requests, as its provider took it, and headers of the answer.

        Raises:
            GatewayError: why it does not begin.
        """
        wish = Wish(input_file_id="", endpoint="/v1/messages")
        loop = asyncio.get_running_loop()
        name = new_id("msgbatch_")
        plan = await asyncio.to_thread(self._drafting.of, name, wish, lines, headers, loop)
        return await self._begun(path, tenant, plan, headers, watched)

    async def _begun(
        self, path: FiledPath, tenant: str, plan: Draft, headers: Headers, watched: Watched
    ) -> tuple[StoredBatch, Headers]:
        exchange = await self._held(path, plan, headers, watched)
        # Nobody may leave it half begun: it goes on without its client.
        going = asyncio.create_task(self._go(tenant, plan, exchange, headers, watched))
        self._running.add(going)
        going.add_done_callback(self._running.discard)
        return await asyncio.shield(going)

    async def _held(
        self, path: FiledPath, plan: Draft, headers: Headers, watched: Watched
    ) -> "_core.Exchange":
        """Holds what the batch may cost."""
        upstream = self._worker.settings.upstreams[plan.way.provider]
        place = _core.batch_place(
            path.place,
            plan.call.method,
            plan.way.provider,
            path_at(upstream, plan.call.path),
            asked=plan.lines[0].asked,
            model=plan.unpriced or plan.lines[0].model,
            held=plan.held,
        )
        sent = read_headers(self._worker, place, own_headers(headers, "application/json"))
        return await begun(self._worker, place, sent, b"{}", watched)

    async def _go(
        self,
        tenant: str,
        plan: Draft,
        exchange: "_core.Exchange",
        headers: Headers,
        watched: Watched,
    ) -> tuple[StoredBatch, Headers]:
        batch = self._noted(tenant, plan, exchange)
        hold = hold_row(batch, is_priced=plan.unpriced is None)
        try:
            await asyncio.to_thread(self._store.begin, batch, hold)
        except (StoreError, OSError) as error:
            exchange.cancel()
            raise NotReadyError(
                "the store does not answer", code="store_unavailable", retry_after_s=1.0
            ) from error
        try:
            answer = await self._sent(batch, plan, exchange, headers, watched)
            begun_as = FORMS[batch.form].begun(object_of(answer))
        except BaseException as error:
            await _insist(lambda: self._store.abandon(batch))
            exchange.cancel()
            if isinstance(error, KeyError):
                raise InvalidRequestError("the provider's answer is no batch") from None
            raise
        taken = msgspec.structs.replace(
            batch,
            upstream_id=begun_as,
            state="open",
            next_look_ms=now_ms() + FIRST_LOOK_MS,
            leased_until_ms=0,
        )
        await _insist(lambda: self._store.replace(taken))
        own = [pair for pair in answer.headers if pair[0].startswith(b"x-sluicegate-")]
        return taken, own

    def _noted(self, tenant: str, plan: Draft, exchange: "_core.Exchange") -> StoredBatch:
        key, _, _ = exchange.keys[exchange.first_target]
        wish, now = plan.wish, now_ms()
        total = len(plan.lines)
        shown = batch_object(plan.name, wish.endpoint, wish.input_file_id, wish.metadata, total)
        return StoredBatch(
            tenant=tenant,
            id=plan.name,
            provider=plan.way.provider,
            provider_key=key,
            upstream_id="",
            form=plan.way.form,
            dialect=plan.dialect,
            request_id=exchange.request_id,
            created_at_ms=now,
            state="beginning",
            is_corrected=0,
            host=self._host,
            leased_until_ms=now + BEGINS_WITHIN_MS,
            next_look_ms=now,
            held=list(plan.held),
            used=[0, 0, 0],
            shown=shown,
            open_row=msgspec.json.decode(exchange.open_row),
            bearer=msgspec.json.decode(exchange.bearer),
            lines=plan.lines,
        )

    async def _sent(
        self,
        batch: StoredBatch,
        plan: Draft,
        exchange: "_core.Exchange",
        headers: Headers,
        watched: Watched,
    ) -> Answer:
        """The provider's word that it took the batch.

        Raises:
            GatewayError: it did not.
        """
        form = FORMS[batch.form]
        call = plan.call
        if form.keeps_files:
            name = await self._uploaded(batch, plan.sent, headers, watched)
            call = form.begin(Asked(batch.id, plan.wish.endpoint, plan.wish.metadata), name)
        exchange.attempt(exchange.first_target, call.body)
        answer = await collected(exchange, course_of(self._worker, exchange, once=True))
        if answer.status >= 300:
            raise refused_by(answer)
        return answer

    async def _uploaded(
        self, batch: StoredBatch, sent: list[Sent], headers: Headers, watched: Watched
    ) -> str:
        """The provider's id of the lines as a file of its own."""
        upstream = self._worker.settings.upstreams[batch.provider]
        content = b"".join(
            msgspec.json.encode(
                {
                    "custom_id": each.custom_id,
                    "method": "POST",
                    "url": batch.shown["endpoint"],
                    "body": msgspec.Raw(each.body),
                }
            )
            + b"\n"
            for each in sent
        )
        body = form_body({"purpose": "batch"}, f"{batch.id}.jsonl", content, BOUNDARY)
        found = _FILES.find("POST", "/v1/batches", "")
        if found is None:
            raise LookupError("/v1/batches")
        place = _core.batch_place(
            found,
            "POST",
            batch.provider,
            path_at(upstream, "/files"),
            key=batch.provider_key,
            held=(0, 0, 0),
        )
        kind = f"multipart/form-data; boundary={BOUNDARY}"
        own = read_headers(self._worker, place, own_headers(headers, kind))
        exchange = await begun(self._worker, place, own, body, watched)
        answer = await collected(exchange, course_of(self._worker, exchange, once=True))
        if answer.status >= 300:
            raise refused_by(answer)
        return str(object_of(answer)["id"])


async def _insist(act: Callable[[], None]) -> None:
    """Writes what must not be forgotten, in spite of a store that is away for a while."""
    for _ in range(TRIES):
        try:
            return await asyncio.to_thread(act)
        except (StoreError, OSError) as error:
            log.warning("a batch cannot be noted yet: %s", error)
            await asyncio.sleep(TRY_PAUSE_S)
    raise NotReadyError("the store does not answer", code="store_unavailable", retry_after_s=1.0)
