"""What dialects that have no form of their own for a part say of it in words."""

from typing import Final

from sluicegate.conversation import DocumentPart, ToolChoice, ToolReferencePart

BEGIN: Final = "Begin."
ONE_CALL: Final = "Call one tool at a time, and wait for its result."


def tool_reference(part: ToolReferencePart) -> str:
    """All tools are in the request from the start here, so its name is all there is to say."""
    return f"The tool {part.name} is available."


def choice(wanted: ToolChoice) -> str:
    """Which tools must be called."""
    if wanted.mode == "named":
        return f"Answer with a call of the tool {wanted.name}."
    return "Answer with a call of one of the tools."


def document(part: DocumentPart) -> str:
    """A document of text, below its title and its context."""
    head = "".join(f"{line}:\n" for line in (part.title, part.context) if line)
    return head + (part.text or "")


def failed(text: str) -> str:
    """What a tool that failed gave back: models read the mark in the text."""
    return f"Error: {text or 'the tool failed'}"
