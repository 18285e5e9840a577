"""What a request asks about pictures and sound, whether it is JSON or a form."""

import base64
import math
from collections.abc import Collection
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import Raw

from sluicegate import _core
from sluicegate.errors import InvalidRequestError, UnsupportedFieldError

_PIECE_BYTES: Final = 96 * 1024
"""Base64 of more than that at once would hold up the event loop; a multiple of three."""


class Source(NamedTuple):
    """A request as it came."""

    path: str
    body: bytes
    form: str | None
    """The boundary of a form."""


class File(NamedTuple):
    """A picture or a recording."""

    name: str
    media_type: str
    data: str
    """Base64."""


class Asked:
    """The fields of one request, each taken once: what nobody takes the host does not know.

    Args:
        drop: leave out what the host cannot do instead of refusing it.

    Raises:
        InvalidRequestError: it cannot be read.
    """

    def __init__(self, source: Source, *, drop: bool) -> None:
        """See the class."""
        self.path = source.path
        self.dropped: list[str] = []
        self._drop = drop
        self._files: dict[str, list[File]] = {}
        self._fields: dict[str, Any] = {}
        if source.form is None:
            self._read_json(source.body)
        else:
            self._read_form(source.body, source.form)
        for name in ("model", "user"):  # the host has another name, and no place
            self._fields.pop(name, None)

    def _read_json(self, body: bytes) -> None:
        for name, raw in msgspec.json.decode(body, type=dict[str, Raw]).items():
            try:
                value = msgspec.json.decode(raw)
            except (msgspec.DecodeError, RecursionError):
                raise InvalidRequestError(f"`{name}` cannot be read", param=name) from None
            if value is not None:
                self._fields[name] = value

    def _read_form(self, body: bytes, boundary: str) -> None:
        for name, file_name, media_type, begin, end in _core.form_parts(body, boundary):
            field = name.removesuffix("[]")
            if file_name is None:
                self._read_text(field, body[begin:end], is_list=name != field)
                continue
            data = base64_of(memoryview(body)[begin:end])
            file = File(file_name, media_type or "", data)
            self._files.setdefault(field, []).append(file)

    def _read_text(self, field: str, value: bytes, *, is_list: bool) -> None:
        text = value.decode("utf-8", "replace")
        known = self._fields.setdefault(field, [] if is_list else text)
        if isinstance(known, list) and is_list:
            known.append(text)
        elif known is not text:
            raise InvalidRequestError(f"`{field}` is given twice", param=field)

    def text(self, name: str) -> str | None:
        """Takes a text."""
        value = self._fields.pop(name, None)
        if value is not None and not isinstance(value, str):
            raise InvalidRequestError(f"`{name}` must be a text", param=name)
        return value or None

    def need(self, name: str) -> str:
        """Takes a text that must be there."""
        text = self.text(name)
        if text is None:
            raise InvalidRequestError(f"`{name}` is missing", param=name)
        return text

    def number(self, name: str) -> float | None:
        """Takes a number, which forms have as text."""
        value = self._fields.pop(name, None)
        if value is None or value == "":
            return None
        try:
            number = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not math.isfinite(number):
            raise InvalidRequestError(f"`{name}` must be a number", param=name)
        return number

    def objects(self, name: str) -> list[dict[str, Any]]:
        """Takes a list of objects."""
        value = self._fields.pop(name, None) or []
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise InvalidRequestError(f"`{name}` must be a list of objects", param=name)
        return value

    def files(self, name: str) -> list[File]:
        """Takes files of a field."""
        return self._files.pop(name, [])

    def only(self, name: str, values: Collection[object], reason: str = "") -> None:
        """Takes a field that may have no other value than these."""
        value = self._fields.pop(name, None)
        if value is not None and value not in values:
            self.cannot(name, reason)

    def cannot(self, name: str, reason: str = "") -> None:
        """The host cannot do what a field asks.

        Raises:
            UnsupportedFieldError: unless such fields are dropped.
        """
        if not self._drop:
            raise UnsupportedFieldError(name, reason)
        self.dropped.append(name)

    def ended(self) -> None:
        """Refuses what was not taken."""
        for name in [*self._fields, *self._files]:
            self.cannot(name)


def base64_of(data: memoryview) -> str:
    """Base64, written in pieces, so that other threads have their turn."""
    pieces = (data[at : at + _PIECE_BYTES] for at in range(0, len(data), _PIECE_BYTES))
    return b"".join(base64.b64encode(piece) for piece in pieces).decode("ascii")
