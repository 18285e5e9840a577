"""Inline files by what is in them: some dialects have parts of their own for texts and images."""

import base64
from typing import Final

import msgspec

from sluicegate.conversation import DocumentPart, ImagePart, Part

PDF: Final = "application/pdf"


def in_own_part(part: Part) -> Part:
    """A file of text or an image as such a part; any other part as it is."""
    if not isinstance(part, DocumentPart) or part.data is None or part.media_type is None:
        return part
    if part.media_type.startswith("image/"):
        return ImagePart(path=part.path, data=part.data, media_type=part.media_type)
    if not part.media_type.startswith("text/"):
        return part
    try:
        text = base64.b64decode(part.data, validate=True).decode()
    except ValueError:
        return part
    return msgspec.structs.replace(part, data=None, text=text)
