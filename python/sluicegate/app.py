"""The ASGI callable: routes, lifespan, and the one place where a defect becomes a 500.

SLUICEGATE_CONFIG=sluicegate.yaml granian --interface asgi --factory sluicegate.app:create_app
"""

import asyncio
import logging
import os
import signal
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import astuple
from pathlib import Path
from typing import Any, Final

from sluicegate import _core
from sluicegate.admin.mount import PREFIX, TRIES_FILE, Mounted, is_private
from sluicegate.admin.scrape import PATH as METRICS
from sluicegate.admin.scrape import Scrape
from sluicegate.admin.tries import Tries
from sluicegate.admitting import begun, read_headers
from sluicegate.batches.paths import FiledPath, filed_path_of
from sluicegate.body import let_run_out, plain_body, read_body
from sluicegate.course import Answer, Course
from sluicegate.errors import (
    BrokenAnswerError,
    ClientGoneError,
    GatewayError,
    InternalError,
    InvalidRequestError,
    NotReadyError,
    RefusedRequestError,
    SecretRefusedError,
    UnknownRouteError,
    UpgradeRequiredError,
)
from sluicegate.models_list import is_list, models_answer
from sluicegate.native import ASKS_UPGRADE, ENDS, open_front
from sluicegate.pipeline import Call
from sluicegate.plugins import asking as plugins
from sluicegate.rendering import JSON, answer_of, last_event_of
from sluicegate.routes import (
    GENERATION,
    SECRETS,
    ModelRoute,
    StoredPath,
    place_of,
    stored_path_of,
)
from sluicegate.session import SESSION_BODY, Door, Session
from sluicegate.stored.errands import Asked
from sluicegate.watch import Receive, Watched
from sluicegate.worker import Worker

log = logging.getLogger("sluicegate")

Scope = dict[str, Any]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

CONFIG_VARIABLE: Final = "SLUICEGATE_CONFIG"


def create_app() -> "App":
    """The app of the configuration file that `SLUICEGATE_CONFIG` names."""
    path = os.environ.get(CONFIG_VARIABLE)
    if not path:
        raise RuntimeError(f"{CONFIG_VARIABLE} is not set: it names the configuration file")
    return App(Path(path))


