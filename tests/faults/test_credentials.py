"""Credentials that end, under the whole gateway: renewed in time, missed without a word of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..credentials.desk import Desk
from ..gateway import Gateway
from ..upstream import ScriptedUpstream
from .checks import ask, assert_good, assert_refused, eventually, ref

ROLE = "arn:aws:iam::1:role/r"
SCOPE = "https://cognitiveservices.azure.com/.default"


@pytest.fixture
def desk() -> Iterator[Desk]:
    with Desk() as running:
        yield running


def started(upstream: ScriptedUpstream, folder: Path, desk: Desk, **settings: object) -> Gateway:
    """A gateway whose `b` and `i` take a role by web identity, and whose `z` has an application."""
    (folder / "token").write_text("web-identity-token")
    aws = {"region": "us-east-1"}
    gateway = Gateway(upstream.url, folder, **settings)
    for name in ("b", "i"):
        gateway.config["providers"][name]["aws"] = aws
    entra = {"tenant_id": "t", "client_id": "c", "client_secret": "the-secret-of-the-application"}
    azure = gateway.config["providers"]["z"]
    azure.pop("api_key")
    azure.pop("auth")
    azure["entra"] = entra | {"authority": desk.url}
    gateway.environment = {
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(folder / "token"),
        "AWS_ROLE_ARN": ROLE,
        "AWS_ENDPOINT_URL_STS": desk.url,
        "AWS_ACCESS_KEY_ID": "",
        "AWS_SECRET_ACCESS_KEY": "",
    }
    return gateway


def serve_all(desk: Desk, lives_s: float = 3600.0) -> None:
    desk.given.lives_s = lives_s
    desk.role("AssumeRoleWithWebIdentity", lambda asked: asked["RoleArn"] == ROLE)
    desk.entra("t", lambda asked: asked["scope"] == SCOPE)


def close_all(desk: Desk) -> None:
    desk.script.clear()


def test_roles_and_applications_are_renewed_while_requests_run(
    upstream: ScriptedUpstream, desk: Desk, tmp_path: Path
) -> None:
    serve_all(desk, lives_s=4)
    with started(upstream, tmp_path, desk) as gateway:

        def sent(provider: str, header: str) -> str:
            name = f"ok-1@{ref(provider)}"
            assert_good(ask(gateway, f"{provider}/{name}"), 1)
            [exchange] = upstream.of(name)
            return exchange.header(header) or ""

        first = {each: sent(each, "x-amz-security-token") for each in ("b", "i")}
        assert first["b"] == first["i"]  # one role, taken once
        assert first["b"].startswith("desk-session-")
        assert sent("z", "authorization").startswith("Bearer desk-session-")
        assert eventually(lambda: sent("b", "x-amz-security-token") != first["b"], 6)
        assert eventually(lambda: "desk-session" in sent("z", "authorization"), 1)
        log = gateway.log()
    assert "desk-secret" not in log
    assert "desk-session" not in log
    assert "the-secret-of-the-application" not in log


def test_an_ended_credential_is_a_503_that_tells_nothing_of_it(
    upstream: ScriptedUpstream, desk: Desk, tmp_path: Path
) -> None:
    serve_all(desk, lives_s=3)
    routes = {"next": {"targets": ["b/ok-1", "u/ok-2"]}}
    with started(upstream, tmp_path, desk, models=routes) as gateway:
        assert_good(ask(gateway, "b/ok-1"), 1)
        close_all(desk)

        def has_ended() -> bool:
            return all(ask(gateway, f"{each}/ok-1").status == 503 for each in ("b", "i", "z"))

        assert eventually(has_ended, 8)
        for provider in ("b", "i", "z"):
            name = f"ok-1@{ref('ended')}"
            got = ask(gateway, f"{provider}/{name}")
            assert_refused(got, 503, origin="gateway")
            assert got.code == "credential_unavailable"
            assert b"desk-" not in got.raw
            assert upstream.of(name) == []
        passed = ask(gateway, "next")
        assert_good(passed, 2)  # the next target answers
        assert "no new credential" in gateway.log()
        assert "desk-secret" not in gateway.log()
        serve_all(desk)
        assert eventually(lambda: ask(gateway, "b/ok-1").status == 200, 14)


def test_a_desk_that_does_not_answer_stalls_nobody(
    upstream: ScriptedUpstream, desk: Desk, tmp_path: Path
) -> None:
    serve_all(desk, lives_s=20)
    with started(upstream, tmp_path, desk) as gateway:
        assert_good(ask(gateway, "b/ok-1"), 1)
        desk.slow_s = 30
        given, asked = desk.given.number, len(desk.seen)
        assert eventually(lambda: len(desk.seen) > asked, 12)  # at the half of its life
        begun = time.monotonic()
        for _ in range(20):
            assert_good(ask(gateway, "b/ok-1"), 1)
        assert time.monotonic() - begun < 5
        assert desk.given.number == given


def test_a_desk_that_is_away_at_the_start_keeps_no_other_provider_from_serving(
    upstream: ScriptedUpstream, desk: Desk, tmp_path: Path
) -> None:
    close_all(desk)
    with started(upstream, tmp_path, desk) as gateway:
        assert_good(ask(gateway, "u/ok-2"), 2)
        assert_refused(ask(gateway, "b/ok-1"), 503, origin="gateway")
        assert "web identity: STS: status 404" in gateway.log()
