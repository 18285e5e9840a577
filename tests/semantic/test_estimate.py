"""How wrong hits are counted, and what becomes of the threshold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.semantic.estimate import (
    LEAST_IN_BUCKET,
    LEAST_JUDGED,
    MOST_BELOW,
    above,
    bucket_of,
    threshold,
    wilson,
)
from sluicegate.store.judged import Count

SHIPPED = 0.86
TARGET = 0.03
COUNTS = st.integers(0, 2000).flatmap(
    lambda judged: st.builds(Count, st.just(judged), st.integers(0, judged))
)
BY_BUCKET = st.dictionaries(st.integers(75, 100), COUNTS, max_size=12)


@pytest.mark.parametrize(
    ("count", "low", "high"),
    [
        (Count(0, 0), 0.0, 1.0),
        (Count(50, 0), 0.0, 0.0713),
        (Count(100, 5), 0.0215, 0.1118),
        (Count(10, 10), 0.7225, 1.0),
    ],
    ids=["nothing", "none-wrong", "five-of-a-hundred", "all-wrong"],
)
def test_the_interval_is_wilsons(count: Count, low: float, high: float) -> None:
    assert wilson(count) == pytest.approx((low, high), abs=1e-4)


@given(COUNTS)
def test_the_interval_holds_the_share(count: Count) -> None:
    low, high = wilson(count)
    assert 0 <= low <= high <= 1
    if count.judged:
        assert low <= count.wrong / count.judged + 1e-12
        assert count.wrong / count.judged <= high + 1e-12


@pytest.mark.parametrize(
    ("similarity", "bucket"),
    [(0.86, 86), (0.8599999547, 86), (0.8650, 86), (1.0000001, 100), (-0.2, 0), (0.29, 29)],
)
def test_a_bucket_is_a_hundredth(similarity: float, bucket: int) -> None:
    assert bucket_of(similarity) == bucket


@pytest.mark.parametrize(
    ("counts", "moved"),
    [
        ({}, None),
        ({90: Count(49, 0)}, None),
        ({90: Count(60, 0)}, None),
        ({90: Count(200, 0)}, 0.86),
        ({86: Count(9, 0), 90: Count(200, 0)}, 0.86),
        ({86: Count(10, 0), 90: Count(200, 0)}, 0.85),
        ({bucket: Count(40, 0) for bucket in range(70, 101)}, 0.81),
        ({83: Count(200, 40)} | {bucket: Count(40, 0) for bucket in range(84, 101)}, 0.84),
        ({86: Count(40, 20), 90: Count(2000, 0)}, 0.87),
        ({86: Count(30, 15), 92: Count(30, 2), 99: Count(30, 0)}, 0.87),
        ({86: Count(100, 60), 100: Count(100, 90)}, 1.0),
        ({70: Count(500, 400), 90: Count(20, 0)}, None),
    ],
    ids=[
        "nothing-known",
        "too-few",
        "few-that-prove-nothing",
        "good-where-it-is",
        "no-lower-where-few-are-known",
        "one-lower-where-some-are",
        "no-lower-than-five-hundredths",
        "above-what-is-worse",
        "a-bad-bucket-is-not-hidden-by-good-ones",
        "raised-where-it-is-surely-worse",
        "nothing-but-the-same",
        "what-lies-below-says-nothing",
    ],
)
def test_the_threshold_moves_by_what_was_judged(
    counts: dict[int, Count], moved: float | None
) -> None:
    assert threshold(SHIPPED, TARGET, counts) == moved


@given(BY_BUCKET, st.floats(0.001, 0.5))
def test_a_threshold_is_never_far_below_nor_lowered_without_proof(
    counts: dict[int, Count], target: float
) -> None:
    moved = threshold(SHIPPED, target, counts)
    if moved is None:
        return
    assert SHIPPED - MOST_BELOW - 1e-9 <= moved <= 1
    if moved < SHIPPED:
        assert counts[bucket_of(moved) + 1].judged >= LEAST_IN_BUCKET
        passing = above(counts, bucket_of(moved))
        assert passing.judged >= LEAST_JUDGED
        assert wilson(passing).high <= target
