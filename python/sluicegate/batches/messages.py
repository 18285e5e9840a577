"""Message batches, as Anthropic's clients see them: the requests stand in the one that begins them.
Source: https://docs.anthropic.com/en/api/creating-message-batches
"""

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Raw

from sluicegate.batches.beginning import Beginning
from sluicegate.batches.desk import (
    answer_of,
    asked_in,
    asked_of_store,
    cancelled,
    limit_of,
    send_kept,
)
from sluicegate.batches.lines import Line, model_of
from sluicegate.batches.objects import ENDED, Json, NotFoundError, now_ms
from sluicegate.batches.paths import FiledPath
from sluicegate.body import read_plain
from sluicegate.course import Answer
from sluicegate.errors import GatewayError, InternalError, InvalidRequestError
from sluicegate.inside import Headers
from sluicegate.pipeline import Send
from sluicegate.store.batches import Batches, StoredBatch
from sluicegate.watch import Watched

if TYPE_CHECKING:
    from sluicegate.batches.looking import Looking
    from sluicegate.worker import Worker

MAX_REQUESTS: Final = 100_000
LISTED: Final = 20
MOST_LISTED: Final = 1000
DIALECT: Final = "anthropic"
_LINE: Final = re.compile(r"^line (\d+)")


class _Request(msgspec.Struct):
    custom_id: str
    params: Raw


class _Wish(msgspec.Struct):
    requests: list[_Request]


class MessageDesk:
    """Of one worker."""

    def __init__(
        self, worker: "Worker", store: Batches, looking: "Looking", beginning: Beginning
    ) -> None:
        """Args: beginning: of batches of either dialect."""
        self._worker = worker
        self._store = store
        self._looking = looking
        self._beginning = beginning

    async def answer(
        self, path: FiledPath, tenant: str, scope: dict[str, Any], watched: Watched, send: Send
    ) -> Answer | None:
        """The answer; None where it was sent already.

        Raises:
            GatewayError: what the client must be told.
        """
        headers: Headers = scope["headers"]
        match path.method, path.route.removeprefix("/v1/messages/batches"):
            case "POST", "":
                return await self._begin(path, tenant, scope, watched)
            case "GET", "":
                return answer_of(await self._list(tenant, path.query, scope))
            case "GET", "/{id}":
                batch = await self._batch(tenant, path.name)
                seen = await asked_of_store(lambda: self._looking.now(batch))
                return answer_of(message_batch(seen, scope))
            case "POST", "/{id}/cancel":
                batch = await self._batch(tenant, path.name)
                done = await cancelled(self._worker, self._store, path, batch, headers, watched)
                if isinstance(done, Answer):
                    return done
                return answer_of(message_batch(done, scope))
            case "DELETE", "/{id}":
                return await self._delete(tenant, path.name)
            case "GET", "/{id}/results":
                return await self._results(tenant, path.name, watched, send)
        raise InternalError

    async def _begin(
        self, path: FiledPath, tenant: str, scope: dict[str, Any], watched: Watched
    ) -> Answer:
        body = await read_plain(watched, scope["headers"], self._worker.max_body_bytes)
        try:
            lines = _lines_of(body)
            batch, own = await self._beginning.of_messages(
                path, tenant, scope["headers"], lines, watched
            )
        except GatewayError as error:
            raise _of_request(error) from None
        answer = answer_of(message_batch(batch, scope))
        return Answer(200, [answer.headers[0], *own], answer.body)

    async def _batch(self, tenant: str, name: str) -> StoredBatch:
        batch = await asked_of_store(lambda: self._store.batch(tenant, name))
        if batch is None or batch.dialect != DIALECT:
            raise NotFoundError("batch", name)
        return batch

    async def _list(self, tenant: str, query: str, scope: dict[str, Any]) -> Json:
        asked = asked_in(query)
        limit = limit_of(asked.get("limit"), LISTED, MOST_LISTED)
        after, before = asked.get("after_id"), asked.get("before_id")
        if after is not None and before is not None:
            raise InvalidRequestError("one of after_id and before_id", param="after_id")
        named = after or before
        last = None if named is None else await self._batch(tenant, named)
        mark = None if last is None else (last.created_at_ms, last.id)
        is_back = before is not None

        def look() -> list[StoredBatch]:
            return self._store.batches(tenant, DIALECT, mark, limit + 1, oldest=is_back)

        found = await asked_of_store(look)
        page = found[:limit][::-1] if is_back else found[:limit]
        return {
            "data": [message_batch(each, scope) for each in page],
            "has_more": len(found) > limit,
            "first_id": page[0].id if page else None,
            "last_id": page[-1].id if page else None,
        }

    async def _delete(self, tenant: str, name: str) -> Answer:
        batch = await self._batch(tenant, name)
        if batch.state != "over":
            raise InvalidRequestError("a batch that runs cannot be deleted: cancel it first")
        await asked_of_store(lambda: self._store.disown_batch(batch))
        return answer_of({"id": batch.id, "type": "message_batch_deleted"})

    async def _results(self, tenant: str, name: str, watched: Watched, send: Send) -> Answer | None:
        batch = await self._batch(tenant, name)
        file_id = batch.shown.get("output_file_id")
        file = file_id and await asked_of_store(lambda: self._store.file(tenant, file_id))
        if not file:
            raise InvalidRequestError("the batch has no results: it has not ended")
        await send_kept(self._store, file, watched, send, b"application/x-jsonl")
        return None


