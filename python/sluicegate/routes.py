"""The paths that lead to a model. One table: every path in it goes through the same pipeline."""

from collections.abc import Iterable
from typing import Final, NamedTuple


class ModelRoute(NamedTuple):
    """What a path asks of a model, and in which dialect."""

    operation: str
    dialect: str


MODEL_ROUTES: Final[dict[str, ModelRoute]] = {
    "/v1/chat/completions": ModelRoute("chat", "openai"),
    "/v1/embeddings": ModelRoute("embeddings", "openai"),
    "/v1/messages": ModelRoute("chat", "anthropic"),
    "/v1/messages/count_tokens": ModelRoute("count_tokens", "anthropic"),
    "/v1/responses": ModelRoute("chat", "openai_responses"),
}


def unknown_routes(names: Iterable[str]) -> list[tuple[int, str]]:
    """What of a key's list of routes is no path of the table, nor above one with `/*`, and where it
    stands.
    """
    return [(at, name) for at, name in enumerate(names) if not _leads_somewhere(name)]


def _leads_somewhere(name: str) -> bool:
    above = name[:-1] if name.endswith("/*") else None
    return name in MODEL_ROUTES or (
        above is not None and any(path.startswith(above) for path in MODEL_ROUTES)
    )
