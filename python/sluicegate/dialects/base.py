"""What every dialect can do. Streams are the core's; requests, whole answers and errors are here."""

from typing import Protocol

from sluicegate.conversation import Conversation, Response
from sluicegate.errors import GatewayError
from sluicegate.failures import UpstreamErrorBody


class Dialect(Protocol):
    """One wire format, as client and as upstream."""

    name: str

    def decode_request(self, body: bytes) -> Conversation:
        """A client's request.

        Raises:
            InvalidRequestError: what is wrong, by field.
        """

    def encode_request(
        self, conversation: Conversation, *, model: str, stream: bool, drop_unsupported: bool
    ) -> bytes:
        """A request for an upstream.

        Raises:
            UnsupportedFieldError: the first field that this dialect cannot express, unless such are dropped.
        """

    def decode_response(self, body: bytes) -> Response:
        """An upstream's whole answer."""

    def encode_response(self, response: Response, *, model: str) -> bytes:
        """A whole answer for a client."""

    def encode_error(self, error: GatewayError) -> bytes:
        """An error for a client."""

    def decode_error(self, status: int, body: bytes) -> UpstreamErrorBody | None:
        """What an upstream's error says; None where it says nothing readable."""
