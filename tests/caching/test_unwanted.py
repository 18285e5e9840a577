"""What nobody is to have any more is purged, however long the store is away meanwhile."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest

from sluicegate.caching.unwanted import MAX_WAITING, Unwanted
from sluicegate.store import Store, StoreUnavailableError

from .entries import eventually


class Away:
    """A store that takes nothing while it is away."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.is_away = False
        self.tries = 0

    @contextmanager
    def changing(self) -> Iterator[Any]:
        self.tries += 1
        if self.is_away:
            raise StoreUnavailableError("gone")
        with self.store.changing() as transaction:
            yield transaction


@pytest.fixture
def away(open_sqlite: Callable[[], Store]) -> Away:
    return Away(open_sqlite())


@pytest.fixture
def unwanted(away: Away) -> Iterator[Unwanted]:
    made = Unwanted(cast("Store", away), write_every_s=0.02)
    made.start()
    yield made
    made.stop()


def purged(away: Away) -> list[tuple[str, str]]:
    return [(each.kind, each.value) for each in away.store.cache.purges(0)]


def test_keys_are_purged_in_their_order(away: Away, unwanted: Unwanted) -> None:
    for key in ("a", "b"):
        unwanted.add(key)
    assert eventually(lambda: purged(away) == [("key", "a"), ("key", "b")], 2.0)


def test_a_store_that_is_away_is_asked_until_it_takes_them(
    away: Away, unwanted: Unwanted, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    away.is_away = True
    unwanted.add("a")
    assert eventually(lambda: away.tries >= 3, 2.0)
    unwanted.add("b")
    assert purged(away) == []
    away.is_away = False
    assert eventually(lambda: purged(away) == [("key", "a"), ("key", "b")], 2.0)
    tries = away.tries
    assert not eventually(lambda: away.tries > tries, 0.2)
    assert [record.getMessage() for record in caplog.records] == [
        "answers that nobody is to have stay in the cache until the store takes purges again: gone",
        "answers that nobody is to have are purged",
    ]


def test_what_waits_is_bounded_and_the_end_purges_it(away: Away) -> None:
    unwanted = Unwanted(cast("Store", away))
    for number in range(MAX_WAITING + 2):
        unwanted.add(str(number))
    unwanted.start()
    unwanted.stop()
    kept = purged(away)
    assert (len(kept), kept[0], kept[-1]) == (MAX_WAITING, ("key", "2"), ("key", "10001"))
