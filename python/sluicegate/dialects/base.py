"""What every dialect can do in Python. Answers, streamed or whole, are translated by the core
(`rust/stream`).
"""

from collections.abc import Set
from typing import NamedTuple, Protocol

from sluicegate.conversation import Conversation
from sluicegate.errors import GatewayError
from sluicegate.failures import UpstreamErrorBody


class Host(NamedTuple):
    """What a host makes of its dialect.

    Args:
        extensions: fields beyond the dialect that it takes; see `providers.Extension`.
        lacks: fields of the dialect that it refuses or ignores; see `providers.Lack`.
    """

    extensions: Set[str] = frozenset()
    lacks: Set[str] = frozenset()


class Spoken(Protocol):
    """One wire format in which an upstream can answer."""

    name: str

    def decode_error(self, status: int, body: bytes) -> UpstreamErrorBody | None:
        """What an upstream's error says; None where it says nothing readable."""


class UpstreamDialect(Spoken, Protocol):
    """One wire format, as an upstream has it."""

    def encode_request(
        self,
        conversation: Conversation,
        *,
        model: str,
        stream: bool,
        drop_unsupported: bool,
        default_max_tokens: int,
        host: Host,
    ) -> tuple[bytes, list[str]]:
        """A request for an upstream, and the paths of what was left out.

        Args:
            default_max_tokens: for dialects that demand a bound where the client set none.
            host: what is peculiar to who will read it.

        Raises:
            UnsupportedFieldError: the first field that this dialect, or this host, cannot express,
            unless such are dropped.
        """


class ClientDialect(Spoken, Protocol):
    """One wire format, as a client has it."""

    def decode_request(self, body: bytes) -> Conversation:
        """A client's request.

        Raises:
            InvalidRequestError: what is wrong, by field.
        """

    def encode_error(self, error: GatewayError) -> bytes:
        """An error for a client."""


class Dialect(UpstreamDialect, ClientDialect, Protocol):
    """One wire format, as client and as upstream."""
