"""The wire formats by name; stands above all of them. Their streams and whole answers are the
core's to read.
"""

from typing import Final

from sluicegate.dialects.anthropic import Anthropic
from sluicegate.dialects.base import ClientDialect, Dialect, Spoken, UpstreamDialect
from sluicegate.dialects.bedrock import Bedrock
from sluicegate.dialects.cohere import COHERE
from sluicegate.dialects.gemini import Gemini
from sluicegate.dialects.ollama import OLLAMA
from sluicegate.dialects.openai_chat import OpenAiChat
from sluicegate.dialects.openai_completions import OpenAiCompletions
from sluicegate.dialects.openai_responses import OpenAiResponses

DIALECTS: Final[dict[str, Dialect]] = {
    dialect.name: dialect for dialect in (OpenAiChat(), Anthropic(), Gemini(), OpenAiResponses())
}
"""Those that clients speak, and hosts too."""

UPSTREAM_DIALECTS: Final[dict[str, UpstreamDialect]] = {
    **DIALECTS,
    Bedrock.name: Bedrock(),
    COHERE.name: COHERE,
    OLLAMA.name: OLLAMA,
}
"""Those that hosts speak."""

CLIENT_DIALECTS: Final[dict[str, ClientDialect]] = {
    **DIALECTS,
    OpenAiCompletions.name: OpenAiCompletions(),
}
"""Those that clients speak."""

SPOKEN: Final[dict[str, Spoken]] = {**UPSTREAM_DIALECTS, **CLIENT_DIALECTS}
"""Those in which a host may answer: a client's own passes as it is where the host has it."""
