"""Bedrock over sockets: signed requests, binary messages broken everywhere, its errors."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from botocore.eventstream import EventStreamBuffer

from .. import signing
from ..client import Ask
from ..gateway import UPSTREAM_KEYS, Gateway
from ..upstream import ScriptedUpstream, bedrock, text
from ..upstream.exchange import Exchange
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

PROMPT = 3
KEY_ID = "AKIDEXAMPLE"
clients = pytest.mark.parametrize("dialect", ["openai", "openai_responses", "anthropic", "gemini"])


def signature(exchange: Exchange, token: str | None = None, provider: str = "b") -> str:
    """As a provider of the tests signs."""
    return signing.signature(exchange, KEY_ID, UPSTREAM_KEYS[provider], token)


@forms
@pytest.mark.parametrize(
    "model",
    ["ok-5@{}", "ok-5@arn:aws:bedrock:us-east-1:1:inference-profile/us.amazon.x-v1:0/{}"],
    ids=["plain", "arn"],
)
def test_a_request_is_signed_as_awss_own_sdk_signs_it(
    gateway: Gateway, upstream: ScriptedUpstream, model: str, stream: bool
) -> None:
    name = model.format(ref("sign"))
    assert_good(ask(gateway, f"b/{name}", stream=stream), 5)
    [exchange] = upstream.of(name)
    assert exchange.header("authorization") == signature(exchange)
    at = datetime.fromisoformat(exchange.header("x-amz-date") or "")
    assert abs(datetime.now(UTC) - at) < timedelta(minutes=1)
    wanted = bedrock.CONTENT_TYPE if stream else "application/json"
    assert exchange.header("accept") == wanted
    assert "model" not in exchange.json
    assert UPSTREAM_KEYS["b"] not in str(exchange.headers)


def test_temporary_credentials_send_their_token(
    own_gateway: Start, upstream: ScriptedUpstream
) -> None:
    gateway = own_gateway(providers={"b": {"aws": {"session_token": "temporary-token-0123"}}})
    name = f"ok-1@{ref('session')}"
    assert_good(ask(gateway, f"b/{name}"), 1)
    [exchange] = upstream.of(name)
    assert exchange.header("x-amz-security-token") == "temporary-token-0123"
    assert exchange.header("authorization") == signature(exchange, "temporary-token-0123")


def test_a_key_of_bedrocks_own_is_a_bearer_token(
    own_gateway: Start, upstream: ScriptedUpstream
) -> None:
    gateway = own_gateway(providers={"b": {"api_key": "bedrock-api-key-0123"}})
    name = f"ok-1@{ref('bearer')}"
    assert_good(ask(gateway, f"b/{name}"), 1)
    [exchange] = upstream.of(name)
    assert exchange.header("authorization") == "Bearer bedrock-api-key-0123"
    assert exchange.header("x-amz-date") is None


@clients
@forms
def test_every_client_reads_text_thoughts_calls_and_usage(
    gateway: Gateway, dialect: str, stream: bool
) -> None:
    got = ask(gateway, f"b/fault-usage-cached@{ref('cache')}", dialect=dialect, stream=stream)
    assert got.text == text(10)
    row = gateway.rows(got.ref)[0]
    assert_row(row, outcome="ok", basis="reported", upstream_dialect="bedrock")
    assert_row(row, input_tokens=PROMPT + 1000, cached_input_tokens=600, output_tokens=10)
    assert row["upstream_request_id"].startswith("up-")
    for name in ("ok-tools", "fault-reasoning"):
        got = ask(gateway, f"b/{name}@{ref('parts')}", dialect=dialect, stream=stream)
        assert got.status == 200
        assert got.error is None
        assert_row(gateway.rows(got.ref)[0], outcome="ok", basis="reported")


@clients
def test_st_05_an_exception_among_the_events_is_an_error_in_the_clients_dialect(
    gateway: Gateway, dialect: str
) -> None:
    name = f"b/fault-error-event-after-3@{ref('st05')}"
    got = ask(gateway, name, dialect=dialect, stream=True)
    assert_cut(got, 3)
    assert got.error is not None
    assert "scripted failure" in got.error["message"]
    row = gateway.rows(got.ref)[0]
    assert_row(row, output_tokens=3, basis="counted", outcome="error", cost_usd=cost(PROMPT, 3))


@clients
@pytest.mark.parametrize("how", ["reset", "fin", "clean-end", "bad-chunk"])
def test_st_01_a_stream_cut_behind_any_token_is_an_error(
    gateway: Gateway, dialect: str, how: str
) -> None:
    what = [
        Ask(f"b/fault-midstream-{how}-after-{count}@{ref('st01')}", dialect=dialect, stream=True)
        for count in range(1, 8)
    ]
    for count, got in enumerate(asks(gateway, what), 1):
        assert_cut(got, count)


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ("fault-400", 400),
        ("fault-403", 502),
        ("fault-429-retryafter-3", 429),
        ("fault-500", 502),
        ("fault-context-length", 400),
    ],
)
@pytest.mark.parametrize("provider", ["b", "i"])
@clients
def test_up_errors_of_bedrock_are_told_in_the_clients_dialect(
    gateway: Gateway, dialect: str, provider: str, fault: str, status: int
) -> None:
    got = ask(gateway, f"{provider}/{fault}@{ref('up')}", dialect=dialect)
    assert_refused(got, status)
    if fault == "fault-400":  # AWS's own word for it, which stands in the head alone
        assert got.code == "ValidationException"
    if fault == "fault-context-length":
        assert got.code == "context_length"


def test_the_scripted_messages_are_what_awss_own_sdk_reads() -> None:
    buffer = EventStreamBuffer()
    buffer.add_data(bedrock.event("metadata", b"{}") + bedrock.event("xException", b"[]"))
    event, error = buffer
    assert (event.headers[":event-type"], event.payload) == ("metadata", b"{}")
    assert (error.headers[":exception-type"], error.payload) == ("xException", b"[]")
