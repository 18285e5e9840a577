"""The index of vectors beside hnswlib, on one thread: build, search, replace, recall, memory.

    python -m bench.similarity [--entries 20000 100000] [--page bench/results/similarity.md]

Both with 16 links and a width of 100 to build with; hnswlib searches with ef = 64, the index's own
least width. Vectors: 384 dimensions around many centres, as those of texts on the same matters are.
Needs `pip install --group bench`.
"""

import argparse
import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hnswlib
import numpy as np

from sluicegate._core import VectorIndex, build_profile

DIMENSIONS = 384
QUESTIONS = 1000
Matrix = np.ndarray[Any, np.dtype[np.float32]]


@dataclass
class Figures:
    """Of one index, in microseconds each, shares and bytes each."""

    build_us: float = 0.0
    search_us: float = 0.0
    search_p99_us: float = 0.0
    replace_us: float = 0.0
    recall: dict[str, float] = field(default_factory=dict)
    entry_bytes: float = 0.0


class Ours:
    """`VectorIndex`."""

    def __init__(self, entries: int) -> None:
        self.index = VectorIndex(DIMENSIONS, 2 * entries)

    def add(self, number: int, vector: Matrix) -> None:
        self.index.insert(1, number, vector.tobytes())

    def replace(self, gone: int, number: int, vector: Matrix) -> None:
        self.index.remove(gone)
        self.index.insert(1, number, vector.tobytes())

    def search(self, vector: Matrix) -> list[int]:
        return [number for number, _ in self.index.search(1, vector.tobytes(), 10)]

    def size_bytes(self) -> float:
        return float(self.index.size_bytes)


class Theirs:
    """hnswlib."""

    def __init__(self, entries: int) -> None:
        self.index = hnswlib.Index("ip", DIMENSIONS)
        self.index.init_index(entries, M=16, ef_construction=100, allow_replace_deleted=True)
        self.index.set_num_threads(1)
        self.index.set_ef(64)

    def add(self, number: int, vector: Matrix) -> None:
        self.index.add_items(vector[None], np.array([number]))

    def replace(self, gone: int, number: int, vector: Matrix) -> None:
        self.index.mark_deleted(gone)
        self.index.add_items(vector[None], np.array([number]), replace_deleted=True)

    def search(self, vector: Matrix) -> list[int]:
        return [int(number) for number in self.index.knn_query(vector, 10)[0][0]]

    def size_bytes(self) -> float:
        return float(self.index.index_file_size())


def main() -> None:
    """Measures, and prints or writes the page."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--entries", type=int, nargs="+", default=[20_000, 100_000])
    parser.add_argument("--page", type=Path)
    args = parser.parse_args()
    if build_profile == "debug":
        parser.error("a debug build says nothing: build the extension with --release")
    lines = [line for entries in args.entries for line in _section(entries)]
    if args.page is None:
        print("\n".join(lines))
        return
    head = args.page.read_text().split("<!-- measured -->", maxsplit=1)[0]
    args.page.write_text(f"{head}<!-- measured -->\n\n" + "\n".join(lines) + "\n")


def _section(entries: int) -> list[str]:
    chance = np.random.default_rng(1)
    centres = chance.standard_normal((max(entries // 50, 1), DIMENSIONS)).astype("f4")

    def draw(count: int) -> Matrix:
        chosen = centres[chance.integers(0, len(centres), count)]
        near = chosen + 0.7 * chance.standard_normal((count, DIMENSIONS)).astype("f4")
        return near / np.linalg.norm(near, axis=1, keepdims=True)

    first, second, asked = draw(entries), draw(entries // 5), draw(QUESTIONS)
    gone = chance.permutation(entries)[: len(second)]
    found = {
        name: _measure(make(entries), first, second, gone, asked)
        for name, make in {"sluicegate": Ours, "hnswlib": Theirs}.items()
    }
    rows: dict[str, Callable[[Figures], str]] = {
        "insert, us": lambda it: f"{it.build_us:.0f}",
        "search of 10, mean us": lambda it: f"{it.search_us:.0f}",
        "search of 10, p99 us": lambda it: f"{it.search_p99_us:.0f}",
        "delete and insert, us": lambda it: f"{it.replace_us:.0f}",
        **{
            name: (lambda it, name=name: f"{it.recall[name]:.4f}")  # type: ignore[misc]
            for name in next(iter(found.values())).recall
        },
        "bytes an entry": lambda it: f"{it.entry_bytes:.0f}",
    }
    machine = f"{platform.machine()}, {os.cpu_count()} cores"
    head = f"## {entries:,} x {DIMENSIONS} ({build_profile}; {machine})\n"
    table = [
        f"| {name} | " + " | ".join(show(it) for it in found.values()) + " |"
        for name, show in rows.items()
    ]
    return [head, "| | " + " | ".join(found) + " |", "|---|" + "--:|" * len(found), *table, ""]


def _measure(
    index: Ours | Theirs, first: Matrix, second: Matrix, gone: Any, asked: Matrix
) -> Figures:
    figures = Figures()
    begun = time.perf_counter()
    for number, vector in enumerate(first):
        index.add(number, vector)
    figures.build_us = (time.perf_counter() - begun) / len(first) * 1e6
    figures.entry_bytes = index.size_bytes() / len(first)
    times, answers = _search(index, asked)
    figures.search_us, figures.search_p99_us = float(times.mean()), float(np.quantile(times, 0.99))
    numbers = np.arange(len(first))
    _recall(figures, "after the build", answers, first, numbers, asked)
    begun = time.perf_counter()
    for at, (out, vector) in enumerate(zip(gone, second, strict=True)):
        index.replace(int(out), len(first) + at, vector)
    figures.replace_us = (time.perf_counter() - begun) / len(second) * 1e6
    kept = np.setdiff1d(numbers, gone)
    now = np.concatenate([kept, np.arange(len(first), len(first) + len(second))])
    _, answers = _search(index, asked)
    _recall(
        figures, "after a fifth was replaced", answers, np.vstack([first[kept], second]), now, asked
    )
    return figures


def _search(index: Ours | Theirs, asked: Matrix) -> tuple[Any, list[list[int]]]:
    times, answers = [], []
    for vector in asked:
        begun = time.perf_counter()
        answers.append(index.search(vector))
        times.append((time.perf_counter() - begun) * 1e6)
    return np.array(times), answers


def _recall(
    figures: Figures, when: str, answers: list[list[int]], data: Matrix, numbers: Any, asked: Matrix
) -> None:
    """Beside a search that looks at all."""
    ranked = [numbers[np.argsort(-(data @ vector))[:10]] for vector in asked]
    for most in (1, 10):
        shares = [
            len(set(map(int, true[:most])) & set(answer[:most])) / most
            for true, answer in zip(ranked, answers, strict=True)
        ]
        figures.recall[f"recall@{most} {when}"] = float(np.mean(shares))


if __name__ == "__main__":
    main()
