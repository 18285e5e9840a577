"""`GET /v1/models`: the names that a key may ask for, in the form of whichever SDK asks."""

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

import msgspec

from sluicegate.routes import MODEL_ROUTES

if TYPE_CHECKING:
    from sluicegate.worker import Worker

MODELS_PATHS: Final = frozenset({"/v1/models", "/v1beta/models"})
CREATED_S: Final = 0
"""Names of a configuration have no date; SDKs demand one."""

_GEMINI_METHODS: Final = sorted({path.rpartition(":")[2] for path in MODEL_ROUTES if "{" in path})

Headers = list[tuple[bytes, bytes]]


def credentials_of(scope: dict[str, Any]) -> Headers:
    """A request's headers, with the key that clients of Gemini's may have in the query."""
    headers: Headers = scope["headers"]
    keys = parse_qs(scope["query_string"].decode("latin-1")).get("key", [])
    if scope["path"] != "/v1beta/models":
        return headers
    return [*headers, *((b"x-goog-api-key", key.encode()) for key in keys)]


def models_list(worker: "Worker", dialect: str, headers: Headers) -> tuple[int, bytes]:
    """Status and body.

    Raises:
        RefusedError: no valid key.
    """
    names = worker.engine.models(headers)
    return 200, msgspec.json.encode(_LISTS[dialect](names))


def _anthropic(names: list[str]) -> dict[str, Any]:
    return {
        "data": [
            {
                "type": "model",
                "id": name,
                "display_name": name,
                "created_at": "1970-01-01T00:00:00Z",
            }
            for name in names
        ],
        "has_more": False,
        "first_id": names[0] if names else None,
        "last_id": names[-1] if names else None,
    }


def _gemini(names: list[str]) -> dict[str, Any]:
    return {
        "models": [
            {
                "name": f"models/{name}",
                "displayName": name,
                "supportedGenerationMethods": _GEMINI_METHODS,
            }
            for name in names
        ]
    }


def _openai(names: list[str]) -> dict[str, Any]:
    return {
        "object": "list",
        "data": [
            {"id": name, "object": "model", "created": CREATED_S, "owned_by": "sluicegate"}
            for name in names
        ],
    }


_LISTS: Final = {"anthropic": _anthropic, "gemini": _gemini, "openai": _openai}
