"""Prices by what is no token: a picture, a stretch of sound, a character, a search, a request."""

from __future__ import annotations

import io
import json
import wave
from decimal import Decimal
from typing import Any

import httpx
import pytest

from ..gateway import KEY, PRICE, Gateway
from .checks import assert_row, only_row, ref
from .conftest import Start
from .surface import model_body
from .test_embeddings import OneAnswer

HEADERS = {"authorization": f"Bearer {KEY}"}
NOVA = "-amazon.nova-canvas-v1:0"
IMAGES, SPEECH = "/v1/images/generations", "/v1/audio/speech"
BY_KIND = {"1024x1024": 0.04, "hd/1024x1024": 0.08, "hd": 0.12, "*": 0.06}
HOSTED = {"dialect": "openai", "api_key": "none"}


def _send(gateway: Gateway, path: str, model: str, name: str, **fields: Any) -> httpx.Response:
    body = model_body(path, model) | fields
    headers = HEADERS | {"x-request-id": name}
    return httpx.post(f"{gateway.url}{path}", json=body, headers=headers, timeout=10)


def _transcribe(gateway: Gateway, model: str, name: str, file: bytes, **fields: str) -> None:
    answer = httpx.post(
        f"{gateway.url}/v1/audio/transcriptions",
        files={"file": ("a.wav", file)},
        data={"model": model} | fields,
        headers=HEADERS | {"x-request-id": name},
        timeout=10,
    )
    assert answer.status_code == 200, answer.text


def _recording(ms: int) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"\0\0" * (8 * ms))
    return out.getvalue()


# one price, one unit


@pytest.mark.parametrize(
    ("path", "model", "fields", "price", "wanted"),
    [
        (IMAGES, "b/ok-2@{}" + NOVA, {}, {"per_image": 0.04}, "0.08"),
        (IMAGES, "b/ok-2@{}" + NOVA, {"size": "1024x1024"}, {"per_image_by_kind": BY_KIND}, "0.08"),
        (
            IMAGES,
            "b/ok-1@{}" + NOVA,
            {"size": "1024x1024", "quality": "hd"},
            {"per_image_by_kind": BY_KIND},
            "0.08",
        ),
        (
            IMAGES,
            "b/ok-1@{}" + NOVA,
            {"size": "1280x720", "quality": "hd"},
            {"per_image_by_kind": BY_KIND},
            "0.12",
        ),
        (IMAGES, "b/ok-1@{}" + NOVA, {}, {"per_image_by_kind": BY_KIND}, "0.06"),
        (IMAGES, "b/ok-1@{}" + NOVA, {}, {"per_image_by_kind": {"512x512": 1, "hd": 3}}, "3"),
        (IMAGES, "u/ok-4@{}", {}, {"per_image": 0.05}, "0.05"),
        (IMAGES, "u/ok-4@{}", {"stream": True}, {"per_image": 0.05}, "0.05"),
        (
            IMAGES,
            "u/ok-4@{}",
            {},
            {"input": 1, "output": 2, "per_image": 0.05},
            "0.050011",
        ),
        (SPEECH, "u/ok-4@{}", {"input": "naïve 🙂\n"}, {"per_million_characters": 15}, "0.00012"),
        (SPEECH, "u/ok-4@{}", {"input": "x"}, {"per_1000_requests": 3}, "0.003"),
        ("/v1/rerank", "u/ok-4@{}", {}, {"per_1000_searches": 2}, "0.002"),
        (
            "/v1/rerank",
            "u/ok-4@{}",
            {"documents": ["x"] * 101},
            {"per_1000_searches": 2},
            "0.004",
        ),
    ],
)
def test_each_unit_costs_what_its_price_says(
    own_gateway: Start,
    path: str,
    model: str,
    fields: dict[str, Any],
    price: dict[str, Any],
    wanted: str,
) -> None:
    name = ref("unit")
    gateway = _with_price(own_gateway, {f"{p}/*": price for p in "ub"})
    answer = _send(gateway, path, model.format(name), name, **fields)
    assert answer.status_code == 200, answer.text
    row = only_row(gateway, name)
    assert_row(row, outcome="ok", price_version="config", cost_usd=Decimal(wanted))


def _with_price(own_gateway: Start, prices: dict[str, Any]) -> Gateway:
    """The providers of all tests have prices of tokens: these stand in their places."""
    unset = dict.fromkeys(PRICE)
    return own_gateway(prices={name: unset | price for name, price in prices.items()})


