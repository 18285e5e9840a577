"""Who may read `/metrics`: this machine freely, others with the admin key."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from ..faults.checks import eventually
from ..gateway import ADMIN_KEY, KEY, Gateway, free_port

NOWHERE = "http://127.0.0.1:9"


def status(url: str, **headers: str) -> int:
    """Of a scrape."""
    try:
        return httpx.get(f"{url}/metrics", headers=headers, timeout=5).status_code
    except httpx.TransportError:
        return 0


def test_loopback_needs_no_key_and_looks_at_none(tmp_path: Path) -> None:
    with Gateway(NOWHERE, tmp_path) as gateway:
        for authorization in ("", "Bearer wrong", f"Bearer {ADMIN_KEY}"):
            assert all(status(gateway.url, authorization=authorization) == 200 for _ in range(12))


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, 401),
        ({"authorization": f"Bearer {ADMIN_KEY}"}, 200),
        ({"x-api-key": ADMIN_KEY}, 200),
        ({"authorization": f"Bearer {KEY}"}, 401),
        ({"authorization": f"Bearer {ADMIN_KEY}x"}, 401),
        ({"authorization": "Bearer é"}, 401),
        ({"authorization": f"Basic {ADMIN_KEY}"}, 401),
        ({"authorization": f"Bearer {ADMIN_KEY}", "x-api-key": KEY}, 400),
    ],
)
def test_a_public_listener_wants_the_admin_key(
    headers: dict[str, str], expected: int, tmp_path: Path
) -> None:
    with Gateway(NOWHERE, tmp_path, server={"host": "0.0.0.0"}) as gateway:
        answer = httpx.get(
            f"{gateway.url}/metrics",
            headers={name: value.encode() for name, value in headers.items()},
        )
        assert answer.status_code == expected
        if expected != 200:
            assert answer.json()["error"]["code"]
            assert "sluicegate_requests" not in answer.text
        assert httpx.get(f"{gateway.url}/health/ready").status_code == 200


def test_wrong_keys_are_bounded_as_those_of_the_admin_api(tmp_path: Path) -> None:
    with Gateway(NOWHERE, tmp_path, server={"host": "0.0.0.0", "workers": 2}) as gateway:
        got = [status(gateway.url, authorization=f"Bearer wrong-{n}") for n in range(12)]
        assert got == [401] * 10 + [429] * 2
        assert status(gateway.url, authorization=f"Bearer {ADMIN_KEY}") == 429


@pytest.mark.parametrize(("host", "without_key"), [("127.0.0.1", 200), ("0.0.0.0", 401)])
def test_the_admin_listener_has_them_too(host: str, without_key: int, tmp_path: Path) -> None:
    port = free_port()
    with Gateway(NOWHERE, tmp_path, admin={"host": host, "port": port}) as gateway:
        url = f"http://127.0.0.1:{port}"
        assert eventually(lambda: status(url) == without_key, 10)
        answer = httpx.get(f"{url}/metrics", headers={"authorization": f"Bearer {ADMIN_KEY}"})
        assert "\nsluicegate_workers 1\n" in answer.text
        assert status(gateway.url) == 200  # the gateway's own listener is loopback
