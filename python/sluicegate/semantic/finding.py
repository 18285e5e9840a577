"""Whether the store finds the nearest questions by itself. It is looked at now and then: who
administers the store may give it what that needs, or take it away, while gateways run.
"""

import logging
import time
from collections.abc import Callable
from typing import Final

from sluicegate.store import Store
from sluicegate.store.neighbours import NoVectorsError

log = logging.getLogger("sluicegate")

LOOK_EVERY_S: Final = 15.0
"""Two cheap questions. As often as it is swept."""


class Finding:
    """As one worker knows it."""

    def __init__(
        self,
        store: Store,
        look_every_s: float = LOOK_EVERY_S,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Args: store: used by whoever calls `look`."""
        self._store = store
        self._look_every_s = look_every_s
        self._now_s = now_s
        self._looks_again_s = float("-inf")
        self._was_looked_at = False
        self.is_there = False

    def look(self) -> bool:
        """Whether it does. What is missing is made the first time alone: whoever takes it away
        later means it.

        Raises: StoreError: that cannot be known now.
        """
        if self._now_s() < self._looks_again_s:
            return self.is_there
        missing: NoVectorsError | None = None
        try:
            self._store.neighbours.prepare(may_create=not self._was_looked_at)
        except NoVectorsError as error:
            missing = error
        self._tell(missing)
        self._was_looked_at = True
        self._looks_again_s = self._now_s() + self._look_every_s
        return self.is_there

    def _tell(self, missing: NoVectorsError | None) -> None:
        was_there, self.is_there = self.is_there, missing is None
        if missing is None:
            if self._was_looked_at and not was_there:
                log.info("the store is the index of questions now")
        elif was_there or not self._was_looked_at:
            log.error(
                "the store cannot be the index of questions, each worker's memory is: %s", missing
            )
