"""The least that an ASGI app can do behind the server that the gateway runs under."""

from collections.abc import Awaitable, Callable
from typing import Any

_BODY = b'{"object":"chat.completion","choices":[]}'
_HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(_BODY))]


async def app(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """Reads the request, says hello."""
    if scope["type"] != "http":
        await receive()
        await send({"type": f"{scope['type']}.startup.complete"})
        return
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
    await send({"type": "http.response.body", "body": _BODY})
