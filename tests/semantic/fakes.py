"""The core's side: what it asks, and what it is told."""

from __future__ import annotations

import queue
from collections.abc import Sequence
from dataclasses import dataclass, field

from sluicegate import _core


@dataclass
class Chore:
    """What the core asks."""

    kind: str
    id: int = 0
    embedder: str = "ngram"
    model: str = "smart"
    tenant: str = "team core"
    text: str = ""
    other: str = ""
    answer: str = ""
    kept: str = ""
    real: str = ""
    similarity: float = 0.9
    holder: bytes = b"{}"
    wanted: tuple[str, bytes, bytes, int] | None = None
    key: bytes | None = None
    remembered: _core.CacheQuestion | None = None


@dataclass
class Core:
    """Notes what it is told."""

    chores: queue.Queue[Chore] = field(default_factory=queue.Queue)
    learned: list[_core.CacheQuestion] = field(default_factory=list)
    pieces: list[int] = field(default_factory=list)
    vectors: list[tuple[int, str, bytes | None]] = field(default_factory=list)
    opinions: list[tuple[int, bool]] = field(default_factory=list)
    thresholds: list[tuple[str, float]] = field(default_factory=list)
    found: list[tuple[int, list[tuple[bytes, str, float]]]] = field(default_factory=list)

    def take(self, within_s: float) -> list[Chore]:
        try:
            return [self.chores.get(timeout=within_s) if within_s else self.chores.get_nowait()]
        except queue.Empty:
            return []

    def vector(self, chore: int, model_id: str, vector: bytes | None) -> None:
        self.vectors.append((chore, model_id, vector))

    def verified(self, chore: int, is_so: bool) -> None:  # as the core has it
        self.opinions.append((chore, is_so))

    def learn(self, questions: Sequence[_core.CacheQuestion]) -> int:
        self.learned += questions
        self.pieces.append(len(questions))
        return len(questions)

    def near(self, chore: int, found: list[tuple[bytes, str, float]]) -> None:
        self.found.append((chore, found))

    def set_threshold(self, embedder: str, threshold: float) -> None:
        self.thresholds.append((embedder, threshold))
