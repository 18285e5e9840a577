"""The API's description, made of its routes and types: it cannot differ from what is served."""

import re
from functools import cache
from typing import Any, Final

import msgspec

from sluicegate import __version__
from sluicegate.accounting.limits import USD_PLACES
from sluicegate.admin.routes import MAX_PAGE, PAGE, PREFIX, ROUTES, Route

_REF: Final = "#/components/schemas/{name}"
_MONEY: Final = rf"^\d{{1,10}}(\.\d{{1,{USD_PLACES}}})?$"
_ERRORS: Final = {
    "400": "a field is wrong, unknown or missing; `problems` has all of them",
    "401": "no credential that opens this",
    "403": "beyond your role, or more than your key has",
    "404": "not there, or not yours",
    "409": "it is there already, or in no state for this",
    "415": "a change that is not sent as JSON",
    "422": "a configuration with mistakes",
    "429": "too many wrong credentials",
    "503": "the store cannot be used now",
}
_ERROR: Final = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "code", "origin"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "code": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "origin": {"const": "gateway"},
                "problems": {"type": "array", "items": {"type": "object"}},
            },
        }
    },
}


@cache
def document() -> bytes:
    """The OpenAPI 3.1 document as JSON."""
    kinds = [route.answer for route in ROUTES] + [route.form for route in ROUTES if route.form]
    schemas, components = msgspec.json.schema_components(kinds, ref_template=_REF)
    _tell_money(components)
    of_kind = dict(zip(map(repr, kinds), schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        operation = _operation(route, of_kind)
        paths.setdefault(PREFIX + route.path, {})[route.method.lower()] = operation
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {"title": "sluicegate admin API", "version": __version__},
            "security": [{"bearer": []}, {"key": []}],
            "paths": paths,
            "components": {
                "schemas": {**components, "Error": _ERROR},
                "securitySchemes": {
                    "bearer": {"type": "http", "scheme": "bearer"},
                    "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
                },
            },
        }
    )


def _tell_money(schema: Any) -> None:
    """An amount of money may also come as a number; as text it is no exponent and no sign."""
    for part in schema.values() if isinstance(schema, dict) else schema:
        if isinstance(part, dict) and part.get("format") == "decimal":
            part |= {"type": ["string", "number"], "minimum": 0, "pattern": _MONEY}
        if isinstance(part, dict | list):
            _tell_money(part)


def _operation(route: Route, of_kind: dict[str, Any]) -> dict[str, Any]:
    names = re.findall(r"{(\w+)}", route.path)
    operation: dict[str, Any] = {
        "summary": route.summary,
        "description": f"Needs the role `{route.role}` or one above it.",
        "operationId": _id_of(route),
        "parameters": [
            *(_parameter(name, "path") for name in names),
            *(_parameter(name, "query") for name in route.query),
        ],
        "responses": {
            str(route.status): _answer("as asked", of_kind[repr(route.answer)]),
            **{
                status: _answer(text, {"$ref": _REF.format(name="Error")})
                for status, text in _ERRORS.items()
            },
        },
    }
    if route.form is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": of_kind[repr(route.form)]}},
        }
    return operation


def _id_of(route: Route) -> str:
    words = re.findall(r"\w+", route.path.replace("{", "by_"))
    return "_".join([route.method.lower(), *words])


def _parameter(name: str, place: str) -> dict[str, Any]:
    page = {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": PAGE}
    schema = page if name == "limit" else {"type": "string"}
    return {"name": name, "in": place, "required": place == "path", "schema": schema}


def _answer(text: str, schema: Any) -> dict[str, Any]:
    return {"description": text, "content": {"application/json": {"schema": schema}}}
