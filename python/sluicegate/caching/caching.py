"""The cache beyond one worker's memory: what is kept elsewhere, and what was purged anywhere."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

from sluicegate import _core
from sluicegate.caching.frame import Frames
from sluicegate.caching.guard import Guarded
from sluicegate.caching.poller import Poller
from sluicegate.caching.pump import Core as Asking
from sluicegate.caching.pump import Pump
from sluicegate.caching.redis_tier import RedisTier
from sluicegate.caching.room import Room
from sluicegate.caching.store_tier import StoreTier
from sluicegate.caching.sweeper import Sweeper
from sluicegate.caching.tier import Tier
from sluicegate.caching.unwanted import Unwanted
from sluicegate.store import Store
from sluicegate.store.cache import Purge

log = logging.getLogger("sluicegate")


class Core(Asking, Protocol):
    """The core's cache, as far as this needs it."""

    def purge(self, purges: list[tuple[int, str, str]], /) -> object:
        """Ends entries: `(epoch, kind, value)`."""


class Place(NamedTuple):
    """Where entries are kept beside memory."""

    tier: Literal["memory", "store", "redis"]
    redis_url: str | None
    max_store_bytes: int
    max_vectors: int
    data_dir: Path | None = None
    """On whose disk the store is; None where it is another machine's."""


class Caching:
    """One worker's part of it: threads that begin when the cache is first used.

    While the store cannot be read, and with it what was purged, nothing that is kept elsewhere is
    served beyond `poller.STALE_AFTER_S`; what a worker has in memory is.
    """

    def __init__(
        self,
        core: Core,
        open_store: Callable[[], Store],
        master: bytes,
        on_away: Callable[[str], None] = lambda _: None,
        on_refresh: Callable[[_core.CacheRefresh], None] = lambda _: None,
    ) -> None:
        """Args:
        core: the core's.
        on_away: called once with the reason when the tier is not there any more.
        on_refresh: has a request made once more.
        """
        self._core = core
        self._open_store = open_store
        self._frames = Frames(master)
        self._on_away = on_away
        self._store = open_store()
        self._poller = Poller(self._store.cache, self._purged)
        self._unwanted = Unwanted(self._store)
        self._pump = Pump(core, lambda: self._guarded, self._poller, on_refresh)
        self._sweeper = Sweeper(open_store(), self._tier, self._max_vectors)
        self._place = Place("memory", None, 0, 0)
        self._guarded: Guarded | None = None
        self._turn = threading.Lock()
        self._is_running = False

    def use(self, place: Place) -> None:
        """Begins, or goes on with another place. Blocks for a moment."""
        with self._turn:
            if place != self._place:
                before, self._place = self._guarded, place
                self._guarded = self._opened(place)
                if before is not None:
                    before.stop()
            if not self._is_running:
                self._is_running = True
                self._poller.read_now()
                for each in (self._poller, self._pump, self._sweeper, self._unwanted):
                    each.start()

    def stop(self) -> None:
        """Ends. Blocks for as long as the bounds of what runs."""
        with self._turn:
            for each in (self._pump, self._unwanted, self._poller, self._sweeper):
                each.stop()
            if self._guarded is not None:
                self._guarded.stop()
            self._store.close()

    def purge(self, key: str) -> None:
        """Ends what is kept under a key, soon: this worker reads it as all others do."""
        self._unwanted.add(key)

    def stats(self) -> dict[str, Any]:
        """How what is beside this worker's memory does."""
        guarded = self._guarded
        shown: dict[str, Any] = {"tier": self._place.tier, "is_fresh": self._poller.is_fresh}
        if guarded is not None:
            shown |= {"is_away": guarded.is_away, **guarded.counts}
        return shown

    def _purged(self, purges: list[Purge]) -> None:
        self._core.purge([(each.epoch, each.kind, each.value) for each in purges])

    def _opened(self, place: Place) -> Guarded | None:
        tier: Tier
        if place.tier == "redis" and place.redis_url is not None:
            identity = self._store.cache.identity
            tier = RedisTier(place.redis_url, self._frames, identity, place.max_store_bytes)
        elif place.tier == "store":
            room = Room(place.data_dir) if place.data_dir is not None else None
            tier = StoreTier(self._open_store(), self._frames, place.max_store_bytes, room)
        else:
            return None
        guarded = Guarded(tier, on_change=self._told)
        guarded.start()
        return guarded

    def _told(self, reason: str | None) -> None:
        where = "shared_state" if self._place.tier == "redis" else "the store"
        if reason is None:
            log.info("the cache in %s answers again", where)
            return
        log.error("the cache in %s is away; each look at it is a miss: %s", where, reason)
        self._on_away(f"{where}: {reason}")

    def _tier(self) -> Tier | None:
        guarded = self._guarded
        return guarded.tier if guarded is not None else None

    def _max_vectors(self) -> int:
        return self._place.max_vectors
