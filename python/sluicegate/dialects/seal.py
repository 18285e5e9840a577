"""Whose a signature is, once it has left its own dialect. `rust/stream/gemini/seal.rs` writes the
marks that are read here; one without a mark is from the vendor whose dialect the client speaks.
"""

from typing import Final

from sluicegate.conversation import Conversation

_MARKS: Final = {"sgGemini": "gemini", "sgAnthro": "anthropic"}
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
