"""What nobody will ever be given again goes away, by one process at a time."""

from collections.abc import Callable, Iterator, Sequence

import pytest

from sluicegate.caching.sweeper import FOLD_AFTER_MS, LEASE_S, Sweeper
from sluicegate.store import Store
from sluicegate.store.cache import Purge, purge
from sluicegate.store.vectors import NewVector

from .entries import entry, now_ms
from .fakes import MemoryTier

OpenStore = Callable[[], Store]


class Clock:
    """Time by hand."""

    def __init__(self) -> None:
        self.now_ms = now_ms()

    def __call__(self) -> int:
        return self.now_ms

    def next_turn(self) -> None:
        """Long enough for the next sweep."""
        self.now_ms += int(LEASE_S * 1000)


class Forgetful(MemoryTier):
    """Notes what it is to forget."""

    def __init__(self) -> None:
        super().__init__()
        self.forgotten: list[Purge] = []
        self.sweeps = 0

    def forget(self, purges: Sequence[Purge]) -> Sequence[bytes]:
        super().forget(purges)
        self.forgotten += purges
        return [b"\x01"]

    def sweep(self) -> None:
        self.sweeps += 1


class Kit:
    """A sweeper on a store."""

    def __init__(self, open_store: OpenStore) -> None:
        self.clock, self.tier, self.store = Clock(), Forgetful(), open_store()
        self.sweeper = Sweeper(open_store(), lambda: self.tier, lambda: 10, self.clock)
        self.other = Sweeper(open_store(), lambda: self.tier, lambda: 10, self.clock)

    def purged(self, tag: str, at_ms: int | None = None) -> Purge:
        with self.store.changing() as transaction:
            return purge(transaction, "tag", tag, self.clock() if at_ms is None else at_ms)


@pytest.fixture(params=["sqlite", "postgres"])
def kit(request: pytest.FixtureRequest) -> Iterator[Kit]:
    one = Kit(request.getfixturevalue(f"open_{request.param}"))
    yield one
    one.sweeper.stop()
    one.other.stop()


def test_one_sweeps_at_a_time_and_the_next_when_it_is_time(kit: Kit) -> None:
    assert kit.sweeper.sweep_now()
    assert not kit.other.sweep_now()
    kit.clock.next_turn()
    assert kit.other.sweep_now()
    assert kit.tier.sweeps == 2


def test_what_is_over_dead_or_too_much_goes(kit: Kit) -> None:
    kit.store.cache.put(
        [
            entry(b"over", expires_ms=kit.clock()),
            entry(b"dead", tags=["t"], expires_ms=kit.clock() + 10**6),
            entry(b"good", expires_ms=kit.clock() + 10**6),
        ]
    )
    kit.store.vectors.put([vector(bytes([number, 0])) for number in range(20)])
    made = kit.purged("t")
    assert kit.sweeper.sweep_now()
    assert set(kit.store.cache.get([b"over", b"dead", b"good"], 0)) == {b"good"}
    assert kit.store.cache.kept().vectors == 10
    assert kit.tier.forgotten == [made]
    kit.clock.next_turn()
    assert kit.other.sweep_now()
    assert kit.tier.forgotten == [made], "nobody looks at it again"


def test_a_purge_that_could_not_be_carried_out_is_tried_again(kit: Kit) -> None:
    made = kit.purged("t")
    kit.tier.fails = True
    with pytest.raises(OSError, match="away"):
        kit.sweeper.sweep_now()
    kit.tier.fails = False
    kit.clock.next_turn()
    assert kit.sweeper.sweep_now()
    assert kit.tier.forgotten == [made]


def vector(key: bytes) -> NewVector:
    return NewVector(
        model_id="m",
        scope=b"s",
        label=entry(key).label,
        text="a question",
        vector=b"v",
        expires_ms=2**50,
    )


def test_the_questions_of_what_is_dead_go_with_it(kit: Kit) -> None:
    kit.store.cache.put([entry(b"\x02", tags=["t"], expires_ms=kit.clock() + 10**6)])
    kit.store.vectors.put([vector(bytes([number])) for number in range(5)])
    kit.purged("t")  # 1 is the tier's, 2 the store's
    with kit.store.changing() as transaction:
        purge(transaction, "key", "03", kit.clock())
    assert kit.sweeper.sweep_now()
    assert [each.label.key for each in kit.store.vectors.since(0, 0)] == [b"\x00", b"\x04"]


def test_old_purges_are_folded(kit: Kit) -> None:
    old = [kit.purged(str(number), kit.clock() - FOLD_AFTER_MS - 1) for number in range(3)]
    new = kit.purged("new")
    assert kit.sweeper.sweep_now()
    assert kit.store.cache.purges(0) == [Purge(old[-1].epoch, "all", ""), new]
