"""Stands before a tier: whoever asks waits no longer than was said, and hears of no failure."""

import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from sluicegate.caching.tier import Tier
from sluicegate.store.cache import Entry

log = logging.getLogger("sluicegate")

WITHIN_S: Final = 0.05
"""For an answer; later it is a miss."""
FAILURES: Final = 3
"""In a row, late answers among them, after which nobody is kept waiting any more."""
PROBE_EVERY_S: Final = 1.0
"""How often a tier that is away is looked for."""
MAX_WAITING_BYTES: Final = 16 * 2**20
"""Of entries that wait to be put; more are not kept."""
ENTRIES_AT_ONCE: Final = 64
BYTES_AT_ONCE: Final = 4 * 2**20
JOIN_S: Final = 2.5
"""For what runs at the end."""

OnChange = Callable[[str | None], None]
"""`on_change(reason)`: why the tier is away now; None where it is back."""


class _Question:
    """Keys that somebody waits for."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self.keys = keys
        self.found: Mapping[bytes, Entry] | None = None
        self.is_answered = threading.Event()


class Guarded:
    """A tier, on two threads of its own: one reads, one writes.

    After some failures in a row to read the tier is away: everything is a miss at once, nothing is
    put, and the reading thread looks every second whether it is back. After one failure to put
    nothing is for a second: a server may be full, and answer.
    """

    def __init__(
        self,
        tier: Tier,
        *,
        within_s: float = WITHIN_S,
        probe_every_s: float = PROBE_EVERY_S,
        on_change: OnChange = lambda _: None,
    ) -> None:
        """Args: tier: used by this alone, and closed with it. on_change: of another thread."""
        self.tier = tier
        self._within_s = within_s
        self._probe_every_s = probe_every_s
        self._on_change = on_change
        self._questions: queue.SimpleQueue[_Question | None] = queue.SimpleQueue()
        self._is_reading = False
        self._waiting: deque[Entry] = deque()
        self._waiting_bytes = 0
        self._turn = threading.Condition()
        self._can_put = True
        self._puts_again_s = float("-inf")
        self._failures = 0
        self.is_away = False
        self.counts = dict.fromkeys(("hits", "misses", "late", "failed", "put", "dropped"), 0)
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._read, name="sluicegate-cache-read", daemon=True),
            threading.Thread(target=self._write, name="sluicegate-cache-write", daemon=True),
        ]

    def start(self) -> None:
        """Begins."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Puts what waits, if it is quick about it, and ends."""
        self._stop.set()
        self._questions.put(None)
        with self._turn:
            self._turn.notify_all()
        until_s = time.monotonic() + JOIN_S
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(0.0, until_s - time.monotonic()))
        self.tier.close()

    # reading

    def get(self, keys: Sequence[bytes]) -> Mapping[bytes, Entry] | None:
        """The entries of those keys that have one; None where that is not known in time. For one
        thread.
        """
        if self.is_away or self._is_reading:  # one that is still looked for was too late already
            self.counts["misses"] += len(keys)
            return None
        self._is_reading = True
        question = _Question(keys)
        self._questions.put(question)
        if not question.is_answered.wait(self._within_s):
            self.counts["late"] += 1
            self.counts["misses"] += len(keys)
            self._failed(f"no answer in {self._within_s * 1000:.0f} ms")
            return None
        hits = len(question.found or ())
        self.counts["hits"] += hits
        self.counts["misses"] += len(keys) - hits
        return question.found

    def _read(self) -> None:
        while not self._stop.is_set():
            try:
                question = self._questions.get(timeout=self._probe_every_s)
            except queue.Empty:
                question = None
            if question is not None:
                self._answer(question)
            elif self.is_away and not self._stop.is_set():
                self._probe()

    def _answer(self, question: _Question) -> None:
        began_s = time.monotonic()
        try:
            question.found = self.tier.get(question.keys)
        except Exception as error:  # noqa: BLE001  # whatever a tier raises, it is a miss
            self.counts["failed"] += 1
            self._failed(str(error))
        else:
            if time.monotonic() - began_s < self._within_s:
                self._failures = 0
        self._is_reading = False
        question.is_answered.set()

    def _probe(self) -> None:
        began_s = time.monotonic()
        try:
            self.tier.ping()
        except Exception:  # noqa: BLE001  # the first failure was told
            return
        if time.monotonic() - began_s < self._within_s:
            self._failures, self.is_away = 0, False
            self._on_change(None)

    def _failed(self, reason: str) -> None:
        self._failures += 1
        if self._failures >= FAILURES and not self.is_away:
            self.is_away = True
            self._on_change(reason)

    # writing

    def put(self, entry: Entry) -> None:
        """Keeps an entry soon, or not at all. Waits for nobody."""
        size = len(entry.body)
        with self._turn:
            is_pausing = time.monotonic() < self._puts_again_s
            if self.is_away or is_pausing or self._waiting_bytes + size > MAX_WAITING_BYTES:
                self.counts["dropped"] += 1
                return
            self._waiting.append(entry)
            self._waiting_bytes += size
            self._turn.notify()

    def _write(self) -> None:
        while entries := self._next():
            try:
                self.tier.put(entries)
            except Exception as error:  # noqa: BLE001  # an entry that is not kept is a miss later
                self.counts["dropped"] += len(entries)
                self.counts["failed"] += 1
                self._puts_again_s = time.monotonic() + self._probe_every_s
                if self._can_put:
                    self._can_put = False
                    log.warning("the cache cannot keep answers beside its memory: %s", error)
            else:
                self.counts["put"] += len(entries)
                if not self._can_put:
                    self._can_put = True
                    log.info("the cache keeps answers beside its memory again")

    def _next(self) -> list[Entry]:
        """What is put together; nothing at the end."""
        entries: list[Entry] = []
        size = 0
        with self._turn:
            self._turn.wait_for(lambda: self._waiting or self._stop.is_set())
            while self._waiting and len(entries) < ENTRIES_AT_ONCE and size < BYTES_AT_ONCE:
                entries.append(self._waiting.popleft())
                size += len(entries[-1].body)
            self._waiting_bytes -= size
        return entries
