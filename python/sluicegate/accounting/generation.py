"""What one request was, in the shape of OpenRouter's `GET /generation`.

Source: https://openrouter.ai/docs/api/api-reference/generations/get-generation
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

Row = Mapping[str, Any]
"""A row of the ledger, by its columns' names."""

_API_TYPES: Final[Mapping[str, str]] = {
    "chat": "completions",
    "embeddings": "embeddings",
    "image_generation": "image",
    "rerank": "rerank",
    "speech": "tts",
    "text_completion": "completions",
    "transcription": "stt",
}
_FINISH_REASONS: Final[Mapping[str, str]] = {
    "context_window": "length",
    "pause": "stop",
    "stop_sequence": "stop",
    "other": "stop",
}
"""OpenRouter's words, where they are not the ledger's."""


class ProviderResponse(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt."""

    id: str | None
    provider_name: str
    model_permaslug: str
    status: int | None
    latency: int
    is_byok: bool = False


class Generation(msgspec.Struct, frozen=True, kw_only=True):
    """What a request was. What the gateway does not keep is null, as is a cost that is not known.
    Times are milliseconds, money is US dollars.
    """

    id: str
    """As it was asked for."""
    request_id: str
    """The gateway's own."""
    upstream_id: str | None
    """The provider's, of its answer."""
    created_at: str
    model: str
    provider_name: str | None
    streamed: bool
    cancelled: bool
    finish_reason: str | None
    latency: int
    """Until the end of the answer."""
    generation_time: int | None
    """From the first token to the end, of a stream."""
    tokens_prompt: int
    tokens_completion: int
    native_tokens_prompt: int | None
    """As the provider reported it, like the other native ones."""
    native_tokens_completion: int | None
    native_tokens_reasoning: int | None
    native_tokens_cached: int | None
    total_cost: float | None
    """Of all attempts."""
    usage: float | None
    """The same."""
    external_user: str | None
    session_id: str | None
    """The agent run."""
    router: str | None
    """The name under `models:` that was asked for."""
    api_type: str | None
    provider_responses: list[ProviderResponse]
    is_byok: bool = False
    data_region: str = "global"
    origin: str = ""
    app_id: int | None = None
    cache_discount: float | None = None
    http_referer: str | None = None
    moderation_latency: float | None = None
    native_finish_reason: str | None = None
    native_tokens_completion_images: int | None = None
    num_fetches: int | None = None
    num_input_audio_prompt: int | None = None
    num_media_completion: int | None = None
    num_media_prompt: int | None = None
    num_search_results: int | None = None
    preset_id: str | None = None
    service_tier: str | None = None
    upstream_inference_cost: float | None = None
    user_agent: str | None = None
    web_search_engine: str | None = None
    workspace_id: str | None = None


class GenerationView(msgspec.Struct, frozen=True, kw_only=True):
    """The body of an answer."""

    data: Generation


def generation_of(asked: str, rows: Sequence[Row]) -> Generation:
    """What a request was.

    Args:
        asked: the id by which it was asked for.
        rows: its own, by attempt; at least one.
    """
    last = rows[-1]
    cost = _cost(rows)
    provider, first_token_ms = last["provider"], last["first_token_ms"]
    asked_for = last["requested_model"] or ""
    model = _model(last)
    return Generation(
        id=asked,
        request_id=last["request_id"],
        upstream_id=last["response_id"],
        created_at=rows[0]["time"],
        model=model,
        provider_name=provider,
        streamed=bool(last["stream"]),
        cancelled=last["outcome"] == "cancelled",
        finish_reason=_finish_reason(last),
        latency=last["latency_ms"],
        generation_time=None if first_token_ms is None else last["latency_ms"] - first_token_ms,
        tokens_prompt=last["input_tokens"],
        tokens_completion=last["output_tokens"],
        native_tokens_prompt=_native(last, "input_tokens"),
        native_tokens_completion=_native(last, "output_tokens"),
        native_tokens_reasoning=_native(last, "reasoning_tokens"),
        native_tokens_cached=_native(last, "cached_input_tokens"),
        total_cost=cost,
        usage=cost,
        external_user=last["user"],
        session_id=last["run"],
        router=asked_for if provider and asked_for != model else None,
        api_type=_API_TYPES.get(last["operation"]),
        is_byok=bool(last["is_byok"]),
        upstream_inference_cost=cost if last["is_byok"] else None,
        provider_responses=[_response(row) for row in rows if row["provider"]],
    )


def _cost(rows: Sequence[Row]) -> float | None:
    """A request of which a part has no price has none."""
    costs = [row["cost_usd"] for row in rows]
    return None if None in costs else float(sum(map(_pico, costs)) / 10**12)


def _pico(cost_usd: str) -> int:
    """Million-millionths of a dollar."""
    whole, _, rest = cost_usd.partition(".")
    return int(f"{whole}{rest:0<12}")


def _model(row: Row) -> str:
    return f"{row['provider']}/{row['routed_model']}" if row["provider"] else row["requested_model"]


def _finish_reason(row: Row) -> str | None:
    word = row["finish_reason"]
    if row["outcome"] == "error":
        return "error"
    return _FINISH_REASONS.get(word, word)


def _native(row: Row, column: str) -> int | None:
    count: int | None = row[column] if row["basis"] == "reported" else None
    return count


def _response(row: Row) -> ProviderResponse:
    return ProviderResponse(
        id=row["response_id"],
        provider_name=row["provider"],
        model_permaslug=_model(row),
        status=row["status"],
        latency=row["latency_ms"],
        is_byok=bool(row["is_byok"]),
    )
