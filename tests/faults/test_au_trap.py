"""AU-07: no request says where the gateway sends it."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from ..gateway import KEY, UPSTREAM_KEYS, Gateway
from ..rawclient import RawClient
from ..upstream import ScriptedUpstream
from .checks import ask, assert_good, ref
from .conftest import Start


class Trap:
    """A port that nobody has a reason to connect to; what comes is kept."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self._sock = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = int(self._sock.getsockname()[1])
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._sock.accept()
                connection.settimeout(0.2)
                with connection, suppress(OSError):
                    self.heard.append(b"connected")
                    self.heard.append(connection.recv(65536))
                    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")

    def close(self) -> None:
        self._sock.close()


@pytest.fixture(scope="module")
def trap() -> Iterator[Trap]:
    one = Trap()
    yield one
    one.close()


def urls(port: int) -> dict[str, str]:
    """The trap's address in every spelling that some parser takes for it."""
    return {
        "plain": f"http://127.0.0.1:{port}/v1",
        "name": f"http://localhost:{port}/v1",
        "decimal": f"http://2130706433:{port}/v1",
        "octal": f"http://0177.0.0.1:{port}/v1",
        "hexadecimal": f"http://0x7f.0.0.1:{port}/v1",
        "short": f"http://127.1:{port}/v1",
        "mapped": f"http://[::ffff:127.0.0.1]:{port}/v1",
        "any address": f"http://0.0.0.0:{port}/v1",
        "userinfo": f"http://api.openai.com@127.0.0.1:{port}/v1",
        "userinfo and password": f"http://u:p@127.0.0.1:{port}/v1",
        "backslash": f"http://api.openai.com\\@127.0.0.1:{port}/v1",
        "fragment": f"http://127.0.0.1:{port}#@api.openai.com/",
        "encoded": f"http://%31%32%37.0.0.1:{port}/v1",
        "no scheme": f"127.0.0.1:{port}",
        "two slashes": f"//127.0.0.1:{port}/v1",
        "gopher": f"gopher://127.0.0.1:{port}/_POST",
        "file": "file:///etc/passwd",
        "metadata": "http://169.254.169.254/latest/meta-data/",
        "rebinding": f"http://127.0.0.1.nip.io:{port}/v1",
    }


#: where other gateways and SDKs have let a request name its upstream
FIELDS = [
    "api_base",
    "base_url",
    "apiBase",
    "baseURL",
    "api_url",
    "endpoint",
    "custom_host",
    "host",
    "proxy",
    "url",
    "azure_endpoint",
    "callback_url",
    "webhook_url",
]
NESTED = ["litellm_params", "extra_body", "metadata", "provider", "headers", "model_info", "config"]
HEADERS = [
    "x-portkey-custom-host",
    "x-custom-host",
    "x-sluicegate-custom-host",
    "x-sluicegate-base-url",
    "x-base-url",
    "x-api-base",
    "x-openai-base-url",
    "x-forwarded-host",
    "x-forwarded-server",
    "x-host",
    "x-original-url",
    "x-original-host",
    "x-rewrite-url",
    "x-http-host-override",
    "x-upstream",
    "x-proxy",
    "helicone-target-url",
    "helicone-openai-api-base",
    "cf-aig-custom-host",
    "forwarded",
    "via",
    "location",
    "proxy",
]
QUERY = ["api_base", "base_url", "url", "host", "endpoint", "proxy", "next", "redirect"]


def payloads(port: int, model: str) -> Iterator[tuple[str, str, dict[str, Any], list[str]]]:
    """(what, target, body, header lines) of each request."""
    plain = {"model": model, "messages": [{"role": "user", "content": "one two three"}]}
    path = "/v1/chat/completions"
    for spelling, url in urls(port).items():
        for field in FIELDS:
            yield f"{field} {spelling}", path, {**plain, field: url}, []
        everywhere = dict.fromkeys(FIELDS, url)
        for field in NESTED:
            yield f"{field}.* {spelling}", path, {**plain, field: everywhere}, []
        for name in HEADERS:
            yield f"{name} {spelling}", path, plain, [f"{name}: {url}"]
        for name in QUERY:
            yield f"?{name} {spelling}", f"{path}?{name}={url}", plain, []
        for name in (url, f"u/{url}", f"{url}/ok-1", f"u@{url}", f"../{url}"):
            yield f"model {name}", path, {**plain, "model": name}, []
        part = {"type": "image_url", "image_url": {"url": url}}
        content = [{"type": "text", "text": "one two three"}, part]
        seen = {**plain, "messages": [{"role": "user", "content": content}]}
        yield f"picture {spelling}", path, seen, []
    authority = f"127.0.0.1:{port}"
    for host in (authority, f"gateway@{authority}", f"gateway:80@{authority}", f"{authority}#"):
        yield f"host {host}", path, plain, [f"host: {host}"]
        yield f"absolute {host}", f"http://{host}{path}", plain, []
        yield f"path {host}", f"//{host}{path}", plain, []


