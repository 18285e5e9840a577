"""`/v1/responses` with OpenAI's own SDK: as it is, and translated; what only it can ask for."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest
from google import genai
from google.genai import types

from ..gateway import KEY, OTHER_KEY, Gateway
from ..upstream import ScriptedUpstream, text
from ..upstream.plain import TOOLS
from ..upstream.responses import ENCRYPTED
from .checks import ask, assert_row, ref, upstream_dialect
from .conftest import Start

DIALECT = "openai_responses"
PROVIDERS = ["u", "r", "a"]
R_TOOLS: Any = [
    {"type": "function", "name": tool.name, "parameters": {"type": "object"}, "strict": False}
    for tool in TOOLS
]

providers = pytest.mark.parametrize("provider", PROVIDERS)


def _sdk(gateway: Gateway, key: str = KEY) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=key, max_retries=0)


def _fields(**fields: Any) -> dict[str, Any]:
    return {"fields": fields, "dialect": DIALECT}


@providers
def test_the_official_client_reads_a_response(gateway: Gateway, provider: str) -> None:
    made = _sdk(gateway).responses.create(
        model=f"{provider}/ok-10@{ref('sdk')}", input="hi", temperature=0.5
    )
    assert made.output_text == text(10)
    assert (made.status, made.object) == ("completed", "response")
    assert made.usage is not None
    assert made.usage.output_tokens == 10
    assert made.usage.total_tokens == made.usage.input_tokens + 10


@providers
def test_the_official_clients_stream_helper_reads_every_event(
    gateway: Gateway, provider: str
) -> None:
    """The helper checks items, parts and the last event against each other."""
    with _sdk(gateway).responses.stream(
        model=f"{provider}/fault-reasoning+ok-10@{ref('sdk')}", input="hi"
    ) as stream:
        events = list(stream)
        made = stream.get_final_response()
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(deltas) == made.output_text == text(10)
    thoughts = [item for item in made.output if item.type == "reasoning"]
    assert [part.text for item in thoughts for part in item.summary] == ["think twice"]
    assert [event.sequence_number for event in events] == list(range(len(events)))


@providers
def test_the_official_client_reads_parallel_calls(gateway: Gateway, provider: str) -> None:
    with _sdk(gateway).responses.stream(
        model=f"{provider}/ok-tools@{ref('sdk')}", input="hi", tools=R_TOOLS
    ) as stream:
        made = stream.get_final_response()
    calls = [item for item in made.output if item.type == "function_call"]
    assert [(call.name, json.loads(call.arguments)) for call in calls] == [
        (tool.name, json.loads("".join(tool.fragments))) for tool in TOOLS
    ]
    assert [call.call_id for call in calls] == [tool.id for tool in TOOLS]
    assert made.output_text == "Looking it up."


@providers
@pytest.mark.parametrize("cap", [1, 5, 9])
def test_the_official_client_reads_a_cut_response(gateways: Start, provider: str, cap: int) -> None:
    each_run = {"key": "*", "run": "*"}
    limit = {"name": "cut", "scope": each_run, "output_tokens": cap, "per": "total"}
    gateway = gateways(limits=[limit])
    client = _sdk(gateway).with_options(default_headers={"x-sluicegate-run": ref("cut")})
    model = f"{provider}/fault-reasoning+ok-300+itl-2@{ref('cut')}"
    with client.responses.stream(model=model, input="hi") as stream:
        last = list(stream)[-1]
    assert last.type == "response.incomplete"
    made = last.response
    assert made.incomplete_details is not None
    assert made.incomplete_details.reason == "max_output_tokens"
    assert text(300).startswith(made.output_text)
    assert made.usage is not None
    assert cap < made.usage.output_tokens <= cap + 3


@providers
def test_an_error_is_one_that_the_official_client_raises(gateway: Gateway, provider: str) -> None:
    with pytest.raises(openai.RateLimitError) as raised:
        _sdk(gateway).responses.create(model=f"{provider}/fault-429-quota@{ref('e')}", input="hi")
    assert raised.value.code == ("upstream_rate_limit" if provider == "a" else "upstream_quota")
    model = f"{provider}/fault-midstream-reset-after-3@{ref('e')}"
    with pytest.raises(openai.APIError) as broken:
        list(_sdk(gateway).responses.create(model=model, input="hi", stream=True))
    assert broken.value.code == "upstream_truncated"


@providers
def test_what_is_asked_reaches_the_provider(
    gateway: Gateway, upstream: ScriptedUpstream, provider: str
) -> None:
    """The client's own bytes where the provider has Responses; a translation where it has not."""
    name = f"ok-5@{ref('asked')}"
    fields = {
        "instructions": "be brief",
        "input": [{"role": "user", "content": "one two three"}],
        "max_output_tokens": 50,
        "tools": R_TOOLS,
        "reasoning": {"effort": "low"},
    }
    got = ask(gateway, f"{provider}/{name}", **_fields(**fields))
    assert got.status == 200, got.raw
    [seen] = upstream.of(name)
    assert seen.dialect == upstream_dialect(DIALECT, provider)
    if seen.dialect == DIALECT:
        assert seen.json == {**got.ask.body(), "model": name}
    else:
        assert seen.json["system"][0]["text"] == "be brief"
        assert seen.json["max_tokens"] == 50
    [row] = gateway.rows(got.ref)
    assert_row(row, operation="chat", dialect=DIALECT, upstream_dialect=seen.dialect)
    assert_row(row, basis="reported", output_tokens=5, outcome="ok")


