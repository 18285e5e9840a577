"""The embedded store: durable, bounded in its waiting, one migration."""

import sqlite3
import stat
import threading
import time
from pathlib import Path

import pytest

from sluicegate.store import SchemaError, StoreError, StoreUnavailableError, migrate, sqlite_store
from sluicegate.store import sqlite as sqlite_module

from .rows import row


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "s.sqlite"


def outcomes(path: Path) -> list[str]:
    """Outcomes of all rows, through a connection of their own."""
    store = sqlite_store(path)
    found = [values[24] for values in store.rows()]
    store.close()
    return found


def test_no_file_is_no_rows_and_makes_none(path: Path) -> None:
    assert outcomes(path) == []
    assert not path.exists()


def test_only_the_owner_reads_it(path: Path) -> None:
    store = sqlite_store(path)
    store.write([row(1)])
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    store.close()


def test_a_row_is_replaced_by_the_next_of_its_key(path: Path) -> None:
    store = sqlite_store(path)
    store.write([row(1, outcome="unknown"), row(1, 2, outcome="ok")])
    store.write([row(1, outcome="error"), row(1, outcome="cancelled")])
    store.close()
    assert outcomes(path) == ["cancelled", "ok"]


def test_rows_come_by_time(path: Path) -> None:
    store = sqlite_store(path)
    store.write([row(number, outcome=str(number)) for number in (3, 1, 2)])
    store.close()
    assert outcomes(path) == ["1", "2", "3"]


