"""What the shadow mode found is added up."""

import threading

from sluicegate.store import Store
from sluicegate.store.judged import Count, Pair

from .conftest import Opener

PAIR = Pair("smart", "team core", "minilm", 91)


def test_counts_add_up(store: Store) -> None:
    assert store.judged.all() == {}
    other = PAIR._replace(bucket=92)
    store.judged.add({PAIR: Count(3, 1), other: Count(1, 0)})
    store.judged.add({PAIR: Count(2, 2)})
    assert store.judged.all() == {PAIR: Count(5, 3), other: Count(1, 0)}


def test_many_add_at_once(opener: Opener) -> None:
    stores = [opener() for _ in range(4)]
    stores[0].judged.all()

    def add(store: Store) -> None:
        for _ in range(10):
            store.judged.add({PAIR: Count(1, 1)})

    threads = [threading.Thread(target=add, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stores[0].judged.all() == {PAIR: Count(40, 40)}
