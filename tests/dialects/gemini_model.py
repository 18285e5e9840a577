"""`generateContent` requests held against the types of Google's own SDK, which know no other fields."""

from typing import Any, Final

from google.genai import types
from pydantic import TypeAdapter

_FIELDS: Final[dict[str, TypeAdapter[Any]]] = {
    "contents": TypeAdapter(list[types.Content]),
    "systemInstruction": TypeAdapter(types.Content),
    "tools": TypeAdapter(list[types.Tool]),
    "toolConfig": TypeAdapter(types.ToolConfig),
    "generationConfig": TypeAdapter(types.GenerationConfig),
    "serviceTier": TypeAdapter(types.ServiceTier),
}


def fault(request: dict[str, Any]) -> str | None:
    """Where the types disagree with a request; None where they do not."""
    for name, value in request.items():
        if name not in _FIELDS:
            return f"{name}: unknown"
        _FIELDS[name].validate_python(value)
    return None
