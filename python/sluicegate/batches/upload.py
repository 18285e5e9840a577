"""A form with a file in it."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from sluicegate import _core
from sluicegate.errors import InvalidRequestError

PIECE_BYTES: Final = 1 << 20
MAX_NAME: Final = 255
_BOUNDARY: Final = re.compile(r'multipart/form-data\s*;.*?boundary="?([^";]+)"?', re.IGNORECASE)


class Upload(NamedTuple):
    """What it says.

    Args:
        lives_s: how long the file is wanted; None is for ever.
        place: where the file begins and ends in the body.
    """

    content_type: str
    purpose: str
    filename: str
    lives_s: int | None
    body: bytes
    place: tuple[int, int]

    @property
    def size(self) -> int:
        """Bytes of the file."""
        begin, end = self.place
        return end - begin

    def pieces(self) -> Iterator[bytes]:
        """The file, so that nobody holds it twice."""
        begin, end = self.place
        for at in range(begin, end, PIECE_BYTES):
            yield self.body[at : min(at + PIECE_BYTES, end)]


def read_upload(headers: list[tuple[bytes, bytes]], body: bytes) -> Upload:
    """The form of a request.

    Raises:
        InvalidRequestError: it is none, or lacks something.
    """
    kind = next((value for name, value in headers if name == b"content-type"), b"")
    content_type = kind.decode("latin-1")
    found = _BOUNDARY.match(content_type)
    if found is None:
        raise InvalidRequestError("a file comes as multipart/form-data")
    try:
        parts = _core.form_parts(body, found[1])
    except ValueError as error:
        raise InvalidRequestError(str(error)) from None
    fields: dict[str, str] = {}
    filename, place = "", None
    for name, file_name, _, begin, end in parts:
        if name == "file":
            filename, place = file_name or "file", (begin, end)
        else:
            fields[name] = body[begin:end].decode("utf-8", "replace")
    if place is None or place[0] == place[1]:
        raise InvalidRequestError("the form has no `file`, or an empty one", param="file")
    if not fields.get("purpose"):
        raise InvalidRequestError("the form has no `purpose`", param="purpose")
    lives_s = _seconds(fields.get("expires_after[seconds]"))
    purpose = fields["purpose"][:MAX_NAME]
    return Upload(content_type, purpose, filename[:MAX_NAME], lives_s, body, place)


def _seconds(given: str | None) -> int | None:
    if given is None:
        return None
    if not given.isascii() or not given.isdigit() or not 3600 <= int(given[:9]) <= 2_592_000:
        raise InvalidRequestError("must be 3600 to 2592000 seconds", param="expires_after[seconds]")
    return int(given)
