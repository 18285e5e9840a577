"""The nearest questions of the store, where that is what finds them."""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from sluicegate.semantic.chores import Chore, Chores
from sluicegate.store import Store

log = logging.getLogger("sluicegate")

THREADS: Final = 4
"""As many as a store has connections."""
MAX_WAITING: Final = 64
"""Searches that wait for a thread; what would be one more finds nothing."""

Found = list[tuple[bytes, str, float]]
"""`(key, text, similarity)`, as `Chores.near` has it."""


class Searching:
    """Some threads that ask the store."""

    def __init__(
        self,
        core: Chores,
        store: Store,
        is_ready: Callable[[], bool],
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        """Args:
        store: used by this alone, and closed at the end.
        is_ready: whether the store finds anything yet.
        """
        self._core = core
        self._store = store
        self._is_ready = is_ready
        self._now_ms = now_ms
        self._room = threading.BoundedSemaphore(THREADS + MAX_WAITING)
        self._threads = ThreadPoolExecutor(THREADS, "sluicegate-near")
        self._is_failing = False

    def stop(self) -> None:
        """Ends; what waits is not answered. Blocks for as long as a search may take."""
        self._threads.shutdown(cancel_futures=True)
        self._store.close()

    def search(self, chore: Chore) -> None:
        """Answers `near`, soon. Never blocks."""
        if not self._is_ready() or not self._room.acquire(blocking=False):
            self._core.near(chore.id, [])
            return
        try:
            self._threads.submit(self._answer, chore)
        except RuntimeError:  # it has ended, and so have they who wait
            self._room.release()

    def _answer(self, chore: Chore) -> None:
        found: Found = []
        try:
            if chore.wanted is not None:
                near = self._store.neighbours.nearest(*chore.wanted, self._now_ms())
                found = [(each.key, each.text, each.similarity) for each in near]
                self._is_failing = False
        except Exception as error:  # noqa: BLE001  # whatever fails, it is a miss
            if not self._is_failing:
                log.warning("the store finds no questions for now: %s", error)
            self._is_failing = True
        finally:
            self._room.release()
            self._core.near(chore.id, found)
