"""One request's life behind admission, under ASGI: batches of bytes go to the client as they come.

Where client and upstream speak one dialect and nothing fails, all of this is one wait for each
batch of bytes; the core has admitted, journalled and sent the request before Python looks at it
again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from sluicegate.course import Answer, Course
from sluicegate.errors import BrokenAnswerError, ClientGoneError
from sluicegate.watch import Watched

Send = Callable[[dict[str, Any]], Awaitable[None]]

END: Final = 1
BROKEN: Final = 3


class Call:
    """One request on its way.

    Args:
        course: what is decided about it.
        watched: looks after its client.
    """

    __slots__ = ("course", "exchange", "loop", "send", "watched")

    def __init__(self, course: Course, watched: Watched, send: Send) -> None:
        """Nothing is sent yet."""
        self.course = course
        self.exchange = course.exchange
        self.watched = watched
        self.send = send
        self.loop = asyncio.get_running_loop()

    async def run(self) -> None:
        """Answers the client.

        Raises:
            GatewayError: what the client must be told.
            BrokenAnswerError: the client has a part of an answer that it must not take for all.
        """
        exchange = self.exchange
        if not exchange.started and await self._answered(self.course.begin()):
            return
        while True:
            ready = exchange.take()
            if ready is None:
                ready = await exchange.wait(self.loop)
            head, body, state, failure, _ = ready
            if state == END and not exchange.head_sent:
                raise ClientGoneError  # it left before there was anything to tell it
            if head is not None:
                await self._start(*head)
            if state == BROKEN:
                if body:
                    await self._sent(self._put(body, more=True))
                raise BrokenAnswerError
            if body or state == END:
                sending = self._put(body, more=state != END)
                # The server has its copy: an event of megabytes is not held while a slow client
                # takes it.
                del ready, body
                await self._sent(sending)
            if failure is not None:
                after = self.course.after(failure, lambda: self.watched.gone)
                if await self._answered(after):
                    return
            elif state == END:
                if self.course.plan is not None:
                    exchange.close(200)
                return

    async def _answered(self, steered: Awaitable[Answer | None]) -> bool:
        """Whether the gateway answers by itself, and then it has."""
        answer = await steered
        if answer is not None:
            await self._start(answer.status, answer.headers)
            await self._sent(self._put(answer.body, more=False))
        return answer is not None

    async def _start(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        await self.send({"type": "http.response.start", "status": status, "headers": headers})

    def _put(self, body: bytes, *, more: bool) -> Awaitable[None]:
        watched = self.watched
        watched.sending_since_s = self.loop.time()
        sending = self.send({"type": "http.response.body", "body": body, "more_body": more})
        watched.sending = sending
        return sending

    async def _sent(self, sending: Awaitable[None]) -> None:
        try:
            await sending
        except asyncio.CancelledError:
            if self.watched.gone:
                raise ClientGoneError from None  # the watch gave a stalled reader up
            raise
        finally:
            self.watched.sending = None
