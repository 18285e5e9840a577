"""Asks models anew behind answers that were a little too old, in the name of who asked."""

import asyncio
import logging
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from sluicegate import _core
from sluicegate.errors import BrokenAnswerError, ClientGoneError, GatewayError
from sluicegate.routes import CORE_ROUTES
from sluicegate.unheard import nobody, run_unheard

if TYPE_CHECKING:
    from sluicegate.worker import Worker

log = logging.getLogger("sluicegate")

AT_ONCE: Final = 16
"""Of more the others stay as old as they are: who asks next has them asked anew."""
WITHIN_S: Final = 600.0
"""For an answer; deadlines of the configuration are mostly shorter."""


class Refreshing:
    """Of one worker."""

    def __init__(self, worker: "Worker") -> None:
        """Nothing is asked before `start`."""
        self._worker = worker
        self._loop: asyncio.AbstractEventLoop | None = None
        self._running: set[asyncio.Task[None]] = set()

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begins to ask, on this loop."""
        self._loop = loop

    def stop(self) -> None:
        """Asks no more; what runs ends with the requests of clients."""
        self._loop = None

    def ask(self, refresh: _core.CacheRefresh) -> None:
        """Has one asked. Any thread may call it."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._begin, refresh)

    def _begin(self, refresh: _core.CacheRefresh) -> None:
        if len(self._running) < AT_ONCE and not self._worker.draining:
            task = asyncio.get_running_loop().create_task(self._run(refresh))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _run(self, refresh: _core.CacheRefresh) -> None:
        place = place_of(refresh)
        if place is None:
            return
        watched = self._worker.watch.add(nobody)
        headers = [(name.encode(), value) for name, value in refresh.headers]
        try:
            async with asyncio.timeout(WITHIN_S):
                exchange = self._worker.engine.begin_for(
                    place, refresh.holder, refresh.body, headers=headers
                )
                await run_unheard(self._worker, place, exchange, watched)
        except (_core.RefusedError, GatewayError) as error:
            log.info("a kept answer stays as old as it is: %s", error)
        except (TimeoutError, ClientGoneError, BrokenAnswerError):
            watched.leave()
        except Exception:
            log.exception("a kept answer stays as old as it is, by a defect of the gateway")
        finally:
            self._worker.watch.remove(watched)


def place_of(refresh: _core.CacheRefresh) -> _core.Place | None:
    """Where it came to."""
    path = refresh.path
    if refresh.model is not None:
        path = path.replace("{model}", quote(refresh.model, safe=""))
    return CORE_ROUTES.find("POST", path, "" if refresh.as_array else "alt=sse")
