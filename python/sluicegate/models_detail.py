"""What is known of a model that clients may ask for, in OpenRouter's shape.

Prices are those that the gateway charges; facts are those of the first target, which answers
unless it fails; `targets` says them of each. What is not known is null or left out, but for what
OpenRouter's own SDKs demand. Source: https://openrouter.ai/docs/models
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import quote

from msgspec import to_builtins

from sluicegate.config.settings import Upstream
from sluicegate.models import ModelFacts, facts_of
from sluicegate.providers import name_at, price_provider_of, row_at, row_named

Offer = tuple[str, str, dict[str, str] | None]
"""Provider, model, dollars apiece: as the core gives a target."""
Json = dict[str, Any]

_PRICES: Final = {
    "prompt": "input_mtok",
    "completion": "output_mtok",
    "request": "requests_kcount",
    "image_token": "input_image_mtok",
    "audio": "input_audio_mtok",
    "audio_output": "output_audio_mtok",
    "web_search": "web_searches_kcount",
    "internal_reasoning": "output_reasoning_mtok",
    "input_cache_read": "cache_read_mtok",
    "input_cache_write": "cache_write_mtok",
    "input_cache_write_1h": "cache_write_1h_mtok",
    "input_audio_cache": "cache_audio_read_mtok",
}
"""OpenRouter's words for what is charged, and the price book's."""

_UNPRICED: Final = {"prompt": "-1", "completion": "-1"}
"""As OpenRouter has it for models whose price it cannot say: its clients demand one."""

_PARAMETERS: Final = {
    "anthropic": ("max_tokens", "stop", "temperature", "top_k", "top_p"),
    "gemini": (
        *("frequency_penalty", "max_tokens", "presence_penalty", "seed"),
        *("stop", "temperature", "top_k", "top_p"),
    ),
    "openai_responses": ("max_tokens", "temperature", "top_p"),
}
_PARAMETERS_OF_CHAT: Final = (
    *("frequency_penalty", "logprobs", "max_tokens", "presence_penalty"),
    *("seed", "stop", "temperature", "top_logprobs", "top_p"),
)
"""What a dialect has a field for, by OpenRouter's names."""

_CAN: Final = {
    "tools": ("tools", "tool_choice"),
    "reasoning": ("reasoning", "include_reasoning"),
    "schema": ("response_format", "structured_outputs"),
    "search": ("web_search_options",),
}
_LACKED_AS: Final = {"reasoning_effort": "reasoning"}


def details(
    offers: Mapping[str, list[Offer]], upstreams: Mapping[str, Upstream]
) -> dict[str, Json]:
    """Models by the names that clients ask for. Cost: about 3 ms, to read the catalogue."""
    keys = {
        (provider, model): (_book_name(upstreams[provider]), model)
        for targets in offers.values()
        for provider, model, _ in targets
        if provider in upstreams
    }
    known = facts_of(set(keys.values()))
    facts = {target: known[key] for target, key in keys.items() if key in known}
    return {name: _model(name, targets, upstreams, facts) for name, targets in offers.items()}


def book_names(upstreams: Mapping[str, Upstream]) -> dict[str, str]:
    """The price book's names for providers."""
    return {name: _book_name(upstream) for name, upstream in upstreams.items()}


def _book_name(upstream: Upstream) -> str:
    if upstream.price_provider is not None:
        return upstream.price_provider
    return price_provider_of(name_at(upstream.base_url, upstream.dialect) or upstream.name)


def _model(
    name: str,
    targets: list[Offer],
    upstreams: Mapping[str, Upstream],
    facts: Mapping[tuple[str, str], ModelFacts],
) -> Json:
    each = [
        _target(offer, upstreams.get(offer[0]), facts.get((offer[0], offer[1])))
        for offer in targets
    ]
    first = each[0] if each else {}
    known = facts.get((targets[0][0], targets[0][1])) if targets else None
    return {
        "id": name,
        "canonical_slug": name,
        "name": (known.name if known else "") or name,
        "object": "model",
        "created": 0,
        "owned_by": targets[0][0] if targets else "sluicegate",
        "hugging_face_id": None,
        "default_parameters": None,
        "supported_voices": None,
        "links": {"details": f"/v1/models/{quote(name)}?detail=true"},
        **{key: first.get(key) for key in _OF_THE_FIRST},
        "per_request_limits": None,
        "targets": each,
    }


_OF_THE_FIRST: Final = (
    *("context_length", "architecture", "pricing", "top_provider", "supported_parameters"),
    *("deprecated", "expiration_date"),
)


def _target(offer: Offer, upstream: Upstream | None, facts: ModelFacts | None) -> Json:
    provider, model, prices = offer
    context = facts.context if facts else None
    out: Json = {
        "provider": provider,
        "model": model,
        "context_length": context,
        "architecture": _architecture(facts),
        "pricing": ({word: prices[key] for word, key in _PRICES.items()} if prices else _UNPRICED),
        "top_provider": {
            "context_length": context,
            "max_completion_tokens": facts.output if facts else None,
            "is_moderated": False,  # by the gateway, as OpenRouter means it of itself
        },
        "supported_parameters": _parameters(upstream, facts) if upstream else [],
        "deprecated": facts.deprecated if facts else None,
        "expiration_date": facts.ends if facts else None,
    }
    row = row_named(provider) or (row_at(upstream.base_url, upstream.dialect) if upstream else None)
    data = row.data if row else None
    out["data_use"] = to_builtins(data) if data else None
    return out


def _architecture(facts: ModelFacts | None) -> Json:
    if facts is None or facts.can is None:
        unknown: Json = {"modality": None, "input_modalities": [], "output_modalities": []}
        return unknown | {"instruct_type": None}
    inputs, outputs = ["text", *facts.sees], ["text", *facts.gives]
    return {
        "modality": f"{'+'.join(inputs)}->{'+'.join(outputs)}",
        "input_modalities": inputs,
        "output_modalities": outputs,
        "instruct_type": None,
    }


def _parameters(upstream: Upstream, facts: ModelFacts | None) -> list[str]:
    lacks = {_LACKED_AS.get(field, field) for field in upstream.host.lacks}
    can = facts.can if facts and facts.can else ()
    words: Iterable[str] = _PARAMETERS.get(upstream.dialect, _PARAMETERS_OF_CHAT)
    words = {*words, *(word for each in can for word in _CAN.get(each, ()))}
    return sorted(words - lacks)
