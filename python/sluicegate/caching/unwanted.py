"""Kept answers that nobody is to have: they are purged beside whoever finds that out."""

import logging
import threading
import time
from collections import deque
from typing import Final

from sluicegate.store import Store, StoreError
from sluicegate.store.cache import purge
from sluicegate.turns import Turns

log = logging.getLogger("sluicegate")

WRITE_EVERY_S: Final = 0.25
"""With the poller's pause behind it a purge is in force everywhere within a second."""
MAX_WAITING: Final = 10_000
"""Keys that wait for a store that is away; the oldest go first."""


class Unwanted:
    """A thread that has the store purge keys, again and again until it has."""

    def __init__(self, store: Store, *, write_every_s: float = WRITE_EVERY_S) -> None:
        """Nothing is unwanted yet."""
        self._store = store
        self._keys: deque[str] = deque(maxlen=MAX_WAITING)
        self._lock = threading.Lock()
        self._is_away = False
        self._turns = Turns(
            "unwanted", self._write, pause_s=lambda: write_every_s, last=self._write
        )

    def add(self, key: str) -> None:
        """Ends what is kept under a key, for all workers and hosts, soon."""
        with self._lock:
            self._keys.append(key)

    def start(self) -> None:
        """Begins to purge."""
        self._turns.start()

    def stop(self) -> None:
        """Tries once more, then ends. Blocks for as long as the store's own bounds."""
        self._turns.stop()

    def _write(self) -> None:
        with self._lock:
            keys, self._keys = self._keys, deque(maxlen=MAX_WAITING)
        if not keys:
            return
        try:
            with self._store.changing() as transaction:
                for key in keys:
                    purge(transaction, "key", key, time.time_ns() // 1_000_000)
        except StoreError as error:
            with self._lock:
                self._keys = deque([*keys, *self._keys], maxlen=MAX_WAITING)
            if not self._is_away:
                self._is_away = True
                log.error(
                    "answers that nobody is to have stay in the cache until the store takes purges "
                    "again: %s",
                    error,
                )
            return
        if self._is_away:
            self._is_away = False
            log.info("answers that nobody is to have are purged")
