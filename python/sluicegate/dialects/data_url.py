"""`data:` URLs, in which OpenAI's clients send inline images and files."""

from typing import Final

DEFAULT_MEDIA_TYPE: Final = "text/plain"
_REGISTERED: Final = {"image/jpg": "image/jpeg"}
"""Names that clients use and vendors refuse."""


def split_data_url(url: str) -> tuple[str, str] | None:
    """Media type and base64 data; None for any other URL."""
    if not url.startswith("data:"):
        return None
    head, comma, data = url[5:].partition(",")
    if not comma or not head.endswith(";base64"):
        return None
    media_type = head.removesuffix(";base64").split(";")[0].lower() or DEFAULT_MEDIA_TYPE
    return _REGISTERED.get(media_type, media_type), data


def data_url(media_type: str, data: str) -> str:
    """The URL of base64 data."""
    return f"data:{media_type};base64,{data}"
