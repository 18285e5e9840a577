"""The rule by which the semantic cache's thresholds are chosen, on sets whose answer is plain."""

from __future__ import annotations

import numpy as np
import pytest

from bench.semantic.embedders import Matrix
from bench.semantic.folds import chosen, folds


def rows(*pairs: tuple[float, float]) -> Matrix:
    """Of each question: how near the nearest is, and the nearest that the guards let pass."""
    return np.array(pairs, "f4")


#: Four questions with another intent beside them, of which the guards stop one.
FOUR = rows((0.95, 0.805), (0.93, 0.855), (0.91, 0.905), (0.97, -1.0))


@pytest.mark.parametrize(
    ("bar", "threshold"),
    [(0.0, 0.91), (0.24, 0.91), (0.25, 0.86), (0.5, 0.81), (0.75, 0.75), (1.0, 0.75)],
)
def test_it_is_the_least_hundredth_at_which_no_more_are_answered(
    bar: float, threshold: float
) -> None:
    assert chosen(bar, {"a": FOUR}) == threshold


def test_each_set_must_be_within_the_bar() -> None:
    near = rows((0.99, 0.955), (0.99, -1.0), (0.99, -1.0), (0.99, -1.0))
    assert chosen(0.0, {"a": FOUR, "b": near}) == 0.96
    assert chosen(0.25, {"a": FOUR, "b": near}) == 0.86


def test_where_none_will_do_nothing_is_near_enough() -> None:
    assert chosen(0.0, {"a": rows((1.0, 1.0))}) == 1.0


def table(nearest: dict[str, Matrix]) -> list[str]:
    lines = (line.rstrip() for line in folds("ngram", nearest))
    return [line for line in lines if line.startswith(("###", "| "))]


def test_the_halves_that_it_was_not_chosen_on_are_told() -> None:
    """Every question of a set is like the others, so that each half says what all say: 0.81 is the
    least hundredth above 0.805. Both samples of a set are one row, and only sets of other intents
    are judged.
    """
    hard, easy = (0.9, 0.805), (0.5, 0.5)
    nearest = {
        "x, other intent": rows(*[hard] * 8),
        "x (second sample), other intent": rows(*[hard] * 8),
        "y, other intent": rows(*[easy] * 8),
        "x, same intent": rows(*[hard] * 8),
        "paraphrase pairs": rows(*[(0.9, 0.85)] * 8),
    }
    assert table(nearest) == [
        "### the rule: 0.81 on all; chosen on halves, 50 times",
        "| on the half that it was not chosen on | middle | 5 % | 95 % |",
        "| chosen | 0.81 | 0.81 | 0.81 |",
        "| x, nearest quarter: false hits, % | 0.0 | 0.0 | 0.0 |",
        "| y, nearest quarter: false hits, % | 0.0 | 0.0 | 0.0 |",
        "| paraphrase pairs: hits, % | 100.0 | 100.0 | 100.0 |",
    ]


def test_a_half_is_judged_by_what_the_other_half_chose() -> None:
    """Two questions, one of which is near: the half without it chooses 0.75, at which the other's
    is answered; the half with it chooses 0.96, at which nothing of the other's is.
    """
    nearest = {
        "x, other intent": rows((0.99, 0.955), (0.5, 0.5)),
        "paraphrase pairs": rows((0.9, 0.9), (0.9, 0.9)),
    }
    [head, _, picked, false_hits, hits] = table(nearest)
    assert head.startswith("### the rule: 0.96 on all")
    assert picked.endswith("| 0.75 | 0.96 |")
    assert false_hits.endswith("| 0.0 | 100.0 |")
    assert hits.endswith("| 0.0 | 100.0 |")


@pytest.mark.parametrize("lacking", ["x, other intent", "paraphrase pairs"])
def test_without_its_sets_there_is_no_rule(lacking: str) -> None:
    nearest = {"x, other intent": FOUR, "paraphrase pairs": FOUR}
    assert table(nearest)
    del nearest[lacking]
    assert table(nearest) == []
