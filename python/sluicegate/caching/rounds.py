"""A thread that serves what the core asks, until it is stopped."""

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

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
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"sluicegate-{name}", daemon=True)

    def start(self) -> None:
        """Begins to serve."""
        self._thread.start()

    def stop(self) -> None:
        """Ends in less than half a second."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        is_last = False
        while not is_last:
            is_last = self._stop.is_set()  # then what was asked meanwhile is served too
            try:
                self._round(0.0 if is_last else TAKE_WITHIN_S)
            except Exception:
                log.exception("%s failed by a defect of the gateway", self._name)
                self._stop.wait(PAUSE_S)
