"""Parts as content blocks of Messages."""

import re
from collections.abc import Callable
from typing import Any, Final

from sluicegate.conversation import (
    DocumentPart,
    ImagePart,
    Part,
    RedactedThinkingPart,
    RefusalPart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolReferencePart,
)
from sluicegate.dialects.documents import PDF
from sluicegate.dialects.fields import arguments_object

_NOT_IN_IDS: Final = re.compile(r"[^a-zA-Z0-9_-]")
"""Other hosts' ids of tool calls hold dots and colons, which the vendor refuses."""

Json = dict[str, Any]


def tool_id(given: str) -> str:
    """An id that the vendor accepts; the same for a call and its result."""
    return _NOT_IN_IDS.sub("_", given)


def block_of(part: Part) -> Json | None:
    """The block; None where Messages has none for this part."""
    write = _BLOCKS.get(type(part))
    return write(part) if write else None


def _text(part: TextPart) -> Json:
    block: Json = {"type": "text", "text": part.text}
    return {**block, "citations": part.citations} if part.citations else block


def _refusal(part: RefusalPart) -> Json:
    return {"type": "text", "text": part.text}


def _thinking(part: ThinkingPart) -> Json:
    return {"type": "thinking", "thinking": part.text, "signature": part.signature or ""}


def _redacted(part: RedactedThinkingPart) -> Json:
    return {"type": "redacted_thinking", "data": part.data}


def _tool_use(part: ToolCallPart) -> Json:
    return {
        "type": "tool_use",
        "id": tool_id(part.id),
        "name": part.name,
        "input": arguments_object(part.arguments),
    }


def _tool_reference(part: ToolReferencePart) -> Json:
    return {"type": "tool_reference", "tool_name": part.name}


def _image(part: ImagePart) -> Json | None:
    source = _source(part.url, part.data, part.media_type or "image/png", part.file_id)
    return None if source is None else {"type": "image", "source": source}


def _document(part: DocumentPart) -> Json | None:
    if part.text is not None:
        source: Json | None = {"type": "text", "media_type": "text/plain", "data": part.text}
    else:
        source = _source(part.url, part.data, part.media_type or PDF, part.file_id)
    if source is None:
        return None
    block: Json = {"type": "document", "source": source}
    if part.title is not None:
        block["title"] = part.title
    if part.context is not None:
        block["context"] = part.context
    if part.citations is not None:
        block["citations"] = {"enabled": part.citations}
    return block


def _source(url: str | None, data: str | None, media_type: str, file_id: str | None) -> Json | None:
    if data is not None:
        return {"type": "base64", "media_type": media_type, "data": data}
    if url is not None:
        return {"type": "url", "url": url}
    return None if file_id is None else {"type": "file", "file_id": file_id}


_BLOCKS: Final[dict[type[Part], Callable[[Any], Json | None]]] = {
    TextPart: _text,
    RefusalPart: _refusal,
    ThinkingPart: _thinking,
    RedactedThinkingPart: _redacted,
    ToolCallPart: _tool_use,
    ToolReferencePart: _tool_reference,
    ImagePart: _image,
    DocumentPart: _document,
}
