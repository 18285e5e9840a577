"""The scripted upstream itself: if it lies, every fault test lies."""

import json
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from . import ScriptedUpstream, text, token
from .before import LEAKY_HEADERS
from .behaviours import ENDING

PATHS = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}


@pytest.fixture(scope="module")
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as running:
        yield running


def _request(model: str, *, stream: bool = True, dialect: str = "openai") -> bytes:
    body = json.dumps(
        {
            "model": model,
            "stream": stream,
            "stream_options": {"include_usage": True},
            "messages": [{"role": "user", "content": "one two three"}],
        }
    ).encode()
    head = f"POST {PATHS[dialect]} HTTP/1.1\r\nHost: u\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _connect(upstream: ScriptedUpstream) -> socket.socket:
    host, _, port = upstream.url.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout=5)


def _read(sock: socket.socket, until: bytes = b"") -> tuple[bytes, str]:
    """All bytes up to `until` or the end, and how it ended: seen | fin | reset."""
    out = b""
    while True:
        try:
            data = sock.recv(1 << 16)
        except ConnectionResetError:
            return out, "reset"
        if not data:
            return out, "fin"
        out += data
        if until and until in out:
            return out, "seen"


def _wait(condition: object, seconds: float = 2.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():  # type: ignore[operator]
            return True
        time.sleep(0.005)
    return False


@pytest.mark.parametrize("dialect", PATHS)
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("model", ENDING)
def test_every_part_of_the_vocabulary_ends(
    upstream: ScriptedUpstream, model: str, stream: bool, dialect: str
) -> None:
    with _connect(upstream) as sock:
        sock.sendall(_request(model, stream=stream, dialect=dialect))
        sock.settimeout(0.06)
        try:
            out, _ = _read(sock)
        except TimeoutError:
            out = b"kept alive"
        assert out or "before-response" in model
    assert not upstream.log.anomalies


def test_tokens_are_one_token_each_in_o200k(corpora: Path | None) -> None:
    if corpora is None:
        pytest.skip("SLUICEGATE_CORPORA is not there: o200k ranks needed")
    tiktoken = pytest.importorskip("tiktoken")
    import base64
    import gzip

    folder = corpora / "tokenizer"
    meta = json.loads((folder / "encodings.json").read_text())["o200k_base"]
    lines = gzip.decompress((folder / "o200k_base.tiktoken.gz").read_bytes()).splitlines()
    ranks = {base64.b64decode(a): int(b) for a, b in (line.split() for line in lines)}
    pattern = meta.get("pat_str") or meta.get("pattern") or meta.get("split_pattern")
    coding = tiktoken.Encoding("o200k", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})
    for count in (1, 5, 200):
        assert len(coding.encode_ordinary(text(count))) == count


@pytest.mark.parametrize(
    ("model", "ending", "terminated"),
    [
        ("fault-midstream-reset-after-5", "reset", False),
        ("fault-midstream-fin-after-5", "fin", False),
        ("fault-midstream-bad-chunk-after-5", "fin", False),
        ("fault-midstream-clean-end-after-5", "seen", True),
    ],
)
def test_midstream_cuts_send_exactly_five_tokens(
    upstream: ScriptedUpstream, model: str, ending: str, terminated: bool
) -> None:
    with _connect(upstream) as sock:
        sock.sendall(_request(model + "@cut"))
        out, how = _read(sock, b"\r\n0\r\n\r\n")
    assert how == ending
    assert out.endswith(b"0\r\n\r\n") is terminated
    assert b"[DONE]" not in out
    assert [token(i).encode() in out for i in range(6)] == [True] * 5 + [False]
    assert upstream.of(model + "@cut")[0].tokens_sent == 5


@pytest.mark.parametrize("how", ["fin", "reset"])
def test_a_client_that_leaves_is_noticed(upstream: ScriptedUpstream, how: str) -> None:
    model = f"ok+n-500+itl-5@leave-{how}"
    with _connect(upstream) as sock:
        sock.sendall(_request(model))
        _read(sock, token(5).encode())
        if how == "reset":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    left = time.monotonic()
    assert _wait(lambda: upstream.of(model)[0].cancelled)
    seen = upstream.of(model)[0]
    assert seen.cancelled is not None
    assert seen.cancelled - left < 0.1
    assert 5 <= seen.tokens_sent < 30
    assert seen.finished is None


