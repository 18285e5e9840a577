"""A dialect that hosts speak and no client."""

from typing import Protocol

from sluicegate.conversation import Conversation
from sluicegate.dialects.base import Host
from sluicegate.dialects.error_bodies import read_error
from sluicegate.failures import UpstreamErrorBody


class Encode(Protocol):
    """Writes its requests; see `dialects.base.UpstreamDialect.encode_request`."""

    def __call__(
        self,
        conversation: Conversation,
        *,
        model: str,
        stream: bool,
        drop: bool,
        default_max_tokens: int,
    ) -> tuple[bytes, list[str]]:
        """The request's bytes, and the paths of what was left out."""


class HostDialect:
    """The dialect's verbs; see `dialects.base.UpstreamDialect`."""

    def __init__(self, name: str, encode: Encode) -> None:
        """Args: encode: all that it has of its own; its answers are the core's to read."""
        self.name = name
        self._encode = encode

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
        return self._encode(
            conversation,
            model=model,
            stream=stream,
            drop=drop_unsupported,
            default_max_tokens=default_max_tokens,
        )

    def decode_error(self, status: int, body: bytes) -> UpstreamErrorBody | None:
        """What an upstream's error says."""
        return read_error(body)
