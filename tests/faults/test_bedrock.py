"""Bedrock over sockets: signed requests and other credentials. What holds of all hosts is in
`test_hosts.py`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from botocore.eventstream import EventStreamBuffer

from .. import signing
from ..gateway import UPSTREAM_KEYS, Gateway
from ..upstream import ScriptedUpstream, bedrock
from ..upstream.exchange import Exchange
from .checks import ask, assert_good, assert_refused, forms, ref
from .conftest import Start

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
