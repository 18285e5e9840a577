"""Kept answers in every form: as they came, put together, taken apart, in another dialect."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import anthropic
import httpx
import openai
import pytest
from google import genai
from google.genai import types as gemini

from ..faults.checks import (
    CLIENTS,
    NATIVE,
    PAIRS,
    PROVIDERS,
    all_pairs,
    ask,
    assert_good,
    assert_row,
    cost,
    forms,
    ref,
)
from ..faults.conftest import Start
from ..gateway import Gateway, merge
from ..upstream import ScriptedUpstream, text
from .checks import ON, calls, is_kept, named, told

SAME = [(dialect, provider) for provider, dialect in NATIVE.items()]


@pytest.mark.parametrize(
    "behaviour", ["ok-10", "fault-reasoning", "utf8", "fault-crlf", "fault-bom"]
)
@pytest.mark.parametrize(("dialect", "provider"), SAME, ids=[d for d, _ in SAME])
def test_a_stream_of_the_same_dialect_comes_back_byte_for_byte(
    gateways: Start, dialect: str, provider: str, behaviour: str
) -> None:
    gateway = gateways(**ON)
    model = named("replay", behaviour, provider)
    more: dict[str, Any] = {"dialect": dialect, "stream": True}
    if dialect == "openai":
        more["fields"] = {"stream_options": {"include_usage": True}}
    first, second = (ask(gateway, model, **more) for _ in range(2))
    assert (told(first), told(second)) == ("miss", "hit")
    assert second.raw == first.raw
    assert second.headers["content-type"] == first.headers["content-type"]


@pytest.mark.parametrize(("dialect", "provider"), SAME, ids=[d for d, _ in SAME])
def test_a_whole_answer_of_the_same_dialect_comes_back_byte_for_byte(
    gateways: Start, dialect: str, provider: str
) -> None:
    gateway = gateways(**ON)
    model = named("replay", "ok-10", provider)
    first, second = (ask(gateway, model, dialect=dialect) for _ in range(2))
    assert (told(first), told(second)) == ("miss", "hit")
    assert second.raw == first.raw


@pytest.mark.parametrize("asks_first", [False, True], ids=["asked second", "asked first"])
def test_usage_is_in_a_kept_stream_for_who_asks_for_it_alone(
    gateways: Start, upstream: ScriptedUpstream, asks_first: bool
) -> None:
    gateway = gateways(**ON)
    model = named("replay")
    for asks_usage in (asks_first, not asks_first):
        fields = {"stream_options": {"include_usage": True}} if asks_usage else {}
        got = ask(gateway, model, stream=True, fields=fields)
        assert_good(got, 5)
        assert (got.usage is not None) is asks_usage
    assert told(got) == "hit"
    assert calls(upstream, model) == 1


@all_pairs
@pytest.mark.parametrize("streams_first", [False, True], ids=["whole first", "stream first"])
def test_either_form_is_given_out_of_either(
    gateways: Start, upstream: ScriptedUpstream, dialect: str, provider: str, streams_first: bool
) -> None:
    gateway = gateways(**ON)
    model = named("replay", "fault-reasoning+ok-10", provider)
    first = ask(gateway, model, dialect=dialect, stream=streams_first)
    for stream in (streams_first, not streams_first):
        hit = ask(gateway, model, dialect=dialect, stream=stream)
        assert told(hit) == "hit"
        assert_good(hit, 10)
        assert hit.reasoning == first.reasoning
        [row] = gateway.rows(hit.ref)
        assert_row(row, attempt=0, outcome="cached", cache="hit", stream=stream, cost_usd=0)
        assert_row(row, saved_input_tokens=3, provider=provider, dialect=dialect)
    assert calls(upstream, model) == 1


@pytest.mark.parametrize("provider", ["b", "c", "o"])
def test_a_stream_without_usage_has_our_count_where_the_whole_is_asked_for(
    gateways: Start, provider: str
) -> None:
    gateway = gateways(**ON)
    model = named("replay", "fault-usage-missing", provider)
    ask(gateway, model, stream=True)
    hit = ask(gateway, model)
    assert told(hit) == "hit"
    assert hit.usage is not None
    assert (hit.usage["prompt_tokens"] > 0, hit.usage["completion_tokens"]) == (True, 10)


@pytest.mark.parametrize("provider", ["a", "u", "g"])
def test_a_whole_answer_that_is_streamed_says_from_the_start_what_its_prompt_had(
    gateways: Start, provider: str
) -> None:
    gateway = gateways(**ON)
    model = named("replay", provider=provider)
    ask(gateway, model, dialect="anthropic")
    hit = ask(gateway, model, dialect="anthropic", stream=True)
    assert told(hit) == "hit"
    [start] = [each["message"] for each in hit.payloads if each["type"] == "message_start"]
    assert start["usage"] == {"input_tokens": 3, "output_tokens": 0}
    assert hit.usage is not None
    assert (hit.usage["input_tokens"], hit.usage["output_tokens"]) == (3, 5)


@pytest.mark.parametrize("dialect", CLIENTS)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_client_has_every_providers_kept_stream(
    gateways: Start, upstream: ScriptedUpstream, dialect: str, provider: str
) -> None:
    gateway = gateways(**ON)
    model = named("replay", provider=provider)
    first, hit = (ask(gateway, model, dialect=dialect, stream=True) for _ in range(2))
    for got in (first, hit):
        assert_good(got, 5)
    assert (told(hit), calls(upstream, model)) == ("hit", 1)
    assert_good(ask(gateway, model, dialect=dialect), 5)
    assert calls(upstream, model) == 1


@pytest.mark.parametrize(
    "behaviour", ["fault-no-done", "fault-double-done", "fault-events-after-done"]
)
@pytest.mark.parametrize(("dialect", "provider"), PAIRS, ids=[f"{d}-{p}" for d, p in PAIRS])
def test_a_kept_stream_has_one_end_however_it_came(
    gateways: Start, dialect: str, provider: str, behaviour: str
) -> None:
    gateway = gateways(**ON)
    model = named("replay", behaviour, provider)
    first = ask(gateway, model, dialect=dialect, stream=True)
    assert_good(first, 10)
    if is_kept(gateway, model, dialect=dialect, stream=True):
        hit = ask(gateway, model, dialect=dialect, stream=True)
        assert_good(hit, 10)
        assert_good(ask(gateway, model, dialect=dialect), 10)


@forms
def test_a_hit_costs_nothing_and_says_so(gateways: Start, stream: bool) -> None:
    gateway = gateways(**ON)
    model = named("replay", "ok-5+ttft-50")
    first = ask(gateway, model, stream=stream)
    hit = ask(gateway, model, stream=stream)
    assert hit.headers.get("x-sluicegate-cost-usd") == (None if stream else "0")
    assert hit.headers["x-sluicegate-attempts"] == "0"
    assert hit.headers["x-sluicegate-provider"] == "u"
    [paid], [row] = gateway.rows(first.ref), gateway.rows(hit.ref)
    assert Decimal(row["saved_usd"]) == Decimal(paid["cost_usd"]) == cost(3, 5)
    assert (row["saved_input_tokens"], row["saved_output_tokens"]) == (3, 5)
    assert 30 <= row["saved_ms"] <= paid["latency_ms"]
    assert row["finish_reason"] == paid["finish_reason"]
    assert row["response_model"] == paid["response_model"]
    assert row["price_version"] in (None, "", "config")


@pytest.mark.parametrize(
    ("behaviour", "least_bytes"), [("ok-10+itl-80", 0), ("ok-600+itl-2", 1 << 16)]
)
def test_a_paced_stream_takes_the_time_that_it_took(
    gateways: Start, upstream: ScriptedUpstream, behaviour: str, least_bytes: int
) -> None:
    gateway = gateways(**merge(ON, {"cache": {"exact": {"replay": "paced"}}}))
    model = named("replay", behaviour)
    first, hit = (ask(gateway, model, stream=True) for _ in range(2))
    assert (told(hit), hit.raw) == ("hit", first.raw)
    assert len(hit.raw) > least_bytes
    arrivals = hit.token_arrivals()
    assert arrivals[-1] - arrivals[0] > 0.2, "all at once"
    [row] = gateway.rows(hit.ref)
    assert row["first_token_ms"] < row["latency_ms"] - 200
    assert ask(gateway, model).elapsed_s < hit.elapsed_s
    assert calls(upstream, model) == 1


def test_a_report_adds_up_hits(own_gateway: Start) -> None:
    gateway = own_gateway(**ON)
    model = named("replay")
    refs = [ask(gateway, model).ref for _ in range(4)]
    gateway.rows_of(refs)

    def total() -> dict[str, Any]:
        report: dict[str, Any] = gateway.admin("GET", "/admin/v1/cache/report").json()["total"]
        return report

    for _ in range(200):
        if total()["requests"] == 4:  # rows wait in the journal for a moment
            break
    found = total()
    assert (found["hits"], found["misses"], found["hit_rate"]) == (3, 1, 0.75)
    assert Decimal(found["saved_usd"]) == 3 * cost(3, 5)
    assert found["saved_output_tokens"] == 15


VECTORS = {
    "openai": ("/v1/embeddings", {"input": ["a", "b", "c"]}),
    "openai, base64": ("/v1/embeddings", {"input": "a", "encoding_format": "base64"}),
    "gemini": ("/v1beta/models/{model}:embedContent", {"content": {"parts": [{"text": "a"}]}}),
}


@pytest.mark.parametrize("provider", ["u", "g", "c", "o"])
@pytest.mark.parametrize(("path", "body"), VECTORS.values(), ids=VECTORS)
def test_vectors_of_every_form_of_host_are_kept(
    gateways: Start, upstream: ScriptedUpstream, provider: str, path: str, body: dict[str, Any]
) -> None:
    gateway = gateways(**ON)
    model = named("vectors", provider=provider)
    reference = ref("vectors")
    headers = {"authorization": f"Bearer {gateway.key}", "x-request-id": reference}
    asked = {"model": model, **body} if path.startswith("/v1/") else body
    url = gateway.url + path.format(model=quote(model, safe=""))
    first, hit = (
        httpx.post(url, json=asked, headers=headers, timeout=10, verify=False) for _ in range(2)
    )
    words = [got.headers["x-sluicegate-cache"] for got in (first, hit)]
    assert (words, hit.content) == (["miss", "hit"], first.content)
    rows = gateway.rows(reference, at_least=2)
    assert [(row["attempt"], row["outcome"]) for row in rows] == [(0, "cached"), (1, "ok")]
    assert rows[0]["saved_input_tokens"] == rows[1]["input_tokens"]
    assert calls(upstream, model) == 1


# the official SDKs


def _by_openai(gateway: Gateway, model: str, *, stream: bool) -> str:
    client = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.key, max_retries=0)
    said: Any = [{"role": "user", "content": "one two three"}]
    if not stream:
        made = client.chat.completions.create(model=model, messages=said)
        assert made.usage is not None
        return made.choices[0].message.content or ""
    chunks = list(client.chat.completions.create(model=model, messages=said, stream=True))
    assert chunks[-1].choices[0].finish_reason == "stop"
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)


def _by_responses(gateway: Gateway, model: str, *, stream: bool) -> str:
    client = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.key, max_retries=0)
    if not stream:
        return client.responses.create(model=model, input="one two three").output_text
    with client.responses.stream(model=model, input="one two three") as events:
        for _ in events:
            pass
        return events.get_final_response().output_text


def _by_anthropic(gateway: Gateway, model: str, *, stream: bool) -> str:
    client = anthropic.Anthropic(base_url=gateway.url, api_key=gateway.key, max_retries=0)
    asked: Any = {
        "model": model,
        "max_tokens": 1000,
        "messages": [{"role": "user", "content": "one two three"}],
    }
    if not stream:
        made = client.messages.create(**asked)
        assert made.stop_reason == "end_turn"
        return "".join(block.text for block in made.content if block.type == "text")
    with client.messages.stream(**asked) as events:
        return events.get_final_text()


def _by_genai(gateway: Gateway, model: str, *, stream: bool) -> str:
    options = gemini.HttpOptions(base_url=gateway.url, api_version="v1beta")
    client = genai.Client(api_key=gateway.key, http_options=options, vertexai=False)
    if not stream:
        made = client.models.generate_content(model=model, contents="one two three")
        return made.text or ""
    chunks = client.models.generate_content_stream(model=model, contents="one two three")
    return "".join(chunk.text or "" for chunk in chunks)


SDKS = {
    "openai": _by_openai,
    "responses": _by_responses,
    "anthropic": _by_anthropic,
    "genai": _by_genai,
}


@pytest.mark.parametrize("streams_first", [False, True], ids=["whole first", "stream first"])
@pytest.mark.parametrize("provider", ["u", "a", "g", "r"])
@pytest.mark.parametrize("sdk", SDKS)
def test_official_clients_read_kept_answers_in_either_form(
    gateways: Start, upstream: ScriptedUpstream, sdk: str, provider: str, streams_first: bool
) -> None:
    gateway = gateways(**ON)
    model = named("replay", "ok-10", provider)
    for stream in (streams_first, streams_first, not streams_first):
        assert SDKS[sdk](gateway, model, stream=stream) == text(10)
    assert calls(upstream, model) == 1


# responses of Responses: who goes on from one


def test_a_kept_response_can_be_gone_on_from(gateways: Start, upstream: ScriptedUpstream) -> None:
    """Of a provider that keeps none: each answer has an id of its own that the gateway keeps."""
    gateway = gateways(**ON)
    model = named("replay", "ok-5", "a")
    first, hit = (ask(gateway, model, dialect="openai_responses") for _ in range(2))
    assert (told(hit), calls(upstream, model)) == ("hit", 1)
    fields = {"previous_response_id": json.loads(hit.raw)["id"]}
    on = ask(gateway, model, dialect="openai_responses", fields=fields)
    assert_good(on, 5)
    assert json.loads(first.raw)["id"]
