"""The listener in the core: one connection carries everything, and what is handed over says truly
who asks. What both fronts promise is in the fault tests, which run under each.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from ..client import Ask
from ..gateway import ADMIN_KEY, KEY, Gateway
from ..h2client import H2Client
from ..rawclient import RawClient, request_bytes

Start = Callable[..., Gateway]
NATIVE: dict[str, Any] = {"server": {"front": "native"}}


@pytest.fixture
def native(gateways: Start) -> Gateway:
    return gateways(**NATIVE)


def answers(raw: bytes) -> list[tuple[int, bytes]]:
    """Status and body of each answer in what a connection said; all with a content length."""
    found = []
    while raw:
        head, _, raw = raw.partition(b"\r\n\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        length = int(fields[b"content-length"])
        found.append((int(head.split(b" ")[1]), raw[:length]))
        raw = raw[length:]
    return found


def get(path: str, *headers: str) -> bytes:
    lines = [f"GET {path} HTTP/1.1", "host: gateway", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def test_one_connection_carries_models_lists_and_health(native: Gateway) -> None:
    ask = request_bytes(Ask("u/ok-3"), KEY)
    with RawClient(native.url) as client:
        client.send(ask + get("/health/live") + ask + get("/v1/models"))
        client.send(get("/v1/models", f"authorization: Bearer {KEY}", "connection: close"))
        got = answers(client.rest())
    assert [status for status, _ in got] == [200, 200, 200, 401, 200]
    assert [body.count(b'"completion_tokens"') for _, body in got] == [1, 0, 1, 0, 0]


@pytest.mark.parametrize("size", [1, 7, 4096])
def test_a_body_in_pieces_is_read_whole(native: Gateway, size: int) -> None:
    body = Ask("u/ok-3").content()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\nauthorization: Bearer {KEY}\r\n"
    with RawClient(native.url) as client:
        client.send(head.encode() + b"transfer-encoding: chunked\r\nconnection: close\r\n\r\n")
        for at in range(0, len(body), size):
            piece = body[at : at + size]
            client.send(b"%x\r\n%s\r\n" % (len(piece), piece))
        client.send(b"0\r\n\r\n")
        assert [status for status, _ in answers(client.rest())] == [200]


def test_an_old_client_gets_its_answer_and_the_end(native: Gateway) -> None:
    with RawClient(native.url) as client:
        client.send(request_bytes(Ask("u/ok-3"), KEY).replace(b"HTTP/1.1", b"HTTP/1.0", 1))
        raw = client.rest()
    assert raw.startswith(b"HTTP/1.0 200")
    assert b"completion_tokens" in raw


def test_nobody_chooses_the_address_that_it_is_known_by(own_gateway: Start) -> None:
    """Else wrong tries of the admin key would count for somebody else each time."""
    gateway = own_gateway(**NATIVE)

    def tried(number: int, key: str) -> int:
        headers = {
            "authorization": f"Bearer {key}",
            "x-sluicegate-ends": f"10.0.0.{number} 127.0.0.1 1",
        }
        return httpx.get(f"{gateway.url}/admin/v1/keys", headers=headers).status_code

    assert tried(0, ADMIN_KEY) == 200
    assert [tried(number, "wrong-" * 5) for number in range(1, 11)] == [401] * 10
    assert tried(11, ADMIN_KEY) == 429


def test_what_speaks_of_one_connection_ends_with_it(native: Gateway) -> None:
    """A field that `Connection` names is not the app's to see."""
    with RawClient(native.url) as client:
        client.send(
            get("/v1/models", f"authorization: Bearer {KEY}", "connection: authorization, close")
        )
        ((status, _),) = answers(client.rest())
    assert status == 401


def test_a_reader_that_stalls_loses_its_connection(gateways: Start) -> None:
    gateway = gateways(server={"front": "native", "write_stall_s": 1})
    ask = Ask("u/fault-flood-64", stream=True)
    with RawClient(gateway.url, receive_buffer=8192) as client:
        client.ask(ask, KEY)
        time.sleep(3)  # it reads nothing
        assert client.closed_within(5)
        assert b"[DONE]" not in client.received


def test_an_http2_connection_that_asks_for_nothing_ends_as_another_does(native: Gateway) -> None:
    with RawClient(native.url, timeout_s=25) as silent, H2Client(native.url) as other:
        silent.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0")
        one = other.ask(Ask("u/ok-1"), KEY)
        assert b"completion_tokens" in other.until(one, b"completion_tokens")
        goaway = b"\0\0\x08\7\0\0\0\0\0"
        assert goaway in silent.until(goaway), "it is told to go"
        two = other.ask(Ask("u/ok-1"), KEY)  # which has more time for its next
        assert b"completion_tokens" in other.until(two, b"completion_tokens")


def test_idle_connections_end_with_a_drain_and_running_streams_come_first(
    own_gateway: Start,
) -> None:
    gateway = own_gateway(**NATIVE)
    with RawClient(gateway.url) as idle, RawClient(gateway.url) as running:
        idle.send(get("/health/live"))
        idle.until(b"ok")
        running.ask(Ask("u/ok+n-100+itl-10", stream=True), KEY)
        running.until(b"data:")
        gateway.signal(signal.SIGTERM)
        assert idle.closed_within(2)
        assert b"[DONE]" in running.rest()
    assert gateway.process is not None
    assert gateway.process.wait(10) == 0
