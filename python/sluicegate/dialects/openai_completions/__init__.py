"""OpenAI's older completions, of a text. Source:
https://platform.openai.com/docs/api-reference/completions
"""

from sluicegate.conversation import Conversation
from sluicegate.dialects.error_bodies import openai_error, read_error
from sluicegate.dialects.openai_completions.decode import decode_request
from sluicegate.errors import GatewayError
from sluicegate.failures import UpstreamErrorBody


class OpenAiCompletions:
    """The dialect's verbs as a client's; see `dialects.base.ClientDialect`. For a host that has it
    nothing is translated.
    """

    name = "openai_completions"

    def decode_request(self, body: bytes) -> Conversation:
        """A client's request."""
        return decode_request(body)

    def encode_error(self, error: GatewayError) -> bytes:
        """An error for a client."""
        return openai_error(error)

    def decode_error(self, status: int, body: bytes) -> UpstreamErrorBody | None:
        """What an upstream's error says."""
        return read_error(body)
