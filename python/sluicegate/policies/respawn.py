"""When a worker that died is replaced: at once, then later and later while successors die young.

A gateway that gives up is an outage for everybody; one that respawns without a pause burns the
machine. So it never gives up once it has served, and pauses.
"""

from typing import Final

OLD_S: Final = 10.0
"""A worker that lived so long died of something new."""
FIRST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 5.0
START_TRIES: Final = 2
"""Deaths of one worker before anybody was served: then it is the set-up, and a person must look."""


class Respawn:
    """What is known of each worker's deaths; workers are numbers."""

    def __init__(self) -> None:
        """Nobody died yet."""
        self._spawned_s: dict[int, float] = {}
        self._young_deaths: dict[int, int] = {}

    def spawned(self, worker: int, now_s: float) -> None:
        """A worker, or its successor, begins."""
        self._spawned_s[worker] = now_s

    def pause_s(self, worker: int, now_s: float) -> float:
        """How long the successor of one that died now waits."""
        lived_s = now_s - self._spawned_s.get(worker, now_s)
        before = 0 if lived_s >= OLD_S else self._young_deaths.get(worker, 0)
        self._young_deaths[worker] = before + 1
        return min(FIRST_PAUSE_S * 2 ** (before - 1), LONGEST_PAUSE_S) if before else 0.0

    def is_hopeless(self, worker: int) -> bool:
        """Whether one that never served has died too often."""
        return self._young_deaths.get(worker, 0) >= START_TRIES
