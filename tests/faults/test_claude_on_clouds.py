"""Claude on Bedrock (InvokeModel) and on Vertex AI (rawPredict), over sockets."""

from __future__ import annotations

import json

import anthropic
import pytest
from anthropic import AnthropicBedrock, AnthropicVertex

from ..client import Ask
from ..gateway import KEY, UPSTREAM_KEYS, Gateway
from ..upstream import ScriptedUpstream, bedrock, text
from ..upstream.clouds import PUBLISHER
from .checks import (
    ask,
    asks,
    assert_cut,
    assert_good,
    assert_refused,
    assert_row,
    cost,
    forms,
    ref,
)
from .conftest import Start
from .test_bedrock import signature

PROMPT = 3
ARN = "ok-5@arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.x-v1:0/{}"
providers = pytest.mark.parametrize("provider", ["i", "v"])
clients = pytest.mark.parametrize("dialect", ["openai", "openai_responses", "anthropic", "gemini"])


@forms
@pytest.mark.parametrize("model", ["ok-5@{}", ARN], ids=["plain", "arn"])
@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
def test_bedrock_is_asked_in_its_envelope_and_signed(
    gateway: Gateway, upstream: ScriptedUpstream, model: str, dialect: str, stream: bool
) -> None:
    name = model.format(ref("envelope"))
    assert_good(ask(gateway, f"i/{name}", dialect=dialect, stream=stream), 5)
    [exchange] = upstream.of(name)
    assert exchange.path.endswith("/invoke-with-response-stream" if stream else "/invoke")
    assert exchange.header("authorization") == signature(exchange, provider="i")
    assert exchange.header("accept") == (bedrock.CONTENT_TYPE if stream else "application/json")
    assert exchange.header("anthropic-version") is None
    assert exchange.json["anthropic_version"] == "bedrock-2023-05-31"
    assert not {"model", "stream"} & exchange.json.keys()
    assert UPSTREAM_KEYS["i"] not in str(exchange.headers)


@forms
@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
def test_vertex_is_asked_in_its_envelope(
    gateway: Gateway, upstream: ScriptedUpstream, dialect: str, stream: bool
) -> None:
    name = f"ok-5@{ref('envelope')}"
    assert_good(ask(gateway, f"v/{name}", dialect=dialect, stream=stream), 5)
    [exchange] = upstream.of(name)
    verb = "streamRawPredict" if stream else "rawPredict"
    assert exchange.path == f"{PUBLISHER}/models/{name}:{verb}"
    assert exchange.header("authorization") == f"Bearer {UPSTREAM_KEYS['v']}"
    assert exchange.header("x-api-key") is None
    assert exchange.json["anthropic_version"] == "vertex-2023-10-16"
    assert "model" not in exchange.json


@providers
def test_only_the_envelope_of_a_clients_own_body_is_touched(
    gateway: Gateway, upstream: ScriptedUpstream, provider: str
) -> None:
    name = f"ok-1@{ref('bytes')}"
    inner = '"max_tokens" : 9,\n "messages":[{"role":"user","content":"a\\u00e9 \\"model\\""}]'

    class Odd(Ask):
        """A body with a layout of its own."""

        def content(self) -> bytes:
            return f'{{"model": "{provider}/{name}",\n {inner} }}'.encode()

    [got] = asks(gateway, [Odd("", dialect="anthropic")])
    assert_good(got, 1)
    [exchange] = upstream.of(name)
    version = json.dumps(exchange.json["anthropic_version"])
    assert exchange.body.decode() == f'{{"anthropic_version":{version},{inner} }}'


