"""What the core has others do for the semantic cache, and a thread that listens to it."""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

log = logging.getLogger("sluicegate")

TAKE_WITHIN_S: Final = 0.2
"""How long the core is listened to until it is looked whether this is the end."""
PAUSE_S: Final = 0.1
"""After a failure that nobody foresaw."""

Question = tuple[str, bytes, bytes, str, bytes]
"""`(model_id, scope, key, text, vector)`, as `Chores.learn` has it."""


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
    def remembered(self) -> tuple[Question, int] | None:
        """A question, and when its answer is over."""


class Chores(Protocol):
    """As `_core.Chores`."""

    def take(self, within_s: float, /) -> Sequence[Chore]:
        """What waits; waits itself until something does."""

    def vector(self, chore: int, model_id: str, vector: bytes | None, /) -> None:
        """Answers `embed`."""

    def verified(self, chore: int, is_so: bool, /) -> None:  # as the core has it
        """Answers `verify`."""

    def learn(self, questions: list[Question], /) -> int:
        """Puts questions into the index."""

    def set_threshold(self, embedder: str, threshold: float, /) -> None:
        """The likeness that counts where it is `auto`."""


class Listener:
    """A thread that hands out what is to be done. Whoever takes it must not block."""

    def __init__(self, core: Chores, done_by: Mapping[str, Callable[[Chore], None]]) -> None:
        """Args: done_by: who does what, by kinds."""
        self._core = core
        self._done_by = done_by
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sluicegate-chores", daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def stop(self) -> None:
        """Ends in less than half a second."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        is_last = False
        while not is_last:
            is_last = self._stop.is_set()  # then what was remembered meanwhile is kept too
            try:
                for chore in self._core.take(0.0 if is_last else TAKE_WITHIN_S):
                    self._hand_out(chore)
            except Exception:
                log.exception("the semantic cache failed by a defect of the gateway")
                self._stop.wait(PAUSE_S)

    def _hand_out(self, chore: Chore) -> None:
        do = self._done_by.get(chore.kind)
        if do is None:
            return
        try:
            do(chore)
        except Exception:
            log.exception("the cache failed at %s by a defect of the gateway", chore.kind)
