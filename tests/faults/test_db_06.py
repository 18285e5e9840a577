"""DB-06: kill -9 in the middle of everything, again and again."""

from __future__ import annotations

import os
import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ..gateway import Gateway
from ..postgres import Server
from ..upstream import ScriptedUpstream
from .checks import eventually, ref
from .conftest import Start
from .load import PROMPT, Load, assert_answers_are_exact, assert_every_start_has_its_row

#: For each kind of store; 100 is the figure of the contract.
ROUNDS = int(os.environ.get("SLUICEGATE_KILL_ROUNDS", "4"))


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest) -> Iterator[str]:
    """A store's address."""
    with ExitStack() as stack:
        if request.param == "postgres":
            yield stack.enter_context(Server()).database()
        else:
            yield "sqlite"


def integrity(gateway: Gateway) -> str:
    """What SQLite says of its file."""
    path = Path(gateway.config["data_dir"]) / "sluicegate.sqlite"
    with sqlite3.connect(path) as connection:
        [(said,)] = connection.execute("PRAGMA integrity_check").fetchall()
    connection.close()
    return str(said)


@pytest.mark.timeout(40 + 10 * ROUNDS)
def test_db_06_killed_again_and_again_it_loses_nothing(own_gateway: Start, store: str) -> None:
    draw = random.Random(6)
    answers = []
    with ScriptedUpstream() as upstream:
        urls = {"u": {"base_url": f"{upstream.url}/v1"}, "a": {"base_url": upstream.url}}
        gateway = own_gateway(providers=urls, store=store)
        for number in range(ROUNDS):
            if number:
                gateway.start()
            with Load(gateway, "u/ok-3+itl-3", stream=number % 2 == 0) as load:
                time.sleep(draw.uniform(0.1, 0.5))
                gateway.kill()
            answers += load.answers
            if store == "sqlite":
                assert integrity(gateway) == "ok"
            assert_every_start_has_its_row(upstream.requests, gateway.exported())
        gateway.start()
        assert eventually(lambda: not waiting(gateway), 30)
        gateway.stop()
        rows = gateway.exported()
        assert_every_start_has_its_row(upstream.requests, rows)
        assert_answers_are_exact(answers, rows, 3)
        unknown = [row for row in rows if row["outcome"] == "unknown"]
        assert unknown, "no round broke a request in flight"
        for row in unknown:
            assert row["basis"] == "estimated"
            assert row["status"] is None
            assert row["input_tokens"] >= PROMPT
    if store == "sqlite":
        assert integrity(gateway) == "ok"
    print(f"{len(rows)} rows, {len(unknown)} unknown, {len(answers)} answers")


def waiting(gateway: Gateway) -> list[Path]:
    """Segments that dead workers left; the living one has one of its own."""
    folder = Path(gateway.config["data_dir"]) / "journal"
    return sorted(folder.glob("*.seg"))[1:]


def test_db_06_an_intent_is_durable_before_the_upstream_hears(
    own_gateway: Start, upstream: ScriptedUpstream
) -> None:
    """The upstream holds the request: the row is in the ledger though nothing was ever answered."""
    gateway = own_gateway()
    name = f"fault-hang@{ref('intent')}"
    with Load(gateway, f"u/{name}", clients=3):
        assert eventually(lambda: len(upstream.of(name)) == 3, 5)
        gateway.kill()
    for rows in (gateway.exported(), restarted(gateway).ledger()):
        mine = [row for row in rows if row["routed_model"] == name]
        assert_every_start_has_its_row(upstream.of(name), mine)
        assert len(mine) == 3
        for row in mine:
            assert (row["outcome"], row["basis"], row["attempt"]) == ("unknown", "estimated", 1)
            assert row["input_tokens"] >= PROMPT
            assert row["output_tokens"] == 4096, "the reservation becomes the charge"
            assert float(row["cost_usd"]) > 0


def restarted(gateway: Gateway) -> Gateway:
    """The same one, running again, with nothing of the old life left to drain."""
    gateway.start()
    assert eventually(lambda: not waiting(gateway), 30)
    return gateway
