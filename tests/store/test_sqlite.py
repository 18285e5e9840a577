"""The embedded store: durable, bounded in its waiting, one migration."""

import sqlite3
import stat
import threading
import time
from pathlib import Path

import pytest

from sluicegate.store import SqliteStore
from sluicegate.store.migrate import MigrationError, migrate

from .rows import row


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "s.sqlite"


def outcomes(path: Path) -> list[str]:
    """Outcomes of all rows, through a connection of their own."""
    store = SqliteStore(path)
    found = [values[24] for values in store.rows()]
    store.close()
    return found


def test_no_file_is_no_rows_and_makes_none(path: Path) -> None:
    assert outcomes(path) == []
    assert not path.exists()


def test_only_the_owner_reads_it(path: Path) -> None:
    store = SqliteStore(path)
    store.write([row(1)])
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    store.close()


def test_a_row_is_replaced_by_the_next_of_its_key(path: Path) -> None:
    store = SqliteStore(path)
    store.write([row(1, outcome="unknown"), row(1, 2, outcome="ok")])
    store.write([row(1, outcome="error"), row(1, outcome="cancelled")])
    store.close()
    assert outcomes(path) == ["cancelled", "ok"]


def test_rows_come_by_time(path: Path) -> None:
    store = SqliteStore(path)
    store.write([row(number, outcome=str(number)) for number in (3, 1, 2)])
    store.close()
    assert outcomes(path) == ["1", "2", "3"]


def test_an_unreadable_row_is_set_aside_and_holds_up_no_other(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = SqliteStore(path)
    bad = ("f" * 32, 1, "settled", b'{"time": "t", "input_tokens": 99999999999999999999}')
    store.write([row(1, outcome="a"), bad, row(2, outcome="b")])
    store.close()
    assert outcomes(path) == ["a", "b"]
    assert "input_tokens is beyond 64 bits" in caplog.text
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT payload FROM unreadable").fetchall() == [(bad[3],)]
    connection.close()


def test_a_locked_database_is_waited_for_and_then_nothing_is_written(path: Path) -> None:
    store = SqliteStore(path)
    store.write([row(1, outcome="a")])
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        store.write([row(2, outcome="b")])
    assert 1.5 < time.monotonic() - began < 4
    other.execute("ROLLBACK")
    other.close()
    store.write([row(2, outcome="b")])
    store.close()
    assert outcomes(path) == ["a", "b"]


def test_a_reader_sees_one_moment_and_stops_no_writer(path: Path) -> None:
    store, reader = SqliteStore(path), SqliteStore(path)
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
        store = SqliteStore(path)
        gate.wait()
        try:
            store.write([row(number)])
        except sqlite3.Error as error:
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
        ("INSERT INTO migrations VALUES (99, 'later', '')", "schema 99, this version knows 2"),
        ("UPDATE migrations SET sha256 = 'x' WHERE number = 1", "step 0001_ledger.sql is not"),
    ],
    ids=["newer", "changed"],
)
def test_a_schema_of_another_version_is_not_written_to(
    path: Path, statement: str, says: str
) -> None:
    store = SqliteStore(path)
    store.write([row(1)])
    store.close()
    _change(path, statement)
    with pytest.raises(MigrationError, match=says):
        SqliteStore(path).write([row(2)])


def test_a_migration_that_fails_leaves_nothing(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "s.sqlite", isolation_level=None)
    connection.execute("CREATE TABLE unreadable (x)")  # in the way of the second step
    with pytest.raises(sqlite3.OperationalError, match="already exists"):
        migrate(connection)
    names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master")]
    assert names == ["unreadable"]
    connection.close()
