"""DB-04, DB-05: keys of a store that cannot be read are served for a bounded time, then refused as our
own fault; keys of the configuration file go on.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import httpx
import pytest

from ..client import Ask, Got
from ..gateway import Gateway
from ..postgres import Server
from .checks import ask, asks, assert_good, assert_refused, eventually
from .conftest import Start
from .test_db_04 import UNKNOWN_KEY, minted

#: The default is a minute.
WINDOW_S = 3.0
#: A poll, and the longest that one waits for a store which does not answer.
NOTICED_S = 0.25 + 1.25
#: What a busy machine adds.
SLACK_S = 2.0

Away = Callable[[Gateway], AbstractContextManager[None]]


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@contextmanager
def _shut(gateway: Gateway) -> Iterator[None]:
    """Another process holds every lock that readers of SQLite's write-ahead log need: they retry for
    ten seconds before they give up, so whoever polls hangs."""
    index = gateway.folder / "data" / "sluicegate.sqlite-shm"
    with index.open("r+b") as file:
        fcntl.lockf(file, fcntl.LOCK_EX, 8, 120)  # https://sqlite.org/walformat.html, 2.3
        yield


@pytest.fixture(params=["postgres-frozen", "postgres-stopped", "sqlite-locked"])
def store(request: pytest.FixtureRequest) -> tuple[str, Away]:
    """The URL of a store, and what takes it out of reach."""
    if request.param == "sqlite-locked":
        return "sqlite", _shut
    server: Server = request.getfixturevalue("server")

    @contextmanager
    def away(_: Gateway) -> Iterator[None]:
        server.freeze() if request.param == "postgres-frozen" else server.stop()
        try:
            yield
        finally:
            server.thaw() if request.param == "postgres-frozen" else server.start()

    return server.database(), away


def states(gateway: Gateway) -> tuple[int, str, str]:
    """Of readiness: its status, the whole, and the keys."""
    got = httpx.get(f"{gateway.url}/health/ready", timeout=5)
    return got.status_code, got.json()["status"], got.json()["keys"]


def is_up(gateway: Gateway) -> bool:
    """What metrics say of the keys."""
    text = httpx.get(f"{gateway.url}/metrics", timeout=5).text
    return 'sluicegate_component_up{component="keys"} 1' in text


def in_each_dialect(gateway: Gateway, key: str) -> list[Got]:
    return asks(gateway, [Ask("u/ok-1", key=key), Ask("a/ok-1", key=key, dialect="anthropic")])


@pytest.mark.timeout(60)
def test_db_04_keys_of_a_store_that_is_away_for_too_long_get_503_and_those_of_the_file_go_on(
    own_gateway: Start, store: tuple[str, Away]
) -> None:
    url, away = store
    gateway = own_gateway(store=url, stale_keys_s=WINDOW_S)
    secret = minted(gateway, "of-the-store")
    assert states(gateway) == (200, "ok", "ok")
    began = time.monotonic()
    with away(gateway):
        for got in in_each_dialect(gateway, secret):
            assert_good(got, 1)
        assert time.monotonic() - began < WINDOW_S - 0.25, "a slow machine: nothing was shown"
        assert eventually(
            lambda: ask(gateway, "u/ok-1", key=secret).status != 200, WINDOW_S + SLACK_S
        )
        for key in (secret, UNKNOWN_KEY):
            for got in in_each_dialect(gateway, key):
                assert_refused(got, 503, origin="gateway")
                assert got.code == "key_store_unavailable"
                assert int(got.headers["retry-after"]) >= 1
        headers = {"authorization": f"Bearer {secret}"}
        assert httpx.get(f"{gateway.url}/v1/models", headers=headers).status_code == 503
        for got in in_each_dialect(gateway, gateway.key):
            assert_good(got, 1)
        assert eventually(lambda: states(gateway) == (200, "ok", "stale"), 1 + SLACK_S)
        assert eventually(lambda: not is_up(gateway))
    assert eventually(lambda: ask(gateway, "u/ok-1", key=secret).status == 200, NOTICED_S + SLACK_S)
    assert eventually(lambda: states(gateway) == (200, "ok", "ok"), 1 + SLACK_S)
    assert eventually(lambda: is_up(gateway))
    assert ask(gateway, "u/ok-1", key=UNKNOWN_KEY).status == 401


@pytest.mark.timeout(60)
def test_db_04_db_05_a_key_that_nobody_knows_is_not_refused_by_a_look_that_hangs(
    own_gateway: Start, store: tuple[str, Away]
) -> None:
    """What was known of keys three quarters of a second ago is no answer any more."""
    url, away = store
    gateway = own_gateway(store=url)
    secret = minted(gateway, "known")
    assert ask(gateway, "u/ok-1", key=UNKNOWN_KEY).status == 401
    with away(gateway):
        assert eventually(lambda: ask(gateway, "u/ok-1", key=UNKNOWN_KEY).status == 503, 1 + 0.25)
        for _ in range(5):
            for got in in_each_dialect(gateway, UNKNOWN_KEY):
                assert_refused(got, 503, origin="gateway")
                assert got.code == "key_store_unavailable"
                assert int(got.headers["retry-after"]) >= 1
            for got in in_each_dialect(gateway, secret):
                assert_good(got, 1)
            time.sleep(0.2)
    assert eventually(
        lambda: ask(gateway, "u/ok-1", key=UNKNOWN_KEY).status == 401, NOTICED_S + SLACK_S
    )


@pytest.mark.timeout(60)
def test_db_04_a_gateway_whose_keys_are_all_in_a_store_that_is_away_is_not_ready(
    own_gateway: Start, server: Server
) -> None:
    """What is in front of it asks another one, and comes back when the store does."""
    gateway = own_gateway(store=server.database(), stale_keys_s=1, keys=[])
    assert states(gateway) == (200, "ok", "ok")
    server.freeze()
    assert eventually(
        lambda: states(gateway) == (503, "unavailable", "stale"), 1 + NOTICED_S + SLACK_S
    )
    server.thaw()
    assert eventually(lambda: states(gateway) == (200, "ok", "ok"), NOTICED_S + 1 + SLACK_S)
