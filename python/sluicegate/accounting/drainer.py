"""Moves the journal's records into the store, off the request path."""

import logging
import threading
from collections.abc import Callable
from typing import Final, Protocol

from sluicegate import _core
from sluicegate.accounting.ledger import JournalRow

log = logging.getLogger("sluicegate")

DRAIN_EVERY_S: Final = 0.25
BATCH_ROWS: Final = 256
"""Read and written in one go, in a millisecond or two of CPU: a core that also answers requests is
taken from them for that long. A fourth of it costs each request a fifth more, for the database's
own log is written that much oftener.
"""
PAUSE_S: Final = 0.002
"""Between two batches, for the requests."""
PATIENT_ROWS: Final = 65536
"""Whoever still has rows after so many gets them faster than that, from several workers or after
the store was away: batches double from then on.
"""
MAX_BATCH_ROWS: Final = 2000
RETRY_ROWS: Final = 50
"""A batch after a failure: one that the store could not take whole, for want of time or of room on
its disk, may go in parts. It doubles with each that is taken.
"""
MAX_BACKOFF_S: Final = 5.0


class Store(Protocol):
    """Where rows end up."""

    def write(self, rows: list[JournalRow]) -> None:
        """Adds or replaces rows, all or none."""

    def close(self) -> None:
        """Ends the connection."""


class Source(Protocol):
    """Where rows come from; `_core.JournalDrain` is one."""

    def next_batch(self, max_rows: int) -> list[JournalRow]:
        """The next rows; none where all are read."""

    def commit(self) -> None:
        """What was read is kept elsewhere now."""

    def rewind(self) -> None:
        """Reads again from the last commit."""


class Drainer:
    """A thread that drains while this process is the elected one, and asks again while it is not.

    A store that fails keeps nothing from being served: rows wait in the journal.
    """

    def __init__(
        self,
        open_source: Callable[[], Source | None],
        store: Store,
        *,
        on_change: Callable[[], None] = lambda: None,
        on_unknown: Callable[[bytes], None] = lambda _: None,
        on_drained: Callable[[], None] = lambda: None,
    ) -> None:
        """Args:
        open_source: None where another process drains.
        on_change: `healthy` is another now.
        on_unknown: a row was stored of an attempt whose process died.
        on_drained: the store has all that was journalled.
        """
        self._open_source = open_source
        self._store = store
        self._on_change = on_change
        self._on_unknown = on_unknown
        self._on_drained = on_drained
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sluicegate-drain", daemon=True)
        self.healthy = True
        self._most_rows = MAX_BATCH_ROWS
        self._is_stuck = False

    def start(self) -> None:
        """Begins to drain."""
        self._thread.start()

    def drain_now(self) -> None:
        """Drains what is there, before the thread begins; not where another process drains.

        Raises whatever the store raises.
        """
        source = self._open_source()
        if source is not None:
            self._drain(source, in_haste=True)

    def stop(self) -> None:
        """Drains what is there once more, then ends. Blocks."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        source: Source | None = None
        backoff_s = DRAIN_EVERY_S
        while True:
            last = self._stop.wait(backoff_s)
            try:
                source = source or self._open_source()
                if source is not None:
                    self._drain(source, in_haste=last)
                backoff_s = DRAIN_EVERY_S
                if not self.healthy:
                    self.healthy = True
                    self._on_change()
                    log.info("the store takes rows again")
            except (Exception, _core.PanicException) as error:  # noqa: BLE001  # whatever fails, rows wait
                # Where some of it went, the rest may go in parts, and soon.
                backoff_s = min(backoff_s * 2, MAX_BACKOFF_S) if self._is_stuck else DRAIN_EVERY_S
                self._most_rows, self._is_stuck = RETRY_ROWS, True
                if source is not None:
                    source.rewind()
                if self.healthy:
                    self.healthy = False
                    self._on_change()
                    log.error("the store takes no rows; they wait in the journal: %s", error)
            if last:
                break
        self._store.close()

    def _drain(self, source: Source, *, in_haste: bool) -> None:
        """Drains what is there: with nobody else on its core in haste, else in small batches and
        with a pause behind each. The source is told now and then: what it gives again is the same
        to the store.
        """
        most = MAX_BATCH_ROWS if in_haste else BATCH_ROWS
        patience = PATIENT_ROWS
        written: list[JournalRow] = []
        while rows := source.next_batch(wanted := min(self._most_rows, most)):
            self._store.write([row for row in rows if row[2] != "released"])
            written += rows
            self._is_stuck = False
            self._most_rows = min(2 * self._most_rows, MAX_BATCH_ROWS)
            if len(rows) < wanted:
                break
            if len(written) >= MAX_BATCH_ROWS:
                self._commit(source, written)
            if in_haste:
                continue
            patience -= len(rows)
            if patience <= 0:
                most = min(2 * most, MAX_BATCH_ROWS)
            self._stop.wait(PAUSE_S)
        if written:
            self._commit(source, written)
        self._on_drained()

    def _commit(self, source: Source, written: list[JournalRow]) -> None:
        source.commit()
        for _, _, kind, payload in written:
            if kind == "unknown":
                self._on_unknown(payload)
        written.clear()
