"""Workers of one host, and hosts: each is given what another kept, and none what any purged."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from sluicegate.caching.caching import Caching, Place
from sluicegate.caching.record import record_of
from sluicegate.store import Store
from sluicegate.store.cache import Kind, purge

from ..valkey import Server as Valkey
from .entries import MASTER, entry, eventually, full, now_ms
from .fakes import UNKNOWN, Core

GiB = 2**30
OpenStore = Callable[[], Store]


class Worker:
    """One of them."""

    def __init__(self, open_store: OpenStore, place: Place, master: bytes = MASTER) -> None:
        self.core = Core()
        self.away: list[str] = []
        self.caching = Caching(self.core, open_store, master, self.away.append)
        self.caching.use(place)

    def keep(self, key: bytes, **fields: Any) -> None:
        self.core.keep(record_of(entry(full(key), **fields)))

    def has(self, key: bytes) -> bool:
        return self.core.ask(full(key)) not in (None, UNKNOWN)


Start = Callable[..., Worker]


@pytest.fixture
def start() -> Iterator[Start]:
    with ExitStack() as started:

        def one(*arguments: Any, **options: Any) -> Worker:
            worker = Worker(*arguments, **options)
            started.callback(worker.caching.stop)
            return worker

        yield one


@pytest.fixture(params=["sqlite", "postgres", "redis and postgres"])
def place(request: pytest.FixtureRequest) -> tuple[OpenStore, Place]:
    """Where two workers keep things together."""
    name = "sqlite" if request.param == "sqlite" else "postgres"
    opener: OpenStore = request.getfixturevalue(f"open_{name}")
    if request.param != "redis and postgres":
        return opener, Place("store", None, GiB, 1000)
    server: Valkey = request.getfixturevalue("redis")
    server.client.flushall()
    return opener, Place("redis", server.url, GiB, 1000)


def purged(store: Store, kind: Kind, value: str = "") -> int:
    with store.changing() as transaction:
        return purge(transaction, kind, value, now_ms()).epoch


def test_each_is_given_what_the_other_kept_and_nothing_that_was_purged(
    place: tuple[OpenStore, Place], start: Start
) -> None:
    one, other = start(*place), start(*place)
    one.keep(b"a", tags=["t"])
    other.keep(b"b")
    assert eventually(lambda: other.has(b"a") and one.has(b"b"))
    epoch = purged(place[0](), "tag", "t")
    began_s = time.monotonic()
    assert eventually(lambda: not one.has(b"a") and not other.has(b"a"), 1.0)
    assert time.monotonic() - began_s < 1.0
    assert one.has(b"b")
    one.keep(b"a", tags=["t"])  # of a request that began before the purge
    time.sleep(0.2)
    assert not other.has(b"a")
    one.keep(b"a", tags=["t"], epoch=epoch)
    assert eventually(lambda: other.has(b"a"))
    assert one.core.purged == other.core.purged == [(epoch, "tag", "t")]


def test_who_comes_later_knows_of_purges_before_it_serves(
    place: tuple[OpenStore, Place], start: Start
) -> None:
    one = start(*place)
    one.keep(b"a")
    assert eventually(lambda: one.has(b"a"))
    purged(place[0](), "all")
    other = start(*place)
    assert other.core.purged
    assert not other.has(b"a")


def test_another_master_key_reads_nothing(place: tuple[OpenStore, Place], start: Start) -> None:
    one, other = start(*place), start(*place, master=b"another master key")
    one.keep(b"a")
    assert eventually(lambda: one.has(b"a"))
    assert not other.has(b"a")


def test_db_01_a_frozen_redis_is_a_miss_at_once_and_is_told_once(
    open_postgres: OpenStore, own_redis: Valkey, start: Start
) -> None:
    worker = start(open_postgres, Place("redis", own_redis.url, GiB, 1000))
    worker.keep(b"a")
    assert eventually(lambda: worker.has(b"a"))
    own_redis.freeze()
    waits_s = []
    for _ in range(200):
        began_s = time.monotonic()
        assert not worker.has(b"a")
        waits_s.append(time.monotonic() - began_s)
    assert sorted(waits_s)[-10] < 0.02, "all but the first few are refused at once"
    assert max(waits_s) < 0.5
    worker.keep(b"b")
    own_redis.thaw()
    assert eventually(lambda: worker.has(b"a"))
    assert len(worker.away) == 1
    assert worker.away[0].startswith("shared_state: ")


def test_db_02_a_redis_that_was_killed_comes_back_empty_and_is_used_again(
    open_postgres: OpenStore, own_redis: Valkey, start: Start
) -> None:
    worker = start(open_postgres, Place("redis", own_redis.url, GiB, 1000))
    worker.keep(b"a")
    assert eventually(lambda: worker.has(b"a"))
    own_redis.kill()
    for _ in range(20):
        assert not worker.has(b"a")
    own_redis.start()

    def is_kept_again() -> bool:
        worker.keep(b"a")
        time.sleep(0.02)
        return worker.has(b"a")

    assert eventually(is_kept_again)
    assert len(worker.away) == 1


def test_a_reload_moves_to_another_place(
    open_sqlite: OpenStore, redis: Valkey, start: Start
) -> None:
    redis.client.flushall()
    worker = start(open_sqlite, Place("memory", None, 0, 10))
    worker.keep(b"a")
    assert not worker.has(b"a")
    worker.caching.use(Place("store", None, GiB, 10))
    worker.keep(b"a")
    assert eventually(lambda: worker.has(b"a"))
    worker.caching.use(Place("redis", redis.url, GiB, 10))
    assert not worker.has(b"a")
    worker.keep(b"b")
    assert eventually(lambda: worker.has(b"b"))
    worker.caching.use(Place("store", None, GiB, 10))
    assert worker.has(b"a")
    stats = worker.caching.stats()
    assert (stats["tier"], stats["is_fresh"], stats["is_away"]) == ("store", True, False)
    assert stats["hits"] == 1
