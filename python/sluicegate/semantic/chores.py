"""What the core has others do for the semantic cache, and a thread that listens to it."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from sluicegate import _core
from sluicegate.caching.rounds import Rounds

log = logging.getLogger("sluicegate")


class Chore(Protocol):
    """As `_core.Chore`."""

    @property
    def kind(self) -> str:
        """Which of the others mean something."""

    @property
    def id(self) -> int:
        """For the answer."""

    @property
    def embedder(self) -> str:
        """`minilm` or `provider/model`."""

    @property
    def model(self) -> str:
        """Who is asked, or was."""

    @property
    def tenant(self) -> str:
        """Whose question it is."""

    @property
    def text(self) -> str:
        """The question."""

    @property
    def other(self) -> str:
        """The question that was asked before."""

    @property
    def answer(self) -> str:
        """The text of the answer to that."""

    @property
    def kept(self) -> str:
        """The same, of `judge`."""

    @property
    def real(self) -> str:
        """What the model says now."""

    @property
    def similarity(self) -> float:
        """Of the two questions."""

    @property
    def holder(self) -> bytes:
        """In whose name others are asked."""

    @property
    def wanted(self) -> tuple[str, bytes, bytes, int] | None:
        """`(model_id, scope, vector, most)`: whose nearest the store is to find, and how many."""

    @property
    def key(self) -> bytes | None:
        """The name of an answer that is no more."""

    @property
    def remembered(self) -> _core.CacheQuestion | None:
        """A question that has an answer now."""


class Chores(Protocol):
    """As `_core.Chores`."""

    def take(self, within_s: float, /) -> Sequence[Chore]:
        """What waits; waits itself until something does."""

    def vector(self, chore: int, model_id: str, vector: bytes | None, /) -> None:
        """Answers `embed`."""

    def verified(self, chore: int, is_so: bool, /) -> None:  # as the core has it
        """Answers `verify`."""

    def near(self, chore: int, found: list[tuple[bytes, str, float]], /) -> None:
        """Answers `near` with `(key, text, similarity)`, the nearest first."""

    def learn(self, questions: list[_core.CacheQuestion], /) -> int:
        """Puts questions into the index."""

    def set_threshold(self, embedder: str, threshold: float, /) -> None:
        """The likeness that counts where it is `auto`."""


class Listener:
    """A thread that hands out what is to be done. Whoever takes it must not block."""

    def __init__(self, core: Chores, done_by: Mapping[str, Callable[[Chore], None]]) -> None:
        """Args: done_by: who does what, by kinds."""
        self._done_by = done_by
        self._rounds = Rounds("chores", core.take, self._hand_out_all)

    def start(self) -> None:
        """Begins."""
        self._rounds.start()

    def stop(self) -> None:
        """Ends in less than half a second."""
        self._rounds.stop()

    def _hand_out_all(self, chores: Sequence[Chore]) -> None:
        for chore in chores:
            self._hand_out(chore)

    def _hand_out(self, chore: Chore) -> None:
        do = self._done_by.get(chore.kind)
        if do is None:
            return
        try:
            do(chore)
        except Exception:
            log.exception("the cache failed at %s by a defect of the gateway", chore.kind)
