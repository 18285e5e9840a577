"""A thread that does the same again and again, until it is stopped."""

import threading
from collections.abc import Callable


class Turns:
    """The thread. What may fail its `turn` catches: an exception would end it."""

    def __init__(
        self,
        name: str,
        turn: Callable[[], object],
        *,
        pause_s: Callable[[], float] = lambda: 0.0,
        is_first_at_once: bool = False,
        last: Callable[[], object] = lambda: None,
        join_s: float | None = None,
    ) -> None:
        """Args:
        name: of the thread, behind `sluicegate-`.
        pause_s: how long it waits before a turn; asked each time.
        is_first_at_once: whether it waits before the others alone.
        last: what it does at its end.
        join_s: how long `stop` waits for that; None is as long as it takes.
        """
        self._turn = turn
        self._pause_s = pause_s
        self._is_first_at_once = is_first_at_once
        self._last = last
        self._join_s = join_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"sluicegate-{name}", daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def stop(self) -> bool:
        """Ends it behind the turn that it is at. Blocks. Whether it is over, as one is that never
        began.
        """
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(self._join_s)
        return not self._thread.is_alive()

    @property
    def is_stopping(self) -> bool:
        """Whether this is the end: a long turn may look."""
        return self._stop.is_set()

    def wait(self, seconds: float) -> bool:
        """A pause within a turn; whether this is the end."""
        return self._stop.wait(seconds)

    def _run(self) -> None:
        if self._is_first_at_once and not self._stop.is_set():
            self._turn()
        while not self._stop.wait(self._pause_s()):
            self._turn()
        self._last()
