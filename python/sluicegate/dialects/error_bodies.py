"""Error bodies: written in each dialect's own shape, read from any shape that hosts use."""

import re
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
    """`{"type": "error", "error": {type, message, code, origin, details?}, "request_id"}`."""
    said: dict[str, Any] = {
        "type": error.type or _ANTHROPIC_TYPES.get(error.status, "api_error"),
        "message": error.message,
        "code": error.code,
        "origin": error.origin,
    }
    if error.details is not None:
        said["details"] = error.details
    return msgspec.json.encode({"type": "error", "error": said, "request_id": error.request_id})


_GEMINI_STATUSES: Final = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    402: "RESOURCE_EXHAUSTED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    413: "INVALID_ARGUMENT",
    422: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    504: "DEADLINE_EXCEEDED",
}
_GOOGLE_RPC: Final = "type.googleapis.com/google.rpc."
_PER_DAY: Final = "PerDay"
_WORD: Final = re.compile(r"[a-z_]{1,64}")
QUOTA_PER_DAY: Final = "QUOTA_PER_DAY"
"""Our word for a quota of Gemini's that comes back tomorrow: its own is that of any 429."""


def gemini_error(error: GatewayError) -> bytes:
    """`{"error": {code, message, status, details, origin, request_id}}`: `code` is the HTTP status
    here, as Google has it, and our own stands as `reason` in `details`.
    """
    said = {"origin": error.origin, "request_id": error.request_id}
    beside = {"param": error.param, "type": error.type}
    metadata = said | {name: value for name, value in beside.items() if value is not None}
    details: list[dict[str, Any]] = [
        {
            "@type": f"{_GOOGLE_RPC}ErrorInfo",
            "reason": error.code,
            "domain": "sluicegate",
            "metadata": metadata,
        }
    ]
    if error.retry_after_s is not None:
        retry = {"@type": f"{_GOOGLE_RPC}RetryInfo", "retryDelay": f"{error.retry_after_s:.3f}s"}
        details.append(retry)
    kind = error.type or ""
    is_googles = kind.isupper()
    body = {
        "code": error.status,
        "message": error.message,
        "status": kind if is_googles else _GEMINI_STATUSES.get(error.status, "UNAVAILABLE"),
        "details": details,
    }
    return msgspec.json.encode({"error": body | said})


def read_gemini_error(body: bytes) -> UpstreamErrorBody | None:
    """What Google's error says: its `code` repeats the HTTP status, so that the status in words
    speaks where its details give no reason.
    """
    told = read_error(body)
    if told is None or not (told.code or "0").isdigit():
        return told
    return told._replace(code=told.type)


def _reason(error: dict[str, Any]) -> str | None:
    """The reason in the details of an error of Google's."""
    details = error.get("details")
    for detail in details if isinstance(details, list) else []:
        if not isinstance(detail, dict):
            continue
        violations = detail.get("violations")
        listed = violations if isinstance(violations, list) else []
        if any(_PER_DAY in str(v.get("quotaId")) for v in listed if isinstance(v, dict)):
            return QUOTA_PER_DAY
        if isinstance(detail.get("reason"), str):
            return str(detail["reason"])
    return None


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
    kind = _text(error.get("type") or error.get("status"))
    code = _reason(error) or _text(error.get("code"))
    # An empty message may stand beside a code that says enough.
    message = error.get("message") or error.get("detail", error.get("message"))
    if message is None:
        return None
    if not isinstance(message, str):
        message = msgspec.json.encode(message).decode()
    param, details = _text(error.get("param")), _details(error.get("details"))
    return UpstreamErrorBody(_short(message), type=kind, code=code, param=param, details=details)


def _details(told: Any) -> dict[str, Any] | None:
    """What Anthropic's SDKs act on. Only bare words pass, which can be no secret."""
    code = told.get("error_code") if isinstance(told, dict) else None
    if not isinstance(code, str) or not _WORD.fullmatch(code):
        return None
    listed = told.get("unsupported")
    if not isinstance(listed, list):
        return {"error_code": code}
    words = [word for word in listed if isinstance(word, str) and _WORD.fullmatch(word)]
    return {"error_code": code, "unsupported": words}


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
