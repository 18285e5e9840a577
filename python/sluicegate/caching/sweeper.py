"""Takes out of the store, and of the tier, what nobody will ever be given again. One process of all
hosts does it at a time.
"""

import logging
import random
import time
from collections.abc import Callable
from typing import Final

from sluicegate.caching.tier import Tier
from sluicegate.store import Store
from sluicegate.turns import Turns

log = logging.getLogger("sluicegate")

SWEEP_EVERY_S: Final = 15.0
LEASE_S: Final = 12.0
"""For whoever sweeps; two at once would only do the same work."""
JOIN_S: Final = 1.5
"""For what runs at the end."""
FOLD_AFTER_MS: Final = 31 * 24 * 3600 * 1000
"""Older purges become one: an answer lives for 30 days at the most, unless it is used stale."""


class Sweeper:
    """A thread."""

    def __init__(
        self,
        store: Store,
        tier: Callable[[], Tier | None],
        max_vectors: Callable[[], int],
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        """Args: store: used by this alone, and closed at the end. tier: the one in use."""
        self._store = store
        self._tier = tier
        self._max_vectors = max_vectors
        self._now_ms = now_ms
        self._is_failing = False
        self._turns = Turns("cache-sweep", self._turn, pause_s=_pause_s, join_s=JOIN_S)

    def start(self) -> None:
        """Begins."""
        self._turns.start()

    def stop(self) -> None:
        """Ends. What is not deleted yet others delete."""
        self._turns.stop()
        self._store.close()

    def _turn(self) -> None:
        try:
            self.sweep_now()
        except Exception as error:  # noqa: BLE001  # whatever fails, it is tried again
            if not self._is_failing:
                log.warning("what is over stays in the cache for now: %s", error)
            self._is_failing = True
        else:
            self._is_failing = False

    def sweep_now(self) -> bool:
        """Sweeps, unless somebody else does; whether it did."""
        cache, now_ms = self._store.cache, self._now_ms()
        if not cache.claim_sweep(now_ms, now_ms + int(LEASE_S * 1000)):
            return False
        tier = self._tier()
        purges = cache.purges(cache.forgotten())
        if purges:
            dead = [bytes.fromhex(each.value) for each in purges if each.kind == "key"]
            if tier is not None:
                dead += tier.forget(purges)
            dead += cache.forget(purges)
            self._store.vectors.delete(dead)  # they have the questions in them
            cache.note_forgotten(purges[-1].epoch)
        if tier is not None:
            tier.sweep()
        cache.expire(now_ms)  # of a tier that is used no more, too
        self._store.vectors.prune(now_ms, self._max_vectors())
        cache.fold(now_ms - FOLD_AFTER_MS)
        return True


def _pause_s() -> float:
    """Workers that start together do not ask together."""
    return SWEEP_EVERY_S * random.uniform(0.8, 1.2)  # noqa: S311