@pytest.mark.parametrize(
    ("told", "file", "wanted"),
    [
        ({"text": "x", "usage": {"type": "duration", "seconds": 7}}, b"RIFF", "0.0007"),
        ({"text": "x", "duration": 8.47, "task": "transcribe"}, b"RIFF", "0.000847"),
        ({"text": "x", "usage": {"prompt_audio_seconds": 30, "prompt_tokens": 4}}, b"", "0.003"),
        ({"text": "x"}, _recording(1500), "0.00015"),
    ],
    ids=["usage", "verbose", "mistral", "the file"],
)
def test_sound_costs_by_how_long_it_is(
    own_gateway: Start, told: dict[str, Any], file: bytes, wanted: str
) -> None:
    name = ref("heard")
    with OneAnswer(json.dumps(told).encode()) as host:
        gateway = own_gateway(
            providers={"w": HOSTED | {"base_url": f"{host.url}/v1"}},
            prices={"w/*": {"per_audio_minute": "0.006"}},
        )
        _transcribe(gateway, "w/whisper", name, file)
        row = only_row(gateway, name)
    assert_row(row, operation="transcription", cost_usd=Decimal(wanted), outcome="ok")
    assert row["basis"] == ("counted" if told == {"text": "x"} else "reported")


def test_a_host_says_how_many_searches_a_ranking_took(own_gateway: Start) -> None:
    told = {
        "results": [{"index": 0, "relevance_score": 0.9}],
        "meta": {"billed_units": {"search_units": 3}},
    }
    name = ref("searches")
    with OneAnswer(json.dumps(told).encode()) as host:
        gateway = own_gateway(
            providers={"w": HOSTED | {"base_url": f"{host.url}/v1", "rerank": "cohere"}},
            prices={"w/*": {"per_1000_searches": 2}},
        )
        assert _send(gateway, "/v2/rerank", "w/rerank", name).status_code == 200
        assert_row(only_row(gateway, name), cost_usd=Decimal("0.006"))


def test_the_book_knows_models_of_sound(own_gateway: Start) -> None:
    spoken, heard = ref("spoken"), ref("heard")
    with OneAnswer(b'{"text":"x"}') as host:
        openai = {"base_url": f"{host.url}/v1", "api_key": "sk-0123456789abcdef"}
        gateway = own_gateway(providers={"openai": openai})
        assert _send(gateway, SPEECH, "openai/tts-1", spoken, input="x" * 1000).status_code == 200
        _transcribe(gateway, "openai/whisper-1", heard, _recording(60_000))
    row = only_row(gateway, spoken)
    assert_row(row, cost_usd=Decimal("0.015"), basis="counted", output_tokens=0)
    assert row["price_version"].startswith("genai-prices-")
    assert_row(only_row(gateway, heard), cost_usd=Decimal("0.006"))


# held, and never a guess


def test_br_05_what_pictures_may_cost_is_held_and_the_rest_comes_back(own_gateway: Start) -> None:
    keys = [{"name": "one", "key": KEY, "budget_usd": "0.13"}]
    price = dict.fromkeys(PRICE) | {"per_image_by_kind": BY_KIND}
    gateway = own_gateway(keys=keys, prices={"b/*": price})
    model = f"b/ok-1@{ref('held')}{NOVA}"
    asked = {"size": "1024x1024"}
    assert _send(gateway, IMAGES, model, ref("four"), n=4, **asked).status_code == 402
    made = _send(gateway, IMAGES, model, ref("three"), n=3, **asked)
    assert made.headers["x-sluicegate-cost-usd"] == "0.04", "one was drawn"
    assert _send(gateway, IMAGES, model, ref("two"), n=2, **asked).status_code == 200
    assert _send(gateway, IMAGES, model, ref("one"), **asked).status_code == 200
    assert _send(gateway, IMAGES, model, ref("none"), **asked).status_code == 402


@pytest.mark.parametrize(
    ("price", "path"),
    [
        ({"per_image": 0.04}, "/v1/chat/completions"),
        ({"per_image": 0.04}, SPEECH),
        ({"per_audio_hour": 0.36}, IMAGES),
        ({"per_million_characters": 15}, "/v1/rerank"),
        ({"per_1000_searches": 2}, "/v1/embeddings"),
    ],
)
def test_a_price_of_another_unit_is_no_price(
    own_gateway: Start, price: dict[str, Any], path: str
) -> None:
    name = ref("other")
    gateway = _with_price(own_gateway, {"u/*": price})
    answer = _send(gateway, path, f"u/ok-4@{name}", name)
    assert answer.status_code == 200, answer.text
    row = only_row(gateway, name)
    assert_row(row, price_version="unpriced")
    assert row["cost_usd"] in {None, ""}, "unknown is not 0"
    keys = [{"name": "one", "key": KEY, "budget_usd": "5"}]
    bounded = own_gateway(keys=keys, prices=gateway.config["prices"])
    refused = _send(bounded, path, f"u/ok-4@{name}", ref("budget"))
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "unpriced_model")
