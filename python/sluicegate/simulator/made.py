"""What an operation beside chat is answered with."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from .dialects import Event, dumps
from .prompt import Json

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class File:
    """A file in a form."""

    name: str
    kind: str
    data: bytes

    @property
    def shown(self) -> str:
        """What shows that every byte of it arrived."""
        return f"{self.name}, {len(self.data)} bytes, crc32 {zlib.crc32(self.data):08x}"


@dataclass(frozen=True, slots=True)
class Made:
    """The answer: a body, or events where it streams."""

    body: bytes = b""
    kind: str = JSON
    events: Sequence[Event] = ()
    headers: dict[str, str] = field(default_factory=dict)


def told(body: Json, **headers: str) -> Made:
    """An answer in JSON; `a_b="1"` is the header `a-b: 1`."""
    return Made(dumps(body), headers=headers)


def streamed(*bodies: Json) -> Made:
    """Events that name their types; all but the last are tokens."""
    events = [
        Event(b"event: %b\ndata: %b\n\n" % (str(body["type"]).encode(), dumps(body)), token)
        for body, token in zip(bodies, [True] * (len(bodies) - 1) + [False], strict=True)
    ]
    return Made(kind="text/event-stream", events=events)
