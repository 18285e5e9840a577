"""Reads a request's body within bounds: ASGI servers have none of their own."""

import asyncio
import inspect
from typing import Any

from sluicegate.errors import BodyTooLargeError, BodyTooSlowError, ClientGoneError
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
            return parts[0] if len(parts) == 1 else b"".join(parts)


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
