"""`GET /v1/models` and one model: what a key may ask for, in the form of whichever SDK asks."""

import asyncio
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

import msgspec

from sluicegate.errors import GatewayError, InvalidRequestError
from sluicegate.models import listed, version
from sluicegate.models_detail import Json, book_names, details
from sluicegate.routes import MODEL_ROUTES

if TYPE_CHECKING:
    from sluicegate.worker import Worker

_LISTS: Final = ("/v1/models", "/v1beta/models")
CREATED_S: Final = 0
"""Names of a configuration have no date; SDKs demand one."""
CREATED_AT: Final = "1970-01-01T00:00:00Z"
MAX_LISTED: Final = 10_000

_GEMINI_METHODS: Final = sorted(
    {path.rpartition(":")[2] for path in MODEL_ROUTES if "{model}" in path}
)

Headers = list[tuple[bytes, bytes]]


class UnknownModelError(GatewayError):
    """No model of that name, or none that the key may ask for: it is not told which."""

    status = 404
    default_code = "model_not_found"

    def __init__(self, name: str) -> None:
        """Args: name: as the client asked."""
        super().__init__(f"no model {name!r} that this key may ask for", param="model")


def is_list(path: str) -> bool:
    """Whether a path asks for models."""
    return path.startswith(_LISTS) and (path in _LISTS or path[path.index("models") + 6] == "/")


def credentials_of(scope: dict[str, Any]) -> Headers:
    """A request's headers, with the key that clients of Gemini's may have in the query."""
    headers: Headers = scope["headers"]
    keys = _query(scope).get("key", [])
    if not scope["path"].startswith("/v1beta/"):
        return headers
    return [*headers, *((b"x-goog-api-key", key.encode()) for key in keys)]


async def models_answer(worker: "Worker", dialect: str, scope: dict[str, Any]) -> bytes:
    """The body of a 200.

    Raises:
        RefusedError: no valid key.
        UnknownModelError: a model that the key may not ask for, or nobody.
    """
    headers = credentials_of(scope)
    name = scope["path"].partition("models")[2].removeprefix("/")
    detail, everything = _flag(scope, "detail"), _flag(scope, "all")
    asked: list[str] | None = [name] if name else None
    if everything and not name:
        asked = await asyncio.to_thread(_everything, worker)
    names = worker.engine.models(headers, asked)
    if name and not names:
        raise UnknownModelError(name)
    if detail:
        found = await asyncio.to_thread(_details, worker, names)
        return msgspec.json.encode(found[0] if name else _detailed(found))
    one, many = _SHAPES[dialect]
    return msgspec.json.encode(one(names[0]) if name else many(names))


def _details(worker: "Worker", names: list[str]) -> list[Json]:
    offers = {name: worker.engine.offers(name) for name in names}
    return list(details(offers, worker.settings.upstreams).values())


def _detailed(found: list[Json]) -> Json:
    """OpenRouter's list, in one page, and of which day what it says is."""
    page = {"total_count": len(found), "links": {"next": None}}
    return {"object": "list", "data": found, **page, "catalogue": version()}


def _everything(worker: "Worker") -> list[str]:
    """The aliases, and the models that the catalogue knows at the configured providers."""
    books: dict[str, list[str]] = {}
    for provider, book in book_names(worker.settings.upstreams).items():
        books.setdefault(book, []).append(provider)
    named = (f"{provider}/{facts.id}" for book, facts in listed(books) for provider in books[book])
    return [*worker.settings.routes, *named][:MAX_LISTED]


def _query(scope: dict[str, Any]) -> dict[str, list[str]]:
    return parse_qs(scope["query_string"].decode("latin-1"))


def _flag(scope: dict[str, Any], name: str) -> bool:
    said = _query(scope).get(name, ["false"])[-1].lower()
    if said not in {"true", "false", "1", "0"}:
        raise InvalidRequestError(f"{name} must be true or false", param=name)
    return said in {"true", "1"}


def _anthropic_model(name: str) -> Json:
    return {"type": "model", "id": name, "display_name": name, "created_at": CREATED_AT}


def _anthropic(names: list[str]) -> Json:
    return {
        "data": [_anthropic_model(name) for name in names],
        "has_more": False,
        "first_id": names[0] if names else None,
        "last_id": names[-1] if names else None,
    }


def _gemini_model(name: str) -> Json:
    return {
        "name": f"models/{name}",
        "displayName": name,
        "supportedGenerationMethods": _GEMINI_METHODS,
    }


def _gemini(names: list[str]) -> Json:
    return {"models": [_gemini_model(name) for name in names]}


def _openai_model(name: str) -> Json:
    return {"id": name, "object": "model", "created": CREATED_S, "owned_by": "sluicegate"}


def _openai(names: list[str]) -> Json:
    return {"object": "list", "data": [_openai_model(name) for name in names]}


_SHAPES: Final = {
    "anthropic": (_anthropic_model, _anthropic),
    "gemini": (_gemini_model, _gemini),
    "openai": (_openai_model, _openai),
}
"""One model and many, by the client's dialect."""
