"""Counts a request's tokens here, for providers that have no endpoint for it."""

import asyncio
from collections.abc import Iterable, Iterator
from typing import Final

from sluicegate import _core
from sluicegate.conversation import (
    Conversation,
    DocumentPart,
    ImagePart,
    Part,
    TextPart,
    ThinkingPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
)

TURN_TOKENS: Final = 3
"""What a chat model adds around each message.
Source: https://github.com/openai/openai-cookbook, "How to count tokens with tiktoken".
"""
IMAGE_TOKENS: Final = 1600
"""An upper bound for one image that was scaled down.
Source: https://docs.anthropic.com/en/docs/build-with-claude/vision.
"""


async def count_tokens(conversation: Conversation, model: str) -> int:
    """Tokens of a whole request in the model's vocabulary; images are bounded, not measured.

    Cost: some 60 ns a token, on a thread.
    """
    text = "\n".join(_texts(conversation))
    counted = await asyncio.to_thread(_core.count_tokens, model, text)
    images = sum(isinstance(part, ImagePart) for part in _parts(conversation))
    return counted + TURN_TOKENS * (len(conversation.turns) + 1) + IMAGE_TOKENS * images


def _parts(conversation: Conversation) -> Iterator[Part]:
    yield from conversation.system
    for turn in conversation.turns:
        yield from _flat(turn.parts)


def _flat(parts: Iterable[Part]) -> Iterator[Part]:
    for part in parts:
        yield part
        if isinstance(part, ToolResultPart):
            yield from _flat(part.parts)


def _texts(conversation: Conversation) -> Iterator[str]:
    for part in _parts(conversation):
        if isinstance(part, TextPart | ThinkingPart):
            yield part.text
        elif isinstance(part, ToolCallPart):
            yield f"{part.name} {part.arguments}"
        elif isinstance(part, DocumentPart) and part.text is not None:
            yield part.text
    for tool in conversation.tools:
        if isinstance(tool, Tool):
            schema = b"" if tool.parameters is None else bytes(tool.parameters)
            yield f"{tool.name} {tool.description or ''} {schema.decode()}"
