"""The paths that lead to a model. One table: every path in it goes through the same pipeline."""

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
}
