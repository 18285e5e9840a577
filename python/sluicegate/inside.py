"""Requests that the gateway makes by itself and reads the answer of: through the core like any
other, so that each is decided on, limited, journalled and in the ledger, in the name of whoever
caused it.
"""

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple

from sluicegate import _core
from sluicegate.course import Answer, Course
from sluicegate.errors import (
    BrokenAnswerError,
    ClientGoneError,
    GatewayError,
    RefusedRequestError,
    UnknownRouteError,
    UpstreamError,
)
from sluicegate.pipeline import BROKEN, END
from sluicegate.routes import CORE_ROUTES, ModelRoute
from sluicegate.unheard import nobody

if TYPE_CHECKING:
    from sluicegate.worker import Worker

Headers = list[tuple[bytes, bytes]]

SPARE_S: Final = 0.5
"""What the core's own deadline has before this one ends a request: its error says more."""
_JSON: Final = (b"content-type", b"application/json")


class Asking(NamedTuple):
    """A request to one of `MODEL_ROUTES`.

    Args: holder: whose it is, as `Engine.begin_for` takes it.
    """

    path: str
    holder: bytes
    body: bytes


async def ask(worker: "Worker", asking: Asking, within_s: float) -> Answer:
    """The whole answer, of whatever status.

    Raises:
        GatewayError: there is none, or not in time.
    """
    place = CORE_ROUTES.find("POST", asking.path, "")
    if place is None:
        raise UnknownRouteError("POST", asking.path)
    deadline = (b"x-sluicegate-timeout-ms", str(max(1, int(within_s * 1000))).encode())
    watched = worker.watch.add(nobody)
    try:
        exchange = worker.engine.begin_for(
            place, asking.holder, asking.body, headers=[_JSON, deadline]
        )
        watched.exchange = exchange
        settings = worker.generations.of(exchange.generation)
        course = Course(ModelRoute(place.operation, place.dialect), exchange, settings)
        async with asyncio.timeout(within_s + SPARE_S):
            return await collected(exchange, course, begins=not exchange.started)
    except _core.RefusedError as error:
        raise RefusedRequestError(*error.args) from None
    except TimeoutError:
        watched.leave()
        raise UpstreamError(
            504, "the answer did not come in time", code="upstream_timeout"
        ) from None
    except asyncio.CancelledError:
        watched.leave()
        raise
    finally:
        worker.watch.remove(watched)


async def collected(exchange: "_core.Exchange", course: Course, *, begins: bool = False) -> Answer:
    """A whole answer.

    Args: begins: no target was tried yet, neither by the core nor by hand.
    Raises:
        GatewayError: there is none.
    """
    try:
        answer = await course.begin() if begins else None
        answer = answer or await _read(exchange, course)
    except GatewayError as error:
        exchange.close(error.status, error.code)
        error.request_id = exchange.request_id
        raise
    except (BrokenAnswerError, ClientGoneError):
        raise UpstreamError(
            502, "the provider's answer broke off", code="upstream_truncated"
        ) from None
    if course.plan is not None:
        exchange.close(answer.status)
    return answer


async def _read(exchange: "_core.Exchange", course: Course) -> Answer:
    loop = asyncio.get_running_loop()
    head: tuple[int, Headers] | None = None
    parts: list[bytes] = []
    while True:
        ready = exchange.take() or await exchange.wait(loop)
        given, body, state, failure, _ = ready
        head = head or given
        parts.append(body)
        if failure is not None:
            if (own := await course.after(failure, lambda: False)) is not None:
                return own
        elif state == END:
            break
        elif state == BROKEN:
            raise BrokenAnswerError
    if head is None:
        raise UpstreamError(502, "the provider did not answer", code="upstream_reset")
    return Answer(head[0], head[1], b"".join(parts))
