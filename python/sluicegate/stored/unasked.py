"""Jobs in the background whose clients never ask for their end: the gateway asks, so that they are
paid for.

A job's row has no tokens until somebody sees it done. One worker of a host looks now and then for
rows that stay so, and asks for a few of them as their tenants would; what a job used is settled by
the same way as ever. Each is asked for more and more seldom, and no longer than a day.
"""

import asyncio
import fcntl
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from sluicegate.accounting.units import rfc3339
from sluicegate.errors import BrokenAnswerError, ClientGoneError, GatewayError
from sluicegate.routes import StoredPath
from sluicegate.store import StoreError
from sluicegate.store.store import Store
from sluicegate.stored.ledger_rows import Row, tenant_of
from sluicegate.unheard import nobody, run_unheard

if TYPE_CHECKING:
    from sluicegate.worker import Worker

log = logging.getLogger("sluicegate")

LOCK: Final = "unasked.lock"
"""Held by the one worker of a host that looks."""
LOOK_EVERY_S: Final = 30.0
AT_ONCE: Final = 20
"""Jobs that are asked for in one turn, one after the other."""
WITHIN_S: Final = 60.0
"""For the answer about one job."""
GIVE_UP_S: Final = 24 * 3600.0
MAX_PAUSE_S: Final = 3600.0
NEXT_TIMES: Final = 2.0
"""How many times as long the next pause is."""


class Asked(NamedTuple):
    """When a job is asked for again, in the clock's seconds, and how long that was put off."""

    next_s: float
    pause_s: float


class Unasked:
    """Of one worker.

    Args:
        store: used by this alone, and closed at the end.
    """

    def __init__(self, worker: "Worker", store: Store) -> None:
        """Nothing was asked yet."""
        self._worker = worker
        self._store = store
        self._asked: dict[str, Asked] = {}
        self._looking: asyncio.Task[None] | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begins."""
        self._looking = loop.create_task(self._run())

    def stop(self) -> None:
        """Ends; a job that is asked for now is asked for again another time."""
        if self._looking is not None:
            self._looking.cancel()
        self._store.close()

    async def _run(self) -> None:
        while True:
            after_s = self._worker.settings.responses.unasked_after_s
            await asyncio.sleep(min(LOOK_EVERY_S, after_s or LOOK_EVERY_S))
            try:
                with self._turn() as is_ours:
                    if is_ours and after_s:
                        await self._look(after_s)
            except (StoreError, OSError) as error:
                log.warning("jobs that nobody asks for cannot be looked for now: %s", error)
            except Exception:
                log.exception("jobs that nobody asks for cannot be looked for")

    @contextmanager
    def _turn(self) -> Iterator[bool]:
        """Whether no other worker of this host looks at the moment."""
        with (self._worker.settings.data_dir / LOCK).open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    async def _look(self, after_s: float) -> None:
        now_s = time.time()
        since, until = (rfc3339(int((now_s - s) * 1e9)) for s in (GIVE_UP_S, after_s))
        jobs = await asyncio.to_thread(self._store.ledger.unpaid_jobs, since, until)
        waiting = {str(row["response_id"]): row for row in jobs}
        self._asked = {name: asked for name, asked in self._asked.items() if name in waiting}
        never = Asked(0.0, after_s)
        due = [name for name in waiting if self._asked.get(name, never).next_s <= now_s]
        for name in due[:AT_ONCE]:
            pause_s = self._asked.get(name, never).pause_s
            pause_s = pause_s if await self._ask(name, waiting[name]) else GIVE_UP_S
            next_pause_s = min(pause_s * NEXT_TIMES, MAX_PAUSE_S)
            self._asked[name] = Asked(time.time() + pause_s, max(pause_s, next_pause_s))

    async def _ask(self, response_id: str, row: Row) -> bool:
        """Asks for a job as its tenant would. Whether it may be asked for again."""
        worker = self._worker
        path = StoredPath("GET", response_id, "", "")
        watched = worker.watch.add(nobody)
        try:
            tenant = tenant_of(row)
            async with asyncio.timeout(WITHIN_S), worker.errands.turn(tenant, path):
                place, body, _ = await worker.errands.asked(path.place, path, tenant)
                exchange = worker.engine.begin_for(place, _holder(row), body)
                await run_unheard(worker, place, exchange, watched)
        except GatewayError as error:
            log.info("the job %s cannot be asked for: %s", response_id, error.message)
            return error.status >= 429
        except (TimeoutError, ClientGoneError, BrokenAnswerError):
            watched.leave()
        finally:
            worker.watch.remove(watched)
        return True


def _holder(row: Row) -> bytes:
    """Who began it, as the core has a key's holder."""
    fields = ("organisation", "team", "project")
    holder = {name: row[name] or "" for name in fields} | {"name": row["key_name"]}
    return msgspec.json.encode(holder)
