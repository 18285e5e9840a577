"""A TCP proxy on loopback that holds all that passes for a while."""

from __future__ import annotations

import asyncio
import threading
from types import TracebackType
from typing import Self


class SlowProxy:
    """In front of a port; half of `delay_s` in each direction."""

    def __init__(self, port: int, delay_s: float) -> None:
        self._to = port
        self._half_s = delay_s / 2
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        serving = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._serve, "127.0.0.1", 0), self._loop
        )
        self.port = serving.result(5).sockets[0].getsockname()[1]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        async def end() -> None:
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    async def _serve(self, client: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        server, forth = await asyncio.open_connection("127.0.0.1", self._to)
        await asyncio.gather(self._pass(client, forth), self._pass(server, back))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pieces do not wait for each other: it delays, it does not throttle."""
        loop = asyncio.get_running_loop()
        while data := await reader.read(65536):
            loop.call_later(self._half_s, writer.write, data)
        loop.call_later(self._half_s, writer.close)
