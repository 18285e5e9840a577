"""What fails a gate that compares times."""

import pytest

from bench.boundary.ratio import ratio, slower


@pytest.mark.parametrize(
    ("now", "kept", "is_slower"),
    [(1.0, None, False), (1.14, 1.0, False), (1.16, 1.0, True), (0.5, 1.0, False)],
    ids=["no baseline", "noise", "a regression", "faster"],
)
def test_a_rise_beyond_noise_is_slower(now: float, kept: float | None, is_slower: bool) -> None:
    assert slower(now, kept) is is_slower


def test_twice_the_work_is_about_twice_the_time() -> None:
    found = ratio(lambda: sum(range(2000)), lambda: sum(range(1000)), turns=100)
    assert 1.4 < found < 2.8
