"""Parts of a turn as Chat Completions writes them."""

from collections.abc import Callable
from typing import Any, Final

from sluicegate.conversation import (
    AudioPart,
    DocumentPart,
    ImagePart,
    Part,
    RedactedThinkingPart,
    RefusalPart,
    TextPart,
    ThinkingPart,
    Tool,
    ToolReferencePart,
)
from sluicegate.dialects import told
from sluicegate.dialects.data_url import data_url

Json = dict[str, Any]


def part_of(part: Part) -> Json | None:
    """The content part; None where Chat Completions has none for it."""
    write = _PARTS.get(type(part))
    return write(part) if write else None


def function_of(tool: Tool) -> Json:
    """A tool without what only some hosts know of it."""
    said = {"description": tool.description, "parameters": tool.parameters}
    return {"name": tool.name, **{name: value for name, value in said.items() if value is not None}}


def thinking_block(part: ThinkingPart | RedactedThinkingPart) -> Json:
    """A thought as `thinking_blocks`, an extension of LiteLLM's, holds it."""
    if isinstance(part, RedactedThinkingPart):
        return {"type": "redacted_thinking", "data": part.data}
    block = {"type": "thinking", "thinking": part.text}
    return {**block, "signature": part.signature} if part.signature else block


def _text(part: TextPart) -> Json:
    return {"type": "text", "text": part.text}


def _refusal(part: RefusalPart) -> Json:
    return {"type": "refusal", "refusal": part.text}


def _tool_reference(part: ToolReferencePart) -> Json:
    return {"type": "text", "text": told.tool_reference(part)}


def _image(part: ImagePart) -> Json | None:
    url = part.url
    if part.data is not None:
        url = data_url(part.media_type or "image/png", part.data)
    if url is None:
        return None
    image = {"url": url} if part.detail is None else {"url": url, "detail": part.detail}
    return {"type": "image_url", "image_url": image}


def _document(part: DocumentPart) -> Json | None:
    if part.text is not None:
        return {"type": "text", "text": told.document(part)}
    file: Json = {}
    if part.file_id is not None:
        file["file_id"] = part.file_id
    if part.url is not None:
        file["file_data"] = part.url  # OpenRouter's way
    if part.data is not None:
        file["file_data"] = data_url(part.media_type or "application/pdf", part.data)
    if not file:
        return None
    if part.title is not None or part.data is not None:
        file["filename"] = part.title or "document.pdf"
    return {"type": "file", "file": file}


def _audio(part: AudioPart) -> Json:
    return {"type": "input_audio", "input_audio": {"data": part.data, "format": part.format}}


_PARTS: Final[dict[type[Part], Callable[[Any], Json | None]]] = {
    TextPart: _text,
    ToolReferencePart: _tool_reference,
    RefusalPart: _refusal,
    ImagePart: _image,
    DocumentPart: _document,
    AudioPart: _audio,
}
