"""Entries in the store: SQLite for the workers of a host, PostgreSQL for several hosts."""

import time
from collections.abc import Callable, Mapping, Sequence

import msgspec

from sluicegate.caching.frame import Frames
from sluicegate.caching.room import Room
from sluicegate.store import Store
from sluicegate.store.cache import Entry, Purge


class StoreTier:
    """A tier; see `Tier`."""

    def __init__(
        self,
        store: Store,
        frames: Frames,
        max_bytes: int,
        room: Room | None = None,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        """Args:
        store: used by this alone, and closed with it.
        max_bytes: of all entries; looked at when it is swept.
        room: of the disk that the store is on; None where it is another machine's.
        """
        self._store = store
        self._frames = frames
        self._max_bytes = max_bytes
        self._room = room
        self._now_ms = now_ms

    def get(self, keys: Sequence[bytes]) -> Mapping[bytes, Entry]:
        """The entries of those keys that have one."""
        frames = self._store.cache.get(keys, self._now_ms())
        read = {key: self._frames.decode(key, frame) for key, frame in frames.items()}
        return {key: entry for key, entry in read.items() if entry is not None}

    def put(self, entries: Sequence[Entry]) -> None:
        """Keeps them, if there is room."""
        if self._room is not None and not self._room.is_there():
            return
        framed = [
            msgspec.structs.replace(entry, body=self._frames.encode(entry)) for entry in entries
        ]
        self._store.cache.put(framed)

    def forget(self, purges: Sequence[Purge]) -> Sequence[bytes]:
        """Deletes what is dead by these purges."""
        return self._store.cache.forget(purges)

    def sweep(self) -> None:
        """Deletes what is over, and what there is no room for."""
        self._store.cache.expire(self._now_ms())
        self._store.cache.shrink(self._max_bytes)

    def ping(self) -> None:
        """Asks for next to nothing."""
        self._store.cache.epoch()

    def close(self) -> None:
        """Ends the connections."""
        self._store.close()