def _sent(gateway: Gateway, target: str, body: dict[str, Any], lines: list[str]) -> bytes:
    content = json.dumps(body).encode()
    host = [] if any(line.startswith("host:") for line in lines) else ["host: gateway"]
    head = [
        f"POST {target} HTTP/1.1",
        *host,
        f"authorization: Bearer {KEY}",
        "content-type: application/json",
        f"content-length: {len(content)}",
        "connection: close",
        *lines,
    ]
    with RawClient(gateway.url) as client:
        client.send("\r\n".join(head).encode() + b"\r\n\r\n" + content)
        return client.rest()


def test_the_trap_hears(trap: Trap) -> None:
    with RawClient(f"http://127.0.0.1:{trap.port}") as client:
        client.send(b"GET / HTTP/1.1\r\n\r\n")
        assert client.until(b"{}").endswith(b"{}")
    assert trap.heard == [b"connected", b"GET / HTTP/1.1\r\n\r\n"]
    trap.heard.clear()


def test_au_07_nothing_in_a_request_says_where_it_goes(
    gateways: Start, upstream: ScriptedUpstream, trap: Trap
) -> None:
    """Every place x every spelling: ignored or refused, and nobody knocks at the trap."""
    gateway = gateways(timeouts={"first_byte_s": 1, "total_s": 2})
    before = len(upstream.log.trap_hits)
    name = f"ok-1@{ref('au07')}"
    every = list(payloads(trap.port, f"u/{name}"))
    assert len(every) > 1000
    answered = 0
    for what, target, body, lines in every:
        said = _sent(gateway, target, body, lines)
        status = int(said[9:12])
        assert status in {200, 400, 404}, (what, said[:300])
        assert b"root:x:0" not in said, what
        answered += status == 200
        assert trap.heard == [], what
    assert answered > len(every) // 2, "what names no upstream is ignored and answered"
    assert len(upstream.of(name)) == answered
    assert len(upstream.log.trap_hits) == before
    for exchange in upstream.of(name):
        sent = {header.lower() for header, _ in exchange.headers}
        assert not sent & set(HEADERS), sent
        assert "?" not in exchange.path


@pytest.mark.parametrize("method", ["CONNECT", "TRACE", "GET", "PUT", "OPTIONS"])
def test_au_07_it_is_no_proxy(gateway: Gateway, trap: Trap, method: str) -> None:
    for target in (f"127.0.0.1:{trap.port}", f"http://127.0.0.1:{trap.port}/", "*", "/"):
        with RawClient(gateway.url) as client:
            head = f"{method} {target} HTTP/1.1\r\nhost: 127.0.0.1:{trap.port}\r\n"
            client.send(f"{head}authorization: Bearer {KEY}\r\nconnection: close\r\n\r\n".encode())
            said = client.rest(2)
        assert not said.startswith(b"HTTP/1.1 2"), said
    assert trap.heard == []


def test_au_07_the_environment_sends_nothing_elsewhere(
    upstream: ScriptedUpstream, trap: Trap, tmp_path: Path
) -> None:
    """Variables that HTTP libraries obey unasked: a provider's key would go to whoever set them."""
    address = f"http://127.0.0.1:{trap.port}"
    proxies = ("http_proxy", "https_proxy", "all_proxy")
    bases = ("OPENAI_BASE_URL", "OPENAI_API_BASE", "ANTHROPIC_BASE_URL")
    gateway = Gateway(upstream.url, tmp_path)
    gateway.environment = {
        **dict.fromkeys([*proxies, *map(str.upper, proxies), *bases], address),
        "no_proxy": "",
        "NO_PROXY": "",
    }
    with gateway:
        for model, dialect in (("u/ok-3", "openai"), ("a/ok-3", "anthropic"), ("a/ok-3", "openai")):
            assert_good(ask(gateway, model, dialect=dialect), 3)
    assert trap.heard == []


@pytest.mark.parametrize("kind", ["fault-redirect", "fault-redirect-metadata"])
def test_au_07_a_redirect_is_not_followed(
    gateway: Gateway, upstream: ScriptedUpstream, kind: str
) -> None:
    before = len(upstream.log.trap_hits)
    got = ask(gateway, f"u/{kind}@{ref('au07')}")
    assert (got.status, got.code) == (502, "upstream_redirect")
    assert len(upstream.log.trap_hits) == before
    assert not [key for key in UPSTREAM_KEYS.values() if key.encode() in got.raw]
