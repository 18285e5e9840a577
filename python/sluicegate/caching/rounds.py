"""A thread that serves what the core asks, until it is stopped."""

import logging
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from sluicegate.turns import Turns

log = logging.getLogger("sluicegate")

Asked = TypeVar("Asked")

TAKE_WITHIN_S: Final = 0.2
"""How long the core is listened to until it is looked whether this is the end."""
PAUSE_S: Final = 0.1
"""After a failure that nobody foresaw."""


class Rounds:
    """Takes what waits and has it served, again and again; what waits at its end too."""

    def __init__(
        self,
        name: str,
        take: Callable[[float], Sequence[Asked]],
        serve: Callable[[Sequence[Asked]], None],
    ) -> None:
        """Args:
        name: of the thread, and in the log.
        take: gives what waits; waits itself until something does, at most so many seconds.
        """

        def go_round(within_s: float) -> None:
            serve(take(within_s))

        self._name = name
        self._round = go_round
        self._turns = Turns(name, lambda: self._go(TAKE_WITHIN_S), last=lambda: self._go(0.0))

    def start(self) -> None:
        """Begins to serve."""
        self._turns.start()

    def stop(self) -> None:
        """Ends in less than half a second."""
        self._turns.stop()

    def _go(self, within_s: float) -> None:
        try:
            self._round(within_s)
        except Exception:
            log.exception("%s failed by a defect of the gateway", self._name)
            self._turns.wait(PAUSE_S)
