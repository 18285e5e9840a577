"""Gemini's dialect over sockets: its paths, its two forms of a stream, its errors, its own SDK."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from google import genai
from google.genai import errors, types

from ..gateway import KEY, UPSTREAM_KEYS, Gateway
from ..upstream import ScriptedUpstream, text
from ..upstream.wire import SIGNATURE
from .checks import NATIVE, ask, eventually, forms, ref
from .conftest import Start

HI: dict[str, Any] = {"contents": [{"role": "user", "parts": [{"text": "one two three"}]}]}
KEY_HEADER = {"x-goog-api-key": KEY}
providers = pytest.mark.parametrize("provider", ["g", "u", "a"])


def post(gateway: Gateway, model: str, verb: str, body: Any = None, **more: Any) -> httpx.Response:
    """One request, the model percent-encoded."""
    url = f"{gateway.url}/v1beta/models/{quote(model, safe='')}:{verb}"
    return httpx.post(url, json=body or HI, **({"headers": KEY_HEADER, "timeout": 20} | more))


def joined(chunks: list[dict[str, Any]]) -> str:
    """The text of a stream's chunks."""
    parts = (part for chunk in chunks for part in chunk["candidates"][0]["content"]["parts"])
    return "".join(part["text"] for part in parts)


@pytest.mark.parametrize("version", ["v1", "v1beta"])
@pytest.mark.parametrize(
    "written",
    ["g/{}", "g%2F{}", "g%2f{}", "models%2F..%2Fx"],
    ids=["slash", "encoded", "lower-case", "elsewhere"],
)
def test_the_path_names_the_model(
    gateway: Gateway, upstream: ScriptedUpstream, version: str, written: str
) -> None:
    name = f"ok-5@{ref('path')}"
    path = f"/{version}/models/{written.format(name)}:generateContent"
    got = httpx.post(gateway.url + path, json=HI, headers=KEY_HEADER)
    if "{}" not in written:
        assert got.status_code == 404
        assert got.json()["error"]["details"][0]["reason"] == "model_not_found"
        return
    assert got.status_code == 200, got.text
    [exchange] = upstream.of(name)
    assert exchange.path == f"/v1beta/models/{name}:generateContent"
    assert exchange.body == json.dumps(HI, separators=(",", ":")).encode()


def test_an_alias_is_named_as_its_target_everywhere(
    gateways: Start, upstream: ScriptedUpstream
) -> None:
    name = f"ok-5@{ref('alias')}"
    gateway = gateways(models={"quick": {"targets": [f"g/{name}"]}})
    for verb, body in [
        ("generateContent", {"model": "models/quick", **HI}),
        (
            "batchEmbedContents",
            {"requests": [{"model": "models/quick", "content": HI["contents"][0]}]},
        ),
    ]:
        assert post(gateway, "quick", verb, body).status_code == 200
    generated, embedded = upstream.of(name)
    assert generated.json["model"] == embedded.json["requests"][0]["model"] == f"models/{name}"


@pytest.mark.parametrize(
    ("headers", "query", "status"),
    [
        ({"x-goog-api-key": KEY}, "", 200),
        ({"authorization": f"Bearer {KEY}"}, "", 200),
        ({}, f"?key={KEY}", 200),
        ({"x-goog-api-key": KEY}, f"?key={KEY}", 200),
        ({"x-goog-api-key": KEY}, "?key=another-key-of-somebody", 400),
        ({}, "?key=another-key-of-somebody", 401),
        ({}, "?key=", 401),
        ({}, "", 401),
    ],
)
def test_the_key_stands_in_one_of_its_places(
    gateway: Gateway, upstream: ScriptedUpstream, headers: dict[str, str], query: str, status: int
) -> None:
    name = f"ok-1@{ref('key')}"
    url = f"{gateway.url}/v1beta/models/g/{name}:generateContent{query}"
    got = httpx.post(url, json=HI, headers=headers)
    assert got.status_code == status, got.text
    for exchange in upstream.of(name):
        assert "key=" not in exchange.path
        assert exchange.header("x-goog-api-key") == UPSTREAM_KEYS["g"]
    assert KEY not in gateway.log()
    if status != 200:
        assert got.json()["error"]["code"] == status


def test_a_key_in_the_query_opens_no_other_dialect(gateway: Gateway) -> None:
    body = {"model": "u/ok-1", "messages": [{"role": "user", "content": "x"}]}
    got = httpx.post(f"{gateway.url}/v1/chat/completions?key={KEY}", json=body)
    assert got.status_code == 401


@providers
def test_a_stream_is_events_or_one_array(gateway: Gateway, provider: str) -> None:
    model = f"{provider}/ok-20@{ref('form')}"
    events = post(gateway, model, "streamGenerateContent?alt=sse")
    array = post(gateway, model, "streamGenerateContent")
    assert events.headers["content-type"].startswith("text/event-stream")
    assert array.headers["content-type"] == "application/json"
    chunks = [json.loads(line[6:]) for line in events.text.splitlines() if line]
    assert joined(chunks) == joined(array.json()) == text(20)
    for last in (chunks[-1], array.json()[-1]):
        assert last["candidates"][0]["finishReason"] == "STOP"
        assert last["usageMetadata"]["candidatesTokenCount"] == 20


