"""Two pieces of work compared so that what else the machine does falls out.

They take turns, some hundred microseconds each, and the best of each is kept: a turn that was
interrupted is slower than the best, never faster.
"""

import time
from collections.abc import Callable
from typing import Any

Work = Callable[[], Any]

#: What a ratio may rise above the same machine's baseline.
TOLERANCE = 0.15
_TURN_S = 0.0003
_TURNS = 400


def _repeats(work: Work) -> int:
    """How often it fits into a turn."""
    done, begin = 0, time.perf_counter()
    while time.perf_counter() - begin < _TURN_S:
        work()
        done += 1
    return max(1, done)


def _turn_s(work: Work, times: int) -> float:
    begin = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - begin) / times


def ratio(subject: Work, baseline: Work, turns: int = _TURNS) -> float:
    """The subject's best time in units of the baseline's."""
    for work in (subject, baseline):  # caches, branches, the interpreter's inline caches
        _turn_s(work, 3)
    of_subject, of_baseline = _repeats(subject), _repeats(baseline)
    best_subject, best_baseline = float("inf"), float("inf")
    for _ in range(turns):
        best_subject = min(best_subject, _turn_s(subject, of_subject))
        best_baseline = min(best_baseline, _turn_s(baseline, of_baseline))
    return best_subject / best_baseline


def slower(now: float, kept: float | None, tolerance: float = TOLERANCE) -> bool:
    """Whether a ratio rose by more than noise does."""
    return kept is not None and now > kept * (1 + tolerance)
