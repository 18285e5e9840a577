"""What a prompt tells the simulated model to call: `Call NAME with {"json": "object"}`.

Calls on one line are made at once; those of a later line when the results of the earlier ones are
there.  So an agent of any kind can be led through a conversation of any length.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

_CALL = re.compile(r"\bcall\s+`?(?P<name>[\w.:-]+)`?\s+with\s+(?=\{)", re.IGNORECASE)
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Wish:
    """One call that the prompt asks for."""

    name: str
    arguments: dict[str, Any]


def read_wishes(text: str) -> list[list[Wish]]:
    """The calls that `text` asks for, by line; what is no JSON object is no wish."""
    lines: list[list[Wish]] = []
    line_end = at = -1
    while found := _CALL.search(text, max(at, 0)):
        at = found.end()
        try:
            arguments, end = _DECODER.raw_decode(text, at)
        except ValueError:
            continue
        if found.start() >= line_end:
            lines.append([])
        lines[-1].append(Wish(found["name"], arguments))
        at = end
        line_end = text.find("\n", end) if "\n" in text[end:] else len(text)
    return lines


def due(lines: list[list[Wish]], results: int) -> list[Wish]:
    """The calls whose turn it is once `results` of them have come back."""
    for line in lines:
        if results < len(line):
            return line
        results -= len(line)
    return []
