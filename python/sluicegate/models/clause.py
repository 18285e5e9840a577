"""How the catalogue recognises a model's name; the price book does it alike (`price/clause.rs`)."""

import re
from collections.abc import Callable
from typing import Any, Final

Clause = dict[str, Any]

_PLAIN: Final[dict[str, Callable[[str, str], bool]]] = {
    "equals": str.__eq__,
    "starts_with": str.startswith,
    "ends_with": str.endswith,
    "contains": str.__contains__,
    "regex": lambda name, pattern: re.search(pattern, name) is not None,
}


def matches(clause: Clause, name: str) -> bool:
    """Whether a clause is true of a name in lower case."""
    [(kind, value)] = clause.items()
    match kind:
        case "or":
            return any(matches(part, name) for part in value)
        case "and":
            return all(matches(part, name) for part in value)
        case "not":
            return not matches(value, name)
        case _:
            return _PLAIN[kind](name, value)
