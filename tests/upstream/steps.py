"""What can happen on the wire, as data: a behaviour is a sequence of these."""

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event before it is framed.

    `kind` is where it stands, so that a behaviour can say "drop the end" in any dialect:
    open | token | block | finish | usage | end | extra.
    """

    data: str | bytes
    name: str | None = None
    kind: str = "extra"
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Raw:
    """Body bytes that are sent as they are; `tokens` of content are in them."""

    data: bytes
    tokens: int = 0


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
