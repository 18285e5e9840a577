"""Requests held against the vendors' own SDK types, wholly: pydantic checks iterables only as they
are read.
"""

from typing import Any, Final

from anthropic.types.message_create_params import (
    MessageCreateParamsNonStreaming,
    MessageCreateParamsStreaming,
)
from openai.types.chat.completion_create_params import (
    CompletionCreateParamsNonStreaming,
    CompletionCreateParamsStreaming,
)
from openai.types.responses.response_create_params import (
    ResponseCreateParamsNonStreaming,
    ResponseCreateParamsStreaming,
)
from pydantic import TypeAdapter, ValidationError

_TYPES: Final[dict[tuple[str, bool], TypeAdapter[Any]]] = {
    ("anthropic", False): TypeAdapter(MessageCreateParamsNonStreaming),
    ("anthropic", True): TypeAdapter(MessageCreateParamsStreaming),
    ("openai", False): TypeAdapter(CompletionCreateParamsNonStreaming),
    ("openai", True): TypeAdapter(CompletionCreateParamsStreaming),
    ("openai_responses", False): TypeAdapter(ResponseCreateParamsNonStreaming),
    ("openai_responses", True): TypeAdapter(ResponseCreateParamsStreaming),
}


def fault(dialect: str, request: dict[str, Any]) -> str | None:
    """Where the vendor's types disagree with a request; None where they do not."""
    try:
        _read(_TYPES[dialect, bool(request.get("stream"))].validate_python(request))
    except ValidationError as error:
        first = error.errors()[0]
        return f"{'.'.join(str(step) for step in first['loc'])}: {first['msg']}"
    return None


def _read(value: Any) -> None:
    if isinstance(value, dict):
        for item in value.values():
            _read(item)
    elif not isinstance(value, str | bytes | int | float | None):
        for item in value:
            _read(item)
