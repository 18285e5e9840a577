"""DB-10, DB-11: schemas that are new, old or of another version; a backup that is put back."""

from __future__ import annotations

import secrets
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from sluicegate.store import migrate

from ..gateway import Gateway
from ..postgres import Server
from ..upstream import ScriptedUpstream
from .checks import ask, assert_good, cost, eventually, ref
from .conftest import Start
from .load import PROMPT, Load, assert_answers_are_exact, assert_every_start_has_its_row

#: Two hosts with one store have one master key.
MASTER = {"master_key": secrets.token_hex(32)}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """One PostgreSQL, a database for each test."""
    with Server() as running:
        yield running


def store_of(gateway: Gateway) -> Path:
    """SQLite's file."""
    return Path(gateway.config["data_dir"]) / "sluicegate.sqlite"


def old_schema(store: str, path: Path, steps: int) -> None:
    """A store as an earlier version left it, with a row in it."""
    kind = "sqlite" if store == "sqlite" else "postgres"
    script = [
        statement
        for step in migrate.steps_of(kind)[:steps]
        for statement in migrate.statements_of(step.script)
    ]
    taken = [(n, s.name, s.digest) for n, s in enumerate(migrate.steps_of(kind)[:steps], start=1)]
    row = "INSERT INTO ledger (request_id, attempt, time, outcome) VALUES ('old', 1, 't', 'ok')"
    connection: Any
    if kind == "sqlite":
        path.parent.mkdir(mode=0o700, exist_ok=True)
        connection, mark = sqlite3.connect(path, isolation_level=None), "?"
    else:
        connection, mark = psycopg.connect(store, autocommit=True), "%s"
    for statement in [migrate._DONE, *script, row]:
        connection.execute(statement)
    for each in taken:
        connection.execute(f"INSERT INTO migrations VALUES ({mark}, {mark}, {mark})", each)
    connection.close()


@pytest.mark.parametrize("steps", [0, 1, 2], ids=["empty", "first", "second"])
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_db_10_two_that_start_together_migrate_once(
    upstream: ScriptedUpstream, tmp_path: Path, server: Server, kind: str, steps: int
) -> None:
    """Two processes on one host with SQLite, two hosts with PostgreSQL."""
    store = server.database() if kind == "postgres" else "sqlite"
    both: list[Gateway] = []
    for number in range(2):
        folder = tmp_path / str(number)
        folder.mkdir()
        data = tmp_path / ("data" if kind == "sqlite" else f"data-{number}")
        both.append(Gateway(upstream.url, folder, store=store, data_dir=str(data), **MASTER))
    if steps:
        old_schema(store, store_of(both[0]), steps)
    failures: list[BaseException] = []

    def start(gateway: Gateway) -> None:
        try:
            gateway.start()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=start, args=(gateway,)) for gateway in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    try:
        assert failures == []
        for gateway in both:
            assert_good(ask(gateway, "u/ok-3", ref=f"of-{gateway.port}"), 3)
            gateway.stop()
        rows = both[0].ledger()
        assert sorted(row["client_ref"] or row["request_id"] for row in rows) == sorted(
            [f"of-{gateway.port}" for gateway in both] + ["old"] * bool(steps)
        )
        if kind == "sqlite":
            backups = sorted(each.name for each in store_of(both[0]).parent.glob("*.backup*"))
            assert backups == ([f"sluicegate.sqlite.schema-{steps}.backup"] if steps else [])
    finally:
        for gateway in both:
            gateway.kill()


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_db_10_a_newer_schema_is_refused_with_the_reason_and_unchanged(
    upstream: ScriptedUpstream, tmp_path: Path, server: Server, kind: str
) -> None:
    store = server.database() if kind == "postgres" else "sqlite"
    gateway = Gateway(upstream.url, tmp_path, store=store)
    with gateway:
        assert_good(ask(gateway, "u/ok-3"), 3)
        gateway.stop()
    later = "INSERT INTO migrations VALUES (99, 'later', '')"
    if kind == "sqlite":
        with sqlite3.connect(store_of(gateway)) as connection:
            connection.execute(later)
        connection.close()
    else:
        with psycopg.connect(store) as server_connection:
            server_connection.execute(later)
    with pytest.raises(AssertionError, match="schema 99, this version knows"):
        gateway.start()
    gateway.kill()
    assert gateway.process is not None
    assert gateway.process.returncode != 0


def test_db_11_last_nights_backup_and_the_journal_give_the_truth(
    own_gateway: Start, upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    """The recovery point is the backup, and behind it all that the store had not taken yet."""
    gateway = own_gateway()
    name = f"ok-3@{ref('db11')}"
    with Load(gateway, f"u/{name}") as before:
        assert eventually(lambda: len(before.answers) >= 30, 10)
    gateway.stop()
    backup = tmp_path / "backup.sqlite"
    shutil.copy(store_of(gateway), backup)
    gateway.start()
    holder = sqlite3.connect(store_of(gateway), isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with Load(gateway, f"u/{name}") as after:
        assert eventually(lambda: len(after.answers) >= 30, 10)
    gateway.kill()
    holder.close()
    for leftover in store_of(gateway).parent.glob("sluicegate.sqlite*"):
        leftover.unlink()
    shutil.copy(backup, store_of(gateway))
    gateway.start()
    gateway.stop()
    rows = gateway.ledger()
    assert_every_start_has_its_row(upstream.of(name), rows)
    answers = before.answers + after.answers
    assert_answers_are_exact(answers, rows, 3)
    assert len(rows) == len(answers) == len(upstream.of(name))
    with sqlite3.connect(store_of(gateway)) as connection:
        [(kept,)] = connection.execute("SELECT count(*) FROM ledger").fetchall()
    connection.close()
    assert kept == len(rows), "the store has all of it"
    spent = sum(float(row["cost_usd"]) for row in rows)
    assert spent == pytest.approx(float(cost(PROMPT, 3)) * len(rows))
