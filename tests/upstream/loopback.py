"""A server on loopback in a thread of its own: the base of the scripted and the replaying one."""

from __future__ import annotations

import asyncio
import itertools
import threading
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

from .connection import Connection
from .exchange import Exchange, Log


class LoopbackServer(ABC):
    """A context manager around one listening socket; subclasses say how a request is answered."""

    def __init__(self) -> None:
        self.log = Log()
        self.url = ""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="upstream", daemon=True)
        self._ready = threading.Event()
        self._numbers = itertools.count(1)
        self._connections: dict[int, Connection] = {}

    @abstractmethod
    async def answer(self, connection: Connection, exchange: Exchange) -> None:
        """Answers one request; runs in the server's own event loop."""

    @property
    def open_connections(self) -> int:
        """Connections that are open now."""
        return len(self._connections)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(
            self._loop.create_server(self._connected, "127.0.0.1", 0, backlog=4096)
        )
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self._ready.set()
        self._loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    def _connected(self) -> Connection:
        return Connection(next(self._numbers), self.log, self._connections, self.answer)
