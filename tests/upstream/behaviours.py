"""The vocabulary of model names: a table of patterns, each with what it changes in the plan."""

from .before import PARTS as BEFORE
from .plain import PARTS as PLAIN
from .plan import PartFunction, Plan, parse
from .streams import PARTS as STREAMS
from .usages import PARTS as USAGES

#: First match wins; a pattern must match the whole part.
PARTS: list[tuple[str, PartFunction]] = [*PLAIN, *BEFORE, *STREAMS, *USAGES]


def plan_for(model: str, attempt: int) -> Plan:
    """What try number `attempt` at `model` gets.  Raises: UnknownPartError."""
    return parse(model, attempt, PARTS)
