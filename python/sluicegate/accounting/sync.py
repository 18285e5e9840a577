"""Keeps a worker up with the store's keys, limits and ended runs."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Final, Protocol

from sluicegate import _core
from sluicegate.store.store import Governance
from sluicegate.turns import Turns

log = logging.getLogger("sluicegate")

POLL_EVERY_S: Final = 0.25
"""A revoked key is refused within a second."""
KILLED_WITHIN_MS: Final = 7 * 24 * 3600 * 1000
"""A run that was ended longer ago has no requests left that could come."""

OnChange = Callable[[Governance | None, bool], None]
"""`on_change(governance, complete)`: what is in the store now, or was when it was last read; None
where it never was. `complete` false: it cannot be read now, so a key that is not among these may
yet be one.
"""
OnSeen = Callable[[float], None]
"""`on_seen(age_s)`: so long ago the store had what was told last."""


class Source(Protocol):
    """The store, as far as this needs it."""

    def changes(self) -> int:
        """A number that every change makes larger."""

    def governance(self, now_ms: int, killed_within_ms: int) -> Governance:
        """All that serving needs."""

    def close(self) -> None:
        """Ends the connections."""


class Sync:
    """A thread that asks whether something changed, and tells what there is when it did.

    The callback runs in that thread, and in `read_now`'s; never in two at once.
    """

    def __init__(
        self, store: Source, on_change: OnChange, on_seen: OnSeen = lambda _: None
    ) -> None:
        """Args: store: used by this alone, and closed at the end."""
        self._store = store
        self._on_change = on_change
        self._on_seen = on_seen
        self._known: Governance | None = None
        self._turn = threading.Lock()
        self._turns = Turns("sync", self._look_alone, pause_s=lambda: POLL_EVERY_S)
        self.complete = False

    def read_now(self) -> bool:
        """Reads at once, and tells; whether the store could be read. For the start, before the
        first request.
        """
        with self._turn:
            self._look()
            if not self.complete:
                self._tell(complete=False)
            return self.complete

    def start(self) -> None:
        """Begins to ask."""
        self._turns.start()

    def stop(self) -> None:
        """Ends. Blocks for as long as the store's own bounds."""
        self._turns.stop()
        self._store.close()

    def _look_alone(self) -> None:
        with self._turn:
            self._look()

    def _look(self) -> None:
        began_s = time.monotonic()
        try:
            changed = self._known is None or self._store.changes() != self._known.change
            if changed:
                now_ms = time.time_ns() // 1_000_000
                self._known = self._store.governance(now_ms, KILLED_WITHIN_MS)
        except Exception as error:  # noqa: BLE001  # whatever a store raises, serving goes on
            if self.complete:
                log.error("the store cannot be read; known keys are served: %s", error)
                self._tell(complete=False)
            return
        if not self.complete:
            log.info("the store's keys and limits are known")
        if changed or not self.complete:
            self._tell(complete=True)
        if self._known is not None:  # what could not be put in force was as good as not read
            self._on_seen(time.monotonic() - began_s)

    def _tell(self, *, complete: bool) -> None:
        self.complete = complete
        try:
            self._on_change(self._known, complete)
        except (Exception, _core.PanicException):
            log.exception("keys and limits of the store could not be put in force")
            self._known = None
