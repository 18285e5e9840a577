"""Moves the journal's records into the store, off the request path."""

import logging
import threading
from collections.abc import Callable
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

    def start(self) -> None:
        """Begins to drain."""
        self._thread.start()

    def drain_now(self) -> None:
        """Drains what is there, before the thread begins; not where another process drains.

        Raises whatever the store raises.
        """
        source = self._open_source()
        if source is not None:
            self._drain(source)

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
                    self._drain(source)
                backoff_s = DRAIN_EVERY_S
                if not self.healthy:
                    self.healthy = True
                    self._on_change()
                    log.info("the store takes rows again")
            except (Exception, _core.PanicException) as error:  # noqa: BLE001  # whatever fails, rows wait
                if source is not None:
                    source.rewind()
                if self.healthy:
                    self.healthy = False
                    self._on_change()
                    log.error("the store takes no rows; they wait in the journal: %s", error)
                backoff_s = min(backoff_s * 2, MAX_BACKOFF_S)
            if last:
                break
        self._store.close()

    def _drain(self, source: Source) -> None:
        while rows := source.next_batch(BATCH_ROWS):
            self._store.write([row for row in rows if row[2] != "released"])
            source.commit()
            for _, _, kind, payload in rows:
                if kind == "unknown":
                    self._on_unknown(payload)
            if len(rows) < BATCH_ROWS:
                break
        self._on_drained()
