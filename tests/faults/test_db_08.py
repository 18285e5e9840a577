"""DB-08: others at SQLite's file: a writer that does not let go, a reader that does not end."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from ..gateway import Gateway
from ..upstream import ScriptedUpstream
from .checks import eventually, ref
from .conftest import Start
from .load import Load, assert_answers_are_exact, assert_every_start_has_its_row
from .test_db_06 import integrity

LOCKED_S = 10.0
#: Beside "twice as long": what a busy machine adds to milliseconds.
FLOOR_S = 0.05


def other(gateway: Gateway) -> sqlite3.Connection:
    """Somebody else's connection to the store."""
    path = Path(gateway.config["data_dir"]) / "sluicegate.sqlite"
    return sqlite3.connect(path, isolation_level=None)


def test_db_08_a_writer_that_holds_the_lock_slows_nothing_and_loses_nothing(
    own_gateway: Start, upstream: ScriptedUpstream
) -> None:
    gateway = own_gateway()
    name = f"ok-3+ttft-20@{ref('db08')}"
    with Load(gateway, f"u/{name}", pause_s=0.01) as load:
        time.sleep(2.5)
        connection = other(gateway)
        connection.execute("BEGIN IMMEDIATE")
        locked = time.monotonic()
        while time.monotonic() < locked + LOCKED_S:
            time.sleep(2)
            known = len(load.answers)
            assert len(gateway.exported()) >= known, "the export needs no lock"
        assert '"ledger":"degraded"' in gateway.health()
        freed = time.monotonic()
        connection.execute("ROLLBACK")
        assert eventually(lambda: '"ledger":"ok"' in gateway.health(), 10)
        before, during = load.p99_s(0, locked), load.p99_s(locked, freed)
    connection.close()
    assert during <= 2 * before + FLOOR_S, f"p99 {before} became {during}"
    assert set(load.statuses()) == {200}
    gateway.stop()
    rows = gateway.exported()
    assert_every_start_has_its_row(upstream.of(name), rows)
    assert_answers_are_exact(load.answers, rows, 3)
    assert integrity(gateway) == "ok"
    print(f"p99 {before * 1000:.1f} ms, locked {during * 1000:.1f} ms")


def test_db_08_a_log_that_a_long_reader_let_grow_is_written_back(
    own_gateway: Start, upstream: ScriptedUpstream
) -> None:
    gateway = own_gateway()
    name = f"ok-3@{ref('db08')}"
    wal = Path(gateway.config["data_dir"]) / "sluicegate.sqlite-wal"
    bulky = '{"m":"' + "x" * 4000 + '"}'
    with Load(gateway, f"u/{name}", metadata=bulky) as load:
        assert eventually(lambda: wal.exists() and load.answers, 5)
        reader = other(gateway)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM ledger").fetchall()
        grown = wal.stat().st_size + 8 * 2**20
        assert eventually(lambda: wal.stat().st_size > grown, 20), "nothing was written"
        reader.execute("ROLLBACK")
        reader.close()
    gateway.stop()
    assert not wal.exists() or wal.stat().st_size == 0
    rows = gateway.exported()
    assert_every_start_has_its_row(upstream.of(name), rows)
    assert_answers_are_exact(load.answers, rows, 3)
    assert integrity(gateway) == "ok"
