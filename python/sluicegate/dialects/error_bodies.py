"""Error bodies: written in each dialect's own shape, read from any shape that hosts use."""

from typing import Any, Final

import msgspec

from sluicegate.errors import GatewayError
from sluicegate.failures import UpstreamErrorBody

MAX_MESSAGE_CHARACTERS: Final = 4000

_OPENAI_TYPES: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    413: "invalid_request_error",
    422: "invalid_request_error",
    429: "rate_limit_error",
    504: "timeout_error",
}
_ANTHROPIC_TYPES: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    422: "invalid_request_error",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def openai_error(error: GatewayError) -> bytes:
    """`{"error": {message, type, param, code, origin, request_id}}`."""
    return msgspec.json.encode(
        {
            "error": {
                "message": error.message,
                "type": error.type or _OPENAI_TYPES.get(error.status, "api_error"),
                "param": error.param,
                "code": error.code,
                "origin": error.origin,
                "request_id": error.request_id,
            }
        }
    )


def anthropic_error(error: GatewayError) -> bytes:
    """`{"type": "error", "error": {type, message, code, origin}, "request_id"}`."""
    return msgspec.json.encode(
        {
            "type": "error",
            "error": {
                "type": error.type or _ANTHROPIC_TYPES.get(error.status, "api_error"),
                "message": error.message,
                "code": error.code,
                "origin": error.origin,
            },
            "request_id": error.request_id,
        }
    )


def read_error(body: bytes) -> UpstreamErrorBody | None:
    """What a JSON error says, in the shapes that hosts use.

    `{"error": {...}}` (OpenAI, Anthropic and most), `{"error": "..."}` (Ollama, Hugging Face),
    `{"message": ...}` (Mistral, Azure), `{"detail": ...}` (FastAPI hosts), `{"errors": [{...}]}`
    (Cloudflare), or any of these as the only item of a list (Gemini). Where a host of hosts wraps
    another's error (OpenRouter's `metadata.raw`), the inner one speaks.
    None for what is no JSON: such bodies never go to a client.
    """
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if isinstance(document, list) and len(document) == 1:
        document = document[0]
    if not isinstance(document, dict):
        return None
    errors = document.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    error = document.get("error") or first or document
    if isinstance(error, str):
        kind, code = _text(document.get("error_type")), _text(document.get("code"))
        return UpstreamErrorBody(_short(error), type=kind, code=code)
    if not isinstance(error, dict):
        return None
    return _inner(error.get("metadata")) or _of_object(error)


def _of_object(error: dict[str, Any]) -> UpstreamErrorBody | None:
    kind, code = _text(error.get("type") or error.get("status")), _text(error.get("code"))
    # An empty message may stand beside a code that says enough.
    message = error.get("message") or error.get("detail", error.get("message"))
    if message is None:
        return None
    if not isinstance(message, str):
        message = msgspec.json.encode(message).decode()
    return UpstreamErrorBody(_short(message), type=kind, code=code, param=_text(error.get("param")))


def _inner(metadata: Any) -> UpstreamErrorBody | None:
    """The error that a wrapping host passes on. Source:
    https://openrouter.ai/docs/api-reference/errors
    """
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    if not isinstance(raw, str) or not raw:
        return None
    return read_error(raw.encode()) or UpstreamErrorBody(_short(raw))


def _short(text: str) -> str:
    return text[:MAX_MESSAGE_CHARACTERS]


def _text(value: Any) -> str | None:
    """Some hosts put numbers where others have words."""
    if value is None or isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) else None
