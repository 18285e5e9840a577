"""A TLS server with real certificates, and a gateway that trusts them."""

import json
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.gateway import free_port

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
    command += [
        "--http",
        request.param,
        "--http2-max-concurrent-streams",
        "100",
        "--no-ws",
        "--ssl-certificate",
        str(tmp_path / "cert.pem"),
    ]
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
