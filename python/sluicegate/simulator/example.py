"""A value that a JSON schema accepts: what the simulated model gives for structured output."""

from __future__ import annotations

from typing import Any

from .prompt import Json

_MAX_DEPTH = 8
_FORMATS = {
    "date": "2026-01-02",
    "date-time": "2026-01-02T03:04:05Z",
    "email": "someone@example.com",
    "time": "03:04:05Z",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}
_PLAIN: Json = {"boolean": True, "null": None}


def example(schema: Json, text: str) -> Any:
    """A value for `schema`, an object where it says nothing; strings are `text`.

    Knows what SDKs make of classes: `$ref`, alternatives, bounds of numbers, lengths and formats.
    Patterns are ignored.
    """
    return _value(schema, text, schema, 0)


def _value(schema: Any, text: str, root: Json, depth: int) -> Any:
    schema = _resolved(schema if isinstance(schema, dict) else {}, root)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = kind[-1] if depth > _MAX_DEPTH else kind[0]
    if kind == "object" or (kind is None and ("properties" in schema or not depth)):
        return _object(schema, text, root, depth)
    if kind == "array":
        least = int(schema.get("minItems") or (0 if depth > _MAX_DEPTH else 1))
        return [_value(schema.get("items"), text, root, depth + 1)] * least
    if kind in {"integer", "number"}:
        return _number(schema, 1 if kind == "integer" else 1.5)
    return _string(schema, text) if kind == "string" else _PLAIN.get(kind or "null")


def _resolved(schema: Json, root: Json) -> Json:
    """The schema with references followed and its first alternative taken."""
    for _ in range(_MAX_DEPTH):
        reference = schema.get("$ref")
        parts = schema.get("allOf") or (schema.get("anyOf") or schema.get("oneOf") or [])[:1]
        if isinstance(reference, str):
            parts = [*parts, _at(root, reference)]
        if not parts:
            return schema
        schema = {k: v for k, v in schema.items() if k not in {"$ref", "allOf", "anyOf", "oneOf"}}
        for part in parts:
            schema = {**part, **schema}
    return schema


def _at(root: Json, reference: str) -> Json:
    place: Any = root
    for key in reference.removeprefix("#").split("/")[1:]:
        place = place.get(key) if isinstance(place, dict) else None
    return place if isinstance(place, dict) else {}


def _object(schema: Json, text: str, root: Json, depth: int) -> Json:
    properties: Json = schema.get("properties") or {}
    if depth > _MAX_DEPTH:  # a class that holds itself
        required = schema.get("required") or []
        properties = {name: properties[name] for name in required if name in properties}
    if depth > 2 * _MAX_DEPTH:
        return {}
    return {name: _value(part, text, root, depth + 1) for name, part in properties.items()}


def _number(schema: Json, usual: float) -> float:
    least, most = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    value = usual
    if least is not None:
        value = max(value, least)
    if above is not None and value <= above:
        value = above + usual
    if most is not None:
        value = min(value, most)
    if below is not None and value >= below:
        value = below - usual
    return value


def _string(schema: Json, text: str) -> str:
    made = _FORMATS.get(schema.get("format", ""), text)
    made = made.ljust(schema.get("minLength") or 0, ".")
    return made[: schema.get("maxLength")]