def test_a_hanging_upstream_notices_the_close(upstream: ScriptedUpstream) -> None:
    with _connect(upstream) as sock:
        sock.sendall(_request("fault-hang@bye"))
        assert _wait(lambda: upstream.of("fault-hang@bye"))
    assert _wait(lambda: upstream.of("fault-hang@bye")[0].cancelled)


def test_a_reader_that_stops_is_measured(upstream: ScriptedUpstream) -> None:
    model = "fault-flood-64@slow"
    with _connect(upstream) as sock:
        sock.sendall(_request(model))
        time.sleep(0.5)
        before = upstream.of(model)[0].bytes_sent
        assert before < 32 << 20
    assert _wait(lambda: upstream.of(model)[0].cancelled)


def test_attempts_count_per_name_and_heal(upstream: ScriptedUpstream) -> None:
    url = upstream.url + PATHS["openai"]
    body = {"messages": [], "model": "fault-503-then-ok-2@heal"}
    got = [httpx.post(url, json=body).status_code for _ in range(4)]
    assert got == [503, 503, 200, 200]
    assert upstream.stats("fault-503-then-ok-2@heal").attempts == 4
    assert upstream.stats("fault-503-then-ok-2").requests == 4


def test_split_utf8_and_byte_by_byte_carry_the_plain_bytes(upstream: ScriptedUpstream) -> None:
    bodies = {
        model: httpx.post(
            upstream.url + PATHS["openai"],
            json={"model": model + "+n-7", "stream": True, "messages": []},
        ).text
        for model in ("utf8", "fault-split-utf8", "fault-byte-by-byte")
    }
    texts = {name: _text(body) for name, body in bodies.items()}
    assert set(texts.values()) == {ScriptedUpstream.text("utf8+n-7")}


def _text(body: str) -> str:
    out = ""
    for line in body.splitlines():
        if line.startswith("data: {"):
            for choice in json.loads(line[6:])["choices"]:
                out += choice["delta"].get("content") or ""
    return out


def test_surplus_bytes_and_stale_connections(upstream: ScriptedUpstream) -> None:
    with _connect(upstream) as sock:
        sock.sendall(_request("fault-extra-response", stream=False))
        out, _ = _read(sock, b"POISONED")
        assert out.count(b"HTTP/1.1 200") == 2
    with _connect(upstream) as sock:
        sock.sendall(_request("fault-stale-keepalive", stream=False))
        assert _read(sock)[1] == "fin"
    with _connect(upstream) as sock:
        sock.sendall(_request("fault-stale-keepalive-reset", stream=False))
        _read(sock, b'"total_tokens"')
        time.sleep(0.05)
        sock.sendall(b"P")
        assert _read(sock)[1] == "reset"


def test_traps_canaries_and_anomalies_are_recorded() -> None:
    with ScriptedUpstream() as upstream:
        upstream.log.canaries.add("sk-client-secret")
        httpx.post(upstream.url + "/trap/x", headers={"authorization": "Bearer sk-client-secret"})
        httpx.get(upstream.url + "/nowhere")
        with _connect(upstream) as sock:
            sock.sendall(b"POST /v1/messages HTTP/1.1\r\nContent-Length: 1\r\n")
            sock.sendall(b"Content-Length: 2\r\n\r\nxx")
            assert b"400" in _read(sock)[0]
        assert len(upstream.log.trap_hits) == 1
        assert len(upstream.log.unrouted) == 1
        assert upstream.log.canary_hits == ["sk-client-secret in header authorization"]
        assert upstream.log.anomalies == ["ambiguous framing"]


def test_marked_headers_and_informational_responses(upstream: ScriptedUpstream) -> None:
    with _connect(upstream) as sock:
        sock.sendall(_request("fault-setcookie+fault-informational", stream=False))
        out, _ = _read(sock, b'"total_tokens"')
    assert out.count(b"HTTP/1.1 103") == 2
    for name, value in LEAKY_HEADERS:
        assert f"{name}: {value}".encode() in out


def test_a_bomb_is_small_on_the_wire(upstream: ScriptedUpstream) -> None:
    with _connect(upstream) as sock:
        sock.sendall(_request("fault-gzip-bomb-256"))
        out, _ = _read(sock, b"\r\n0\r\n\r\n")
    assert len(out) < 1 << 20
