"""One value of a configuration file, with its place."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Node:
    """One value.

    Args:
        value: a scalar, a dict of nodes by key, or a list of nodes.
        line: counted from 1; 0 if unknown.
        key_lines: the line of each key of a dict.
        text: the scalar as it is written. YAML guesses types from spelling (`no` is false, `012`
            is ten); a field whose type is text takes this and so is never guessed at.
        plain: it is written without quotes, so that its text may be a number.
        expanded: a variable of the environment stands in it.
        broken: what is wrong with it is noted already.
    """

    value: Any
    line: int = 0
    key_lines: dict[str, int] = field(default_factory=dict)
    text: str | None = None
    plain: bool = False
    expanded: bool = False
    broken: bool = False
