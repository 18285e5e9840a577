"""The lines of a batch's file: one request each, as JSON."""

from collections.abc import Iterable, Iterator
from typing import Final, Literal, NamedTuple

import msgspec
from msgspec import Raw

from sluicegate.errors import InvalidRequestError

MAX_LINES: Final = 50_000
"""As OpenAI has it. Source: https://platform.openai.com/docs/guides/batch"""
MAX_ID_BYTES: Final = 512
ENDPOINTS: Final = (
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/embeddings",
    "/v1/moderations",
    "/v1/responses",
)
"""What the lines of a batch may ask."""


class Line(NamedTuple):
    """One of them.

    Args:
        number: from 1, as editors count.
        model: the name that it asks for.
    """

    number: int
    custom_id: str
    model: str
    body: bytes


class _Line(msgspec.Struct):
    custom_id: str
    method: Literal["POST"]
    url: str
    body: Raw


class _Body(msgspec.Struct):
    model: str
    stream: bool | None = None


_LINE: Final = msgspec.json.Decoder(_Line)
_BODY: Final = msgspec.json.Decoder(_Body)


def wrong(number: int, what: str) -> InvalidRequestError:
    """What is wrong with a line."""
    return InvalidRequestError(f"line {number}: {what}", param="input_file_id")


def lines_of(pieces: Iterable[bytes], endpoint: str) -> list[Line]:
    """The lines of a file, all to one endpoint.

    Raises:
        InvalidRequestError: names the first line that cannot be used, and why.
    """
    lines: list[Line] = []
    seen: set[str] = set()
    for number, text in _numbered(pieces):
        if not text.strip():
            continue
        line = _read(number, text, endpoint)
        if line.custom_id in seen:
            raise wrong(number, f"custom_id {line.custom_id!r} stands twice")
        seen.add(line.custom_id)
        lines.append(line)
        if len(lines) > MAX_LINES:
            raise wrong(number, f"a batch has at most {MAX_LINES} requests")
    if not lines:
        raise InvalidRequestError("the file has no requests", param="input_file_id")
    return lines


def _read(number: int, text: bytes, endpoint: str) -> Line:
    try:
        line = _LINE.decode(text)
        body = _BODY.decode(line.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise wrong(number, str(error)) from None
    if line.url != endpoint:
        raise wrong(number, f"its url is {line.url!r}, the batch's endpoint {endpoint!r}")
    if not line.custom_id or len(line.custom_id.encode()) > MAX_ID_BYTES:
        raise wrong(number, f"custom_id must have 1 to {MAX_ID_BYTES} bytes")
    if not body.model:
        raise wrong(number, "body.model is empty")
    if body.stream:
        raise wrong(number, "body.stream: a batch cannot stream")
    return Line(number, line.custom_id, body.model, bytes(line.body))


def model_of(number: int, body: bytes) -> str:
    """The name that a line's body asks for.

    Raises:
        InvalidRequestError: it asks for none.
    """
    try:
        return _BODY.decode(body).model
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise wrong(number, str(error)) from None


def _numbered(pieces: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Lines with their numbers, whatever pieces the file comes in."""
    number, rest = 0, b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        for text in whole:
            number += 1
            yield number, text
    if rest:
        yield number + 1, rest


def renamed(body: bytes, model: str) -> bytes:
    """A request for another name; every other value stays as it was written."""
    fields: dict[str, Raw] = msgspec.json.decode(body, type=dict[str, Raw])
    fields["model"] = Raw(msgspec.json.encode(model))
    return msgspec.json.encode(fields)
