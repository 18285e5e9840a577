"""What the desks for OpenAI's and Anthropic's clients have in common."""

import asyncio
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import parse_qs

import msgspec

from sluicegate import _core
from sluicegate.admitting import begun, read_headers
from sluicegate.batches.errand import course_of, own_headers
from sluicegate.batches.forms import FORMS
from sluicegate.batches.forms.base import Call
from sluicegate.batches.objects import ENDED, Json, new_id, now_ms
from sluicegate.batches.outside import path_at
from sluicegate.batches.paths import FiledPath
from sluicegate.course import Answer
from sluicegate.errors import GatewayError, InvalidRequestError, NotReadyError
from sluicegate.inside import Headers, collected
from sluicegate.pipeline import Send
from sluicegate.rendering import JSON
from sluicegate.store import StoreError
from sluicegate.store.batches import Batches, StoredBatch, StoredFile
from sluicegate.watch import Watched

if TYPE_CHECKING:
    from sluicegate.worker import Worker

_T = TypeVar("_T")


async def asked_of_store(act: Callable[[], _T]) -> _T:
    """What the store says, off the loop.

    Raises:
        NotReadyError: it does not answer.
    """
    try:
        return await asyncio.to_thread(act)
    except (StoreError, OSError) as error:
        raise NotReadyError(
            "the store does not answer", code="store_unavailable", retry_after_s=1.0
        ) from error


class BatchBeginningError(GatewayError):
    """A batch that its provider has not taken yet."""

    status = 409
    default_code = "batch_beginning"

    def __init__(self, name: str) -> None:
        """Args: name: of the batch."""
        super().__init__(f"the batch {name!r} is on its way to its provider", retry_after_s=1.0)


async def aside(
    worker: "Worker",
    path: FiledPath,
    owner: StoredFile | StoredBatch,
    asking: Call,
    headers: Headers,
    watched: Watched,
) -> "_core.Exchange":
    """Begins a request about what a provider keeps, under the key that it was made with."""
    upstream = worker.settings.upstreams.get(owner.provider)
    if upstream is None:
        raise InvalidRequestError(
            f"the provider {owner.provider!r} that keeps this is not configured any more",
            code="provider_not_found",
        )
    place = _core.batch_place(
        path.place,
        asking.method,
        owner.provider,
        path_at(upstream, asking.path),
        key=owner.provider_key,
    )
    kind = "application/json" if asking.body else None
    sent = read_headers(worker, place, own_headers(headers, kind))
    exchange = await begun(worker, place, sent, asking.body, watched)
    watched.exchange = exchange
    return exchange


async def send_kept(
    store: Batches, file: StoredFile, watched: Watched, send: Send, kind: bytes
) -> None:
    """Sends what the gateway keeps of a file, a piece at a time."""
    pieces: Iterator[bytes] = store.pieces(file.id)
    piece = await asked_of_store(lambda: next(pieces, b""))
    headers = [(b"content-type", kind), (b"content-length", str(file.bytes).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    while piece and not watched.gone:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
        piece = await asyncio.to_thread(next, pieces, b"")
    await send({"type": "http.response.body", "body": b""})


async def cancelled(
    worker: "Worker",
    store: Batches,
    path: FiledPath,
    batch: StoredBatch,
    headers: Headers,
    watched: Watched,
) -> StoredBatch | Answer:
    """A batch that its provider ends by now; or that one's refusal.

    Raises:
        InvalidRequestError: it is over.
        BatchBeginningError: its provider has not taken it yet.
    """
    if batch.shown["status"] in ENDED:
        raise InvalidRequestError(
            f"Cannot cancel a batch with status '{batch.shown['status']}'.", param="id"
        )
    if batch.state == "beginning":
        raise BatchBeginningError(path.name)
    asking = FORMS[batch.form].cancel(batch.upstream_id)
    exchange = await aside(worker, path, batch, asking, headers, watched)
    answer = await collected(exchange, course_of(worker, exchange, once=False))
    if answer.status >= 300:
        return answer
    shown = batch.shown | {"status": "cancelling", "cancelling_at": now_ms() // 1000}
    marked = msgspec.structs.replace(batch, shown=shown, next_look_ms=now_ms())
    await asked_of_store(lambda: store.replace(marked))
    return marked


def answer_of(body: Json) -> Answer:
    """A 200."""
    headers = [JSON, (b"x-sluicegate-request-id", new_id("").encode())]
    return Answer(200, headers, msgspec.json.encode(body))


def asked_in(query: str) -> dict[str, str]:
    """The parameters of a query; of several of one name the last."""
    return {name: values[-1] for name, values in parse_qs(query).items()}


def limit_of(given: str | None, usual: int, most: int) -> int:
    """How many are to be listed.

    Raises:
        InvalidRequestError: no such number.
    """
    if given is None:
        return usual
    if not given.isascii() or not given.isdigit() or not 1 <= int(given[:6]) <= most:
        raise InvalidRequestError(f"`limit` must be 1 to {most}", param="limit")
    return int(given)
