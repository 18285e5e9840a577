"""Reads a request's body within bounds: ASGI servers have none of their own."""

import asyncio
import inspect
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from sluicegate import _core
from sluicegate.errors import (
    BodyCodingError,
    BodyTooLargeError,
    BodyTooSlowError,
    ClientGoneError,
)
from sluicegate.watch import Watched


async def read_body(watched: Watched, max_bytes: int) -> bytes:
    """The whole body.

    Servers may hand over a complete body and still say that more follows, so reading goes on until
    they say that none does: otherwise the empty rest would later pass for an event.

    Raises:
        BodyTooLargeError: more than `max_bytes`.
        BodyTooSlowError: the watch lost patience.
        ClientGoneError: the client left.
    """
    parts: list[bytes] = []
    total = 0
    while True:
        message = await _receive(watched)
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        part: bytes = message.get("body", b"")
        total += len(part)
        if total > max_bytes:
            raise BodyTooLargeError(max_bytes)
        if part:
            parts.append(part)
        if not message.get("more_body", False):
            watched.has_whole_body = True
            return parts[0] if len(parts) == 1 else b"".join(parts)


async def plain_body(headers: Iterable[tuple[bytes, bytes]], body: bytes, max_bytes: int) -> bytes:
    """The body without its content codings.

    Raises:
        BodyTooLargeError: more than `max_bytes`, or more than anybody would write.
        BodyCodingError: it is not what its header says.
    """
    codings = b",".join(value for name, value in headers if name == b"content-encoding")
    try:
        return await asyncio.to_thread(_core.plain_body, codings, body, max_bytes)
    except _core.BodyTooLargeError:
        raise BodyTooLargeError(max_bytes) from None
    except _core.InvalidBodyError:
        raise BodyCodingError from None


async def read_plain(
    watched: Watched, headers: Iterable[tuple[bytes, bytes]], max_bytes: int
) -> bytes:
    """The whole body, without its content codings.

    Raises:
        ClientGoneError, BodyTooLargeError, BodyTooSlowError: as `read_body`.
        BodyCodingError: as `plain_body`.
    """
    body = await read_body(watched, max_bytes)
    is_coded = any(name == b"content-encoding" for name, _ in headers)
    return await plain_body(headers, body, max_bytes) if is_coded and body else body


async def let_run_out(watched: Watched, max_bytes: int) -> None:
    """Reads what is left of a body whose request was answered, and forgets it: many clients look
    for an answer only once they have sent all, and a connection that is closed before tells them
    of a reset instead. No longer than the watch has patience for a body, and no more than twice
    what one may have.
    """
    total = 0
    with suppress(BodyTooSlowError):
        while not (watched.has_whole_body or watched.too_slow) and total <= 2 * max_bytes:
            message = await _receive(watched)
            total += len(message.get("body", b""))
            watched.has_whole_body = not message.get("more_body", False)  # nor after a disconnect


async def _receive(watched: Watched) -> dict[str, Any]:
    """The next message, unless the watch cancels the wait: no other way out of it works under every
    server.
    """
    waiting = watched.receive()
    if inspect.iscoroutine(waiting):
        waiting = asyncio.ensure_future(waiting)
    watched.reading = waiting
    try:
        return await waiting
    except asyncio.CancelledError:
        if watched.too_slow:
            raise BodyTooSlowError from None
        raise
    finally:
        watched.reading = None
