"""Amazon Bedrock's Converse, which hosts speak and no client. Source:
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
"""

from sluicegate.conversation import Conversation
from sluicegate.dialects.base import Host
from sluicegate.dialects.bedrock.encode import encode_request
from sluicegate.dialects.error_bodies import read_error
from sluicegate.failures import UpstreamErrorBody


class Bedrock:
    """The dialect's verbs; see `dialects.base.UpstreamDialect`."""

    name = "bedrock"

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
        """A request for an upstream, whose path names the model and says that it streams."""
        return encode_request(
            conversation,
            model=model,
            drop=drop_unsupported,
            default_max_tokens=default_max_tokens,
        )

    def decode_error(self, status: int, body: bytes) -> UpstreamErrorBody | None:
        """What an upstream's error says."""
        return read_error(body)
