"""OpenAI Responses."""

from sluicegate.conversation import Conversation
from sluicegate.dialects.base import Host
from sluicegate.dialects.error_bodies import openai_error, read_error
from sluicegate.dialects.openai_responses.decode import decode_request
from sluicegate.dialects.openai_responses.encode import encode_request
from sluicegate.errors import GatewayError
from sluicegate.failures import UpstreamErrorBody


class OpenAiResponses:
    """The dialect's verbs; see `dialects.base.Dialect`."""

    name = "openai_responses"

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
        """A request for an upstream; here the model bounds its own output, so the default is not
        needed.
        """
        return encode_request(conversation, model=model, stream=stream, drop=drop_unsupported)

    def encode_error(self, error: GatewayError) -> bytes:
        """An error for a client."""
        return openai_error(error)

    def decode_error(self, status: int, body: bytes) -> UpstreamErrorBody | None:
        """What an upstream's error says."""
        return read_error(body)