class App:
    """One worker's ASGI app."""

    def __init__(self, config_path: Path) -> None:
        """Reads nothing yet: threads and files begin with the lifespan, behind any fork."""
        self._config_path = config_path
        self._worker: Worker | None = None
        self._admin: Mounted | None = None
        self._scrape: Scrape | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One ASGI connection."""
        kind = scope["type"]
        if kind == "http":
            await self._http(scope, receive, send)
        elif kind == "websocket":
            await self._websocket(scope, receive, send)
        elif kind == "lifespan":
            await self._lifespan(receive, send)
        else:
            raise RuntimeError(f"scope type {kind!r} is not served")

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            worker = await asyncio.to_thread(Worker, self._config_path)
            loop = asyncio.get_running_loop()
            worker.start(loop)
            self._admin = await asyncio.to_thread(_mounted, worker, loop)
            self._scrape = _scrape(worker)
            self._worker = worker
            worker.front = front = await asyncio.to_thread(open_front, worker, loop)
            if front is not None:
                loop.add_reader(front.fileno(), front.dispatch)
        except Exception as error:
            log.exception("the worker cannot start")
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        self._install_signals(worker)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await worker.stop()
        await asyncio.to_thread(self._admin.close)
        await asyncio.to_thread(self._scrape.close)
        await send({"type": "lifespan.shutdown.complete"})

    @staticmethod
    def _install_signals(worker: Worker) -> None:
        """SIGHUP reads the configuration again; SIGUSR1 begins to drain, SIGUSR2 ends it."""
        loop = asyncio.get_running_loop()
        try:
            loop.add_signal_handler(signal.SIGHUP, worker.reload_soon)
            loop.add_signal_handler(signal.SIGUSR1, worker.drain)
            loop.add_signal_handler(signal.SIGUSR2, worker.hurry)
        except (RuntimeError, ValueError, NotImplementedError):
            log.info("this server runs the app outside the main thread: signals are not handled")

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        worker = self._worker
        if worker is None:
            raise RuntimeError("the server did not run the lifespan; sluicegate needs it")
        if worker.front is not None:
            scope = _with_ends(scope)
        place = place_of(scope)
        stored = stored_path_of(scope) if place is None else None
        filed = filed_path_of(scope) if place is None and stored is None else None
        if place is not None:
            await self._model(worker, place, scope, receive, send)
        elif filed is not None:
            await self._model(worker, filed.place, scope, receive, send, filed)
        elif stored is not None:
            await self._model(worker, stored.place, scope, receive, send, stored)
        elif self._admin is not None and scope["path"].startswith(f"{PREFIX}/"):
            await self._admin(scope, receive, send)
        else:
            await self._other(worker, scope, send)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        worker = self._worker
        if worker is None:
            raise RuntimeError("the server did not run the lifespan; sluicegate needs it")
        await receive()  # that it asks
        door = Door(scope, send)
        place = place_of(scope)
        if place is None:
            await send_error(door.send, _dialect_of(scope), _no_session(scope["path"], "GET"))
        else:
            await self._model(worker, place, scope, receive, door.send)

    async def _model(
        self,
        worker: Worker,
        place: _core.Place,
        scope: Scope,
        receive: Receive,
        send: Send,
        about: StoredPath | FiledPath | None = None,
    ) -> None:
        """A request to a model, or about what one made: every one goes through admission."""
        watched = worker.watch.add(receive)
        try:
            if isinstance(about, FiledPath):
                await self._filed(worker, about, scope, watched, send)
            else:
                await self._admitted(worker, place, scope, watched, send, about)
        except ClientGoneError:
            # Servers say this of a body whose framing is broken too; a client that has left hears
            # nothing of it.
            if watched.exchange is None:
                error = InvalidRequestError("the body did not arrive whole")
                await _tell(worker, place, send, error, watched)
        except BrokenAnswerError:
            raise  # the server ends the connection
        except GatewayError as error:
            await _tell(worker, place, send, error, watched)
            if scope["type"] == "http" and watched.exchange is None and not _awaits_a_word(scope):
                await let_run_out(watched, worker.max_body_bytes)
        except _core.PanicException:
            log.error("a request failed by a defect of the core, told above")  # not in its words
            await _tell(worker, place, send, InternalError(), watched)
        except Exception:
            log.exception("a request failed by a defect of the gateway")
            await _tell(worker, place, send, InternalError(), watched)
        finally:
            worker.watch.remove(watched)

    @staticmethod
    async def _filed(
        worker: Worker, path: FiledPath, scope: Scope, watched: Watched, send: Send
    ) -> None:
        if worker.draining:
            raise NotReadyError("this gateway is shutting down", retry_after_s=1.0)
        try:
            answer = await worker.filing.answer(path, scope, watched, send)
        except _core.RefusedError as refused:
            raise RefusedRequestError(*refused.args) from None
        if answer is not None:
            await send_answer(send, answer)

    @staticmethod
    async def _admitted(
        worker: Worker,
        place: _core.Place,
        scope: Scope,
        watched: Watched,
        send: Send,
        stored: StoredPath | None,
    ) -> None:
        if worker.draining:
            raise NotReadyError("this gateway is shutting down", retry_after_s=1.0)
        headers = read_headers(worker, place, scope["headers"])
        is_session = place.operation == "realtime"
        if is_session and scope["type"] != "websocket":
            raise UpgradeRequiredError("this path is a WebSocket: ask for it with an upgrade")
        body = SESSION_BODY if is_session else await read_body(watched, worker.max_body_bytes)
        if headers.is_coded and body and not is_session:
            body = await plain_body(scope["headers"], body, worker.max_body_bytes)
        if worker.engine.asks_plugins:
            body = await _passed(worker, place, scope, body)
        if stored is None:
            await _served(worker, place, scope, headers, body, watched, send)
            return
        async with worker.errands.turn(_tenant(worker, place, scope), stored):
            await _served(worker, place, scope, headers, body, watched, send, stored)

    async def _other(self, worker: Worker, scope: Scope, send: Send) -> None:
        path, method = scope["path"], scope["method"]
        if path == "/health/live":
            await send_json(send, 200, b'{"status":"ok"}')
        elif path == "/health/ready":
            ready, body = worker.health()
            await send_json(send, 200 if ready else 503, body)
        elif path == METRICS and method in ("GET", "HEAD") and self._scrape is not None:
            await _scraped(self._scrape, scope, send)
        elif (is_list(path) or path == GENERATION) and method == "GET":
            dialect = _dialect_of(scope)
            try:
                if path == GENERATION:
                    await send_json(send, 200, await worker.lookup.body(worker.engine, scope))
                else:
                    await send_json(send, 200, await models_answer(worker, dialect, scope))
            except _core.RefusedError as refused:
                await send_error(send, dialect, RefusedRequestError(*refused.args))
            except GatewayError as error:
                await send_error(send, dialect, error)
        elif path in SECRETS and method == "POST":
            await send_error(send, "openai", SecretRefusedError())
        elif _asks_upgrade(scope):
            await send_error(send, _dialect_of(scope), _no_session(path, method))
        else:
            await send_error(send, _dialect_of(scope), UnknownRouteError(method, path))


async def _served(
    worker: Worker,
    place: _core.Place,
    scope: Scope,
    headers: _core.RequestHeaders,
    body: bytes,
    watched: Watched,
    send: Send,
    stored: StoredPath | None = None,
) -> None:
    """A request that is read, from its admission to its end."""
    place, body, kept = await _concerning(worker, place, scope, body, stored)
    exchange = await begun(worker, place, headers, body, watched)
    watched.exchange = exchange
    if stored is not None and kept is not None:
        await send_answer(send, await worker.errands.answer(exchange, stored, kept))
        return
    settings = worker.generations.of(exchange.generation)
    course = Course(ModelRoute(place.operation, place.dialect), exchange, settings)
    if place.operation == "realtime":
        await Session(worker, course, watched, send).run()
    else:
        await Call(course, watched, send).run()


def _tenant(worker: Worker, place: _core.Place, scope: Scope) -> str:
    """Whose a request is."""
    try:
        return worker.engine.tenant(place, scope["headers"])
    except _core.RefusedError as refused:
        raise RefusedRequestError(*refused.args) from None


def _asks_upgrade(scope: Scope) -> bool:
    """Whether a request asks for a WebSocket, by itself or by the word of the listener."""
    names = (b"upgrade", ASKS_UPGRADE)
    return any(name in names and b"websocket" in value.lower() for name, value in scope["headers"])


def _no_session(path: str, method: str) -> GatewayError:
    """Why there is no WebSocket at a path. Codex asks for one where it then posts, at once if it is
    told 426.
    """
    if path == "/v1/responses":
        return UpgradeRequiredError("responses are had by POST and not over a WebSocket")
    return UnknownRouteError(method, path)


async def _passed(worker: Worker, place: _core.Place, scope: Scope, body: bytes) -> bytes:
    """The body that plugins let a request go on with.

    Raises:
        RefusedRequestError: one of them does not.
    """
    headers = scope["headers"]
    try:
        facts = worker.engine.facts(place, headers)
        said = None if facts is None else await worker.asking.ask(facts, body)
        if isinstance(said, plugins.Refused):
            status, message, failed = said
            worker.engine.refuse(place, headers, body, status, message, failed=failed)
    except _core.RefusedError as refused:
        raise RefusedRequestError(*refused.args) from None
    return said if isinstance(said, bytes) else body


async def _concerning(
    worker: Worker, place: _core.Place, scope: Scope, body: bytes, stored: StoredPath | None
) -> Asked:
    """A request with what it has to do with a response that is there already."""
    response_id = None if stored is not None else place.goes_on_from(body)
    if stored is None and response_id is None:
        return Asked(place, body)
    tenant = _tenant(worker, place, scope)
    if stored is not None:
        return await worker.errands.asked(place, stored, tenant)
    about, other = await worker.errands.goes_on(tenant, response_id or "", body)
    if place.operation == "passthrough":
        other = None  # what goes to a provider's own path goes as it is
    return Asked(place if about is None else place.concerning(about), other or body)


def _awaits_a_word(scope: Scope) -> bool:
    """Whether a client sends its body only once it is told to go on."""
    return any(name == b"expect" for name, _ in scope["headers"])


def _mounted(worker: Worker, loop: asyncio.AbstractEventLoop) -> Mounted:
    def reload() -> None:
        loop.call_soon_threadsafe(worker.reload_soon)

    engine = worker.engine
    return Mounted(
        lambda: worker.settings,
        worker.watch,
        reload,
        engine.standing,
        engine.metrics,
        worker.caching.stats,
    )


def _with_ends(scope: Scope) -> Scope:
    """A request that the listener handed over, with the addresses that it came from and to."""
    ends = next(value for name, value in scope["headers"] if name == ENDS)
    client, host, port = ends.decode("ascii").split(" ")
    return {**scope, "client": (client, 0), "server": (host, int(port))}


async def _scraped(scrape: Scrape, scope: Scope, send: Send) -> None:
    try:
        headers, text = await scrape.answer(scope)
    except GatewayError as error:
        await send_error(send, _dialect_of(scope), error)
        return
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": text})


def _scrape(worker: Worker) -> Scrape:
    return Scrape(
        worker.engine.metrics,
        lambda: worker.settings,
        lambda scope: is_private(worker.settings, scope),
        Tries(worker.settings.data_dir / TRIES_FILE),
    )


def _dialect_of(scope: Scope) -> str:
    """The dialect of a request whose path leads to no model: Anthropic's SDKs send a version,
    Gemini's have a version of the path or a header of their own.
    """
    names = {name for name, _ in scope["headers"]}
    if b"anthropic-version" in names:
        return "anthropic"
    is_gemini = scope["path"].startswith("/v1beta/") or b"x-goog-api-key" in names
    return "gemini" if is_gemini else "openai"


async def _tell(
    worker: Worker, place: _core.Place, send: Send, error: GatewayError, watched: Watched
) -> None:
    """An error as the answer, or where the head is out as a stream's last event: no success
    terminator follows it. Ledger and metrics learn what the client was given.
    """
    exchange, dialect = watched.exchange, place.dialect
    if not isinstance(exchange, _core.Exchange):
        if not isinstance(error, RefusedRequestError):  # the core has counted its own
            worker.engine.refused(place.operation, dialect, error.status, error.code)
        await send_error(send, dialect, error)
        return
    error.request_id = exchange.request_id
    is_head_out = exchange.head_sent
    exchange.close(error.status, error.code)
    if is_head_out and place.operation == "realtime":
        await send({"type": "websocket.close", "code": 1011, "reason": error.code})
    elif is_head_out:
        last = last_event_of(dialect, error, as_array=exchange.as_array)
        await send({"type": "http.response.body", "body": last})
    else:
        await send_error(send, dialect, error)


async def send_error(send: Send, dialect: str, error: GatewayError) -> None:
    """An error in the client's dialect."""
    await send_answer(send, answer_of(dialect, error))


async def send_answer(send: Send, answer: Answer) -> None:
    """An answer of the gateway's own."""
    status, headers, body = astuple(answer)
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def send_json(send: Send, status: int, body: bytes) -> None:
    """A small JSON answer of the gateway's own."""
    headers: Headers = [JSON, (b"x-sluicegate-request-id", str(uuid.uuid4()).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
