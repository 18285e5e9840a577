"""The protocol of dialects: what a plugin makes of a conversation, and of what its host answers."""

from collections.abc import Iterable, Mapping
from typing import Literal, Protocol

import msgspec

from sluicegate.conversation import Conversation


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """A request to the host.

    Args:
        path: behind the provider's base URL, with the query if it has one.
        headers: beside the provider's own and its credential.
    """

    path: str
    body: bytes
    headers: Mapping[str, str] = {}
    method: str = "POST"


class Begun(msgspec.Struct, frozen=True):
    """The answer has an id, or says which model answers."""

    id: str = ""
    model: str = ""


class TextDelta(msgspec.Struct, frozen=True):
    """Some text."""

    text: str


class ThinkingDelta(msgspec.Struct, frozen=True):
    """Some of the model's reasoning."""

    text: str


class CallDelta(msgspec.Struct, frozen=True):
    """A tool call, or more of its arguments.

    Args:
        index: which call of the answer, from 0.
        id, name: with its first piece.
        arguments: a piece of JSON text.
    """

    index: int
    arguments: str = ""
    id: str = ""
    name: str = ""


class Finished(msgspec.Struct, frozen=True):
    """The model stopped. An answer without it was cut off."""

    reason: Literal["stop", "length", "tool_calls", "content_filter"] = "stop"


class Used(msgspec.Struct, frozen=True, kw_only=True):
    """What the host charges for; cached tokens are part of the input, reasoning of the output."""

    input_tokens: int
    output_tokens: int
    cached_input_tokens: int = 0
    reasoning_tokens: int = 0


class Failed(msgspec.Struct, frozen=True):
    """The host reported an error in its answer; nothing follows."""

    message: str
    code: str = "upstream_error"


Delta = Begun | TextDelta | ThinkingDelta | CallDelta | Finished | Used | Failed


class StreamDecoder(Protocol):
    """One stream's state."""

    def feed(self, data: bytes) -> Iterable[Delta]:
        """What some bytes of the answer's body say; they are cut anywhere."""

    def finish(self) -> Iterable[Delta]:
        """What the body's end says."""


class PluginDialect(Protocol):
    """A wire format that hosts speak. One object serves all requests, in several threads."""

    def encode_request(
        self, conversation: Conversation, *, model: str, stream: bool, max_output_tokens: int
    ) -> Outgoing:
        """A request for the host.

        Args:
            max_output_tokens: a bound for dialects that demand one.
        Raises:
            UnsupportedFieldError: the first field that this dialect cannot express.
        """

    def stream_decoder(self) -> StreamDecoder:
        """For one stream."""

    def decode_response(self, body: bytes) -> Iterable[Delta]:
        """What an answer says that is no stream."""

    def decode_error(self, status: int, body: bytes) -> str | None:
        """The message of an error; None where it has none that can be read."""
