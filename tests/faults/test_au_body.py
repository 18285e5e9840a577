"""AU-01: who has no key of ours is refused by the head of a request; its body is neither awaited nor
kept, and a client that sends all of it first sees the answer all the same.
"""

from __future__ import annotations

import http.client
import json
import time

import httpx
import pytest

from ..client import Ask
from ..gateway import KEY, OTHER_KEY, Gateway
from ..rawclient import RawClient, request_bytes
from ..upstream import ScriptedUpstream
from .checks import ref
from .conftest import Start

MiB = 2**20
#: Long before the gateway loses patience with a body.
AT_ONCE_S = 2.0
LARGE = json.dumps({"model": "u/ok-1", "messages": [], "user": "x" * (16 * MiB)}).encode()

WRONG = {
    "none": "x-other: 1",
    "another-scheme": f"authorization: Basic {KEY}",
    "empty": "authorization: Bearer ",
    "unknown": "authorization: Bearer sluicegate-test-key-of-nobody",
    "in-another-place": "x-api-key: sluicegate-test-key-of-nobody",
}
PATHS = ["/v1/chat/completions", "/v1/messages", "/v1/embeddings"]


def head(path: str, line: str, length: int, *more: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "host: g", line, f"content-length: {length}", *more]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_au_01_a_body_without_a_key_is_not_waited_for(
    gateway: Gateway, path: str, wrong: str
) -> None:
    for begun in (b"", b'{"model": "u/ok-1", "mess'):
        with RawClient(gateway.url, timeout_s=AT_ONCE_S) as client:
            client.send(head(path, wrong, 2 * len(begun) + 100) + begun)
            said = client.until(b'"invalid_api_key"')
            assert said.startswith(b"HTTP/1.1 401 "), said
            assert b'"invalid_api_key"' in said


def test_au_01_different_keys_are_told_before_the_body(gateway: Gateway) -> None:
    with RawClient(gateway.url, timeout_s=AT_ONCE_S) as client:
        client.send(head(PATHS[0], f"authorization: Bearer {KEY}", 100, f"x-api-key: {OTHER_KEY}"))
        assert client.until(b"different credentials").startswith(b"HTTP/1.1 400 ")


def test_au_01_a_good_key_has_its_body_waited_for(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    name = f"ok-1@{ref('au01')}"
    whole = request_bytes(Ask(f"u/{name}"), KEY)
    with RawClient(gateway.url) as client:
        client.send(whole[:-20])
        time.sleep(0.3)
        assert upstream.of(name) == []
        client.send(whole[-20:])
        assert client.until(b"\r\n\r\n").startswith(b"HTTP/1.1 200 ")


def test_au_01_bodies_without_a_key_take_no_memory(own_gateway: Start) -> None:
    """Each would be held whole until its last byte, which never comes."""
    gateway = own_gateway()
    before = gateway.rss_bytes()
    clients = [RawClient(gateway.url) for _ in range(8)]
    try:
        for client in clients:
            client.send(head(PATHS[0], WRONG["unknown"], 20 * MiB) + b" " * (16 * MiB))
        for client in clients:
            assert client.until(b'"invalid_api_key"').startswith(b"HTTP/1.1 401 ")
        assert gateway.rss_bytes() - before < 4 * 16 * MiB
    finally:
        for client in clients:
            client.fin()


# clients that send all before they look


def test_au_01_a_client_of_httpx_sees_the_401_behind_a_large_body(gateway: Gateway) -> None:
    for _ in range(5):
        got = httpx.post(
            f"{gateway.url}{PATHS[0]}",
            headers={"authorization": "Bearer nobody"},
            content=LARGE,
            timeout=20,
        )
        assert (got.status_code, got.json()["error"]["code"]) == (401, "invalid_api_key")


def test_au_01_a_client_of_the_standard_library_sees_it_too(gateway: Gateway) -> None:
    for _ in range(5):
        client = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=20)
        client.request("POST", PATHS[0], LARGE, {"authorization": "Bearer nobody"})
        assert client.getresponse().status == 401
        client.close()


def test_a_body_that_is_too_large_is_answered_and_not_reset(gateways: Start) -> None:
    """As long as it is not much too large: nobody reads without end."""
    gateway = gateways(server={"max_body_bytes": 12 * MiB})
    for _ in range(5):
        client = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=20)
        client.request("POST", PATHS[0], LARGE, {"authorization": f"Bearer {KEY}"})
        assert client.getresponse().status == 413
        client.close()


def test_au_01_the_connection_serves_on_once_the_body_is_out(gateway: Gateway) -> None:
    with RawClient(gateway.url) as client:
        client.send(head(PATHS[0], WRONG["unknown"], 1000) + b" " * 400)
        assert client.until(b'"invalid_api_key"').startswith(b"HTTP/1.1 401 ")
        client.send(b" " * 600 + request_bytes(Ask("u/ok-1"), KEY))
        assert b"HTTP/1.1 200 " in client.until(b"HTTP/1.1 200 ")


def test_au_01_a_client_that_asks_first_is_told_instead_of_sending(gateway: Gateway) -> None:
    with RawClient(gateway.url, timeout_s=AT_ONCE_S) as client:
        client.send(head(PATHS[0], WRONG["unknown"], MiB, "expect: 100-continue"))
        assert client.until(b'"invalid_api_key"').startswith(b"HTTP/1.1 401 ")
        assert client.closed_within(AT_ONCE_S)
