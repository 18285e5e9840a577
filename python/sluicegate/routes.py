"""The paths that lead to a model. One table: every path in it goes through the same pipeline."""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qs, quote, unquote

from sluicegate import _core


class ModelRoute(NamedTuple):
    """What a path asks of a model, and in which dialect.

    Args:
        stream: whether the path itself says that the answer streams.
    """

    operation: str
    dialect: str
    stream: bool = False


MODEL_ROUTES: Final[dict[str, ModelRoute]] = {
    "/v1/audio/speech": ModelRoute("speech", "openai"),
    "/v1/audio/transcriptions": ModelRoute("transcription", "openai"),
    "/v1/audio/translations": ModelRoute("transcription", "openai"),
    "/v1/chat/completions": ModelRoute("chat", "openai"),
    "/v1/completions": ModelRoute("text_completion", "openai_completions"),
    "/v1/embeddings": ModelRoute("embeddings", "openai"),
    "/v1/images/edits": ModelRoute("image_generation", "openai"),
    "/v1/images/generations": ModelRoute("image_generation", "openai"),
    "/v1/images/variations": ModelRoute("image_generation", "openai"),
    "/v1/messages": ModelRoute("chat", "anthropic"),
    "/v1/messages/count_tokens": ModelRoute("count_tokens", "anthropic"),
    "/v1/moderations": ModelRoute("moderation", "openai"),
    "/v1/rerank": ModelRoute("rerank", "openai"),
    "/v1/responses": ModelRoute("chat", "openai_responses"),
    "/v1/models/{model}:batchEmbedContents": ModelRoute("embeddings", "gemini"),
    "/v1/models/{model}:countTokens": ModelRoute("count_tokens", "gemini"),
    "/v1/models/{model}:embedContent": ModelRoute("embeddings", "gemini"),
    "/v1/models/{model}:generateContent": ModelRoute("chat", "gemini"),
    "/v1/models/{model}:streamGenerateContent": ModelRoute("chat", "gemini", stream=True),
    "/v2/rerank": ModelRoute("rerank", "openai"),
    "/v1beta/models/{model}:batchEmbedContents": ModelRoute("embeddings", "gemini"),
    "/v1beta/models/{model}:countTokens": ModelRoute("count_tokens", "gemini"),
    "/v1beta/models/{model}:embedContent": ModelRoute("embeddings", "gemini"),
    "/v1beta/models/{model}:generateContent": ModelRoute("chat", "gemini"),
    "/v1beta/models/{model}:streamGenerateContent": ModelRoute("chat", "gemini", stream=True),
    "/passthrough/{provider}/{path}": ModelRoute("passthrough", "openai"),
}
"""`{model}` stands for whatever the client calls the model, slashes and colons included. What is
asked of a provider by its name has any method; its errors that are our own are in OpenAI's form.
"""

SESSION_ROUTES: Final = {"/v1/realtime": ModelRoute("realtime", "openai")}
"""Paths that are WebSockets, whose model stands in the query."""

UNTRANSLATED: Final = {
    "image_generation": "images",
    "moderation": "moderations",
    "realtime": "realtime sessions",
    "speech": "speech",
    "transcription": "transcriptions",
}
"""What is carried within one dialect alone, in words."""

CORE_ROUTES: Final = _core.ModelRoutes(MODEL_ROUTES | SESSION_ROUTES)


_BY_ID: Final = "/v1/responses/{id}"
STORED_ROUTES: Final[dict[str, tuple[str, ...]]] = {
    _BY_ID: ("GET", "DELETE"),
    f"{_BY_ID}/cancel": ("POST",),
    f"{_BY_ID}/input_items": ("GET",),
}
"""Methods by path, of what is asked about a response that is there already. `{id}` is its id."""

_STORED: Final = _core.ModelRoutes(
    dict.fromkeys(STORED_ROUTES, ModelRoute("stored_response", "openai_responses"))
)


FILED_ROUTES: Final[dict[str, tuple[str, ...]]] = {
    "/v1/files": ("GET", "POST"),
    "/v1/files/{id}": ("GET", "DELETE"),
    "/v1/files/{id}/content": ("GET",),
    "/v1/batches": ("GET", "POST"),
    "/v1/batches/{id}": ("GET",),
    "/v1/batches/{id}/cancel": ("POST",),
    "/v1/messages/batches": ("GET", "POST"),
    "/v1/messages/batches/{id}": ("GET", "DELETE"),
    "/v1/messages/batches/{id}/cancel": ("POST",),
    "/v1/messages/batches/{id}/results": ("GET",),
}
"""Methods by path, of files and of batches."""


SECRETS: Final = (
    "/v1/realtime/calls",
    "/v1/realtime/client_secrets",
    "/v1/realtime/sessions",
    "/v1/realtime/transcription_sessions",
)
"""Where OpenAI gives out what opens a session past the gateway."""

GENERATION: Final = "/v1/generation"
"""Tells what one request was, by its id."""


class StoredPath(NamedTuple):
    """What is asked about a response, by its path."""

    method: str
    response_id: str
    verb: str
    """Behind the id: `cancel`, `input_items`, or nothing."""
    query: str

    @property
    def streams(self) -> bool:
        """Whether the answer is to be a stream."""
        return not self.verb and parse_qs(self.query).get("stream") == ["true"]

    @property
    def place(self) -> "_core.Place":
        """Where it leads."""
        found = _STORED.find("POST", f"{_BY_ID}/{self.verb}" if self.verb else _BY_ID, "")
        if found is None:
            raise LookupError(self.verb)
        return found


def stored_path_of(scope: dict[str, Any]) -> StoredPath | None:
    """What an ASGI request asks about a response; None where it asks nothing such."""
    raw_path: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
    before, *rest = raw_path.decode("latin-1").partition("/v1/responses/")[::2]
    named, _, verb = rest[0].partition("/")
    path = f"{_BY_ID}/{verb}" if verb else _BY_ID
    method = scope["method"]
    if before or not named or rest[0].endswith("/") or method not in STORED_ROUTES.get(path, ()):
        return None
    return StoredPath(method, unquote(named), verb, scope["query_string"].decode("latin-1"))


def place_of(scope: dict[str, Any]) -> "_core.Place | None":
    """Where an ASGI request leads; None where no model is behind its path. A WebSocket is asked for
    by GET, which its scope does not say.
    """
    raw_path: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
    path, query = raw_path.decode("latin-1"), scope["query_string"].decode("latin-1")
    return CORE_ROUTES.find(scope.get("method", "GET"), path, query)


def unknown_routes(names: Iterable[str]) -> list[tuple[int, str]]:
    """What of a key's list of routes is no path of the table, nor above one with `/*`, and where it
    stands.
    """
    return [(at, name) for at, name in enumerate(names) if not _leads_somewhere(name)]


def _leads_somewhere(name: str) -> bool:
    above = name[:-1] if name.endswith("/*") else None
    paths = [*MODEL_ROUTES, *SESSION_ROUTES, *STORED_ROUTES, *FILED_ROUTES, GENERATION]
    return name in paths or (above is not None and any(path.startswith(above) for path in paths))
