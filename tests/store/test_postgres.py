"""PostgreSQL away, frozen, exhausted: bounded, and nothing lost."""

import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import psycopg
import pytest

from sluicegate.accounting.drainer import Drainer
from sluicegate.store import SchemaError, StoreError, StoreUnavailableError, postgres_store

from ..postgres import Server
from .rows import row
from .test_drainer import FakeJournal, soon

#: what a caller may have to wait, with room for a busy machine
BOUND_S = 2.0


@pytest.fixture(scope="module")
def own_server() -> Iterator[Server]:
    """A server that a test may break and must mend."""
    with Server() as running:
        yield running


def took(call: object, match: str | None = None) -> float:
    """Seconds that a call which fails needs to say so."""
    began = time.monotonic()
    with pytest.raises(StoreUnavailableError, match=match):
        call()  # type: ignore[operator]
    return time.monotonic() - began


def test_db_05_a_frozen_server_holds_nobody_up(own_server: Server) -> None:
    url = own_server.database()
    store, late = postgres_store(url), postgres_store(url)
    before = store.changes()
    own_server.freeze()
    try:
        assert took(store.changes) < BOUND_S  # a connection that was open
        assert took(store.changes) < BOUND_S  # a new one
        assert took(late.load_limits) < BOUND_S
    finally:
        own_server.thaw()
    assert soon(lambda: _answers(store))
    assert store.changes() == before
    store.close()
    late.close()


def _answers(store: object) -> bool:
    try:
        store.changes()  # type: ignore[attr-defined]
    except StoreUnavailableError:
        return False
    return True


def test_db_05_exhausted_connections_are_said_so_at_once(own_server: Server) -> None:
    url = own_server.database()
    held: list[psycopg.Connection] = []
    with suppress(psycopg.OperationalError):
        while len(held) < 1000:
            held.append(psycopg.connect(url))
    store = postgres_store(url)
    assert took(store.changes, "too many clients|reserved") < BOUND_S
    for connection in held:
        connection.close()
    assert soon(lambda: _answers(store))
    store.close()


def test_db_05_own_connections_that_are_all_in_use_are_waited_for_a_second(server: Server) -> None:
    store = postgres_store(server.database())
    store.changes()
    done = threading.Event()

    def hold() -> None:
        with store.reading():
            done.wait(10)

    threads = [threading.Thread(target=hold) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    assert took(store.changes, "in use") < BOUND_S
    done.set()
    for thread in threads:
        thread.join()
    assert store.changes()
    store.close()


def test_db_05_a_lock_that_another_holds_is_waited_for_a_second(server: Server) -> None:
    url = server.database()
    store = postgres_store(url)
    store.changes()
    with psycopg.connect(url) as other:
        other.execute("UPDATE changes SET counter = counter")

        def change() -> None:
            with store.changing():
                pass

        assert took(change, "statement timeout") < BOUND_S
    store.close()


def test_db_04_rows_wait_while_the_server_is_away_and_none_is_lost(own_server: Server) -> None:
    url = own_server.database()
    journal = FakeJournal(*(row(number, cost_usd="0.1") for number in range(100)))
    drainer = Drainer(lambda: journal, postgres_store(url))
    drainer.start()
    assert soon(lambda: not journal.rows)
    own_server.stop()
    journal.rows += [row(number, cost_usd="0.1") for number in range(100, 300)]
    assert soon(lambda: not drainer.healthy)
    assert len(journal.rows) == 200
    own_server.start()
    assert soon(lambda: not journal.rows, 30)
    assert drainer.healthy
    drainer.stop()
    store = postgres_store(url)
    assert len(list(store.rows())) == 300
    assert store.ledger.spend()[()].cost_pico_usd == 30 * 10**12
    store.close()


def test_a_connection_that_the_server_closed_is_replaced(own_server: Server) -> None:
    store = postgres_store(own_server.database())
    before = store.changes()
    own_server.stop()
    own_server.start()
    assert store.changes() == before
    store.close()


def test_no_server_is_said_so_without_the_password() -> None:
    store = postgres_store("postgresql://u:hunter2-secret@127.0.0.1:9/d")
    with pytest.raises(StoreUnavailableError) as caught:
        store.changes()
    assert "hunter2" not in str(caught.value)


def test_db_10_of_many_that_start_together_one_migrates(server: Server) -> None:
    url = server.database()
    failures: list[StoreError] = []
    gate = threading.Barrier(6)

    def begin(number: int) -> None:
        store = postgres_store(url)
        gate.wait()
        try:
            store.write([row(number)])
        except StoreError as error:
            failures.append(error)
        store.close()

    threads = [threading.Thread(target=begin, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    store = postgres_store(url)
    assert len(list(store.rows())) == 6
    store.close()


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("INSERT INTO migrations VALUES (99, 'later', '')", "schema 99, this version knows "),
        ("UPDATE migrations SET sha256 = 'x' WHERE number = 1", "step 0001_ledger.sql is not"),
    ],
    ids=["newer", "changed"],
)
def test_db_10_a_schema_of_another_version_is_not_written_to(
    server: Server, statement: str, says: str
) -> None:
    url = server.database()
    store = postgres_store(url)
    store.write([row(1)])
    store.close()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)  # type: ignore[call-overload]
    with pytest.raises(SchemaError, match=says):
        postgres_store(url).write([row(2)])


def test_a_character_that_postgres_cannot_hold_is_replaced(server: Server) -> None:
    store = postgres_store(server.database())
    store.write([row(1, user="a\0b", metadata={"k": "\0"}, run="r" * 20_000)])
    [values] = store.rows()
    assert values[9] == "a\ufffdb"
    store.close()