def test_what_the_client_asks_beyond_the_version_goes_where_each_cloud_reads_it(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    headers = {"anthropic-beta": "a-2025-01-01, b-2025-01-01"}
    for provider in ("i", "v"):
        name = f"ok-1@{ref('beta')}"
        got = ask(gateway, f"{provider}/{name}", dialect="anthropic", headers=headers)
        assert_good(got, 1)
        [exchange] = upstream.of(name)
        if provider == "v":
            assert exchange.header("anthropic-beta") == headers["anthropic-beta"]
            assert "anthropic_beta" not in exchange.json
        else:
            assert exchange.json["anthropic_beta"] == ["a-2025-01-01", "b-2025-01-01"]
            assert exchange.header("anthropic-beta") is None


@pytest.mark.parametrize("provider", ["i", "v"])
def test_tokens_are_counted_by_the_cloud_or_here(gateway: Gateway, provider: str) -> None:
    client = anthropic.Anthropic(base_url=gateway.url, api_key=KEY, max_retries=0)
    found = client.messages.count_tokens(
        model=f"{provider}/ok-1", messages=[{"role": "user", "content": "one two three"}]
    )
    # Vertex's stand-in counts words; for Bedrock the gateway counts, frame included.
    assert found.input_tokens == 3 if provider == "v" else found.input_tokens >= 3


@clients
@forms
@providers
def test_every_client_reads_text_thoughts_calls_and_usage(
    gateway: Gateway, provider: str, dialect: str, stream: bool
) -> None:
    name = f"{provider}/fault-usage-cached@{ref('cache')}"
    got = ask(gateway, name, dialect=dialect, stream=stream)
    assert got.text == text(10)
    row = gateway.rows(got.ref)[0]
    assert_row(row, outcome="ok", basis="reported", upstream_dialect="anthropic")
    assert_row(row, input_tokens=PROMPT + 1000, cached_input_tokens=600, output_tokens=10)
    assert row["upstream_request_id"].startswith("up-")
    for part in ("ok-tools", "fault-reasoning"):
        got = ask(gateway, f"{provider}/{part}@{ref('parts')}", dialect=dialect, stream=stream)
        assert (got.status, got.error) == (200, None)
        assert_row(gateway.rows(got.ref)[0], outcome="ok", basis="reported")


@providers
@clients
def test_st_05_an_error_among_the_events_is_one_in_the_clients_dialect(
    gateway: Gateway, dialect: str, provider: str
) -> None:
    name = f"{provider}/fault-error-event-after-3@{ref('st05')}"
    got = ask(gateway, name, dialect=dialect, stream=True)
    assert_cut(got, 3)
    assert got.error is not None
    assert "scripted failure" in got.error["message"]
    row = gateway.rows(got.ref)[0]
    assert_row(row, output_tokens=3, basis="counted", outcome="error", cost_usd=cost(PROMPT, 3))


@pytest.mark.parametrize("how", ["reset", "fin", "clean-end", "bad-chunk"])
@providers
@clients
def test_st_05_a_stream_cut_behind_any_token_is_an_error(
    gateway: Gateway, dialect: str, provider: str, how: str
) -> None:
    what = [
        Ask(
            f"{provider}/fault-midstream-{how}-after-{count}@{ref('st01')}",
            dialect=dialect,
            stream=True,
        )
        for count in range(1, 8)
    ]
    for count, got in enumerate(asks(gateway, what), 1):
        assert_cut(got, count)


@pytest.mark.parametrize("fault", ["malformed-event", "invalid-utf8", "nul-bytes"])
@clients
def test_st_12_a_chunk_that_cannot_be_read_is_an_error(
    gateway: Gateway, dialect: str, fault: str
) -> None:
    got = ask(gateway, f"i/fault-{fault}@{ref('st12')}", dialect=dialect, stream=True)
    assert_cut(got, 3)


@clients
def test_st_06_a_stalled_stream_ends_at_the_idle_timeout(gateway: Gateway, dialect: str) -> None:
    name = f"i/fault-idle-stall-after-3@{ref('st06')}"
    got = ask(gateway, name, dialect=dialect, stream=True)
    assert_cut(got, 3)
    assert got.code == "upstream_idle_timeout"


@providers
def test_up_an_error_of_vertex_or_bedrock_leads_to_the_next_target(
    gateways: Start, provider: str
) -> None:
    name = ref("next")
    targets = [f"{provider}/fault-404@{name}", "u/ok-4"]
    gateway = gateways(models={name: {"targets": targets}})
    assert_good(ask(gateway, name), 4)


@providers
def test_up_a_broken_credential_of_ours_is_never_the_clients(
    gateway: Gateway, provider: str
) -> None:
    assert_refused(ask(gateway, f"{provider}/fault-403@{ref('up')}", dialect="anthropic"), 502)


# the clouds' own SDKs, through the pass-through


@forms
def test_anthropics_sdk_for_bedrock_passes_and_is_counted(
    gateway: Gateway, upstream: ScriptedUpstream, stream: bool
) -> None:
    name = f"ok-5@{ref('sdk')}"
    client = AnthropicBedrock(
        base_url=f"{gateway.url}/passthrough/i",
        api_key=KEY,
        aws_region="us-east-1",
        max_retries=0,
        default_headers={"x-request-id": name},
    )
    fields = {"anthropic_version": "bedrock-2023-05-31"}
    _say(client, name, stream, fields)
    [exchange] = upstream.of(name)
    assert exchange.header("authorization") == signature(exchange, provider="i")
    row = gateway.rows(name)[0]
    assert_row(row, outcome="ok", basis="reported", provider="i", routed_model=name)
    assert_row(row, input_tokens=PROMPT, output_tokens=10 if stream else 5)


@forms
def test_anthropics_sdk_for_vertex_passes_and_is_counted(
    gateway: Gateway, upstream: ScriptedUpstream, stream: bool
) -> None:
    name = f"ok-5@{ref('sdk')}"
    client = AnthropicVertex(
        base_url=f"{gateway.url}/passthrough/v/v1",
        access_token=KEY,
        project_id="p",
        region="us-east5",
        max_retries=0,
        default_headers={"x-request-id": name},
    )
    _say(client, name, stream, {"anthropic_version": "vertex-2023-10-16"})
    [exchange] = upstream.of(name)
    assert exchange.header("authorization") == f"Bearer {UPSTREAM_KEYS['v']}"
    row = gateway.rows(name)[0]
    assert_row(row, outcome="ok", basis="reported", provider="v", routed_model=name)
    assert_row(row, input_tokens=PROMPT, output_tokens=5)


def _say(
    client: AnthropicBedrock | AnthropicVertex, model: str, stream: bool, fields: dict[str, str]
) -> None:
    asked = [{"role": "user", "content": "one two three"}]
    create = client.messages.create
    if not stream:
        whole = create(model=model, max_tokens=9, messages=asked, extra_body=fields)  # type: ignore[call-overload]
        assert whole.content[0].text == text(5)
        return
    events = create(  # type: ignore[call-overload]
        model=model, max_tokens=9, messages=asked, stream=True, extra_body=fields
    )
    said = [event.delta.text for event in events if event.type == "content_block_delta"]
    assert "".join(said) == text(5)
