"""Serves what the core asks of Python: entries that its memory has not got, and entries to keep."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from sluicegate import _core
from sluicegate.caching.poller import Poller
from sluicegate.caching.record import entry_of, record_of
from sluicegate.caching.rounds import Rounds
from sluicegate.store.cache import Entry

KEYS_AT_ONCE: Final = 16
"""That are looked for together: the first need not wait until all of them have come."""


class Task(Protocol):
    """One thing that it asks: to `get` a key, or to `put` a record."""

    @property
    def kind(self) -> str:
        """`get`, `put` or `refresh`."""

    @property
    def id(self) -> int:
        """Of `get`."""

    @property
    def key(self) -> bytes | None:
        """Of both."""

    @property
    def record(self) -> _core.CacheRecord | None:
        """Of `put`."""

    @property
    def refresh(self) -> _core.CacheRefresh | None:
        """Of `refresh`."""


class Core(Protocol):
    """The core's cache, as far as this needs it."""

    def take(self, within_s: float, /) -> Sequence[Task]:
        """What waits; waits itself until something does."""

    def give(self, number: int, record: _core.CacheRecord | None, /) -> None:
        """Answers a `get`."""

    def give_up(self, number: int, /) -> None:
        """Answers it too: nobody knows."""


class Beside(Protocol):
    """What is beside the core's memory."""

    def get(self, keys: Sequence[bytes]) -> Mapping[bytes, Entry] | None:
        """The entries of those keys that have one; None where that is not known in time."""

    def put(self, entry: Entry) -> None:
        """Keeps an entry."""


class Pump:
    """A thread. A dead entry, and one of which that cannot be known, is a miss."""

    def __init__(
        self,
        core: Core,
        beside: Callable[[], Beside | None],
        poller: Poller,
        on_refresh: Callable[[_core.CacheRefresh], None] = lambda _: None,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        """Args:
        beside: the tier in use.
        poller: what was purged.
        on_refresh: has a request made once more.
        """
        self._core = core
        self._beside = beside
        self._poller = poller
        self._on_refresh = on_refresh
        self._now_ms = now_ms
        self._rounds = Rounds("cache", core.take, self._serve)

    def start(self) -> None:
        """Begins to serve."""
        self._rounds.start()

    def stop(self) -> None:
        """Ends in less than half a second."""
        self._rounds.stop()

    def _serve(self, tasks: Sequence[Task]) -> None:
        beside = self._beside()
        asked = [(task.id, task.key) for task in tasks if task.kind == "get" and task.key]
        for begin in range(0, len(asked), KEYS_AT_ONCE):
            self._answer(beside, asked[begin : begin + KEYS_AT_ONCE])
        for task in tasks:
            if task.record is not None and beside is not None:
                beside.put(entry_of(task.record))
            if task.refresh is not None:
                self._on_refresh(task.refresh)

    def _answer(self, beside: Beside | None, asked: Sequence[tuple[int, bytes]]) -> None:
        found: Mapping[bytes, Entry] | None = {}
        if beside is not None:
            keys = list(dict.fromkeys(key for _, key in asked))
            found = beside.get(keys) if self._poller.is_fresh else None
        for number, key in asked:
            entry = None if found is None else found.get(key)
            if found is None or (entry is not None and self._is_of_later(entry)):
                self._core.give_up(number)
            else:
                is_good = entry is not None and self._is_good(entry)
                self._core.give(number, record_of(entry) if entry and is_good else None)

    def _is_of_later(self, entry: Entry) -> bool:
        """Whether it is of a time that this worker knows nothing of: it may be dead by a purge that
        comes with the next look.
        """
        return entry.label.epoch > self._poller.known.epoch

    def _is_good(self, entry: Entry) -> bool:
        """Whether it is neither over nor dead."""
        return not self._poller.known.kills(entry.label) and entry.expires_ms > self._now_ms()
