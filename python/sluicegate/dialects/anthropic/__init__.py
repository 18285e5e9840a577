"""Anthropic Messages. Source: https://docs.anthropic.com/en/api/messages"""

from sluicegate.conversation import Conversation
from sluicegate.dialects.anthropic.decode import decode_request
from sluicegate.dialects.anthropic.encode import encode_request
from sluicegate.dialects.base import Host
from sluicegate.dialects.error_bodies import anthropic_error, read_error
from sluicegate.errors import GatewayError
from sluicegate.failures import UpstreamErrorBody


class Anthropic:
    """The dialect's verbs; see `dialects.base.Dialect`."""

    name = "anthropic"

    def decode_request(self, body: bytes) -> Conversation:
        """A client's request."""
        return decode_request(body)

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
        """A request for an upstream, and the paths of what was left out; all of it is said in the
        dialect's own fields.
        """
        return encode_request(
            conversation,
            model=model,
            stream=stream,
            drop=drop_unsupported,
            default_max_tokens=default_max_tokens,
        )

    def encode_error(self, error: GatewayError) -> bytes:
        """An error for a client."""
        return anthropic_error(error)

    def decode_error(self, status: int, body: bytes) -> UpstreamErrorBody | None:
        """What an upstream's error says."""
        return read_error(body)
