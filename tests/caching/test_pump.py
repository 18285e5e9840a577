"""The core gets what is good, and is answered in any case."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from sluicegate.caching.guard import Guarded
from sluicegate.caching.poller import Poller
from sluicegate.caching.pump import Pump
from sluicegate.caching.record import entry_of, record_of
from sluicegate.store.cache import Entry, Purge

from .entries import entry, eventually, full, now_ms
from .fakes import UNKNOWN, Core, MemoryTier


class Source:
    """Purges by hand."""

    def __init__(self) -> None:
        self.made: list[Purge] = []
        self.is_away = False

    def epoch(self) -> int:
        if self.is_away:
            raise OSError("away")
        return max((each.epoch for each in self.made), default=0)

    def purges(self, since: int) -> list[Purge]:
        return [each for each in self.made if each.epoch > since]


class Kit:
    """A pump between a core and a tier."""

    def __init__(self) -> None:
        self.core, self.tier, self.source = Core(), MemoryTier(), Source()
        self.guarded: Guarded | None = Guarded(self.tier)
        self.guarded.start()
        self.poller = Poller(self.source, self.core.purge, stale_after_s=0.3)
        self.poller.read_now()
        self.pump = Pump(self.core, lambda: self.guarded, self.poller)
        self.pump.start()

    def has(self, name: bytes, **fields: Any) -> None:
        """Puts an entry into the tier."""
        self.tier.entries[full(name)] = entry(full(name), **fields)

    def ask(self, name: bytes, within_s: float = 5.0) -> Entry | object | None:
        """What the core is given."""
        record = self.core.ask(full(name), within_s)
        return record if record in (None, UNKNOWN) else entry_of(record)


@pytest.fixture
def kit() -> Iterator[Kit]:
    one = Kit()
    guarded = one.guarded
    one.poller._stale_after_s = 60.0
    yield one
    one.pump.stop()
    assert guarded is not None
    guarded.stop()


def test_what_is_kept_is_given_as_it_was(kit: Kit) -> None:
    assert kit.ask(b"a") is None
    kit.source.made = [Purge(7, "tag", "other")]
    kit.poller.read_now()
    one = entry(full(b"a"), tags=["t"], epoch=7)
    kit.core.keep(record_of(one))
    assert eventually(lambda: kit.tier.entries)
    assert kit.ask(b"a") == one


def test_a_dead_entry_is_a_miss(kit: Kit) -> None:
    kit.has(b"a", tags=["t"])
    assert isinstance(kit.ask(b"a"), Entry)
    kit.source.made = [Purge(1, "tag", "t")]
    kit.poller.read_now()
    assert kit.ask(b"a") is None
    assert kit.core.purged == [Purge(1, "tag", "t")]


def test_an_entry_of_a_time_that_is_not_known_yet_is_a_miss(kit: Kit) -> None:
    kit.has(b"a", epoch=1)
    assert kit.ask(b"a") is UNKNOWN
    kit.source.made = [Purge(1, "tag", "other")]
    kit.poller.read_now()
    assert isinstance(kit.ask(b"a"), Entry)


def test_one_that_is_over_is_a_miss(kit: Kit) -> None:
    kit.has(b"a", expires_ms=now_ms() - 1)
    assert kit.ask(b"a") is None


def test_where_purges_cannot_be_read_nothing_is_given(kit: Kit) -> None:
    kit.has(b"a")
    kit.poller._stale_after_s = 0.05
    kit.source.is_away = True
    assert eventually(lambda: not kit.poller.is_fresh)
    assert kit.ask(b"a") is UNKNOWN
    kit.core.keep(record_of(entry(full(b"b"))))
    assert eventually(lambda: full(b"b") in kit.tier.entries), "it is kept for better times"


def test_where_nothing_is_beside_the_memory_all_is_a_miss(kit: Kit) -> None:
    kit.guarded = None
    assert kit.ask(b"a") is None
    kit.core.keep(record_of(entry(full(b"a"))))
    assert kit.ask(b"a") is None


def test_a_tier_that_hangs_is_a_miss(kit: Kit) -> None:
    kit.tier.goes_on.clear()
    for _ in range(50):
        assert kit.ask(b"a", within_s=2.0) is UNKNOWN
    kit.tier.goes_on.set()


def test_a_record_that_nobody_can_read_ends_nothing(kit: Kit) -> None:
    kit.core.keep(SimpleNamespace(key=b"a"))
    kit.has(b"a")
    assert isinstance(kit.ask(b"a"), Entry)