def test_a_host_without_responses_is_asked_for_a_chat(
    gateways: Start, upstream: ScriptedUpstream
) -> None:
    gateway = gateways(providers={"u": {"responses": False}})
    name = f"ok-5@{ref('without')}"
    with _sdk(gateway).responses.stream(model=f"u/{name}", input="hi") as stream:
        assert stream.get_final_response().output_text == text(5)
    [seen] = upstream.of(name)
    assert seen.dialect == "openai"


def test_a_response_falls_back_to_another_dialect(
    gateways: Start, upstream: ScriptedUpstream
) -> None:
    first, second = f"fault-500@{ref('first')}", f"ok-5@{ref('second')}"
    gateway = gateways(models={"plan": {"targets": [f"r/{first}", f"a/{second}"]}})
    for stream in (False, True):
        got = ask(gateway, "plan", dialect=DIALECT, stream=stream)
        assert (got.status, got.text, got.finish) == (200, text(5), "completed")
        assert [row["outcome"] for row in gateway.rows(got.ref, at_least=3)][-1] == "ok"


def test_au_05_a_response_goes_on_for_its_own_tenant_alone(
    own_gateway: Start, upstream: ScriptedUpstream
) -> None:
    """The provider keeps it under one key for all tenants, so the gateway has to know whose it is."""
    mate = "sluicegate-test-key-of-a-team-mate"
    team = {"team": "core"}
    keys = [
        {"name": "one", "key": KEY, **team},
        {"name": "two", "key": OTHER_KEY},
        {"name": "mate", "key": mate, **team},
    ]
    gateway = own_gateway(keys=keys)
    name = f"ok-5@{ref('au05')}"
    for stream in (False, True):
        first = ask(gateway, f"u/{name}", dialect=DIALECT, stream=stream)
        response = first.payloads[-1]["response"] if stream else json.loads(first.raw)
        on = _fields(previous_response_id=response["id"])
        before = len(upstream.of(name))
        other = ask(gateway, f"u/{name}", key=OTHER_KEY, **on)
        assert (other.status, other.code) == (400, "previous_response_not_found")
        assert len(upstream.of(name)) == before
        assert ask(gateway, f"u/{name}", **on).status == 200
        assert ask(gateway, f"u/{name}", key=mate, **on).status == 200


def test_without_a_provider_that_keeps_it_a_response_goes_nowhere(gateway: Gateway) -> None:
    got = ask(gateway, f"a/ok-5@{ref('kept')}", **_fields(previous_response_id="resp_1"))
    assert (got.status, got.code) == (400, "previous_response_not_found")
    assert got.error is not None
    assert got.error["param"] == "previous_response_id"


def test_a_run_goes_on_from_a_response(own_gateway: Start) -> None:
    gateway = own_gateway(runs={"derive": True})
    name = f"u/ok-1@{ref('run')}"
    first = ask(gateway, name, dialect=DIALECT)
    again = _fields(previous_response_id=json.loads(first.raw)["id"], input="and then?")
    assert (
        ask(gateway, name, **again).headers["x-sluicegate-run"]
        == (first.headers["x-sluicegate-run"])
    )


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_what_openai_encrypted_comes_back_through_a_client_of_geminis(
    gateway: Gateway, upstream: ScriptedUpstream, stream: bool
) -> None:
    client = genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=gateway.url))
    name = f"fault-reasoning+ok-5@{ref('sealed')}"
    asked: list[Any] = [types.Content(role="user", parts=[types.Part(text="hi")])]
    for _ in range(2):
        if stream:
            chunks = list(client.models.generate_content_stream(model=f"r/{name}", contents=asked))
        else:
            chunks = [client.models.generate_content(model=f"r/{name}", contents=asked)]
        said = [chunk.candidates[0].content for chunk in chunks if chunk.candidates]
        parts = [part for content in said if content for part in content.parts or []]
        asked += [types.Content(role="model", parts=parts), asked[0]]
    sealed = [item for item in upstream.of(name)[1].json["input"] if item["type"] == "reasoning"]
    [item] = sealed
    assert item["encrypted_content"] == ENCRYPTED
    assert item["id"].startswith("rs_")
    assert [part["text"] for part in item["summary"]] == ["think twice"]
