"""Stand-ins: a tier that does as it is told, and the core's side of the queue."""

from __future__ import annotations

import queue
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sluicegate.store.cache import Entry, Purge

UNKNOWN = object()
"""What is given where nobody knows."""


class MemoryTier:
    """Keeps entries in memory; fails or hangs on demand."""

    def __init__(self) -> None:
        self.entries: dict[bytes, Entry] = {}
        self.fails = False
        self.full = False
        self.goes_on = threading.Event()
        self.goes_on.set()
        self.gets = 0
        self.pings = 0
        self.puts: list[int] = []
        self.is_closed = False

    def get(self, keys: Sequence[bytes]) -> Mapping[bytes, Entry]:
        self.gets += 1
        self._run()
        return {key: self.entries[key] for key in keys if key in self.entries}

    def put(self, entries: Sequence[Entry]) -> None:
        self._run()
        if self.full:
            raise OSError("no room")
        self.puts.append(len(entries))
        self.entries |= {each.label.key: each for each in entries}

    def forget(self, purges: Sequence[Purge]) -> Sequence[bytes]:
        self._run()
        return []

    def sweep(self) -> None:
        self._run()

    def ping(self) -> None:
        self.pings += 1
        self._run()

    def close(self) -> None:
        self.is_closed = True

    def _run(self) -> None:
        self.goes_on.wait(20)
        if self.fails:
            raise OSError("it is away")


@dataclass
class Task:
    """What the core asks."""

    kind: str
    id: int
    key: bytes
    record: Any
    refresh: Any = None


class Core:
    """The core's side."""

    def __init__(self) -> None:
        self.tasks: queue.Queue[Task] = queue.Queue()
        self.given: queue.Queue[tuple[int, Any]] = queue.Queue()
        self.purged: list[tuple[int, str, str]] = []
        self._last = 0

    def ask(self, key: bytes, within_s: float = 5.0) -> Any:
        """What is given for a key."""
        self._last += 1
        self.tasks.put(Task("get", self._last, key, None))
        number, record = self.given.get(timeout=within_s)
        assert number == self._last
        return record

    def keep(self, record: Any) -> None:
        """Has a record kept."""
        self._last += 1
        self.tasks.put(Task("put", self._last, record.key, record))

    # what the pump calls

    def take(self, within_s: float) -> list[Task]:
        try:
            tasks = [self.tasks.get(timeout=within_s)]
        except queue.Empty:
            return []
        while not self.tasks.empty():
            tasks.append(self.tasks.get())
        return tasks

    def give(self, number: int, record: Any) -> None:
        self.given.put((number, record))

    def give_up(self, number: int) -> None:
        self.given.put((number, UNKNOWN))

    def purge(self, purges: Sequence[tuple[int, str, str]]) -> None:
        self.purged += purges
