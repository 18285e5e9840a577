"""Questions in the store: what this worker remembers is put there, and what others did is learned,
now of other workers and hosts, at the start of an earlier life. Where the store finds the nearest
by itself, nothing is learned, and what was put is made ready to be found. What has no answer any
more is taken out of it.
"""

import logging
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final

from sluicegate import _core
from sluicegate.semantic.chores import Chores
from sluicegate.semantic.finding import LOOK_EVERY_S, Finding
from sluicegate.semantic.gone import Gone
from sluicegate.semantic.record import question_of, vector_of
from sluicegate.store import Store, StoreError
from sluicegate.store.vectors import LAST, NewVector, StoredVector
from sluicegate.turns import Turns

log = logging.getLogger("sluicegate")

EVERY_S: Final = 0.5
PAGE: Final = 256
"""Rows that are read together: a megabyte, or some milliseconds of the store."""
LEARNED_AT_ONCE: Final = 16
"""Questions that the core puts in together: some milliseconds, in which a look-up may wait."""
PAUSE_S: Final = 0.002
"""Behind each of them, so that a start with many thousands leaves time for requests."""
MAX_WAITING: Final = 5000
"""Questions that the store does not take now; the oldest are forgotten."""
PUT_AT_ONCE: Final = 500
JOIN_S: Final = 2.0
"""For what runs at the end."""


class Sharing:
    """A thread."""

    def __init__(
        self,
        core: Chores,
        store: Store,
        is_index: Callable[[], bool] = lambda: False,
        max_entries: Callable[[], int] = lambda: LAST,
        look_every_s: float = LOOK_EVERY_S,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        """Args:
        store: used by this alone, and closed at the end.
        is_index: whether the store is to find the nearest by itself.
        max_entries: for how many the worker's index has room.
        look_every_s: how often it is looked whether it can.
        """
        self._core = core
        self._store = store
        self._is_index = is_index
        self._max_entries = max_entries
        self._finding = Finding(store, look_every_s)
        self._gone = Gone(store.vectors)
        self._now_ms = now_ms
        self._waiting: deque[NewVector] = deque(maxlen=MAX_WAITING)
        self._own: OrderedDict[tuple[str, bytes], None] = OrderedDict()
        self._seen: int | None = None
        self._is_failing = False
        self._turns = Turns(
            "questions",
            lambda: self._try(is_last=False),
            pause_s=lambda: EVERY_S,
            is_first_at_once=True,
            last=lambda: self._try(is_last=True),
            join_s=JOIN_S,
        )

    def start(self) -> None:
        """Begins with what there is."""
        self._turns.start()

    def stop(self) -> None:
        """Puts what waits, if the store is quick about it, and ends."""
        self._turns.stop()
        self._store.close()

    def remember(self, question: _core.CacheQuestion) -> None:
        """Takes a question to be put into the store soon. Never blocks."""
        self._waiting.append(vector_of(question))

    def forget(self, key: bytes) -> None:
        """Takes the name of an answer that is no more, whose questions leave the store soon. Never
        blocks.
        """
        self._gone.add(key)

    def finds(self) -> bool:
        """Whether the store finds the nearest by itself now."""
        return self._is_index() and self._finding.is_there

    def _try(self, *, is_last: bool) -> None:
        try:
            self._turn(is_last=is_last)
        except Exception as error:  # noqa: BLE001  # whatever fails, it is tried again
            if not self._is_failing:
                log.warning("questions are not shared with other workers for now: %s", error)
            self._is_failing = True
        else:
            self._is_failing = False

    def _turn(self, *, is_last: bool) -> None:
        self._put()
        self._gone.forget()
        if self._is_index() and self._finding.look():
            while not is_last and self._store.neighbours.fill():
                self._put()
                is_last = self._turns.is_stopping
            return
        if self._seen is None:  # those before the newest would be pushed out at once
            self._seen = self._store.vectors.before_newest(self._max_entries())
        while not is_last and (page := self._store.vectors.since(self._seen, self._now_ms(), PAGE)):
            self._learn(page)
            self._put()
            is_last = self._turns.is_stopping

    def _put(self) -> None:
        while count := min(len(self._waiting), PUT_AT_ONCE):
            some = [self._waiting.popleft() for _ in range(count)]
            latest = {(each.model_id, each.label.key): each for each in some}
            try:
                self._store.vectors.put(list(latest.values()))
            except StoreError:
                self._waiting.extendleft(reversed(some))
                raise
            self._own.update(dict.fromkeys(latest))
            while len(self._own) > MAX_WAITING:
                self._own.popitem(last=False)

    def _learn(self, page: list[StoredVector]) -> None:
        """Puts a page into the index, but for what came from here and is in it."""
        news: list[_core.CacheQuestion] = []
        for each in page:
            name = (each.model_id, each.label.key)
            if name in self._own:
                del self._own[name]
                continue
            try:
                news.append(question_of(each))
            except ValueError as error:  # it takes no other with it
                log.warning("a question in the store cannot be read: %s", error)
        for begin in range(0, len(news), LEARNED_AT_ONCE):
            self._core.learn(news[begin : begin + LEARNED_AT_ONCE])
            if self._turns.wait(PAUSE_S):
                return
        self._seen = page[-1].seq
