"""What a model name asks of the scripted upstream.

A name is `part[+part...][@ref]`.  Parts edit one `Plan` from left to right; the ref only makes
the name (and so its count of attempts) unique.  `fault-x-then-ok-2` behaves as `fault-x` for the
first two attempts at that very name.
The vocabulary of parts is in `behaviours.py`; `ok-5+itl-20` is five tokens, 20 ms apart.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .framing import Cutter, Style, whole
from .steps import End, Item
from .vocabulary import token
from .wire import Failure, Piece, Text, Wire

Edit = Callable[[list[Item], Wire], list[Item]]
PartFunction = Callable[["Plan", "re.Match[str]"], None]


class UnknownPartError(Exception):
    """A part of a model name that no behaviour knows: a typing error in a test."""


@dataclass(slots=True)
class Plan:
    """One answer, before its dialect is known.  The defaults are the ordinary good answer."""

    # what is generated
    tokens: int = 10
    per_event: int = 1
    wide: bool = False
    lead: list[Piece] = field(default_factory=list)
    pieces: list[Piece] | None = None
    answer_model: str | None = None
    answer_id: str | None = None
    cached: int = 0
    reasoning: int = 0
    usage_edit: Callable[[dict[str, Any]], dict[str, Any] | None] | None = None
    usage_each: bool = False
    usage_twice: bool = False
    ending: str | None = None  # "cut" | "filtered"
    # when
    first_byte_s: float = 0.0
    gap_s: float = 0.0
    head_drip_s: float = 0.0
    # before and instead of the answer
    before: End | None = None
    status: int = 200
    failure: Failure | None = None
    body: bytes | None = None
    content_type: str | None = None  # "-": a stream has none
    headers: list[tuple[str, str]] = field(default_factory=list)
    informational: list[int] = field(default_factory=list)
    # the stream
    edits: list[Edit] = field(default_factory=list)
    style: Style = field(default_factory=Style)
    cutter: Cutter = whole
    form: str | None = None  # "whole" | "stream": whatever the client asked for
    # the HTTP body
    framing: str = "chunked"  # chunked | length | close | http10
    trailers: bool = False
    coding: str | None = None  # "gzip" | "gzip-truncated" | "gzip-bomb"
    bomb_mib: int = 0
    cut_whole: End | None = None  # a whole body stops halfway like this
    after: str = "keep"  # keep | close | surplus | stale-fin | stale-reset

    def generated(self) -> list[Piece]:
        """The pieces of the answer."""
        if self.pieces is not None:
            return self.lead + self.pieces
        words = [token(i, wide=self.wide) for i in range(self.tokens)]
        groups = (words[at : at + self.per_event] for at in range(0, len(words), self.per_event))
        return self.lead + [Text("".join(group), len(group)) for group in groups]


def parse(model: str, attempt: int, parts: list[tuple[str, PartFunction]]) -> Plan:
    """The plan for try number `attempt` (from 1) at `model`, by the vocabulary `parts`.

    Raises: UnknownPartError: a part is not in the vocabulary.
    """
    plan = Plan()
    for part in model.partition("@")[0].split("+"):
        name = part
        healed = re.fullmatch(r"(.+)-then-ok-(\d+)", part)
        if healed:
            if attempt > int(healed[2]):
                continue
            name = healed[1]
        for pattern, function in parts:
            found = re.fullmatch(pattern, name)
            if found:
                function(plan, found)
                break
        else:
            raise UnknownPartError(part)
    return plan
