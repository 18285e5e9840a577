"""Whether a disk has room for what can be done without."""

import logging
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

log = logging.getLogger("sluicegate")

MIN_FREE_BYTES: Final = 64 * 2**20
MIN_FREE_SHARE: Final = 0.05
"""The larger of both is left to the journal and the ledger: without these nothing is served."""
LOOK_EVERY_S: Final = 1.0

Usage = Callable[[Path], tuple[int, int, int]]
"""Of the disk of a folder: bytes in all, in use, free."""


class Room:
    """The disk of a folder, as it was a second ago at the most."""

    def __init__(
        self, folder: Path, usage: Usage = shutil.disk_usage, look_every_s: float = LOOK_EVERY_S
    ) -> None:
        """Nothing is looked at yet."""
        self._folder = folder
        self._usage = usage
        self._look_every_s = look_every_s
        self._looked_s = float("-inf")
        self._is_there = True

    def is_there(self) -> bool:
        """Whether there is room.

        Raises:
            OSError: the disk cannot be looked at.
        """
        now_s = time.monotonic()
        if now_s - self._looked_s >= self._look_every_s:
            total, _, free = self._usage(self._folder)
            was_there, self._looked_s = self._is_there, now_s
            self._is_there = free >= max(MIN_FREE_BYTES, total * MIN_FREE_SHARE)
            if was_there and not self._is_there:
                log.warning("the cache puts nothing more into the store: the disk is nearly full")
        return self._is_there
