"""Parts as content blocks of Converse."""

import base64
import hashlib
import re
from collections.abc import Callable
from typing import Any, Final

from sluicegate.conversation import (
    AudioPart,
    DocumentPart,
    ImagePart,
    Part,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolReferencePart,
)
from sluicegate.dialects import told
from sluicegate.dialects.fields import arguments_object

_NOT_IN_IDS: Final = re.compile(r"[^a-zA-Z0-9_.:-]")
_MAX_ID_CHARACTERS: Final = 64
_NOT_IN_NAMES: Final = re.compile(r"[^a-zA-Z0-9 ()\[\]-]+")
_MAX_NAME_CHARACTERS: Final = 200

_IMAGES: Final = {
    "image/png": "png",
    "image/jpeg": "jpeg",
    "image/gif": "gif",
    "image/webp": "webp",
}
_DOCUMENTS: Final = {
    "application/pdf": "pdf",
    "text/csv": "csv",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "text/html": "html",
    "text/plain": "txt",
    "text/markdown": "md",
}
_S3: Final = "s3://"

Json = dict[str, Any]


def tool_id(given: str) -> str:
    """An id that the vendor accepts; the same for a call and its result."""
    clean = _NOT_IN_IDS.sub("_", given) or "_"
    if len(clean) <= _MAX_ID_CHARACTERS:
        return clean
    return hashlib.sha256(given.encode()).hexdigest()


def document_name(title: str | None, number: int) -> str:
    """A name that the vendor accepts, and that no other document of the request has."""
    clean = " ".join(_NOT_IN_NAMES.sub(" ", title or "").split())
    return f"{clean[: _MAX_NAME_CHARACTERS - 8]} {number}" if clean else f"document {number}"


def block_of(part: Part) -> Json | None:
    """The block; None where Converse has none for this part. A document is still without a name."""
    write = _BLOCKS.get(type(part))
    return write(part) if write else None


def _text(part: TextPart | RefusalPart) -> Json:
    return {"text": part.text}


def _tool_reference(part: ToolReferencePart) -> Json:
    return {"text": told.tool_reference(part)}


def _tool_use(part: ToolCallPart) -> Json:
    call = {
        "toolUseId": tool_id(part.id),
        "name": part.name,
        "input": arguments_object(part.arguments),
    }
    return {"toolUse": call}


def _image(part: ImagePart) -> Json | None:
    ending = (part.url or "").rpartition(".")[2].lower()
    kind = _IMAGES.get(part.media_type or f"image/{'jpeg' if ending == 'jpg' else ending}")
    if kind is None and part.media_type is None and part.data is not None:
        kind = "png"
    source = _source(part.url, part.data)
    return None if kind is None or source is None else {"image": {"format": kind, "source": source}}


def _document(part: DocumentPart) -> Json | None:
    if part.text is not None:
        source: Json | None = {"bytes": base64.b64encode(part.text.encode()).decode()}
        kind: str | None = "txt"
    else:
        media_type = part.media_type or "application/pdf"
        if media_type in _IMAGES:
            return _image(ImagePart(url=part.url, data=part.data, media_type=media_type))
        source, kind = _source(part.url, part.data), _DOCUMENTS.get(media_type)
    if source is None or kind is None:
        return None
    block: Json = {"format": kind, "source": source}
    if part.context is not None:
        block["context"] = part.context
    if part.citations:
        block["citations"] = {"enabled": True}
    return {"document": block}


def _audio(part: AudioPart) -> Json:
    return {"audio": {"format": part.format, "source": {"bytes": part.data}}}


def _source(url: str | None, data: str | None) -> Json | None:
    """It fetches nothing but from the vendor's own store."""
    if data is not None:
        return {"bytes": data}
    return {"s3Location": {"uri": url}} if url is not None and url.startswith(_S3) else None


_BLOCKS: Final[dict[type[Part], Callable[[Any], Json | None]]] = {
    TextPart: _text,
    RefusalPart: _text,
    ToolReferencePart: _tool_reference,
    ToolCallPart: _tool_use,
    ImagePart: _image,
    DocumentPart: _document,
    AudioPart: _audio,
}
