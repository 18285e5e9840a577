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
from pathlib import Path
from typing import Any

import hnswlib
import numpy as np

from sluicegate._core import VectorIndex, build_profile

DIMENSIONS = 384
QUESTIONS = 1000
Matrix = np.ndarray[Any, np.dtype[np.float32]]


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
    run = Run([Ours(entries), Theirs(entries)])
    run.each("insert, us", lambda index, at: index.add(at, first[at]), len(first))
    run.tell("bytes an entry", [index.size_bytes() / entries for index in run.indexes])
    numbers = np.arange(entries)
    run.search("after the build", first, numbers, asked)
    run.each(
        "delete and insert, us",
        lambda index, at: index.replace(int(gone[at]), entries + at, second[at]),
        len(second),
    )
    kept = np.setdiff1d(numbers, gone)
    now = np.concatenate([kept, np.arange(entries, entries + len(second))])
    run.search("after a fifth was replaced", np.vstack([first[kept], second]), now, asked)
    machine = f"{platform.machine()}, {os.cpu_count()} cores"
    return [
        f"## {entries:,} x {DIMENSIONS} ({build_profile}; {machine})\n",
        "| | sluicegate | hnswlib |",
        "|---|--:|--:|",
        *(f"| {name} | {ours:,.4g} | {theirs:,.4g} |" for name, (ours, theirs) in run.told.items()),
        "",
    ]


class Run:
    """Does each step with both, one vector about, and notes what it took of the thread's CPU."""

    def __init__(self, indexes: list[Ours | Theirs]) -> None:
        self.indexes = indexes
        self.told: dict[str, list[float]] = {}

    def tell(self, name: str, figures: list[float]) -> None:
        """A row of the table."""
        self.told[name] = figures

    def each(self, name: str, act: Callable[[Ours | Theirs, int], Any], count: int) -> list[Any]:
        """Mean microseconds of `count` acts, and what they gave, by index."""
        times = np.zeros((count, len(self.indexes)))
        given: list[Any] = [[] for _ in self.indexes]
        for at in range(count):
            for which, index in enumerate(self.indexes):
                begun = time.thread_time_ns()
                given[which].append(act(index, at))
                times[at, which] = (time.thread_time_ns() - begun) / 1e3
        self.tell(name, list(times.mean(axis=0)))
        if name.startswith("search"):
            self.tell(f"{name}, p99", list(np.quantile(times, 0.99, axis=0)))
        return given

    def search(self, when: str, data: Matrix, numbers: Any, asked: Matrix) -> None:
        """Searches, and how much of what a search through all finds they find."""
        name = f"search of 10 {when}, us"
        found = self.each(name, lambda index, at: index.search(asked[at]), len(asked))
        ranked = [set(numbers[np.argsort(-(data @ vector))[:10]]) for vector in asked]
        first = [int(numbers[np.argmax(data @ vector)]) for vector in asked]
        for most, true in ((1, [{it} for it in first]), (10, ranked)):
            shares = [
                float(
                    np.mean([len(a & set(b[:most])) / most for a, b in zip(true, it, strict=True)])
                )
                for it in found
            ]
            self.tell(f"recall@{most} {when}", shares)


if __name__ == "__main__":
    main()
