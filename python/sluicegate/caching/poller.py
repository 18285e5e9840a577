"""Keeps a worker up with what was purged."""

import logging
import time
from collections.abc import Callable
from typing import Final, Protocol

from sluicegate.caching.known import Known
from sluicegate.store.cache import Purge
from sluicegate.turns import Turns

log = logging.getLogger("sluicegate")

POLL_EVERY_S: Final = 0.25
"""A purge is in force everywhere within a second."""
STALE_AFTER_S: Final = 3.0
"""So long what was kept elsewhere is served on where the store, and with it what was purged, cannot
be read: long enough for one that starts again, not for one that is away.
"""


class Source(Protocol):
    """The store's part of the cache, as far as this needs it."""

    def epoch(self) -> int:
        """That of the last purge."""

    def purges(self, since: int) -> list[Purge]:
        """Those with a higher one."""


class Poller:
    """A thread that asks whether something was purged, and tells it."""

    def __init__(
        self,
        source: Source,
        on_purges: Callable[[list[Purge]], None],
        *,
        poll_every_s: float = POLL_EVERY_S,
        stale_after_s: float = STALE_AFTER_S,
    ) -> None:
        """Args: on_purges: called by this thread, and by `read_now`'s."""
        self.known = Known()
        self._source = source
        self._on_purges = on_purges
        self._stale_after_s = stale_after_s
        self._seen_s = float("-inf")
        self._is_read = True
        self._turns = Turns("purges", self._look, pause_s=lambda: poll_every_s)

    @property
    def is_fresh(self) -> bool:
        """Whether all that was purged some seconds ago is known."""
        return time.monotonic() - self._seen_s <= self._stale_after_s

    def read_now(self) -> None:
        """Reads at once, before the first request."""
        self._look()

    def start(self) -> None:
        """Begins to ask."""
        self._turns.start()

    def stop(self) -> None:
        """Ends. Blocks for as long as the store's own bounds."""
        self._turns.stop()

    def _look(self) -> None:
        began_s = time.monotonic()
        try:
            if self._source.epoch() > self.known.epoch:
                purges = self._source.purges(self.known.epoch)
                self._on_purges(purges)
                self.known.add(purges)
        except Exception as error:  # noqa: BLE001  # whatever fails, it is asked again
            if self._is_read and not self._turns.is_stopping:
                self._is_read = False
                log.error("what was purged from the cache cannot be read: %s", error)
            return
        self._seen_s = began_s
        if not self._is_read:
            self._is_read = True
            log.info("what was purged from the cache is known again")
