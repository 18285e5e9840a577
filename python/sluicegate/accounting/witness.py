"""Tells the core what the ledger knows of limits that hosts share: what each host has spent."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from sluicegate.accounting.limits import Limit
from sluicegate.accounting.units import rfc3339, units_of
from sluicegate.store.errors import StoreError
from sluicegate.store.sums import Sums
from sluicegate.turns import Turns

log = logging.getLogger("sluicegate")

WAIT_S: Final = 0.5
"""Between two looks at whether the gateway ends."""


class Question(Protocol):
    """What was spent of a limit; `_core.LedgerQuestion` is one."""

    @property
    def limit(self) -> str:
        """Its name."""

    @property
    def since_unix_ns(self) -> int:
        """Since when its use counts."""

    def answer(self, rows: Sequence[tuple[Sequence[str], str, int]] | None) -> None:
        """The values of the scope, the host, what was spent; None where it cannot be known."""


class Core(Protocol):
    """The engine, as far as this needs it."""

    def question(self, within_s: float) -> Question | None:
        """The next question, or None after a while."""


class Ledger(Protocol):
    """The store, as far as this needs it."""

    def spent_by_host(
        self, limit: Limit, since: str
    ) -> Mapping[tuple[str, ...], Mapping[str, Sums]]:
        """What each host used of a limit since then, by the values of its scope."""

    def close(self) -> None:
        """Ends the connections."""


class Witness:
    """A thread that answers the core's questions from the ledger.

    A ledger that cannot be asked leaves questions open: the core asks again, and grants nothing of
    what it does not know.
    """

    def __init__(
        self,
        core: Core,
        ledger: Ledger,
        rule: Callable[[str], Limit | None],
        *,
        knows_others: bool,
    ) -> None:
        """Args:
        ledger: used by this alone, and closed at the end.
        rule: the limit of a name, if it is in force.
        knows_others: whether it is the ledger of all hosts.
        """
        self._core = core
        self._ledger = ledger
        self._rule = rule
        self._knows_others = knows_others
        self._turns = Turns("witness", self._answer, last=ledger.close)

    def start(self) -> None:
        """Begins to answer."""
        self._turns.start()

    def stop(self) -> None:
        """Ends. Blocks."""
        self._turns.stop()

    def _answer(self) -> None:
        question = self._core.question(WAIT_S)
        if question is not None:
            question.answer(self._rows(question))

    def _rows(self, question: Question) -> list[tuple[list[str], str, int]] | None:
        if not self._knows_others:
            return []  # what this host spent it says itself
        rule = self._rule(question.limit)
        if rule is None:
            return None
        try:
            spent = self._ledger.spent_by_host(rule, rfc3339(question.since_unix_ns))
        except StoreError as error:
            log.warning("the ledger cannot be asked what hosts spent of %s: %s", rule.name, error)
            self._turns.wait(WAIT_S)
            return None
        return [
            (list(values), host, units_of(rule.measure, sums))
            for values, hosts in spent.items()
            for host, sums in hosts.items()
        ]
