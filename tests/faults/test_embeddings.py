"""Vectors from hosts of every form, by the official SDKs, and what they cost."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from google import genai
from google.genai import types

from ..gateway import KEY, PRICE, Gateway, Row
from ..upstream import ScriptedUpstream
from ..upstream.connection import Connection
from ..upstream.exchange import Exchange
from ..upstream.framing import head
from ..upstream.loopback import LoopbackServer
from ..upstream.vectors import vector
from .checks import assert_free, assert_row, cost, ref
from .conftest import Start

TEXTS = ["one two three", "four"]
WORDS = 4
#: by what is asked of whom: the provider, and what follows a model's name there
HOSTS = {
    "cohere": ("c", ""),
    "ollama": ("l", ""),
    "vertex": ("v", ""),
    "titan": ("b", "-amazon.titan-embed-text-v2:0"),
    "cohere on bedrock": ("b", "-cohere.embed-english-v3"),
}
hosts = pytest.mark.parametrize("host", HOSTS)


@pytest.fixture
def gateway(gateways: Callable[..., Gateway], upstream: ScriptedUpstream) -> Gateway:
    return gateways(**settings(upstream))


def settings(upstream: ScriptedUpstream, **more: Any) -> dict[str, Any]:
    """Providers of each form, beside those that all gateways have."""

    def host(dialect: str, form: str) -> dict[str, str]:
        named = {"dialect": dialect, "embeddings": form, "api_key": "none"}
        return named | {"base_url": f"{upstream.url}/v1"}

    providers = {
        "c": host("openai", "cohere"),
        "l": host("openai", "ollama"),
        "v": host("gemini", "vertex"),
        "n": host("openai", "none"),
    }
    prices = dict.fromkeys((f"{name}/*" for name in providers), PRICE)
    return {"providers": providers, "prices": prices, **more}


def model_of(host: str, name: str) -> str:
    provider, suffix = HOSTS[host]
    return f"{provider}/ok@{name}{suffix}"


def client(gateway: Gateway, name: str) -> openai.OpenAI:
    return openai.OpenAI(
        base_url=f"{gateway.url}/v1",
        api_key=KEY,
        max_retries=0,
        default_headers={"x-request-id": name},
    )


def as_floats(numbers: list[float]) -> list[float]:
    """What 32-bit floats make of numbers."""
    packed = struct.pack(f"<{len(numbers)}f", *numbers)
    return list(struct.unpack(f"<{len(numbers)}f", packed))


def rows_of(gateway: Gateway, name: str, at_least: int = 1) -> list[Row]:
    return gateway.rows(name, at_least)


class OneAnswer(LoopbackServer):
    """A host that answers everything with the same body."""

    def __init__(self, body: bytes) -> None:
        super().__init__()
        self.body = body

    async def answer(self, connection: Connection, exchange: Exchange) -> None:
        """Whatever is asked."""
        length = str(len(self.body))
        headers = [("Content-Type", "application/json"), ("Content-Length", length)]
        await connection.send(head(200, "OK", headers) + self.body)


@hosts
@pytest.mark.parametrize("coding", ["float", "base64"])
def test_openais_sdk_reads_the_vectors_of_every_host(
    gateway: Gateway, host: str, coding: str
) -> None:
    """By default it asks for base64, and gives floats of 32 bits; numbers pass as they are."""
    name = ref("vectors")
    given: dict[str, Any] = {"encoding_format": "float"} if coding == "float" else {}
    made = client(gateway, name).embeddings.create(model=model_of(host, name), input=TEXTS, **given)
    wanted = [vector(text) for text in TEXTS]
    if coding == "base64":
        wanted = [as_floats(numbers) for numbers in wanted]
    assert [item.embedding for item in made.data] == wanted
    assert [item.index for item in made.data] == [0, 1]
    assert (made.usage.prompt_tokens, made.usage.total_tokens) == (WORDS, WORDS)
    calls = 2 if host == "titan" else 1
    rows = rows_of(gateway, name, calls)
    assert len(rows) == calls
    assert sum(row["input_tokens"] for row in rows) == WORDS
    for row in rows:
        assert_row(row, operation="embeddings", basis="reported", output_tokens=0, outcome="ok")
        assert_row(row, cost_usd=cost(row["input_tokens"], 0), client_status=200, dialect="openai")


@hosts
def test_geminis_sdk_reads_the_vectors_of_every_host(gateway: Gateway, host: str) -> None:
    options = types.HttpOptions(base_url=gateway.url)
    sdk = genai.Client(api_key=KEY, http_options=options)
    named = model_of(host, ref("google"))
    made = sdk.models.embed_content(model=named, contents=TEXTS)  # type: ignore[arg-type]
    assert [item.values for item in made.embeddings or []] == [vector(text) for text in TEXTS]
    url = f"{gateway.url}/v1beta/models/{named}:embedContent"
    one = httpx.post(
        url,
        json={"content": {"parts": [{"text": TEXTS[0]}]}},
        headers={"x-goog-api-key": KEY},
    ).json()
    assert one == {
        "embedding": {"values": vector(TEXTS[0])},
        "usageMetadata": {"promptTokenCount": 3},
    }


def test_openais_sdk_and_geminis_host_and_the_other_way_round(gateway: Gateway) -> None:
    name = ref("cross")
    made = client(gateway, name).embeddings.create(model=f"g/ok@{name}", input=TEXTS)
    assert [item.embedding for item in made.data] == [[0.5, -0.5]] * 2
    [row] = rows_of(gateway, name)
    assert_row(row, basis="counted", input_tokens=WORDS, cost_usd=cost(WORDS, 0))
    assert made.usage.prompt_tokens == WORDS
    options = types.HttpOptions(base_url=gateway.url)
    sdk = genai.Client(api_key=KEY, http_options=options)
    read = sdk.models.embed_content(model=f"u/ok@{name}", contents=TEXTS)  # type: ignore[arg-type]
    assert [item.values for item in read.embeddings or []] == [
        [0.5, -0.5, float(len(text))] for text in TEXTS
    ]


def test_a_call_for_each_text_costs_what_they_cost_together(gateway: Gateway) -> None:
    """Each has a row of its own; the client hears of all of it."""
    name = ref("calls")
    texts = ["one " * n for n in (5, 1, 3)]
    raw = client(gateway, name).embeddings.with_raw_response.create(
        model=model_of("titan", name), input=texts, encoding_format="float"
    )
    made = raw.parse()
    assert [item.embedding for item in made.data] == [vector(text) for text in texts]
    assert raw.headers["x-sluicegate-attempts"] == "3"
    assert float(raw.headers["x-sluicegate-cost-usd"]) == float(cost(9, 0))
    rows = rows_of(gateway, name, 3)
    assert [row["input_tokens"] for row in rows] == [5, 1, 3]
    assert [row["attempt"] for row in rows] == [1, 2, 3]


def test_what_was_answered_before_a_call_failed_is_paid_for(own_gateway: Start) -> None:
    """No more and no less, in the ledger and in the budget."""
    name = ref("failed")
    gateway = own_gateway(keys=[{"name": "one", "key": KEY, "budget_usd": "1"}])
    with pytest.raises(openai.BadRequestError) as refused:
        client(gateway, name).embeddings.create(
            model=model_of("titan", name), input=["one two", "status-400", "three"]
        )
    assert refused.value.body is not None
    first, second = rows_of(gateway, name, 2)
    assert_row(first, outcome="ok", input_tokens=2, cost_usd=cost(2, 0), client_status=400)
    assert_free(second)
    standing = gateway.admin("GET", "/admin/v1/limits/key:one:budget/standing").json()
    assert (standing["held"], float(standing["spent"])) == ("0", float(cost(2, 0)))


def test_another_target_answers_all_of_it(own_gateway: Start, upstream: ScriptedUpstream) -> None:
    name = ref("next")
    targets = [model_of("titan", f"{name}"), model_of("cohere", name)]
    more = {"models": {"vectors": {"strategy": "fallback", "targets": targets}}}
    gateway = own_gateway(**settings(upstream, **more))
    texts = ["one two", "status-500"]
    made = client(gateway, name).embeddings.create(model="vectors", input=["one", "two"])
    assert len(made.data) == 2
    with pytest.raises(openai.InternalServerError):
        client(gateway, f"{name}-2").embeddings.create(model="vectors", input=texts)
    providers = [row["provider"] for row in rows_of(gateway, f"{name}-2", 5)]
    assert providers[:2] == ["b", "b"]
    assert providers[-1] == "c"
    # What the first call of each try cost is paid, and nothing else.
    paid = [row for row in rows_of(gateway, f"{name}-2", 5) if row["input_tokens"]]
    assert {row["provider"] for row in paid} == {"b"}


@pytest.mark.parametrize("model", ["a/ok", "r/ok", "n/ok"])
def test_a_provider_without_vectors_says_so(gateway: Gateway, model: str) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client(gateway, ref("none")).embeddings.create(model=model, input="text")
    assert refused.value.code == "unsupported_field"
    assert refused.value.param == "model"
    assert "leave it out" not in refused.value.message  # a model cannot be


def test_tokens_reach_a_host_as_text(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    name = ref("tokens")
    made = client(gateway, name).embeddings.create(
        model=model_of("cohere", name), input=[[15339, 1917], [1917]]
    )
    assert len(made.data) == 2
    [seen] = upstream.of(f"ok@{name}")
    assert seen.json["texts"] == ["hello world", " world"]


def test_what_cannot_be_carried_reaches_no_host(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    name = ref("refused")
    with pytest.raises(openai.BadRequestError) as refused:
        client(gateway, name).embeddings.create(model=model_of("cohere", name), input=[100_270])
    assert (refused.value.code, refused.value.param) == ("unsupported_field", "input")
    assert not upstream.of(f"ok@{name}")
    [row] = rows_of(gateway, name)
    assert_row(row, outcome="refused", client_status=400, attempt=0)


def test_what_is_left_out_is_told_in_a_header(gateway: Gateway) -> None:
    name = ref("dropped")
    raw = client(gateway, name).embeddings.with_raw_response.create(
        model=model_of("cohere", name), input="one", user="somebody"
    )
    assert raw.headers["x-sluicegate-dropped"] == "user"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{}", "upstream_empty_answer"),
        (b'{"embeddings": [[1]]}', "upstream_wrong_form"),
        (b'{"embeddings": 7}', "upstream_wrong_form"),
        (b"[1]", "upstream_invalid_json"),
        (b'{"error": {"message": "no"}}', "upstream_error"),
    ],
)
def test_an_answer_that_lacks_vectors_is_no_success(tmp_path: Path, body: bytes, code: str) -> None:
    """Two were asked for: whoever looks something up by them must not find another's."""
    with OneAnswer(body) as host:
        provider = {"dialect": "openai", "embeddings": "cohere", "api_key": "none"}
        more = {"providers": {"c": provider | {"base_url": host.url}}}
        with Gateway(host.url, tmp_path, **more) as gateway:
            answer = httpx.post(
                f"{gateway.url}/v1/embeddings",
                json={"model": "c/m", "input": ["a", "b"]},
                headers={"authorization": f"Bearer {KEY}"},
            )
    assert answer.status_code == 502
    assert answer.json()["error"]["code"] == code


def test_tokens_are_held_one_by_one(own_gateway: Start) -> None:
    """A list of them has no text whose bytes would bound it."""
    gateway = own_gateway(keys=[{"name": "one", "key": KEY, "budget_usd": "0.0005"}])
    headers = {"authorization": f"Bearer {KEY}"}
    body = {"model": "u/ok", "input": [1] * 600}
    refused = httpx.post(f"{gateway.url}/v1/embeddings", json=body, headers=headers)
    assert refused.status_code == 402
    body = {"model": "u/ok", "input": [1] * 400}
    taken = httpx.post(f"{gateway.url}/v1/embeddings", json=body, headers=headers)
    assert taken.status_code == 200
