"""`GET /v1/models`: what a key may ask for, and what is known of it."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import anthropic
import httpx
import openai
import pytest
from google import genai

from tests.gateway import KEY, OTHER_KEY, Gateway

NARROW = "sluicegate-test-key-that-reaches-openai"
CONFIG: dict[str, Any] = {
    "providers": {
        "openai": {"api_key": "none"},
        "claude": {"dialect": "anthropic", "base_url": "https://api.anthropic.com", "api_key": "x"},
        "mistral": {"api_key": "none"},
    },
    "models": {
        "smart": {"targets": ["claude/claude-opus-5", "openai/gpt-5-mini"]},
        "small": {"targets": ["openai/gpt-5-mini"]},
        "own": {"targets": ["u/some-model"]},
        "odd/name": {"targets": ["mistral/mistral-large-latest"]},
    },
    "keys": [
        {"name": "one", "key": KEY},
        {"name": "two", "key": OTHER_KEY, "models": ["small", "openai/*"]},
        {"name": "narrow", "key": NARROW, "providers": ["openai"]},
    ],
}


def get(gateway: Gateway, path: str, key: str = KEY) -> httpx.Response:
    """An answer to a key."""
    return httpx.get(gateway.url + path, headers={"authorization": f"Bearer {key}"}, timeout=20)


def test_a_key_sees_what_it_may_use(tmp_path: Path) -> None:
    with Gateway("http://127.0.0.1:1", tmp_path, **CONFIG) as gateway:
        seen = {
            key: [model["id"] for model in get(gateway, "/v1/models", key).json()["data"]]
            for key in (KEY, OTHER_KEY, NARROW)
        }
        assert seen[KEY] == ["odd/name", "own", "small", "smart"]
        assert seen[OTHER_KEY] == ["small"]
        assert seen[NARROW] == ["small"], "a provider of `smart` may not answer it"
        everything = get(gateway, "/v1/models?all=true", OTHER_KEY).json()["data"]
        names = {model["id"] for model in everything}
        assert {"small", "openai/gpt-5-mini"} <= names
        assert all(name == "small" or name.startswith("openai/") for name in names)


def test_one_model_is_told_and_an_unknown_or_forbidden_one_alike(tmp_path: Path) -> None:
    with Gateway("http://127.0.0.1:1", tmp_path, **CONFIG) as gateway:
        client = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=OTHER_KEY, max_retries=0)
        assert client.models.retrieve("small").id == "small"
        assert client.models.retrieve("openai/gpt-5-mini").id == "openai/gpt-5-mini"
        for name in ("smart", "nobody", "nobody/x", "claude/claude-opus-5"):
            with pytest.raises(openai.NotFoundError) as refused:
                client.models.retrieve(name)
            assert refused.value.code == "model_not_found"
        assert get(gateway, "/v1/models/odd/name").json()["id"] == "odd/name"
        assert get(gateway, "/v1/models/small", "no-such-key-0123456789").status_code == 401
        assert get(gateway, "/v1/modelsx").status_code == 404


def test_the_other_sdks_read_one_and_many(tmp_path: Path) -> None:
    with Gateway("http://127.0.0.1:1", tmp_path, **CONFIG) as gateway:
        claude = anthropic.Anthropic(base_url=gateway.url, api_key=KEY, max_retries=0)
        assert [model.id for model in claude.models.list()] == ["odd/name", "own", "small", "smart"]
        assert claude.models.retrieve("smart").id == "smart"
        with pytest.raises(anthropic.NotFoundError):
            claude.models.retrieve("nobody")
        options = genai.types.HttpOptions(base_url=gateway.url)
        google = genai.Client(api_key=KEY, http_options=options)
        assert google.models.get(model="small").name == "models/small"
        assert len(list(google.models.list(config={"query_base": True}))) == 4
        google.close()


def test_detail_has_openrouters_shape_and_the_gateways_prices(tmp_path: Path) -> None:
    discount = {"discount_percent": {"openai": 50}}
    with Gateway("http://127.0.0.1:1", tmp_path, **CONFIG, **discount) as gateway:
        answer = get(gateway, "/v1/models?detail=true").json()
        models = {model["id"]: model for model in answer["data"]}
        assert set(models) == {"odd/name", "own", "small", "smart"}
        one = get(gateway, "/v1/models/small?detail=true").json()
    small, smart, own = models["small"], models["smart"], models["own"]
    assert one == small
    assert small["context_length"] == 400_000
    assert small["top_provider"]["max_completion_tokens"] == 128_000
    assert "image" in small["architecture"]["input_modalities"]
    assert {"tools", "max_tokens", "seed", "response_format"} <= set(small["supported_parameters"])
    # half of a quarter of a dollar for a million
    assert Decimal(small["pricing"]["prompt"]) == Decimal("0.000000125")
    assert "e" not in small["pricing"]["prompt"].lower()
    assert [target["provider"] for target in smart["targets"]] == ["claude", "openai"]
    assert smart["context_length"] == smart["targets"][0]["context_length"] == 1_000_000
    assert smart["name"] == "Claude Opus 5"
    data = smart["targets"][0]["data_use"]
    assert (data["trains"], data["zero_retention"]) == (False, "on_request")
    assert data["as_of"] >= "2026-11-27"
    assert answer["catalogue"].startswith("genai-prices-")
    assert (answer["total_count"], answer["links"]) == (4, {"next": None})
    # nothing is known of a model of one's own but what its file says
    assert own["context_length"] is None
    assert own["architecture"]["input_modalities"] == []
    assert own["pricing"]["prompt"] == "0.000001"
    assert own["targets"][0]["data_use"] is None
    assert "seed" not in models["odd/name"]["supported_parameters"], "it lacks that"


#: What OpenRouter's own SDK (1.3.84) demands of each model, and of its parts.
DEMANDED = {
    "architecture": {"input_modalities": list, "modality": str | None, "output_modalities": list},
    "canonical_slug": str,
    "context_length": int | None,
    "created": int,
    "default_parameters": None,
    "id": str,
    "links": {"details": str},
    "name": str,
    "per_request_limits": None,
    "pricing": {"prompt": str, "completion": str},
    "supported_parameters": list,
    "supported_voices": None,
    "top_provider": {"is_moderated": bool},
}


def test_every_model_has_what_openrouters_sdk_demands(tmp_path: Path) -> None:
    with Gateway("http://127.0.0.1:1", tmp_path, **CONFIG) as gateway:
        models = get(gateway, "/v1/models?detail=true&all=true").json()["data"]
        details = get(gateway, models[0]["links"]["details"])
    assert details.json() == models[0]
    assert len(models) > 50
    for model in models:
        for name, kind in DEMANDED.items():
            if isinstance(kind, dict):
                for part, inner in kind.items():
                    assert isinstance(model[name][part], inner), (model["id"], name, part)
            else:
                assert isinstance(model[name], kind or type(None)), (model["id"], name)


def test_a_model_without_a_price_has_none(tmp_path: Path) -> None:
    with Gateway("http://127.0.0.1:1", tmp_path, **CONFIG) as gateway:
        model = get(gateway, "/v1/models/openai/no-such-model?detail=true").json()
        assert model["id"] == "openai/no-such-model"
        assert model["pricing"] == {"prompt": "-1", "completion": "-1"}
        assert get(gateway, "/v1/models?detail=maybe").status_code == 400