def test_an_unreadable_row_is_set_aside_and_holds_up_no_other(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = sqlite_store(path)
    bad = ("f" * 32, 1, "settled", b'{"time": "t", "input_tokens": 99999999999999999999}')
    store.write([row(1, outcome="a"), bad, row(2, outcome="b")])
    store.close()
    assert outcomes(path) == ["a", "b"]
    assert "input_tokens is no whole number of 64 bits" in caplog.text
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT payload FROM unreadable").fetchall() == [(bad[3],)]
    connection.close()


def test_a_locked_database_is_waited_for_and_then_nothing_is_written(path: Path) -> None:
    store = sqlite_store(path)
    store.write([row(1, outcome="a")])
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    with pytest.raises(StoreUnavailableError, match="locked"):
        store.write([row(2, outcome="b")])
    assert 1.5 < time.monotonic() - began < 4
    other.execute("ROLLBACK")
    other.close()
    store.write([row(2, outcome="b")])
    store.close()
    assert outcomes(path) == ["a", "b"]


def test_a_reader_sees_one_moment_and_stops_no_writer(path: Path) -> None:
    store, reader = sqlite_store(path), sqlite_store(path)
    store.write([row(number) for number in range(10)])
    rows = reader.rows()
    next(rows)
    store.write([row(number) for number in range(10, 20)])
    assert len(list(rows)) == 9
    assert len(outcomes(path)) == 20
    reader.close()
    store.close()


def test_of_many_that_start_together_one_migrates(path: Path) -> None:
    failures: list[BaseException] = []
    gate = threading.Barrier(8)

    def begin(number: int) -> None:
        store = sqlite_store(path)
        gate.wait()
        try:
            store.write([row(number)])
        except StoreError as error:
            failures.append(error)
        store.close()

    threads = [threading.Thread(target=begin, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(outcomes(path)) == 8


def _change(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(statement)
    connection.close()


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("INSERT INTO migrations VALUES (99, 'later', '')", "schema 99, this version knows "),
        ("UPDATE migrations SET sha256 = 'x' WHERE number = 1", "step 0001_ledger.sql is not"),
    ],
    ids=["newer", "changed"],
)
def test_a_schema_of_another_version_is_not_written_to(
    path: Path, statement: str, says: str
) -> None:
    store = sqlite_store(path)
    store.write([row(1)])
    store.close()
    _change(path, statement)
    with pytest.raises(SchemaError, match=says):
        sqlite_store(path).write([row(2)])


def tables(path: Path) -> set[str]:
    """Names of all tables."""
    connection = sqlite3.connect(path)
    found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    connection.close()
    return {name for (name,) in found}


def test_a_migration_that_fails_leaves_nothing(path: Path) -> None:
    path.parent.mkdir()
    _change(path, "CREATE TABLE unreadable (x)")  # in the way of the second step
    with pytest.raises(StoreUnavailableError, match="already exists"):
        sqlite_store(path).write([row(1)])
    assert tables(path) == {"unreadable"}


def old(path: Path) -> None:
    """A file of the second schema, with a row in it."""
    path.parent.mkdir()
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(migrate._DONE)
    for number, step in enumerate(migrate.steps_of("sqlite")[:2], start=1):
        connection.executescript(step.script)
        row = (number, step.name, step.digest)
        connection.execute("INSERT INTO migrations VALUES (?, ?, ?)", row)
    connection.execute(
        "INSERT INTO ledger (request_id, attempt, time, outcome) VALUES ('a', 1, 't', 'ok')"
    )
    connection.close()


def backups(path: Path) -> list[Path]:
    """The copies beside a store."""
    return [each for each in path.parent.iterdir() if "backup" in each.name]


def test_db_10_of_many_that_find_an_old_schema_one_migrates_and_backs_up_first(path: Path) -> None:
    old(path)
    gate = threading.Barrier(4)

    def begin(number: int) -> None:
        store = sqlite_store(path)
        gate.wait()
        store.write([row(number, outcome="new")])
        store.close()

    threads = [threading.Thread(target=begin, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes(path)) == ["new"] * 4 + ["ok"]
    [backup] = backups(path)
    assert backup.name == "s.sqlite.schema-2.backup"
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert "keys" not in tables(backup)
    connection = sqlite3.connect(backup)
    assert connection.execute("SELECT outcome FROM ledger").fetchall() == [("ok",)]
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


def test_db_10_without_a_backup_nothing_is_changed(path: Path) -> None:
    old(path)
    (path.parent / "s.sqlite.schema-2.backup.part").mkdir()  # in the way
    with pytest.raises(SchemaError, match="no backup can be made first"):
        sqlite_store(path).write([row(1)])
    assert "keys" not in tables(path)


def test_a_new_file_needs_no_backup(path: Path) -> None:
    store = sqlite_store(path)
    store.write([row(1)])
    store.close()
    assert backups(path) == []


def test_db_08_a_log_that_a_long_reader_let_grow_shrinks_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_module, "MAX_WAL_BYTES", 2**20)
    store, reader = sqlite_store(path), sqlite_store(path)
    wal = path.with_name("s.sqlite-wal")
    store.write([row(0)])
    rows = reader.rows()
    next(rows)
    for batch in range(8):
        many = range(batch * 200 + 1, batch * 200 + 201)
        store.write([row(number, metadata={"m": "x" * 5000}) for number in many])
    grown = wal.stat().st_size
    assert grown > 4 * 2**20
    rows.close()  # type: ignore[attr-defined]  # a generator
    for number in range(2000, 2020):
        store.write([row(number)])
    assert wal.stat().st_size < grown / 2
    assert len(outcomes(path)) == 1621
    store.close()
    reader.close()


def test_db_11_a_restored_backup_and_the_rows_since_give_the_same(path: Path) -> None:
    store = sqlite_store(path)
    store.write([row(number, cost_usd="0.1") for number in range(50)])
    copy = path.with_name("copy.sqlite")
    with sqlite3.connect(path) as source, sqlite3.connect(copy) as target:
        source.backup(target)
    source.close()
    target.close()
    later = [row(number, cost_usd="0.1") for number in range(40, 90)]
    store.write(later)
    restored = sqlite_store(copy)
    restored.write(later)
    assert list(restored.rows()) == list(store.rows())
    assert restored.ledger.spend() == store.ledger.spend()
    store.close()
    restored.close()
