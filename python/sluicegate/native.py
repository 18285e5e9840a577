"""The gateway's own listener, and what it asks: the core serves requests to models by itself, and
comes here where a request is refused, must be translated, or failed.

Everything else reaches the ASGI app through a socket of this machine.
"""

import asyncio
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sluicegate import _core
from sluicegate.course import Answer, Course
from sluicegate.errors import (
    BodyCodingError,
    BodyTooLargeError,
    BodyTooSlowError,
    ClientGoneError,
    GatewayError,
    InternalError,
    InvalidRequestError,
    NotReadyError,
    Refusal,
    RefusedRequestError,
)
from sluicegate.plugins.asking import Refused
from sluicegate.rendering import answer_of, last_event_of
from sluicegate.routes import CORE_ROUTES, ModelRoute

if TYPE_CHECKING:
    from sluicegate.worker import Worker

log = logging.getLogger("sluicegate")

LISTEN_VARIABLE: Final = "SLUICEGATE_LISTEN"
"""`ADDRESS PORT CONNECTIONS SOCKET`, from the parent of the workers; without it another server
listens and this front stays closed.
"""
HEAD_TIMEOUT_S: Final = 10.0
"""For a client to send its request's head."""
IDLE_TIMEOUT_S: Final = 75.0
"""For a connection that nothing is asked on; what nginx allows by default."""
ENDS: Final = b"x-sluicegate-ends"
"""In what the listener hands over: the client's address, then the one that it came to."""
ASKS_UPGRADE: Final = b"x-sluicegate-upgrade"
"""In what the listener hands over: the client asked for a WebSocket."""


def listen_text(address: str, port: int, connections: int, socket: Path) -> str:
    """The variable's value."""
    return f"{address} {port} {connections} {socket}"


def open_front(worker: "Worker", loop: asyncio.AbstractEventLoop) -> "_core.Front | None":
    """Begins to listen, where the parent said so. Blocks for a moment."""
    told = os.environ.get(LISTEN_VARIABLE)
    if told is None:
        return None
    address, port, connections, socket = told.split(" ", 3)
    server = worker.settings.server
    answering: set[asyncio.Task[None]] = set()

    def on_case(case: _core.Case) -> None:
        task = loop.create_task(_decide(worker, case))
        answering.add(task)
        task.add_done_callback(answering.discard)

    return _core.Front(
        worker.engine,
        on_case,
        address=address,
        port=int(port),
        handover=Path(socket),
        routes=CORE_ROUTES,
        max_connections=int(connections),
        max_body_bytes=server.max_body_bytes,
        head_timeout_s=HEAD_TIMEOUT_S,
        body_timeout_s=server.body_timeout_s,
        write_stall_s=server.write_stall_s,
        idle_timeout_s=IDLE_TIMEOUT_S,
    )


async def _decide(worker: "Worker", case: _core.Case) -> None:
    """Answers one question."""
    question = case.take()
    if question is None:
        return
    kind, refusal, failure = question
    try:
        if await _found(worker, case, kind):
            return
        if case.exchange is None:
            raise _error_of(kind, refusal, worker)
        answer = await _steered(worker, case, case.exchange, failure)
    except ClientGoneError:
        case.nothing()
    except GatewayError as error:
        _tell(worker, case, error)
    except _core.PanicException:
        log.error("a request failed by a defect of the core, told above")  # not in its words
        _tell(worker, case, InternalError())
    except Exception:
        log.exception("a request failed by a defect of the gateway")
        _tell(worker, case, InternalError())
    else:
        if answer is None:
            case.attempted()
        else:
            case.answer(answer.status, answer.headers, answer.body)


async def _found(worker: "Worker", case: _core.Case, kind: str) -> bool:
    """Answers what is asked before a request is admitted; whether it was such a question."""
    if kind == "goes_on" and case.goes_on is not None:
        case.found(*await worker.errands.goes_on(*case.goes_on))
        return True
    if kind == "plugins" and case.consulted is not None:
        said = await worker.asking.ask(*case.consulted)
        if isinstance(said, Refused):
            case.refuse(said.status, said.message, failed=said.failed)
        else:
            case.found(None, said)
        return True
    return False


async def _steered(
    worker: "Worker", case: _core.Case, exchange: _core.Exchange, failure: _core.Failure | None
) -> Answer | None:
    course: Course | None = case.course
    if course is None:
        route = ModelRoute(case.operation, case.dialect)
        settings = worker.generations.of(exchange.generation)
        course = Course(route, exchange, settings)
        case.course = course
    if failure is None:
        return await course.begin()
    return await course.after(failure, lambda: case.gone)


def _error_of(kind: str, refusal: tuple[str, Refusal] | None, worker: "Worker") -> GatewayError:
    """Why a request was never admitted."""
    if refusal is not None:
        return RefusedRequestError(*refusal)
    match kind:
        case "body_too_large":
            return BodyTooLargeError(worker.max_body_bytes)
        case "body_too_slow":
            return BodyTooSlowError()
        case "body_broken":
            return InvalidRequestError("the body did not arrive whole")
        case "body_coded":
            return BodyCodingError()
        case "not_ready":
            return NotReadyError("this gateway is shutting down", retry_after_s=1.0)
        case _:
            log.error("a request failed by a defect of the gateway")
            return InternalError()


def _tell(worker: "Worker", case: _core.Case, error: GatewayError) -> None:
    exchange = case.exchange
    if exchange is None:
        if not isinstance(error, RefusedRequestError):  # the core has counted its own
            worker.engine.refused(case.operation, case.dialect, error.status, error.code)
        answer = answer_of(case.dialect, error)
        case.answer(answer.status, answer.headers, answer.body)
        return
    error.request_id = exchange.request_id
    is_head_out = exchange.head_sent
    exchange.close(error.status, error.code)
    if is_head_out:
        case.last_bytes(last_event_of(case.dialect, error, as_array=exchange.as_array))
    else:
        answer = answer_of(case.dialect, error)
        case.answer(answer.status, answer.headers, answer.body)
