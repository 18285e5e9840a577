"""Questions that the store finds by itself: what one worker puts another finds, and none learns."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from struct import pack

import psycopg
import pytest

from sluicegate import _core
from sluicegate.semantic.searching import MAX_WAITING, THREADS, Searching
from sluicegate.semantic.sharing import Sharing
from sluicegate.store import postgres_store
from sluicegate.store.neighbours import Neighbour

from ..caching.entries import eventually
from ..postgres import Server
from .fakes import Chore, Core

LATER_MS = time.time_ns() // 1_000_000 + 3_600_000
MODEL, SCOPE, KEY = "ngram/1", b"s" * 32, b"k" * 32
MOST = 4
EAST, NORTH = pack("<2f", 1, 0), pack("<2f", 0, 1)


def question(text: str = "a", key: bytes = KEY, expires_ms: int = LATER_MS) -> _core.CacheQuestion:
    return _core.CacheQuestion(
        model_id=MODEL,
        scope=SCOPE,
        text=text,
        vector=EAST,
        key=key,
        tenant="team core",
        namespace="",
        model="smart",
        target="u/m",
        tags=[],
        epoch=0,
        expires_ms=expires_ms,
    )


@dataclass
class Worker:
    """What one has for it."""

    core: Core
    sharing: Sharing
    searching: Searching
    asked: int = 0

    def near(
        self, vector: bytes = EAST, scope: bytes = SCOPE, most: int = MOST
    ) -> list[tuple[bytes, str, float]]:
        self.asked += 1
        self.searching.search(Chore("near", id=self.asked, wanted=(MODEL, scope, vector, most)))
        assert eventually(lambda: len(self.core.found) == self.asked)
        chore, found = self.core.found[-1]
        assert chore == self.asked
        return found


class Workers:
    """Some, over one database."""

    def __init__(self, url: str, stack: ExitStack) -> None:
        self.url = url
        self._stack = stack

    def one(self) -> Worker:
        core = Core()
        sharing = Sharing(core, postgres_store(self.url), lambda: True, look_every_s=0.1)
        searching = Searching(core, postgres_store(self.url), sharing.finds)
        sharing.start()
        self._stack.callback(sharing.stop)
        self._stack.callback(searching.stop)
        return Worker(core, sharing, searching)


@pytest.fixture
def workers(postgres: Server) -> Iterator[Workers]:
    with ExitStack() as stack:
        yield Workers(postgres.database(), stack)


def test_what_one_worker_puts_another_finds_and_none_learns(workers: Workers) -> None:
    one, other = workers.one(), workers.one()
    one.sharing.remember(question())
    one.sharing.remember(question(text="over", key=b"o" * 32, expires_ms=1))
    assert eventually(lambda: [it[:2] for it in other.near()] == [(KEY, "a")])
    [(_, _, similarity)] = other.near(NORTH)
    assert similarity == pytest.approx(0)
    assert other.near(scope=b"o" * 32) == []
    assert one.core.learned == other.core.learned == []


def test_before_the_store_is_ready_nothing_is_found_and_nobody_waits(postgres: Server) -> None:
    core = Core()
    searching = Searching(core, postgres_store(postgres.database()), lambda: False)
    searching.search(Chore("near", id=7, wanted=(MODEL, SCOPE, EAST, MOST)))
    assert core.found == [(7, [])]
    searching.stop()


def test_a_store_without_the_extension_leaves_it_to_the_workers_memory(
    workers: Workers, caplog: pytest.LogCaptureFixture
) -> None:
    with psycopg.connect(workers.url, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION vector")
        connection.execute("UPDATE pg_extension SET extversion = '0.7.4' WHERE extname = 'vector'")
    one, other = workers.one(), workers.one()
    one.sharing.remember(question())
    assert eventually(lambda: [it.text for it in other.core.learned] == ["a"])
    assert other.near() == []
    assert "ALTER EXTENSION vector UPDATE" in caplog.text


def test_a_store_is_the_index_from_when_it_can_be_until_it_cannot(
    workers: Workers, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    one, other = workers.one(), workers.one()
    one.sharing.remember(question())
    assert eventually(lambda: bool(other.near()))
    with psycopg.connect(workers.url, autocommit=True) as connection:
        connection.execute("DROP EXTENSION vector CASCADE")
        assert eventually(lambda: [it.text for it in other.core.learned] == ["a"])
        assert not other.sharing.finds()
        assert "the store cannot be the index" in caplog.text
        connection.execute("CREATE EXTENSION vector")
    assert eventually(lambda: [it[:2] for it in other.near()] == [(KEY, "a")])
    assert "the store is the index of questions now" in caplog.text
    one.sharing.remember(question("b", b"b" * 32))
    assert eventually(lambda: len(other.near()) == 2)
    assert [it.text for it in other.core.learned] == ["a"]


def test_no_more_are_found_than_are_wanted(workers: Workers) -> None:
    worker = workers.one()
    for number in range(2):
        worker.sharing.remember(question(str(number), bytes([number]) * 32))
    assert eventually(lambda: len(worker.near()) == 2)
    assert len(worker.near(most=1)) == 1


def test_a_store_that_is_away_is_a_miss_and_is_asked_again(
    workers: Workers, caplog: pytest.LogCaptureFixture
) -> None:
    worker = workers.one()
    worker.sharing.remember(question())
    assert eventually(lambda: bool(worker.near()))
    with psycopg.connect(workers.url, autocommit=True) as connection:
        connection.execute("ALTER TABLE cache_vectors RENAME TO away")
        assert worker.near() == []
        assert "the store finds no questions for now" in caplog.text
        connection.execute("ALTER TABLE away RENAME TO cache_vectors")
    assert worker.near()


class _Slow:
    """A store whose searches wait until they may end."""

    def __init__(self) -> None:
        self.may_end = threading.Event()
        self.neighbours = self

    def nearest(self, *_: object) -> list[Neighbour]:
        self.may_end.wait(20)
        return [Neighbour(KEY, "a", 1.0)]

    def close(self) -> None:
        pass


def test_no_more_wait_for_the_store_than_there_is_room_for() -> None:
    core, store = Core(), _Slow()
    searching = Searching(core, store, lambda: True)  # type: ignore[arg-type]
    asked = THREADS + MAX_WAITING + 5
    for chore in range(asked):
        searching.search(Chore("near", id=chore, wanted=(MODEL, SCOPE, EAST, MOST)))
    assert [found for _, found in core.found] == [[]] * 5
    store.may_end.set()
    assert eventually(lambda: len(core.found) == asked)
    searching.stop()
