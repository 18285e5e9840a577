"""Upstreams behind TLS, over HTTP/1.1 and HTTP/2: the server is real, and so are its certificates."""

import json
import os
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import trustme

from tests.gateway import KEY, Gateway, free_port

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[trustme.CA, Path]:
    ca = trustme.CA()
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    ca.cert_pem.write_to_path(path)
    return ca, path


@pytest.fixture(params=["1", "auto"], ids=["http1", "http2"])
def upstream(
    request: pytest.FixtureRequest, authority: tuple[trustme.CA, Path], tmp_path: Path
) -> Iterator[tuple[str, str]]:
    """URL, and the protocol that the server offers first."""
    ca, ca_path = authority
    cert = ca.issue_cert("localhost")
    cert.private_key_pem.write_to_path(tmp_path / "raw.pem")
    # Granian wants PKCS #8.
    subprocess.run(
        ["openssl", "pkcs8", "-topk8", "-nocrypt", "-in", "raw.pem", "-out", "key.pem"],
        cwd=tmp_path,
        check=True,
    )
    chain = b"".join(blob.bytes() for blob in cert.cert_chain_pems)
    (tmp_path / "cert.pem").write_bytes(chain)
    port = free_port()
    command = [sys.executable, "-m", "granian", "--interface", "asginl", "--port", str(port)]
    command += ["--http", request.param, "--no-ws", "--ssl-certificate", str(tmp_path / "cert.pem")]
    command += ["--ssl-keyfile", str(tmp_path / "key.pem"), "tests.transport.tls_app:app"]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT
    )
    url = f"https://localhost:{port}"
    try:
        wait_until_up(url, ca_path)
        yield url, "HTTP/1.1" if request.param == "1" else "HTTP/2"
    finally:
        process.terminate()
        process.wait(10)


def wait_until_up(url: str, ca_path: Path) -> None:
    context = ssl.create_default_context(cafile=str(ca_path))
    body = json.dumps({"stream": False}).encode()
    for _ in range(200):
        try:
            with urllib.request.urlopen(url, data=body, context=context, timeout=5):
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("the TLS upstream did not start")


def ask(gateway: Gateway, *, stream: bool) -> httpx.Response:
    body = {"model": "tls/m", "stream": stream, "messages": [{"role": "user", "content": "hi"}]}
    headers = {"authorization": f"Bearer {KEY}"}
    return httpx.post(f"{gateway.url}/v1/chat/completions", json=body, headers=headers, timeout=10)


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
