"""How many hits are wrong, and what threshold keeps them rare. Counts in, numbers out."""

from collections.abc import Mapping
from math import sqrt
from typing import Final, NamedTuple

from sluicegate.store.judged import Count

LEAST_JUDGED: Final = 50
"""Fewer hits move no threshold."""
MOST_BELOW: Final = 0.05
"""How far below the shipped threshold measurements may take it: what nobody looked at by hand is
not for them to decide alone.
"""
LEAST_IN_BUCKET: Final = 10
"""Of which the bucket below is tried: what lies under a threshold is never judged."""
NEVER: Final = 100
"""The bucket of questions that are the same."""
_Z: Final = 1.959963984540054
"""Of 95 in 100, both sides."""


class Interval(NamedTuple):
    """Between what a rate is, with 95 in 100."""

    low: float
    high: float


def bucket_of(similarity: float) -> int:
    """A likeness in hundredths, rounded down; 32-bit floats are a little less than they say."""
    return max(0, min(NEVER, int(similarity * 100 + 1e-3)))


def wilson(count: Count) -> Interval:
    """What share is wrong.

    Source: E. B. Wilson, Probable inference, the law of succession, and statistical inference,
    1927.
    """
    judged, wrong = count
    if judged == 0:
        return Interval(0.0, 1.0)
    share, z2 = wrong / judged, _Z * _Z
    middle = (share + z2 / (2 * judged)) / (1 + z2 / judged)
    half = _Z * sqrt(share * (1 - share) / judged + z2 / (4 * judged**2)) / (1 + z2 / judged)
    return Interval(max(0.0, middle - half), min(1.0, middle + half))


def above(counts: Mapping[int, Count], bucket: int) -> Count:
    """What a threshold at this bucket would let pass."""
    return sum((count for at, count in counts.items() if at >= bucket), Count())


def threshold(shipped: float, target: float, counts: Mapping[int, Count]) -> float | None:
    """Where the threshold belongs so that no larger share of hits than `target` is wrong; None
    where too little is known to move it.

    It is the lowest bucket above which the share is surely smaller, by at least `LEAST_JUDGED`
    hits; buckets below one that is by itself surely worse do not count, however good the others
    make the sum look. Below the shipped threshold it goes down one bucket at a time, each time when
    the last was judged. Where the shipped threshold is surely worse, and none is surely good, it is
    the lowest that is not surely worse.
    """
    start = bucket_of(shipped)
    good = None
    for bucket in range(NEVER, max(0, start - bucket_of(MOST_BELOW)) - 1, -1):
        is_unknown = counts.get(bucket + 1, Count()).judged < LEAST_IN_BUCKET
        if wilson(counts.get(bucket, Count())).low > target or (bucket < start and is_unknown):
            break
        passing = above(counts, bucket)
        if passing.judged >= LEAST_JUDGED and wilson(passing).high <= target:
            good = bucket
    if good is not None:
        return good / 100
    return _raised(start, target, counts)


def _raised(shipped: int, target: float, counts: Mapping[int, Count]) -> float | None:
    passing = above(counts, shipped)
    if passing.judged < LEAST_JUDGED or wilson(passing).low <= target:
        return None
    fair = (at for at in range(shipped, NEVER) if wilson(above(counts, at)).low <= target)
    return next(fair, NEVER) / 100
