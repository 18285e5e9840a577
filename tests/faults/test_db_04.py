"""DB-04, DB-05: PostgreSQL away, frozen, or without a connection left, under load."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import psycopg
import pytest

from ..client import Ask
from ..gateway import Gateway
from ..postgres import Server
from ..upstream import ScriptedUpstream
from .checks import ask, asks, assert_refused, eventually, ref
from .conftest import Start
from .load import Load, assert_answers_are_exact, assert_every_start_has_its_row

#: How long it is away; 60 is the figure of the contract.
AWAY_S = float(os.environ.get("SLUICEGATE_AWAY_S", "6"))
#: Beside "twice as long": what a busy machine adds to milliseconds.
FLOOR_S = 0.05
UNKNOWN_KEY = "sluicegate-test-key-of-nobody"
#: The store is looked at four times a second: it may be away for so long before a stranger is told.
NOTICED_WITHIN_S = 2


@pytest.fixture
def server() -> Iterator[Server]:
    """A server that a test may break."""
    with Server() as running:
        yield running


def stored(url: str) -> int:
    """Rows in the server's own table."""
    with psycopg.connect(url) as connection:
        [(count,)] = connection.execute("SELECT count(*) FROM ledger").fetchall()
    return int(count)


def minted(gateway: Gateway, name: str) -> str:
    """A key that only the store has."""
    made: dict[str, Any] = gateway.admin("POST", "/admin/v1/keys", {"name": name}).json()
    secret = str(made["key"])
    assert eventually(lambda: ask(gateway, "u/ok-1", key=secret).status == 200, 5)
    return secret


@pytest.mark.timeout(60 + 3 * AWAY_S)
def test_db_04_postgres_away_stops_nobody_who_is_known_and_loses_nothing(
    own_gateway: Start, upstream: ScriptedUpstream, server: Server
) -> None:
    url = server.database()
    # What happens to its keys once this is over: test_db_keys.py.
    gateway = own_gateway(store=url, stale_keys_s=AWAY_S + 30)
    secret = minted(gateway, "of-the-store")
    name = f"ok-3+ttft-10@{ref('db04')}"
    with Load(gateway, f"u/{name}", pause_s=0.01) as load:
        assert eventually(lambda: len(load.answers) >= 20, 10)
        server.stop()
        gone = time.monotonic()
        assert eventually(
            lambda: ask(gateway, f"u/{name}", key=UNKNOWN_KEY).status == 503, NOTICED_WITHIN_S
        )
        while time.monotonic() < gone + AWAY_S:
            known = asks(gateway, [Ask(f"u/{name}", key=secret), Ask(f"u/{name}")])
            assert {got.status for got in known} == {200}
            stranger = ask(gateway, f"u/{name}", key=UNKNOWN_KEY)
            assert_refused(stranger, 503, origin="gateway")
            assert "retry-after" in stranger.headers
            began = time.monotonic()
            write = gateway.admin("POST", "/admin/v1/keys", {"name": "too-late"})
            assert (write.status_code, time.monotonic() - began < 3) == (503, True)
        assert '"ledger":"degraded"' in gateway.health()
        spooled = len(gateway_rows_while_away(load, gone))
        server.start()
        back = time.monotonic()
        assert eventually(lambda: '"ledger":"ok"' in gateway.health(), 30)
        took_s = time.monotonic() - back
    assert spooled > 0
    assert set(load.statuses()) == {200}
    assert load.broken == []
    assert ask(gateway, f"u/{name}", key=UNKNOWN_KEY).status == 401
    gateway.stop()
    rows = [row for row in gateway.exported() if row["client_ref"].startswith("load-")]
    mine = [start for start in upstream.of(name) if start.json.get("user")]
    assert_every_start_has_its_row(mine, rows)
    assert_answers_are_exact(load.answers, rows, 3)
    assert stored(url) >= len(load.answers)
    print(f"{spooled} answered while it was away, drained {took_s:.1f} s after it was back")


def gateway_rows_while_away(load: Load, since: float) -> list[str]:
    """Requests that were answered since then."""
    return [got.ref for got in list(load.answers) if got.started >= since]


@pytest.mark.timeout(60)
def test_db_05_a_frozen_or_exhausted_postgres_slows_no_request(
    own_gateway: Start, upstream: ScriptedUpstream, server: Server
) -> None:
    url = server.database()
    gateway = own_gateway(store=url)
    secret = minted(gateway, "of-the-store")
    name = f"ok-3+ttft-10@{ref('db05')}"
    marks = {}
    with Load(gateway, f"u/{name}", pause_s=0.01) as load:
        marks["normal"] = (time.monotonic(), time.monotonic() + 3)
        time.sleep(3)
        server.freeze()
        marks["frozen"] = (time.monotonic(), time.monotonic() + 4)
        try:
            while time.monotonic() < marks["frozen"][1]:
                assert ask(gateway, f"u/{name}", key=secret).status == 200
                began = time.monotonic()
                write = gateway.admin("POST", "/admin/v1/keys", {"name": "too-late"})
                assert (write.status_code, time.monotonic() - began < 3) == (503, True)
                assert gateway.ready(), "the ledger is degraded, the gateway is not"
        finally:
            server.thaw()
        assert eventually(lambda: '"ledger":"ok"' in gateway.health(), 30)
        held = exhaust(url)
        marks["exhausted"] = (time.monotonic(), time.monotonic() + 4)
        time.sleep(4)
        for connection in held:
            connection.close()
        assert eventually(lambda: '"ledger":"ok"' in gateway.health(), 30)
        p99_s = {phase: load.p99_s(*when) for phase, when in marks.items()}
    assert set(load.statuses()) == {200}
    for phase in ("frozen", "exhausted"):
        assert p99_s[phase] <= 2 * p99_s["normal"] + FLOOR_S, p99_s
    gateway.stop()
    rows = [row for row in gateway.exported() if row["client_ref"].startswith("load-")]
    mine = [start for start in upstream.of(name) if start.json.get("user")]
    assert_every_start_has_its_row(mine, rows)
    assert_answers_are_exact(load.answers, rows, 3)
    print({phase: f"{took * 1000:.1f} ms" for phase, took in p99_s.items()})


def exhaust(url: str) -> list[psycopg.Connection]:
    """Connections until there are no more; the gateway's own are ended first."""
    held: list[psycopg.Connection] = []
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'sluicegate'"
        )
    with suppress(psycopg.OperationalError):
        while len(held) < 1000:
            held.append(psycopg.connect(url))
    return held
