"""Whose a signature is, once it has left its own dialect. The core's decoders (`rust/stream`) write
the marks that are read here; without one it is of the vendor whose dialect the client speaks.
"""

from base64 import b64decode
from typing import Final

from sluicegate.conversation import Conversation, RedactedThinkingPart, ThinkingPart

OF_RESPONSES: Final = "openai_responses:"
"""Before reasoning that OpenAI's Responses encrypted, where another dialect carries it."""

_MARKS: Final = {
    "sgGemini": "gemini",
    "sgAnthro": "anthropic",
    OF_RESPONSES: "openai_responses",
}
_OPENAIS: Final = "sgOpenAI"
_REDACTED: Final = "sgRedact"
"""Marks that clients of Gemini's get, of which base64 is all that they can read."""
_UNMARKED: Final = {"gemini": "gemini"}
"""By the client's dialect; in chat clients' `thinking_blocks` they are Anthropic's."""


def own_signature(c: Conversation, signature: str | None, vendor: str) -> str | None:
    """The signature as its vendor gave it; None where it is another's."""
    if not signature:
        return None
    for mark, owner in _MARKS.items():
        if signature.startswith(mark):
            return signature.removeprefix(mark) if owner == vendor else None
    return signature if _UNMARKED.get(c.dialect, "anthropic") == vendor else None


def read_thought(text: str, signature: str | None) -> ThinkingPart | RedactedThinkingPart:
    """A thought that a client of Gemini's gives back, whoever sealed it."""
    if signature is None:
        return ThinkingPart(text=text)
    if signature.startswith(_REDACTED):
        return RedactedThinkingPart(data=f"sgAnthro{signature.removeprefix(_REDACTED)}")
    if signature.startswith(_OPENAIS):
        try:
            own = b64decode(signature.removeprefix(_OPENAIS), altchars=b"-_").decode()
        except ValueError:
            return ThinkingPart(text=text, signature=signature)
        return ThinkingPart(text=text, signature=f"{OF_RESPONSES}{own}")
    return ThinkingPart(text=text, signature=signature)
