"""Pictures and sound, asked of a host of another dialect. What comes back is the core's to bring to
OpenAI's forms (`rust/media`).
"""

from collections.abc import Callable
from typing import Final

from sluicegate import beside
from sluicegate.media import images, speech, transcripts
from sluicegate.media.asked import Asked, Source

__all__ = ["ENCODERS", "Source", "encode_request"]

Encode = Callable[[Asked, str], bytes]
"""A request and the model's name at the host; the body for it."""

ENCODERS: Final[dict[tuple[str, str], Encode]] = {
    ("image_generation", "bedrock"): images.for_bedrock,
    ("image_generation", "gemini"): images.for_google,
    ("speech", "gemini"): speech.for_gemini,
    ("transcription", "gemini"): transcripts.for_gemini,
}
"""By operation and the host's dialect."""


async def encode_request(
    encode: Encode, source: Source, model: str, *, drop: bool
) -> tuple[bytes, list[str]]:
    """A request for a host, and the names of the fields that were left out.

    Raises:
        InvalidRequestError: what is wrong, by field.
        UnsupportedFieldError: the first field that the host cannot do, unless such are dropped.
    """

    def work() -> tuple[bytes, list[str]]:
        asked = Asked(source, drop=drop)
        body = encode(asked, model)
        return body, asked.dropped

    return await beside.done(work, len(source.body))
