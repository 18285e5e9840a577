"""How limits stand now: what was used, what running requests hold, what is left."""

from collections.abc import Callable, Sequence

from sluicegate.accounting.alerts import SEPARATOR
from sluicegate.accounting.limits import ANY, Limit
from sluicegate.admin.actor import Actor
from sluicegate.admin.desk import Desk, found
from sluicegate.admin.errors import (
    InvalidInputError,
    NotABudgetError,
    NotFoundError,
    NotServingError,
    Problem,
)
from sluicegate.admin.views import StandingView, usd_of
from sluicegate.store.records import LIMITS, StoredLimit

Counters = Callable[[str, str], tuple[int, int, int] | None]
"""`(spent, held, left)` of a limit's name and the values of its scope, joined; None where it is not
in force.
"""


class Standings:
    """Limits as the workers of this host count them."""

    def __init__(self, desk: Desk, counters: Counters | None) -> None:
        """Args: counters: None where no gateway runs in this process."""
        self._desk = desk
        self._counters = counters

    def get(self, actor: Actor, name: str, values: Sequence[str]) -> StandingView:
        """One limit for one instance of its scope.

        Args: values: of its `*` dimensions in their order.
        Raises:
            NotServingError: no gateway runs here. NotFoundError: no such limit is in force.
        """
        rule = self.rule(actor, name)
        open_dimensions = [key for key, value in rule.scope.dimensions().items() if value == ANY]
        if len(values) != len(open_dimensions):
            wanted = ", ".join(open_dimensions) or "none"
            raise InvalidInputError(
                [Problem("of", f"needs a value for each of the limit's dimensions: {wanted}")]
            )
        if self._counters is None:
            raise NotServingError
        standing = self._counters(name, SEPARATOR.join(values))
        if standing is None:
            raise NotFoundError("limit", name)
        spent, held, left = standing
        shown = usd_of if rule.measure == "cost_usd" else _count
        return StandingView(
            name=name, of=list(values), spent=shown(spent), held=shown(held), left=shown(left)
        )

    def budget(self, actor: Actor, name: str) -> str:
        """The name of a limit that is a budget.

        Raises:
            NotABudgetError: it is on something else. NotFoundError: there is none.
        """
        rule = self.rule(actor, name)
        if rule.cost_usd is None:
            raise NotABudgetError(name, rule.measure)
        return name

    def rule(self, actor: Actor, name: str) -> Limit:
        """A limit in force, or one that is about to be."""
        if actor.role == "root":
            for rule in self._desk.settings.limits:
                if rule.name == name:
                    return rule
        with self._desk.store.reading() as transaction:
            stored: StoredLimit = found(LIMITS.get(transaction, name), "limit", name, actor)
        return stored.rule


def _count(number: int) -> int:
    return number
