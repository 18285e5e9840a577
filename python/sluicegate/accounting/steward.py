"""Puts keys and limits in force in one worker, and tells new counters what the ledger knows."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from sluicegate import _core
from sluicegate.accounting.limits import Limit
from sluicegate.accounting.units import rfc3339, units_of
from sluicegate.config import Settings
from sluicegate.governance import governance_json, rules_by_name
from sluicegate.store.errors import StoreError
from sluicegate.store.store import Governance
from sluicegate.store.sums import Sums

log = logging.getLogger("sluicegate")

START_WITHIN_S: Final = 30.0
"""A database that begins together with the gateway has this long."""
RETRY_EVERY_S: Final = 0.5


class BudgetsUnknownError(Exception):
    """What was spent of the limits cannot be known, so nothing may be spent of them."""


class Ledger(Protocol):
    """The store, as far as this needs it."""

    def spent(
        self, limit: Limit, since: str, host: str | None = None
    ) -> dict[tuple[str, ...], Sums]:
        """What a limit's scope used since then, on one host or on all, by the values of its
        scope.
        """


class Core(Protocol):
    """The engine, as far as this needs it."""

    def govern(self, governance: _core.Governance) -> None:
        """Puts keys and limits in force."""

    def unseeded(self, governance: _core.Governance) -> list[tuple[str, int]]:
        """Limits whose counters know nothing yet."""

    def seed(
        self, governance: _core.Governance, name: str, spent: Sequence[tuple[list[str], int]]
    ) -> bool:
        """Tells a limit's counters what was spent."""


class Steward:
    """Keys and limits of one worker. Methods may be called from any thread, and block.

    Args:
        ledger: what was spent before.
        before_seeding: called once, before the ledger is first asked.
        on_change: called with what is in force, after it is.
        host: whose use counts here; None is everybody's. What other hosts used the core asks for.
    """

    def __init__(
        self,
        engine: Core,
        ledger: Ledger,
        master: bytes,
        settings: Settings,
        *,
        before_seeding: Callable[[], None] | None = None,
        on_change: Callable[[], None] = lambda: None,
        host: str | None = None,
    ) -> None:
        """Nothing is in force yet: no key opens anything."""
        self._engine = engine
        self._ledger = ledger
        self._master = master
        self._settings = settings
        self._before_seeding = before_seeding
        self._on_change = on_change
        self._host = host
        self._stored: Governance | None = None
        self._complete = False
        self._turn = threading.Lock()

    def stored(self, stored: Governance | None, complete: bool) -> None:  # Sync's
        """The store's content changed, or can or cannot be read now."""
        with self._turn:
            self._put(self._settings, stored, complete=complete)

    def reload(self, settings: Settings) -> None:
        """The configuration changed."""
        with self._turn:
            self._put(settings, self._stored, complete=self._complete)

    def rule(self, name: str) -> Limit | None:
        """A limit in force."""
        with self._turn:
            return rules_by_name(self._settings, self._stored).get(name)

    def begin(self) -> None:
        """Puts the configuration's keys and limits in force where the store's are not known.

        Raises:
            BudgetsUnknownError: the ledger cannot be asked.
        """
        until_s = time.monotonic() + START_WITHIN_S
        while True:
            try:
                self.reload(self._settings)
            except StoreError as error:
                if time.monotonic() > until_s:
                    raise BudgetsUnknownError(
                        f"the ledger cannot be asked what was spent of the limits: {error}"
                    ) from error
                log.warning("waiting for the ledger, which knows what was spent: %s", error)
                time.sleep(RETRY_EVERY_S)
            else:
                return

    def _put(self, settings: Settings, stored: Governance | None, *, complete: bool) -> None:
        governance = _core.Governance(
            governance_json(settings, self._master, stored, complete=complete)
        )
        unseeded = self._engine.unseeded(governance)
        rules = rules_by_name(settings, stored) if unseeded else {}
        if unseeded and self._before_seeding is not None:
            self._before_seeding()
            self._before_seeding = None
        for name, since_unix_ns in unseeded:
            rule = rules[name]
            spent = self._ledger.spent(rule, rfc3339(since_unix_ns), self._host)
            units = [(list(values), units_of(rule.measure, sums)) for values, sums in spent.items()]
            self._engine.seed(governance, name, units)
        self._engine.govern(governance)
        self._settings, self._stored, self._complete = settings, stored, complete
        self._on_change()
