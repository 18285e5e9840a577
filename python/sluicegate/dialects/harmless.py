"""What tunes the own side of a dialect that clients speak, for dialects that only hosts do."""

from typing import Final

from sluicegate.dialects.anthropic import encode as anthropic
from sluicegate.dialects.openai_chat import encode as openai_chat

HARMLESS: Final = anthropic.HARMLESS | openai_chat.HARMLESS
"""Fields of requests: leaving them out cannot change what the answer means."""

HARMLESS_INSIDE: Final = anthropic.HARMLESS_INSIDE | openai_chat.HARMLESS_INSIDE
"""The same in messages, parts and tools."""
