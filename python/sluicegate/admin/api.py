"""The admin API as an ASGI app: who asks, what for, and the answer as JSON."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

from sluicegate.accounting.keys import MasterKeyError
from sluicegate.admin.actor import RANKS, Actor
from sluicegate.admin.body import form_of, is_clean
from sluicegate.admin.errors import (
    BadConfigError,
    ContentTypeError,
    ForbiddenError,
    InvalidInputError,
    Problem,
    StoreDownError,
    UnauthorisedError,
    WrongMethodError,
)
from sluicegate.admin.gate import actor_of, credential_of
from sluicegate.admin.openapi import document
from sluicegate.admin.routes import PREFIX, Asked, Route, check_query, match
from sluicegate.admin.service import Service
from sluicegate.admin.tries import Tries
from sluicegate.admin.views import plain
from sluicegate.body import read_body
from sluicegate.errors import (
    ClientGoneError,
    GatewayError,
    InternalError,
    InvalidRequestError,
    UnknownRouteError,
)
from sluicegate.store import StoreError
from sluicegate.watch import Receive, Watch

log = logging.getLogger("sluicegate")

Scope = dict[str, Any]
Send = Callable[[dict[str, Any]], Awaitable[None]]

MAX_BODY_BYTES: Final = 2**20
THREADS: Final = 4
"""A store that hangs holds up no more than these, and no model's request."""
DOCUMENT: Final = f"{PREFIX}/openapi.json"

_HEADERS: Final = [
    (b"content-type", b"application/json"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
]
"""No CORS: pages of other sites get nothing."""


class AdminApi:
    """The API on one service."""

    def __init__(self, service: Service, watch: Watch, tries: Tries) -> None:
        """Args: watch: looks after bodies that never come. tries: wrong credentials so far."""
        self._service = service
        self._watch = watch
        self._tries = tries
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="sluicegate-admin")

    def close(self) -> None:
        """Ends the threads and the store's connections. Blocks for as long as its bounds."""
        self._threads.shutdown()
        self._service.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request below `/admin`."""
        watched = self._watch.add(receive)
        try:
            body = await read_body(watched, MAX_BODY_BYTES)
            status, answer = await asyncio.get_running_loop().run_in_executor(
                self._threads, self._answer, scope, body
            )
        except ClientGoneError:
            return
        except GatewayError as error:
            await send_error(send, error)
            return
        finally:
            self._watch.remove(watched)
        await _send(send, status, answer, [])

    def _answer(self, scope: Scope, body: bytes) -> tuple[int, bytes]:
        """Runs in a thread. Whoever may not enter learns nothing of what is there."""
        try:
            return self._served(scope, body)
        except (StoreError, OSError) as error:
            log.error("the admin API cannot use the store: %s", error)
            raise StoreDownError from error
        except MasterKeyError as error:
            log.error("the admin API cannot use the master key: %s", error)
            raise StoreDownError from error
        except GatewayError:
            raise
        except Exception as error:
            log.exception("an admin request failed by a defect of the gateway")
            raise InternalError from error

    def _served(self, scope: Scope, body: bytes) -> tuple[int, bytes]:
        actor = self._entered(scope)
        method, path = scope["method"], _raw_path(scope)
        if path == DOCUMENT and method == "GET":
            return 200, document()
        route, names, methods = match(method, path)
        if route is None:
            raise WrongMethodError(methods) if methods else UnknownRouteError(method, scope["path"])
        if RANKS[actor.role] < RANKS[route.role]:
            raise ForbiddenError(f"this needs the role {route.role}")
        query = _query_of(scope)
        check_query(route, query)
        _check_text(names, query)
        form = _form(route, scope, body)
        answer = route.call(Asked(self._service, actor, names, query, form))
        return route.status, msgspec.json.encode(plain(answer))

    def _entered(self, scope: Scope) -> Actor:
        peer, now_s = scope["client"][0] if scope.get("client") else "", time.time()
        self._tries.begin(peer, now_s)
        try:
            actor = actor_of(self._service.desk, credential_of(scope["headers"]))
        except UnauthorisedError:
            raise
        except Exception:
            self._tries.forgive(peer, now_s)
            raise
        self._tries.forgive(peer, now_s)
        return actor


def _form(route: Route, scope: Scope, body: bytes) -> Any:
    if route.form is None:
        if body:
            raise InvalidInputError([Problem("", "this takes no body")])
        return None
    types = [value for name, value in scope["headers"] if name == b"content-type"]
    if [kind.partition(b";")[0].strip().lower() for kind in types] != [b"application/json"]:
        raise ContentTypeError
    return form_of(body, route.form)


def _raw_path(scope: Scope) -> str:
    raw = scope.get("raw_path")
    return raw.partition(b"?")[0].decode("ascii", "replace") if raw else str(scope["path"])


def _query_of(scope: Scope) -> dict[str, str]:
    text = scope.get("query_string", b"").decode("ascii", "replace")
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=100)
    except (ValueError, UnicodeDecodeError):
        raise InvalidRequestError("the query cannot be read") from None
    query = dict(pairs)
    if len(query) < len(pairs):
        raise InvalidRequestError("a parameter stands twice")
    return query


def _check_text(names: dict[str, str], query: dict[str, str]) -> None:
    wrong = [
        Problem(name, "has a control character")
        for name, value in (*names.items(), *query.items())
        if not is_clean(value) or "\ufffd" in value
    ]
    if wrong:
        raise InvalidInputError(wrong)


def _error_body(error: GatewayError) -> bytes:
    shown: dict[str, Any] = {
        "message": error.message,
        "type": "invalid_request_error" if error.status < 500 else "api_error",
        "param": error.param,
        "code": error.code,
        "origin": error.origin,
    }
    if isinstance(error, InvalidInputError):
        shown["problems"] = [problem.shown() for problem in error.problems]
    if isinstance(error, BadConfigError):
        shown["problems"] = error.problems
    return msgspec.json.encode({"error": shown})


async def send_error(send: Send, error: GatewayError) -> None:
    """An error as the admin API tells it."""
    await _send(send, error.status, _error_body(error), error.headers())


async def _send(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    head = {"type": "http.response.start", "status": status, "headers": [*_HEADERS, *headers]}
    await send(head)
    await send({"type": "http.response.body", "body": body})
