"""A worker's cache as its configuration and the keys of the store want it."""

import threading
from collections.abc import Callable
from typing import Any

from sluicegate import _core
from sluicegate.caching.caching import Caching, Place
from sluicegate.config import Settings
from sluicegate.store import open_store
from sluicegate.store.store import Governance


class Governed:
    """The cache beyond the core's memory, which costs nothing until a model or a key has it on."""

    def __init__(
        self,
        core: _core.Cache,
        chores: _core.Chores,
        settings: Settings,
        master: bytes,
        on_away: Callable[[str], None],
        on_refresh: Callable[[_core.CacheRefresh], None],
    ) -> None:
        """Nothing runs yet.

        Args: chores: has the index of questions. on_away, on_refresh: as `Caching`'s.
        """
        self._core = core
        self._chores = chores
        self._settings = settings
        self._do_keys_use_it = False
        self._turn = threading.Lock()
        self._caching = Caching(core, lambda: open_store(settings), master, on_away, on_refresh)

    def stored(self, stored: Governance | None) -> None:
        """The keys of the store are these now. Blocks for a moment."""
        if stored is not None:
            with self._turn:
                caches = [key.cache for key in stored.keys if key.cache is not None]
                self._do_keys_use_it = any(cache.enabled for cache in caches)
                self._use()

    def reload(self, settings: Settings) -> None:
        """The configuration is this now. Blocks for a moment."""
        with self._turn:
            self._settings = settings
            self._use()

    def purge(self, key: str) -> None:
        """Ends what is kept under a key, for all workers and hosts within a second."""
        self._caching.purge(key)

    def stop(self) -> None:
        """Ends. Blocks for as long as the bounds of what runs."""
        self._caching.stop()

    def stats(self) -> dict[str, Any]:
        """What is in this worker's memory, and how what is beside it does."""
        memory, questions = dict(self._core.stats()), dict(self._chores.stats())
        return {"memory": memory, "semantic": questions, "beside": self._caching.stats()}

    def _use(self) -> None:
        cache, url = self._settings.cache, self._settings.shared_state_url
        if cache.is_used or self._do_keys_use_it:
            redis_url = url.reveal() if url is not None else None
            own_disk = self._settings.data_dir if self._settings.store_url is None else None
            max_bytes = int(cache.max_store_bytes)
            place = Place(cache.tier, redis_url, max_bytes, cache.max_stored_questions, own_disk)
            self._caching.use(place)
