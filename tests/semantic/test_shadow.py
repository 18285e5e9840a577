"""Would-be answers are judged, counted for good, and thresholds move by it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from sluicegate.semantic.shadow import Moving, Shadow
from sluicegate.store import Store, sqlite_store
from sluicegate.store.judged import Count, Pair

from ..caching.entries import eventually
from .fakes import Chore, Core

PAIR = Pair("smart", "team core", "ngram", 86)


class Kit:
    """A shadow mode over a file, in as many lives as are begun."""

    def __init__(self, path: Path, stack: ExitStack) -> None:
        self.core = Core()
        self.moving: dict[str, Moving] = {}
        self._path = path
        self._stack = stack

    def store(self) -> Store:
        store = sqlite_store(self._path)
        self._stack.callback(store.close)
        return store

    def begin(self) -> Shadow:
        shadow = Shadow(self.core, self.store(), lambda _: None, lambda: self.moving)
        shadow.start()
        self._stack.callback(shadow.stop)
        return shadow


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[Kit]:
    with ExitStack() as stack:
        yield Kit(tmp_path / "store.sqlite", stack)


def judged(kept: str, real: str, **fields: object) -> Chore:
    return Chore("judge", **({"similarity": 0.86, "kept": kept, "real": real} | fields))  # type: ignore[arg-type]  # its fields


def test_what_was_judged_outlives_the_worker(kit: Kit) -> None:
    shadow = kit.begin()
    shadow.judge(judged("Paris.", "Paris"))
    shadow.judge(judged("It costs 20 dollars.", "It costs 30 dollars."))
    shadow.judge(judged("Paris", "", similarity=0.95))
    shadow.judge(judged("Paris", "Paris", similarity=0.95, model="cheap"))
    shadow.stop()
    assert kit.store().judged.all() == {
        PAIR: Count(2, 1),
        Pair("cheap", "team core", "ngram", 95): Count(1, 0),
    }
    again = kit.begin()
    again.judge(judged("Paris", "Rome"))
    again.stop()
    assert kit.store().judged.all()[PAIR] == Count(3, 2)


def test_counts_come_to_the_store_while_it_runs(kit: Kit) -> None:
    kit.begin().judge(judged("Paris", "Paris"))
    store = kit.store()
    assert eventually(lambda: store.judged.all() == {PAIR: Count(1, 0)}, within_s=15)


def test_a_threshold_moves_by_what_was_found_before(kit: Kit) -> None:
    kit.store().judged.add({PAIR: Count(200, 0), PAIR._replace(bucket=70): Count(50, 50)})
    kit.moving["ngram"] = Moving(0.86, 0.03)
    kit.begin()
    assert eventually(lambda: kit.core.thresholds == [("ngram", 0.85)])


def test_a_threshold_goes_back_where_the_configuration_moves_it_no_more(kit: Kit) -> None:
    kit.store().judged.add({PAIR: Count(200, 0)})
    kit.moving["ngram"] = Moving(0.86, 0.03)
    shadow = kit.begin()
    assert eventually(lambda: kit.core.thresholds == [("ngram", 0.85)])
    kit.moving.clear()
    shadow.judge(judged("Paris", "Paris"))
    assert eventually(lambda: kit.core.thresholds[1:] == [("ngram", 0.86)], within_s=15)


@pytest.mark.parametrize(
    "counts",
    [{}, {PAIR: Count(49, 0)}, {PAIR._replace(embedder="minilm"): Count(200, 0)}],
    ids=["nothing", "too-few", "another-embedder"],
)
def test_a_threshold_stays_where_too_little_is_known(kit: Kit, counts: dict[Pair, Count]) -> None:
    store = kit.store()
    if counts:
        store.judged.add(counts)
    kit.moving["ngram"] = Moving(0.86, 0.03)
    shadow = kit.begin()
    shadow.judge(judged("Paris", "Paris", model="cheap"))
    looked: Callable[[], bool] = lambda: any(pair.model == "cheap" for pair in store.judged.all())  # noqa: E731  # a name for it
    assert eventually(looked, within_s=15)
    shadow.stop()
    assert kit.core.thresholds == []
