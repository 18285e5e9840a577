"""Access tokens of Google's: fetched before the first request, renewed before they end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import jwt

from sluicegate.config import load
from sluicegate.config.sources import GoogleSource

from ..faults.checks import ask, eventually, ref
from ..gateway import Gateway
from ..upstream import ScriptedUpstream, text
from ..upstream.connection import Connection
from ..upstream.exchange import Exchange
from ..upstream.framing import head
from ..upstream.loopback import LoopbackServer

AUDIENCE = "https://oauth2.googleapis.com/token"
ACCOUNT = "robot@project.iam.gserviceaccount.com"


class TokenServer(LoopbackServer):
    """Google's token endpoint: gives `token-1`, `token-2` ..., each for `lives_s`."""

    def __init__(self, public_key: bytes, lives_s: int) -> None:
        super().__init__()
        self.public_key, self.lives_s, self.given = public_key, lives_s, 0

    async def answer(self, connection: Connection, exchange: Exchange) -> None:
        """Only for an assertion that the account signed."""
        assertion = parse_qs(exchange.body.decode())["assertion"][0]
        claims = jwt.decode(assertion, certs=self.public_key, audience=AUDIENCE)
        assert claims["iss"] == ACCOUNT
        assert "cloud-platform" in claims["scope"]
        self.given += 1
        body = {"access_token": f"token-{self.given}-of-google", "expires_in": self.lives_s}
        data = json.dumps(body | {"token_type": "Bearer"}).encode()
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(data)))]
        await connection.send(head(200, "OK", headers) + data)


@pytest.fixture
def keys() -> tuple[str, bytes]:
    """A private key and its public one, PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private.decode(), public


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as running:
        yield running


def account_file(folder: Path, private_key: str, token_uri: str) -> Path:
    path = folder / "account.json"
    account = {
        "type": "service_account",
        "project_id": "project",
        "private_key_id": "k1",
        "private_key": private_key,
        "client_email": ACCOUNT,
        "token_uri": token_uri,
    }
    path.write_text(json.dumps(account))
    return path


def test_requests_carry_a_token_and_later_ones_the_next(
    upstream: ScriptedUpstream, keys: tuple[str, bytes], tmp_path: Path
) -> None:
    private, public = keys
    with TokenServer(public, lives_s=3) as google:
        path = account_file(tmp_path, private, f"{google.url}/token")
        provider = {
            "dialect": "gemini",
            "base_url": f"{upstream.url}/v1beta",
            "google_credentials": str(path),
        }
        gateway = Gateway(upstream.url, tmp_path, providers={"mine": provider})
        with gateway:
            first = f"ok-5@{ref('first')}"
            got = ask(gateway, f"mine/{first}")
            assert (got.status, got.text) == (200, text(5))
            [exchange] = upstream.of(first)
            sent = exchange.header("authorization") or ""
            assert sent.startswith("Bearer token-")
            assert exchange.header("x-goog-api-key") is None

            def has_next() -> bool:
                name = f"ok-1@{ref('next')}"
                assert ask(gateway, f"mine/{name}", stream=True).status == 200
                return upstream.of(name)[0].header("authorization") not in {sent, None}

            assert eventually(has_next, 5)
        assert google.given >= 2
        assert google.log.anomalies == []
        assert "of-google" not in gateway.log()


@pytest.mark.parametrize(
    ("provider", "wanted"),
    [
        ("vertex: {settings: {project: p, location: us-central1}}", ""),
        ("vertex: {settings: {project: p, location: us-central1}, google_credentials: f}", "f"),
        ("vertex: {settings: {project: p, location: us-central1}, api_key: some-token-01}", None),
    ],
)
def test_a_provider_on_vertex_without_a_key_has_googles_credentials(
    tmp_path: Path, provider: str, wanted: str | None
) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(f"auth: none\nproviders: {{{provider}}}")
    path.chmod(0o600)
    source = None if wanted is None else GoogleSource(wanted)
    assert load(path).upstreams["vertex"].source == source
