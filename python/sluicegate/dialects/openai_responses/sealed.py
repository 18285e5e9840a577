"""Reasoning that only its vendor can read, so that it goes back to that vendor and to no other.

The core writes the same into answers (`rust/stream/openai_responses/origin.rs`).
"""

from typing import Final, NamedTuple

from sluicegate.conversation import RedactedThinkingPart, ThinkingPart
from sluicegate.dialects.seal import OF_RESPONSES

_SIGNATURE: Final = "signature:"
"""Before another dialect's signature of readable reasoning, where this one carries it."""
_REDACTED: Final = "redacted:"
"""Before another dialect's redacted reasoning, where this one carries it."""


class Sealed(NamedTuple):
    """What an item says of reasoning that came from here."""

    id: str
    encrypted_content: str


def unseal(item_id: str, text: str, encrypted_content: str) -> ThinkingPart | RedactedThinkingPart:
    """An item's reasoning in the neutral form."""
    if encrypted_content.startswith(_SIGNATURE):
        signature = encrypted_content.removeprefix(_SIGNATURE)
        return ThinkingPart(text=text, signature=signature)
    if encrypted_content.startswith(_REDACTED):
        return RedactedThinkingPart(data=encrypted_content.removeprefix(_REDACTED))
    own = f"{OF_RESPONSES}{item_id}:{encrypted_content}"
    return ThinkingPart(text=text, signature=own) if text else RedactedThinkingPart(data=own)


def seal(part: ThinkingPart | RedactedThinkingPart) -> Sealed | None:
    """What an item says of a thought of this dialect's; None for another's."""
    sealed = part.data if isinstance(part, RedactedThinkingPart) else part.signature or ""
    if not sealed.startswith(OF_RESPONSES):
        return None
    item_id, _, content = sealed.removeprefix(OF_RESPONSES).partition(":")
    return Sealed(item_id, content)
