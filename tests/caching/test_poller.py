"""A worker hears of purges; where it cannot, it knows that it does not know."""

from collections.abc import Callable, Iterator

import pytest

from sluicegate.caching.poller import Poller
from sluicegate.store import Store, StoreUnavailableError, postgres_store
from sluicegate.store.cache import Kind, Purge, purge

from ..postgres import Server as Postgres
from .entries import entry, eventually, now_ms

OpenStore = Callable[[], Store]


def made(store: Store, kind: Kind, value: str = "") -> Purge:
    with store.changing() as transaction:
        return purge(transaction, kind, value, now_ms())


@pytest.fixture(params=["sqlite", "postgres"])
def open_store(request: pytest.FixtureRequest) -> OpenStore:
    opener: OpenStore = request.getfixturevalue(f"open_{request.param}")
    return opener


@pytest.fixture
def start() -> Iterator[Callable[[Poller], Poller]]:
    started: list[Poller] = []

    def begin(poller: Poller) -> Poller:
        poller.start()
        started.append(poller)
        return poller

    yield begin
    for poller in started:
        poller.stop()


def test_a_purge_is_told_within_a_second(
    open_store: OpenStore, start: Callable[[Poller], Poller]
) -> None:
    store = open_store()
    before = made(store, "tag", "t")
    told: list[Purge] = []
    poller = Poller(open_store().cache, told.extend)
    poller.read_now()
    assert told == [before]
    start(poller)
    label = entry(epoch=before.epoch).label
    assert not poller.known.kills(label)
    now = made(store, "all")
    assert eventually(lambda: poller.known.kills(label), 1.0)
    assert told == [before, now]
    assert poller.is_fresh


def test_a_store_that_has_nothing_yet_is_known(open_store: OpenStore) -> None:
    poller = Poller(open_store().cache, lambda _: None)
    assert not poller.is_fresh
    poller.read_now()
    assert poller.is_fresh
    assert poller.known.epoch == 0


def test_while_the_store_is_away_nothing_is_fresh_for_long(
    start: Callable[[Poller], Poller],
) -> None:
    with Postgres() as server:
        url = server.database()
        told: list[Purge] = []
        store, reading = postgres_store(url), postgres_store(url)
        poller = Poller(reading.cache, told.extend, poll_every_s=0.05, stale_after_s=0.5)
        poller.read_now()
        start(poller)
        assert poller.is_fresh
        store.close()
        server.stop()
        with pytest.raises(StoreUnavailableError):
            reading.cache.epoch()
        assert eventually(lambda: not poller.is_fresh)
        server.start()
        now = made(store, "all")
        assert eventually(lambda: told == [now])
        assert poller.is_fresh
        poller.stop()
        store.close()
        reading.close()


def test_what_cannot_be_put_in_force_is_told_again() -> None:
    class Source:
        def epoch(self) -> int:
            return 3

        def purges(self, since: int) -> list[Purge]:
            return [Purge(3, "all", "")]

    told: list[int] = []

    def fail_once(purges: list[Purge]) -> None:
        told.append(len(purges))
        if len(told) == 1:
            raise RuntimeError

    poller = Poller(Source(), fail_once)
    poller.read_now()
    assert not poller.is_fresh
    poller.read_now()
    assert poller.is_fresh
    assert told == [1, 1]
