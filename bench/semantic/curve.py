"""How many of a set's questions are answered, by threshold, with and without the guards."""

from dataclasses import dataclass

import numpy as np

from bench.semantic.embedders import Matrix
from bench.semantic.sets import Asked, Set
from sluicegate._core import text_difference

#: As many of the nearest as the cache looks at.
LOOKED_AT = 4


@dataclass(frozen=True)
class Curve:
    """Shares of the questions asked, a threshold each."""

    thresholds: tuple[float, ...]
    plain: tuple[float, ...]
    guarded: tuple[float, ...]
    hard: tuple[float, ...]
    """Guarded, of the quarter of the questions whose nearest lies nearest."""
    count: int


def likenesses(of: Set, asked: Matrix, stored: Matrix) -> Matrix:
    """A row for each question asked: how near the nearest is, and the nearest that the guards let
    pass, -1 where there is none."""
    rows = [_nearest(of, row, asked[at], stored) for at, row in enumerate(of.asked)]
    return np.array(rows, "f4").reshape(-1, 2)


def hardest(nearest: Matrix) -> Matrix:
    """The rows of the quarter of the questions whose nearest lies nearest."""
    return nearest[np.argsort(-nearest[:, 0])[: max(len(nearest) // 4, 1)]]


def share(column: Matrix, threshold: float) -> float:
    """Of the questions, how many are answered."""
    return float((column >= threshold).mean())


def curve(nearest: Matrix, thresholds: tuple[float, ...]) -> Curve:
    """Of one set by one embedder."""
    plain, guarded, hard = nearest[:, 0], nearest[:, 1], hardest(nearest)[:, 1]
    return Curve(
        thresholds,
        tuple(share(plain, it) for it in thresholds),
        tuple(share(guarded, it) for it in thresholds),
        tuple(share(hard, it) for it in thresholds),
        len(nearest),
    )


def _nearest(of: Set, row: Asked, vector: Matrix, stored: Matrix) -> tuple[float, float]:
    """How near the nearest is, and the nearest of the few that the guards let pass."""
    if row.stored is None:
        scores = stored @ vector
        scores[list(row.without)] = -1.0
        places = np.arange(len(scores))
    else:
        places = np.array(row.stored)
        scores = stored[places] @ vector
    best = np.argsort(-scores)[:LOOKED_AT]
    passing = (
        float(scores[at])
        for at in best
        if text_difference(row.text, of.stored[int(places[at])]) is None
    )
    return float(scores[best[0]]), next(passing, -1.0)
