"""Gemini's own form of a schema, which is OpenAPI's, as JSON Schema.

Source: https://ai.google.dev/api/caching#Schema
"""

from typing import Any, Final

import msgspec
from msgspec import Raw

from sluicegate.dialects.fields import is_list, is_object, is_text

_TYPES: Final = {"STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL"}
_NUMBERED: Final = ("string", "number", "integer", "boolean", "array", "object", "null")
"""Types by the numbers that protocol buffers have for them, from 1 on."""

_COUNTS: Final = frozenset(
    {"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"}
)
"""Numbers that protocol buffers write as text."""

_DROPPED: Final = frozenset({"nullable", "propertyOrdering", "property_ordering"})
_NAMED: Final = ("properties", "$defs", "defs", "definitions", "patternProperties")
_LISTED: Final = ("anyOf", "any_of", "oneOf", "allOf", "prefixItems")
_TRUE: Final = Raw(b"true")
_NULL: Final = Raw(b"null")


def json_schema(raw: Raw) -> Raw:
    """The schema as every other vendor reads it. What is not converted stays as it was written:
    numbers are of any size there.
    """
    if not is_object(raw):
        return raw
    schema = _members(raw)
    out: dict[str, Raw] = {}
    for key, value in schema.items():
        if key in _DROPPED:
            continue
        out["anyOf" if key == "any_of" else key] = _converted(key, value)
    if schema.get("nullable") == _TRUE and is_text(out.get("type", _NULL)):
        out["type"] = _written([out["type"], "null"])
        enum = out.get("enum", _NULL)
        if is_list(enum) and _NULL not in (values := _items(enum)):
            out["enum"] = _written([*values, _NULL])
    return _written(out)


def _converted(key: str, value: Raw) -> Raw:
    if key == "items":
        return json_schema(value)
    if key in _NAMED and is_object(value):
        return _written({name: json_schema(each) for name, each in _members(value).items()})
    if key in _LISTED and is_list(value):
        return _written([json_schema(each) for each in _items(value)])
    if key == "type" and (number := bytes(value)).isdigit() and len(number) == 1:
        named = dict(enumerate(_NUMBERED, 1)).get(int(number))
        return value if named is None else _written(named)
    if is_text(value) and (key == "type" or key in _COUNTS):
        text: str = msgspec.json.decode(value)
        if key == "type" and text in _TYPES:
            return _written(text.lower())
        if key in _COUNTS and text.isascii() and text.isdigit():
            return Raw((text.lstrip("0") or "0").encode())
    return value


def _members(raw: Raw) -> dict[str, Raw]:
    return msgspec.json.decode(raw, type=dict[str, Raw])


def _items(raw: Raw) -> list[Raw]:
    return msgspec.json.decode(raw, type=list[Raw])


def _written(value: Any) -> Raw:
    return Raw(msgspec.json.encode(value))
