"""Cohere's chat, version 2, which hosts speak and no client. Source:
https://docs.cohere.com/reference/chat
"""

from sluicegate.conversation import Conversation
from sluicegate.dialects.base import Host
from sluicegate.dialects.cohere.encode import encode_request
from sluicegate.dialects.error_bodies import read_error
from sluicegate.failures import UpstreamErrorBody


class Cohere:
    """The dialect's verbs; see `dialects.base.UpstreamDialect`."""

    name = "cohere"

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
        """A request for an upstream."""
        return encode_request(
            conversation,
            model=model,
            stream=stream,
            drop=drop_unsupported,
            default_max_tokens=default_max_tokens,
        )

    def decode_error(self, status: int, body: bytes) -> UpstreamErrorBody | None:
        """What an upstream's error says."""
        return read_error(body)
