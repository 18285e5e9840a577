"""Looks after the requests of one worker: clients that leave, bodies that never come, readers that
stall.

One timer serves all of them. A request that is over before the first look costs nothing, which is
why nobody waits for `http.disconnect` from the start: whether the client has left matters only for
answers that last.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Protocol

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]

LOOK_EVERY_S: Final = 0.1
"""A client's leaving reaches the upstream within 500 ms; this is the part of it spent before
anybody looks.
"""


class Cancellable(Protocol):
    """What can be ended from outside."""

    def cancel(self) -> object:
        """Ends it for a client that is gone. Idempotent."""

    def shut_down(self) -> object:
        """Ends it for a gateway that ends: the client is told. Idempotent."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long clients may take.

    Args:
        body_s: to send the whole body; an attacker's slow body would hold its memory for ever.
        write_stall_s: to take what is sent to them; a reader that stalls holds an upstream's
        answer.
    """

    body_s: float = 30.0
    write_stall_s: float = 60.0


class Watched:
    """One request under watch, from its arrival to its end."""

    __slots__ = (
        "began_s",
        "exchange",
        "gone",
        "has_whole_body",
        "reading",
        "receive",
        "sending",
        "sending_since_s",
        "too_slow",
        "watcher",
    )

    def __init__(self, receive: Receive, now_s: float) -> None:
        """Args: now_s: the loop's time."""
        self.receive = receive
        self.began_s = now_s
        self.exchange: Cancellable | None = None
        self.reading: Any = None
        self.sending: Any = None
        self.sending_since_s = 0.0
        self.watcher: asyncio.Task[None] | None = None
        self.gone = False
        self.has_whole_body = False
        self.too_slow = False

    def leave(self) -> None:
        """The client is gone: nothing more is sent, the upstream is cancelled."""
        self.gone = True
        if self.exchange is not None:
            self.exchange.cancel()

    async def until_disconnect(self) -> None:
        """Waits for the client's leaving; what else it says after its body means nothing."""
        with suppress(asyncio.CancelledError):
            while (await self.receive())["type"] != "http.disconnect":
                pass
            self.leave()


class Watch:
    """All requests of a worker."""

    def __init__(self, patience: Patience) -> None:
        """Looks begin with the first request."""
        self.patience = patience
        self._watched: set[Watched] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def __len__(self) -> int:
        """Requests that are running."""
        return len(self._watched)

    def add(self, receive: Receive) -> Watched:
        """Begins to look after a request."""
        loop = self._loop
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()
        watched = Watched(receive, loop.time())
        self._watched.add(watched)
        if self._timer is None:
            self._timer = loop.call_later(LOOK_EVERY_S, self._look, loop)
        return watched

    def remove(self, watched: Watched) -> None:
        """The request is over."""
        self._watched.discard(watched)
        if watched.watcher is not None:
            watched.watcher.cancel()

    def exchanges(self) -> list[Cancellable]:
        """Of the requests that are running and were admitted."""
        return [each.exchange for each in self._watched if each.exchange is not None]

    def shut_down(self) -> None:
        """Ends every request, at the end of a drain; clients are told."""
        for watched in list(self._watched):
            if watched.exchange is not None:
                watched.exchange.shut_down()

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = loop.call_later(LOOK_EVERY_S, self._look, loop) if self._watched else None
        now_s = loop.time()
        for watched in list(self._watched):
            self._look_at(watched, now_s, loop)

    def _look_at(self, watched: Watched, now_s: float, loop: asyncio.AbstractEventLoop) -> None:
        if watched.reading is not None:
            if now_s - watched.began_s > self.patience.body_s:
                watched.too_slow = True
                watched.reading.cancel()
            return
        if watched.exchange is None or watched.gone:
            return
        if (
            watched.sending is not None
            and now_s - watched.sending_since_s > self.patience.write_stall_s
        ):
            watched.leave()
            cancel = getattr(watched.sending, "cancel", None)
            if cancel is not None:
                cancel()
        elif watched.watcher is None:
            watched.watcher = loop.create_task(watched.until_disconnect())