def message_batch(batch: StoredBatch, scope: dict[str, Any]) -> Json:
    """A batch as Anthropic's clients see it."""
    shown = batch.shown
    is_over = shown["status"] in ENDED
    kinds: dict[str, int] = shown.get("kinds") or {}
    counts = dict.fromkeys(("processing", "succeeded", "errored", "canceled", "expired"), 0)
    counts["processing"] = 0 if is_over else len(batch.lines)
    ended = shown.get(f"{shown['status']}_at") if is_over else None
    status = "canceling" if shown["status"] == "cancelling" else "in_progress"
    return {
        "id": batch.id,
        "type": "message_batch",
        "processing_status": "ended" if is_over else status,
        "request_counts": counts | kinds,
        "created_at": _time(shown["created_at"]),
        "expires_at": _time(shown["expires_at"]),
        "ended_at": _time(ended or now_ms() // 1000) if is_over else None,
        "archived_at": None,
        "cancel_initiated_at": _time(shown.get("cancelling_at")),
        "results_url": f"{_here(scope)}/v1/messages/batches/{batch.id}/results"
        if shown.get("output_file_id")
        else None,
    }


def _here(scope: dict[str, Any]) -> str:
    """The address that the client has for the gateway: its SDK goes where `results_url` says."""
    host = next((value for name, value in scope["headers"] if name == b"host"), b"")
    return f"{scope.get('scheme', 'http')}://{host.decode('latin-1')}"


def _time(seconds: int | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()


def _lines_of(body: bytes) -> list[Line]:
    try:
        wish = msgspec.json.decode(body, type=_Wish)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequestError(str(error)) from None
    if not 1 <= len(wish.requests) <= MAX_REQUESTS:
        raise InvalidRequestError(f"a batch has 1 to {MAX_REQUESTS} requests", param="requests")
    lines = []
    seen: set[str] = set()
    for number, request in enumerate(wish.requests, 1):
        if not request.custom_id or request.custom_id in seen:
            raise InvalidRequestError(
                f"line {number}: custom_id {request.custom_id!r} is empty or stands twice"
            )
        seen.add(request.custom_id)
        params = bytes(request.params)
        lines.append(Line(number, request.custom_id, model_of(number, params), params))
    return lines


def _of_request(error: GatewayError) -> GatewayError:
    """What is wrong with a request, by its place in the list."""
    found = _LINE.match(error.message)
    if found is None:
        return error
    place = f"requests[{int(found[1]) - 1}]"
    told = InvalidRequestError(place + error.message[found.end() :], code=error.code, param=place)
    told.status = error.status
    return told
