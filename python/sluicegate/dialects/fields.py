"""Reads JSON objects field by field: types checked, paths known, and what nobody asked for kept as
raw bytes.
"""

from functools import cache
from typing import Any, Final, TypeVar, overload

import msgspec
from msgspec import Raw

from sluicegate.conversation import CacheControl, Extra
from sluicegate.errors import InvalidRequestError

T = TypeVar("T")

_NAMES = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
}
_NULL: Final = Raw(b"null")
_QUOTE: Final = ord('"')
_BRACE: Final = ord("{")
_BRACKET: Final = ord("[")
_RAWS: Final = list[Raw]
_OBJECT: Final = msgspec.json.Decoder(dict[str, Raw])


@cache
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    """A request has hundreds of fields of a few types; a decoder kept reads one in a third of the
    time.
    """
    return msgspec.json.Decoder(kind)


def is_null(raw: Raw) -> bool:
    """Whether a raw value is null."""
    return raw == _NULL


def is_text(raw: Raw) -> bool:
    """Whether a raw value is a text."""
    return memoryview(raw)[0] == _QUOTE


def is_object(raw: Raw) -> bool:
    """Whether a raw value is an object."""
    return memoryview(raw)[0] == _BRACE


def is_list(raw: Raw) -> bool:
    """Whether a raw value is a list."""
    return memoryview(raw)[0] == _BRACKET


def arguments_object(text: str) -> Raw:
    """A call's arguments as an object. Models write at times what is none, and one bad call must
    not end the talk: such text is kept in an object, as it is in answers.
    """
    arguments = text.strip() or "{}"
    try:
        _OBJECT.decode(arguments)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Raw(msgspec.json.encode({"arguments": text}))
    return Raw(arguments.encode())


class Fields:
    """One JSON object of a request. Every field is taken once; the rest is unknown to the neutral
    form.
    """

    def __init__(self, raw: bytes | Raw, path: str = "") -> None:
        """Args: path: where the object stands; empty for the whole body.

        Raises:
            InvalidRequestError: it is no object.
        """
        self.path = path
        self.raw = raw
        self._inner: list[Fields] = []
        try:
            self._left = _OBJECT.decode(raw)
        except RecursionError:
            where = f"`{path}`" if path else "the body"
            raise InvalidRequestError(f"{where} is nested too deeply", param=path or None) from None
        except (msgspec.DecodeError, UnicodeDecodeError):
            where = f"`{path}`" if path else "the body"
            raise InvalidRequestError(f"{where} must be an object", param=path or None) from None

    def at(self, name: str) -> str:
        """The path of a field."""
        return f"{self.path}.{name}" if self.path else name

    def fail(self, name: str, reason: str) -> InvalidRequestError:
        """An error that names a field."""
        path = self.at(name)
        return InvalidRequestError(f"`{path}` {reason}", param=path)

    def __contains__(self, name: str) -> bool:
        """Whether a field is there, not yet taken, and not null."""
        return name in self._left and not is_null(self._left[name])

    def raw_of(self, name: str) -> Raw | None:
        """Takes a field as it is; None for null."""
        raw = self._left.pop(name, None)
        return None if raw == _NULL else raw

    def put_back(self, name: str, raw: Raw) -> None:
        """Leaves a field for `rest` after all."""
        self._left[name] = raw

    @overload
    def take(self, name: str, kind: type[T]) -> T | None: ...
    @overload
    def take(self, name: str, kind: Any) -> Any: ...
    def take(self, name: str, kind: Any) -> Any:
        """Takes a field of a type; None where it is not there or null.

        Raises:
            InvalidRequestError: it is of another type.
        """
        raw = self._left.pop(name, None)
        if raw is None or raw == _NULL:
            return None
        try:
            return _decoder(kind).decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise self.fail(name, f"must be {_NAMES.get(kind, 'of another type')}") from None

    def need(self, name: str, kind: type[T]) -> T:
        """Takes a field that must be there."""
        value = self.take(name, kind)
        if value is None:
            raise self.fail(name, "is missing")
        return value

    def object(self, name: str) -> "Fields | None":
        """Takes an object; what nobody takes of it belongs to the `rest` of this one."""
        raw = self.raw_of(name)
        if raw is None:
            return None
        inner = Fields(raw, self.at(name))
        self._inner.append(inner)
        return inner

    def objects(self, name: str) -> "list[Fields]":
        """Takes a list of objects; empty where it is not there."""
        items = self.take(name, _RAWS)
        if not items:
            return []
        path = self.at(name)
        return [Fields(item, f"{path}[{index}]") for index, item in enumerate(items)]

    def text_or_objects(self, name: str) -> "str | list[Fields] | None":
        """Takes a field that may be a text or a list of objects."""
        raw = self._left.get(name)
        if raw is None or is_null(raw):
            return None
        return self.need(name, str) if is_text(raw) else self.objects(name)

    def text_or_object(self, name: str) -> "str | Fields | None":
        """Takes a field that may be a text or an object."""
        raw = self._left.get(name)
        if raw is None or is_null(raw):
            return None
        return self.need(name, str) if is_text(raw) else self.object(name)

    def cache_control(self) -> CacheControl | None:
        """Takes `cache_control`, which several dialects' clients send in one shape."""
        control = self.object("cache_control")
        if control is None:
            return None
        control.take("type", str)
        return CacheControl(control.take("ttl", str))

    def rest(self) -> list[Extra]:
        """What was not taken, here and in the objects inside; nulls say nothing and are left out.
        Given once.
        """
        if not self._left and not self._inner:
            return []
        left, self._left = self._left, {}
        inner, self._inner = self._inner, []
        here = [Extra(self.at(name), name, raw) for name, raw in left.items() if not is_null(raw)]
        return here + [extra for fields in inner for extra in fields.rest()]
