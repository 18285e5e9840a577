"""Questions whose answers are no more, on their way out of the store: they would be found again and
again, in the place of others.

A question may be put before its answer is, so that none goes which was not there some seconds ago.
That is told by the numbers of rows, not by the clocks of hosts.
"""

import time
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

from sluicegate.store import StoreError
from sluicegate.store.vectors import Vectors

AWAITED_S: Final = 3.0
"""Less than the core waits for the answer of a question that it has heard of (`AWAITED_MS`), by
some turns: what it gives up is old enough here, too.
"""
MAX_WAITING: Final = 5000
"""That wait for the store; of more the first are found gone once more."""


class _Mark(NamedTuple):
    """The last row that there was at a time."""

    at_s: float
    seq: int


class Gone:
    """One worker's."""

    def __init__(self, vectors: Vectors, now_s: Callable[[], float] = time.monotonic) -> None:
        """Args: vectors: used by whoever calls `forget`."""
        self._vectors = vectors
        self._now_s = now_s
        self._marks: deque[_Mark] = deque()
        self._waiting: deque[bytes] = deque(maxlen=MAX_WAITING)

    def add(self, key: bytes) -> None:
        """Takes the name of an answer that a look did not find. Never blocks."""
        self._waiting.append(key)

    def forget(self) -> None:
        """Takes the questions of those out of the store that were there long enough. To be called
        every now and then, whether there are any or not.

        Raises: StoreError: they are tried again the next time.
        """
        now_s = self._now_s()
        self._marks.append(_Mark(now_s, self._vectors.last()))
        while len(self._marks) > 1 and self._marks[1].at_s <= now_s - AWAITED_S:
            self._marks.popleft()
        mark = self._marks[0]
        if not self._waiting or mark.at_s > now_s - AWAITED_S:
            return
        keys = [self._waiting.popleft() for _ in range(len(self._waiting))]
        try:
            self._vectors.delete(list(dict.fromkeys(keys)), mark.seq)
        except StoreError:
            self._waiting.extend(keys)
            raise
