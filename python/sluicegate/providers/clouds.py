"""Anthropic's models on the clouds of others, which put its requests into an envelope of their own.

Sources: https://cloud.google.com/vertex-ai/generative-ai/docs/partner-models/claude/use-claude,
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html
"""

import re
from typing import Final, Literal
from urllib.parse import urlsplit

Envelope = Literal["bedrock", "vertex"]
"""`bedrock` is InvokeModel, `vertex` is rawPredict."""

ADDRESSES: Final[dict[Envelope, str]] = {"bedrock": "invoke_model", "vertex": "raw_predict"}
"""The core's words for their paths."""

VERSIONS: Final = {"invoke_model": "bedrock-2023-05-31", "raw_predict": "vertex-2023-10-16"}
"""What stands in a body as `anthropic_version`, by the address. The core has the same."""

_PUBLISHER: Final = "/publishers/anthropic"
_LOCATED: Final = re.compile(r"(https://)(global|us|eu)-aiplatform\.googleapis\.com(?=/|$)")
"""What a row's pattern makes of a location that has no host of its own name."""


def envelope_at(base_url: str) -> Envelope | None:
    """The envelope that a base URL says by itself."""
    return "vertex" if urlsplit(base_url).path.rstrip("/").endswith(_PUBLISHER) else None


def located(base_url: str) -> str:
    """A URL of Vertex AI with the host that its location has: `global` has the bare one, `us` and
    `eu` have several regions behind them. Source:
    https://cloud.google.com/vertex-ai/generative-ai/docs/learn/locations
    """

    def host(found: re.Match[str]) -> str:
        place = "" if found[2] == "global" else f"{found[2]}.rep."
        return f"{found[1]}aiplatform.{place}googleapis.com"

    return _LOCATED.sub(host, base_url)
