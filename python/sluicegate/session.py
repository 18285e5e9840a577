"""A realtime session under ASGI: messages go both ways as they come. What is held for, refused and
counted the core decides, as it does behind its own listener.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from sluicegate.course import Course
from sluicegate.errors import ClientGoneError
from sluicegate.watch import Watched

if TYPE_CHECKING:
    from sluicegate.worker import Worker

Send = Callable[[dict[str, Any]], Awaitable[None]]

SESSION_BODY: Final = b"{}"
"""What a session asks for stands in its URL."""
DENIAL: Final = "websocket.http.response"
"""The extension by which a server refuses a WebSocket with an answer of ours."""
ABNORMAL: Final = 1006
"""How a server says that a client left without a close."""
PROTOCOL: Final = b"sec-websocket-protocol"
OPEN: Final = 0


class Door:
    """Sends what the gateway answers to a request for a WebSocket that it refuses.

    Args:
        scope: the connection's.
    """

    __slots__ = ("_can_answer", "_send", "_was_refused")

    def __init__(self, scope: dict[str, Any], send: Send) -> None:
        """Nothing is sent yet."""
        self._send = send
        self._can_answer = DENIAL in (scope.get("extensions") or {})
        self._was_refused = False

    async def send(self, message: dict[str, Any]) -> None:
        """Sends a message; HTTP's in the form that servers have for them here."""
        kind = message["type"]
        if not kind.startswith("http.response."):
            await self._send(message)
        elif self._can_answer:
            await self._send({**message, "type": f"websocket.{kind}"})
        elif not self._was_refused:
            self._was_refused = True
            await self._send({"type": "websocket.close"})  # the server answers 403


class Session:
    """One session on its way.

    Args:
        course: what is decided about it until its upstream agrees.
        watched: looks after its client.
    """

    __slots__ = ("course", "exchange", "loop", "send", "watched", "worker")

    def __init__(self, worker: "Worker", course: Course, watched: Watched, send: Send) -> None:
        """Nothing is sent yet."""
        self.worker = worker
        self.course = course
        self.exchange = course.exchange
        self.watched = watched
        self.send = send
        self.loop = asyncio.get_running_loop()

    async def run(self) -> None:
        """Carries the session to its end.

        Raises:
            GatewayError: what the client must be told in place of a session.
        """
        exchange, watched = self.exchange, self.watched
        # Nobody else may listen: what the client says is the session's.
        watched.watcher = done = self.loop.create_task(asyncio.sleep(0))
        await done
        if not exchange.started:
            await self.course.begin()
        while True:
            ready = exchange.take()
            if ready is None:
                ready = await exchange.wait(self.loop)
            head, _, state, failure, messages = ready
            if head is not None:
                await self._accept(head[1])
                watched.watcher = self.loop.create_task(self._listen())
            for message in messages:
                await self._say(message)
            if failure is not None:
                await self.course.after(failure, lambda: watched.gone)
            elif state != OPEN:
                if not exchange.head_sent:
                    raise ClientGoneError
                return

    async def _accept(self, headers: list[tuple[bytes, bytes]]) -> None:
        chosen = next((value.decode() for name, value in headers if name == PROTOCOL), None)
        own = [(name, value) for name, value in headers if name != PROTOCOL]
        await self.send({"type": "websocket.accept", "subprotocol": chosen, "headers": own})

    async def _say(self, message: str | bytes | tuple[int, str]) -> None:
        watched = self.watched
        if isinstance(message, tuple):
            code, reason = message
            out: dict[str, Any] = {"type": "websocket.close", "code": code, "reason": reason}
        elif isinstance(message, str):
            out = {"type": "websocket.send", "text": message}
        else:
            out = {"type": "websocket.send", "bytes": message}
        watched.sending_since_s = self.loop.time()
        watched.sending = sending = self.send(out)
        try:
            await sending
        except asyncio.CancelledError:
            if not watched.gone:
                raise
        finally:
            watched.sending = None

    async def _listen(self) -> None:
        """Hears what the client says until it leaves."""
        exchange, worker = self.exchange, self.worker
        with suppress(asyncio.CancelledError):
            while True:
                message = await self.watched.receive()
                if message["type"] != "websocket.receive":
                    break
                text = message.get("text")
                said: str | bytes = message["bytes"] if text is None else text
                if len(said) > worker.max_body_bytes:
                    await self.send({"type": "websocket.close", "code": 1009})
                    message = {}
                    break
                token = exchange.hear(said)
                if token is not None:
                    await worker.engine.granted(token, self.loop)
            code = message.get("code", ABNORMAL)
            if code == ABNORMAL:
                self.watched.leave()
            else:
                exchange.hear_close(code, message.get("reason") or "")
