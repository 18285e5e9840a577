"""Moves the journal's records into the store, off the request path."""

import logging
import threading
from pathlib import Path
from typing import Final, Protocol

from sluicegate import _core
from sluicegate.accounting.ledger import JournalRow

log = logging.getLogger("sluicegate")

DRAIN_EVERY_S: Final = 0.25
BATCH_ROWS: Final = 2000
MAX_BACKOFF_S: Final = 5.0


class Store(Protocol):
    """Where rows end up."""

    def write(self, rows: list[JournalRow]) -> None:
        """Adds or replaces rows, all or none."""

    def close(self) -> None:
        """Ends the connection."""


class Drainer:
    """A thread that drains while this process is the elected one, and asks again while it is not.

    A store that fails keeps nothing from being served: rows wait in the journal.
    """

    def __init__(self, journal_dir: Path, store: Store) -> None:
        """Nothing is opened yet."""
        self._journal_dir = journal_dir
        self._store = store
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sluicegate-drain", daemon=True)
        self.healthy = True

    def start(self) -> None:
        """Begins to drain."""
        self._thread.start()

    def stop(self) -> None:
        """Drains what is there once more, then ends. Blocks."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        drain: _core.JournalDrain | None = None
        backoff_s = DRAIN_EVERY_S
        while True:
            last = self._stop.wait(backoff_s)
            try:
                drain = drain or _core.JournalDrain.try_open(self._journal_dir)
                if drain is not None:
                    self._drain(drain)
                backoff_s = DRAIN_EVERY_S
                if not self.healthy:
                    self.healthy = True
                    log.info("the store takes rows again")
            except Exception as error:  # noqa: BLE001  # whatever a store raises, rows wait
                if drain is not None:
                    drain.rewind()
                if self.healthy:
                    self.healthy = False
                    log.error("the store takes no rows; they wait in the journal: %s", error)
                backoff_s = min(backoff_s * 2, MAX_BACKOFF_S)
            if last:
                break
        self._store.close()

    def _drain(self, drain: _core.JournalDrain) -> None:
        while rows := drain.next_batch(BATCH_ROWS):
            self._store.write([row for row in rows if row[2] != "released"])
            drain.commit()
            if len(rows) < BATCH_ROWS:
                break
