"""What can happen on the wire, as data: a behaviour is a sequence of these."""

from dataclasses import dataclass
from enum import Enum
from typing import Any


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event before it is framed.

    `kind` is where it stands, so that a behaviour can say "drop the end" in any dialect:
    open | token | block | finish | usage | end | extra, and broken for what no client can read.
    """

    data: str | bytes
    name: str | None = None
    kind: str = "extra"
    tokens: int = 0
    #: What it says of the usage, in the dialect's own words.
    usage: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Raw:
    """Body bytes that are sent as they are; `tokens` of content are in them. With the last byte of
    an event goes what it was, and what it said of the usage.
    """

    data: bytes
    tokens: int = 0
    kind: str = "extra"
    usage: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing happens for a while; `inf` is for ever."""

    seconds: float


class End(Enum):
    """How a response stops, if not in the ordinary way."""

    CLEAN = "the HTTP body ends properly, whatever the dialect thinks"
    FIN = "the socket is closed in order, the HTTP body is not finished"
    RESET = "the socket is reset"
    BAD_CHUNK = "a chunk size that is no number, then the socket is closed"
    HOLD = "nothing more is sent and the socket stays open"


Item = Event | Raw | Pause | End
