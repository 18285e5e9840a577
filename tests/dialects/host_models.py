"""Requests to hosts held against what their own SDKs say of them."""

import base64
import typing
from functools import cache, partial
from typing import Any, Final

from cohere.core.unchecked_base_model import UncheckedBaseModel
from cohere.v2.client import V2Client
from ollama._types import ChatRequest, Message, Options, Tool
from pydantic import BaseModel, TypeAdapter, ValidationError

from . import bedrock_model, gemini_model, vendor_types

#: Fields of Ollama's server that its SDK does not have. Source:
#: https://github.com/ollama/ollama/blob/main/api/types.go
_SERVER_MESSAGE: Final = {"tool_call_id"}
_SERVER_REQUEST: Final = {"shift", "truncate"}


def fault(dialect: str, request: dict[str, Any]) -> str | None:
    """Where the SDK's types disagree with a request; None where they do not."""
    try:
        return _FAULTS[dialect](request)
    except ValidationError as error:
        first = error.errors()[0]
        return f"{'.'.join(str(step) for step in first['loc'])}: {first['msg']}"


@cache
def _cohere_fields() -> dict[str, TypeAdapter[Any]]:
    hints = typing.get_type_hints(V2Client.chat)
    return {
        name: TypeAdapter(hint)
        for name, hint in hints.items()
        if name not in ("return", "request_options")
    }


def _cohere(request: dict[str, Any]) -> str | None:
    fields = _cohere_fields()
    for name, value in request.items():
        if name == "stream":
            continue
        if name not in fields:
            return f"{name}: unknown"
        unknown = _unknown(fields[name].validate_python(value), name)
        if unknown:
            return unknown
    return None


def _unknown(value: Any, path: str) -> str | None:
    """The first field that no type has."""
    if isinstance(value, list | tuple):
        found = (_unknown(item, f"{path}[{at}]") for at, item in enumerate(value))
        return next(filter(None, found), None)
    if not isinstance(value, UncheckedBaseModel):
        return None
    if value.model_extra:
        return f"{path}.{next(iter(value.model_extra))}: unknown"
    fields = ((name, getattr(value, name)) for name in type(value).model_fields)
    return next(filter(None, (_unknown(item, f"{path}.{name}") for name, item in fields)), None)


def _ollama(request: dict[str, Any]) -> str | None:
    ChatRequest.model_validate(request)
    Options.model_validate(request.get("options") or {})
    for tool in request.get("tools") or []:
        Tool.model_validate(tool)
    unknown = _beyond(request, ChatRequest, _SERVER_REQUEST)
    unknown |= _beyond(request.get("options") or {}, Options)
    for message in request["messages"]:
        for image in message.get("images") or []:
            base64.b64decode(image, validate=True)
        Message.model_validate({**message, "images": None})
        unknown |= _beyond(message, Message, _SERVER_MESSAGE)
    return f"{sorted(unknown)}: unknown" if unknown else None


def _beyond(
    given: dict[str, Any], model: type[BaseModel], more: set[str] | None = None
) -> set[str]:
    return given.keys() - model.model_fields.keys() - (more or set())


_FAULTS: Final = {
    "bedrock": bedrock_model.fault,
    "cohere": _cohere,
    "gemini": gemini_model.fault,
    "ollama": _ollama,
    **{
        dialect: partial(vendor_types.fault, dialect)
        for dialect in ("anthropic", "openai", "openai_responses")
    },
}