@providers
@forms
def test_an_answer_has_its_row(gateway: Gateway, provider: str, stream: bool) -> None:
    got = ask(gateway, f"{provider}/ok-5@{ref('row')}", dialect="gemini", stream=stream)
    assert (got.text, got.finish) == (text(5), "STOP")
    [row] = gateway.rows_of([got.ref])[got.ref]
    told = (row["dialect"], row["upstream_dialect"], row["operation"], bool(row["stream"]))
    assert told == ("gemini", NATIVE.get(provider, "gemini"), "chat", stream)
    assert (row["basis"], row["input_tokens"], row["output_tokens"]) == ("reported", 3, 5)
    assert row["cost_usd"] == "0.000013"


@pytest.mark.parametrize("provider", ["g", "u"])
@pytest.mark.parametrize("as_array", [False, True], ids=["events", "array"])
def test_a_cap_ends_a_stream_as_the_model_would(
    gateways: Start, upstream: ScriptedUpstream, provider: str, as_array: bool
) -> None:
    limit = {"name": "cap", "scope": {"tag": "cap"}, "output_tokens": 8, "per": "total"}
    form = "array" if as_array else "events"
    limits = [
        {**limit, "name": f"{p}-{f}", "scope": {"tag": f"{p}-{f}"}}
        for p in "gu"
        for f in ("array", "events")
    ]
    gateway = gateways(limits=limits)
    name = f"ok-200+itl-2@{ref('cap')}"
    headers = {**KEY_HEADER, "x-sluicegate-team-tag": f"{provider}-{form}"}
    verb = "streamGenerateContent" + ("" if as_array else "?alt=sse")
    got = post(gateway, f"{provider}/{name}", verb, headers=headers)
    lines = [line for line in got.text.splitlines() if line.startswith("data: ")]
    chunks = got.json() if as_array else [json.loads(line[6:]) for line in lines]
    said = len(joined(chunks).split())
    assert 8 < said <= 10
    assert chunks[-1]["candidates"][0]["finishReason"] == "MAX_TOKENS"
    assert chunks[-1]["usageMetadata"]["candidatesTokenCount"] == said
    [exchange] = upstream.of(name)
    assert eventually(lambda: exchange.cancelled is not None)


def test_a_whole_answer_may_become_no_longer_than_its_budget(
    gateways: Start, upstream: ScriptedUpstream
) -> None:
    limits = [{"name": "w", "scope": {"tag": "w"}, "output_tokens": 8, "per": "total"}]
    gateway = gateways(limits=limits)
    name = f"ok-5@{ref('whole')}"
    body = HI | {"generationConfig": {"maxOutputTokens": 500, "topK": 3}}
    headers = {**KEY_HEADER, "x-sluicegate-team-tag": "w"}
    assert post(gateway, f"g/{name}", "generateContent", body, headers=headers).status_code == 200
    [exchange] = upstream.of(name)
    assert exchange.json["generationConfig"] == {"maxOutputTokens": 8, "topK": 3}


@pytest.mark.parametrize("as_array", [False, True], ids=["events", "array"])
@pytest.mark.parametrize("provider", ["g", "u"])
@pytest.mark.parametrize("fault", ["midstream-fin", "error-event"])
def test_a_stream_that_breaks_ends_in_an_error(
    gateway: Gateway, provider: str, as_array: bool, fault: str
) -> None:
    model = f"{provider}/fault-{fault}-after-3@{ref('cut')}"
    got = post(gateway, model, "streamGenerateContent" + ("" if as_array else "?alt=sse"))
    lines = [line for line in got.text.splitlines() if line.startswith("data: ")]
    chunks = got.json() if as_array else [json.loads(line[6:]) for line in lines]
    *said, last = chunks
    assert joined(said) == text(3)
    if fault == "error-event":
        assert last["error"]["message"] == "scripted failure 529"
        return
    assert last["error"]["details"][0]["reason"] == "upstream_truncated"
    assert last["error"]["origin"] == "upstream"


@pytest.mark.parametrize(("provider", "marked"), [("g", 3), ("a", None), ("u", None)])
def test_tokens_are_counted_there_or_here(
    gateway: Gateway, provider: str, marked: int | None
) -> None:
    got = post(gateway, f"{provider}/ok-1@{ref('count')}", "countTokens")
    assert got.status_code == 200, got.text
    assert got.json()["totalTokens"] == marked or (marked is None and got.json()["totalTokens"] > 3)


def test_the_list_of_models_has_geminis_form(gateways: Start) -> None:
    gateway = gateways(models={"quick": {"targets": ["g/ok-1"]}})
    for url, headers in [
        (f"/v1beta/models?key={KEY}", {}),
        ("/v1beta/models", KEY_HEADER),
        ("/v1/models", KEY_HEADER),
    ]:
        got = httpx.get(gateway.url + url, headers=headers)
        assert [model["name"] for model in got.json()["models"]] == ["models/quick"]
    assert httpx.get(f"{gateway.url}/v1beta/models").json()["error"]["code"] == 401


