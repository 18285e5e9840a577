"""The protocol of hooks: what they are told, and what they may say."""

from typing import Any, Protocol, runtime_checkable

import msgspec

_REFUSALS = range(400, 500)
_OUR_OWN = frozenset({401, 408})
"""A credential and a body that did not come are the gateway's to speak of."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A request, without any credential.

    Args:
        path: as keys are limited to it, such as `/v1/chat/completions`.
        operation: `chat`, `embeddings`, `passthrough` ...
        dialect: the client's.
        model: the name that was asked for; where the path does not have it, that is only known of
        requests that were admitted: read the body.
        stream: whether a stream was asked for, with the same reservation.
        request_id: the gateway's; empty before the request is admitted.
        body: empty where a hook watches.
    """

    path: str
    operation: str
    dialect: str
    key_name: str
    organisation: str = ""
    team: str = ""
    project: str = ""
    user: str | None = None
    run: str | None = None
    tag: str | None = None
    client_ref: str | None = None
    metadata: dict[str, Any] | None = None
    model: str | None = None
    stream: bool = False
    request_id: str = ""
    body: bytes = b""

    def json(self) -> Any:
        """The body's content; None where it is no JSON."""
        try:
            return msgspec.json.decode(self.body)
        except msgspec.DecodeError:
            return None


class Refuse(msgspec.Struct, frozen=True):
    """The request goes nowhere, and its client is told why, as `refused_by_plugin`.

    Args:
        message: for people.
        status: from 400 to 499, but not 401 and 408.
    """

    message: str
    status: int = 403

    def __post_init__(self) -> None:
        """Raises: ValueError: no such status."""
        if self.status not in _REFUSALS or self.status in _OUR_OWN:
            raise ValueError(f"a request cannot be refused with {self.status}")


class Change(msgspec.Struct, frozen=True):
    """The request goes on with another body: bytes, or what is written as JSON."""

    body: Any


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a client was given: an event of its stream, or the whole of another answer.

    Args:
        name: of the event; empty where it has none.
        data: of the event, in the client's dialect; of an answer that is no stream, its body.
        status: of the answer.
    """

    request: Request
    name: str
    data: bytes
    status: int

    def json(self) -> Any:
        """Its content; None where it is no JSON."""
        try:
            return msgspec.json.decode(self.data)
        except msgspec.DecodeError:
            return None


class End(msgspec.Struct, frozen=True):
    """The answer ends here: its client is told `ended_by_plugin`. What was on its way arrives."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A request that is over.

    Args:
        attempts: a row of the ledger for each attempt, by the export's names; money as text. A
        request that was answered without any has one with the number 0.
        lost_events: whether the plugin was too slow to be shown all of the answer.
    """

    request: Request
    attempts: list[dict[str, Any]]
    lost_events: bool = False


@runtime_checkable
class BeforeRequest(Protocol):
    """Is asked before a request is admitted, with its key known to be good."""

    def before_request(self, request: Request) -> Refuse | Change | None:
        """Refuses or changes a request; None lets it pass. Called in one of several threads, and
        given `plugins.timeout_s`. What it raises is a failure (`plugins.on_failure`).
        """


@runtime_checkable
class OnEvent(Protocol):
    """Is shown what clients are given, after they were."""

    def on_event(self, event: Event) -> End | None:
        """Looks at an event; `End` ends the answer. Called in a thread of the plugin's own, one
        event after the other. What it raises is logged.
        """


@runtime_checkable
class AfterResponse(Protocol):
    """Hears of requests that are over."""

    def after_response(self, answer: Answer) -> None:
        """Looks at a request that is over. Called in the same thread as `on_event`, after it."""
