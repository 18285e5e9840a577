"""Upstreams behind TLS, over HTTP/1.1 and HTTP/2: the server is real, and so are its certificates."""

import json
import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
import trustme

from tests.gateway import KEY, Gateway


def request(text: str, *, stream: bool) -> dict[str, object]:
    return {"model": "tls/m", "stream": stream, "messages": [{"role": "user", "content": text}]}


def ask(gateway: Gateway, *, stream: bool, text: str = "hi") -> httpx.Response:
    headers = {"authorization": f"Bearer {KEY}"}
    return httpx.post(
        f"{gateway.url}/v1/chat/completions",
        json=request(text, stream=stream),
        headers=headers,
        timeout=20,
    )


def providers(url: str) -> dict[str, object]:
    return {"tls": {"dialect": "openai", "base_url": url, "api_key": "none"}}


def test_answers_come_over_the_protocol_that_the_upstream_prefers(
    upstream: tuple[str, str],
    authority: tuple[trustme.CA, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url, protocol = upstream
    monkeypatch.setitem(os.environ, "SSL_CERT_FILE", str(authority[1]))
    (tmp_path / "gateway").mkdir()
    with Gateway("http://127.0.0.1:1", tmp_path / "gateway", providers=providers(url)) as gateway:
        for _ in range(3):  # the later ones reuse the connection
            whole = ask(gateway, stream=False)
            assert whole.status_code == 200, whole.text
            assert whole.json()["choices"][0]["message"]["content"] == protocol
            streamed = ask(gateway, stream=True)
            assert streamed.status_code == 200, streamed.text
            assert protocol in streamed.text
            assert streamed.text.rstrip().endswith("data: [DONE]")


def test_an_unknown_authority_is_a_502_and_nothing_is_sent(
    upstream: tuple[str, str], tmp_path: Path
) -> None:
    url, _ = upstream
    (tmp_path / "gateway").mkdir()
    with Gateway("http://127.0.0.1:1", tmp_path / "gateway", providers=providers(url)) as gateway:
        answer = ask(gateway, stream=False)
        assert answer.status_code == 502
        assert answer.json()["error"]["code"] == "upstream_connect_error"


@contextmanager
def trusting(
    url: str, authority: tuple[trustme.CA, Path], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Gateway]:
    """A gateway before the TLS server, whose authority it trusts."""
    monkeypatch.setitem(os.environ, "SSL_CERT_FILE", str(authority[1]))
    (folder / "gateway").mkdir()
    timeouts = {"first_byte_s": 10, "idle_s": 10}
    with Gateway(
        "http://127.0.0.1:1", folder / "gateway", providers=providers(url), timeouts=timeouts
    ) as gateway:
        yield gateway


@pytest.mark.parametrize("upstream", ["auto"], indirect=True, ids=["http2"])
def test_more_streams_than_one_connection_carries_do_not_wait_for_each_other(
    upstream: tuple[str, str],
    authority: tuple[trustme.CA, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The server lets 100 share a connection and answers none before all have come."""
    together = 150
    with trusting(upstream[0], authority, tmp_path, monkeypatch) as gateway:
        with ThreadPoolExecutor(together) as pool:
            text = f"together {together}"
            answers = list(
                pool.map(lambda _: ask(gateway, stream=True, text=text), range(together))
            )
        assert {answer.status_code for answer in answers} == {200}


@pytest.mark.parametrize("upstream", ["auto"], indirect=True, ids=["http2"])
def test_readers_that_stall_do_not_hold_up_others_on_the_same_connection(
    upstream: tuple[str, str],
    authority: tuple[trustme.CA, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with trusting(upstream[0], authority, tmp_path, monkeypatch) as gateway, ExitStack() as open_:
        for _ in range(12):
            open_.enter_context(stalled(gateway, request("flood", stream=True)))
        answer = ask(gateway, stream=True)
        assert answer.status_code == 200
        assert answer.text.rstrip().endswith("data: [DONE]")


@contextmanager
def stalled(gateway: Gateway, body: dict[str, object]) -> Iterator[None]:
    """A client that reads the head of its answer and then nothing."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(10)
        sock.connect(("127.0.0.1", gateway.port))
        content = json.dumps(body).encode()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\nauthorization: Bearer {KEY}\r\n"
        sock.sendall(head.encode() + b"content-length: %d\r\n\r\n" % len(content) + content)
        assert sock.recv(12) == b"HTTP/1.1 200"
        yield