def test_a_route_may_be_all_that_a_key_opens(own_gateway: Start) -> None:
    keys = [{"name": "one", "key": KEY, "routes": ["/v1beta/models/{model}:generateContent"]}]
    gateway = own_gateway(keys=keys)
    assert post(gateway, "g/ok-1", "generateContent").status_code == 200
    refused = post(gateway, "g/ok-1", "streamGenerateContent")
    assert refused.status_code == 403
    assert refused.json()["error"]["details"][0]["reason"] == "route_not_allowed"


@pytest.fixture
def client(gateway: Gateway) -> Iterator[genai.Client]:
    """The vendor's own."""
    options = types.HttpOptions(base_url=gateway.url, timeout=20_000)
    made = genai.Client(api_key=KEY, http_options=options)
    yield made
    made.close()


@providers
def test_the_vendors_sdk_reads_answers(client: genai.Client, provider: str) -> None:
    model = f"{provider}/ok-7@{ref('sdk')}"
    whole = client.models.generate_content(model=model, contents="one two three")
    chunks = list(client.models.generate_content_stream(model=model, contents="one two three"))
    streamed = "".join(chunk.text or "" for chunk in chunks)
    assert whole.text == streamed == text(7)
    for usage in (whole.usage_metadata, chunks[-1].usage_metadata):
        assert usage is not None
        assert (usage.prompt_token_count, usage.candidates_token_count) == (3, 7)


def test_the_vendors_sdk_reads_errors(client: genai.Client) -> None:
    with pytest.raises(errors.ClientError) as unknown:
        client.models.generate_content(model="nobody-knows", contents="x")
    assert (unknown.value.code, unknown.value.status) == (404, "NOT_FOUND")
    said: list[str] = []
    model = f"u/fault-error-event-after-3@{ref('sdk')}"
    chunks = client.models.generate_content_stream(model=model, contents="x")
    with pytest.raises(errors.APIError) as broken:
        said.extend(chunk.text or "" for chunk in chunks)
    assert "".join(said) == text(3)
    assert broken.value.code in {502, 503}


def test_the_vendors_sdk_counts_and_embeds(client: genai.Client) -> None:
    name = f"g/ok-1@{ref('sdk')}"
    assert client.models.count_tokens(model=name, contents="one two").total_tokens == 2
    embedded = client.models.embed_content(model=name, contents=["one", "two"])
    assert [vector.values for vector in embedded.embeddings or []] == [[0.5, -0.5]] * 2


def test_a_signature_comes_back_through_anthropics_dialect(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    name = f"ok-tools@{ref('sign')}"
    asked: list[Any] = [{"role": "user", "content": "x"}]

    def message() -> list[dict[str, Any]]:
        body = {"model": f"g/{name}", "max_tokens": 99, "messages": asked}
        got = httpx.post(f"{gateway.url}/v1/messages", json=body, headers={"x-api-key": KEY})
        assert got.status_code == 200, got.text
        blocks: list[dict[str, Any]] = got.json()["content"]
        return blocks

    blocks = message()
    results = [
        {"type": "tool_result", "tool_use_id": block["id"], "content": "done"}
        for block in blocks
        if block["type"] == "tool_use"
    ]
    asked += [{"role": "assistant", "content": blocks}, {"role": "user", "content": results}]
    message()
    _assert_signed(upstream, name, len(results))


def test_a_signature_comes_back_through_openais_dialect(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    name = f"ok-tools@{ref('sign')}"
    asked: list[Any] = [{"role": "user", "content": "x"}]

    def message() -> dict[str, Any]:
        got = httpx.post(
            f"{gateway.url}/v1/chat/completions",
            json={"model": f"g/{name}", "messages": asked},
            headers={"authorization": f"Bearer {KEY}"},
        )
        assert got.status_code == 200, got.text
        said: dict[str, Any] = got.json()["choices"][0]["message"]
        return said

    said = message()
    results = [
        {"role": "tool", "tool_call_id": call["id"], "content": "done"}
        for call in said["tool_calls"]
    ]
    asked += [said, *results]
    message()
    _assert_signed(upstream, name, len(results))


def _assert_signed(upstream: ScriptedUpstream, name: str, calls: int) -> None:
    """The second request brought each call back as the first answer had it."""
    _, second = upstream.of(name)
    parts = [part for part in second.json["contents"][1]["parts"] if "functionCall" in part]
    assert [part["thoughtSignature"] for part in parts] == [SIGNATURE] * calls
    assert calls > 0


def test_a_slow_answer_keeps_an_array_readable(gateways: Start) -> None:
    """Heartbeats stand between the items, where JSON has room for white space."""
    gateway = gateways(commit_after_s=0.2)
    model = f"g/ok-3+ttft-700@{ref('slow')}"
    got = post(gateway, model, "streamGenerateContent")
    assert got.status_code == 200, got.text
    assert got.text.startswith("\n")
    assert joined(got.json()) == text(3)
    broken = post(gateway, f"g/fault-hang@{ref('slow')}", "streamGenerateContent")
    assert broken.json()[-1]["error"]["details"][0]["reason"] == "upstream_first_byte_timeout"
