"""Gemini's own form of a schema, which is OpenAPI's, as JSON Schema.

Source: https://ai.google.dev/api/caching#Schema
"""

from typing import Any, Final

import msgspec
from msgspec import Raw

_TYPES: Final = {"STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL"}
_NUMBERED: Final = ("string", "number", "integer", "boolean", "array", "object", "null")
"""Types by the numbers that protocol buffers have for them, from 1 on."""

_COUNTS: Final = frozenset(
    {"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"}
)
"""Numbers that protocol buffers write as text."""

_NAMED: Final = ("properties", "$defs", "defs", "definitions", "patternProperties")
_LISTED: Final = ("anyOf", "any_of", "oneOf", "allOf", "prefixItems")


def json_schema(raw: Raw) -> Raw:
    """The schema as every other vendor reads it."""
    return Raw(msgspec.json.encode(_converted(msgspec.json.decode(raw))))


def _converted(schema: Any) -> Any:
    if not isinstance(schema, dict):
        return schema
    out: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "nullable" or key in {"propertyOrdering", "property_ordering"}:
            continue
        if key == "type" and isinstance(value, str):
            out[key] = value.lower() if value in _TYPES else value
        elif key == "type" and isinstance(value, int) and 0 < value <= len(_NUMBERED):
            out[key] = _NUMBERED[value - 1]
        elif key in _NAMED and isinstance(value, dict):
            out[key] = {name: _converted(each) for name, each in value.items()}
        elif key in _LISTED and isinstance(value, list):
            out["anyOf" if key == "any_of" else key] = [_converted(each) for each in value]
        elif key in _COUNTS and isinstance(value, str) and value.isdigit():
            out[key] = int(value)
        else:
            out[key] = _converted(value) if key == "items" else value
    if schema.get("nullable") is True and isinstance(out.get("type"), str):
        out["type"] = [out["type"], "null"]
        if isinstance(out.get("enum"), list) and None not in out["enum"]:
            out["enum"] = [*out["enum"], None]
    return out
