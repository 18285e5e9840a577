"""What one question costs, by its parts."""

import time
from collections.abc import Callable, Iterator

import numpy as np

from bench.semantic.embedders import matrix
from sluicegate._core import VectorIndex, text_difference

ENTRIES = 20_000
_WORDS = ("reset", "change", "find", "close", "the", "my", "password", "card", "order")


def speed(name: str) -> Iterator[str]:
    """A table, microseconds each: the vector, the search among others of one scope, the guards."""
    chance = np.random.default_rng(1)
    questions = [" ".join(chance.choice(_WORDS, 8)) for _ in range(300)]
    vectors = matrix(name, questions)
    index = VectorIndex(vectors.shape[1], ENTRIES)
    for at in range(ENTRIES):
        near = vectors[at % 300] + 0.05 * chance.standard_normal(vectors.shape[1]).astype("f4")
        index.insert(1, at, near.tobytes())
    parts: dict[str, Callable[[int], object]] = {
        "vector": lambda at: matrix(name, [f"{questions[at]} {at}"]),
        f"search of 4 among {ENTRIES:,}": lambda at: index.search(1, vectors[at].tobytes(), 4),
        "guards of one pair": lambda at: text_difference(questions[at], questions[at - 1]),
    }
    yield "| of one question of eight words | p50 us | p99 us |"
    yield "|---|--:|--:|"
    for part, act in parts.items():
        times = [_timed(act, at) for at in range(300)]
        yield f"| {part} | {np.quantile(times, 0.5):.0f} | {np.quantile(times, 0.99):.0f} |"
    yield ""


def _timed(act: Callable[[int], object], at: int) -> float:
    begun = time.perf_counter()
    act(at)
    return (time.perf_counter() - begun) * 1e6
