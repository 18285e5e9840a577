"""A tier that is slow or away is a miss, never an error or a wait; and it comes back by itself."""

import time
from collections.abc import Iterator

import pytest

from sluicegate.caching.guard import FAILURES, MAX_WAITING_BYTES, Guarded

from .entries import entry, eventually
from .fakes import MemoryTier


class Kit:
    """A guard, its tier, and what was told of it."""

    def __init__(self) -> None:
        self.tier = MemoryTier()
        self.told: list[str | None] = []
        self.guarded = Guarded(self.tier, probe_every_s=0.05, on_change=self.told.append)
        self.guarded.start()


@pytest.fixture
def kit() -> Iterator[Kit]:
    one = Kit()
    yield one
    one.tier.goes_on.set()
    one.guarded.stop()
    assert one.tier.is_closed


def test_what_is_put_is_got(kit: Kit) -> None:
    kit.guarded.put(entry(b"a"))
    assert eventually(lambda: b"a" in (kit.guarded.get([b"a", b"b"]) or ()))
    assert kit.guarded.get([b"b"]) == {}, "it is known that it is not there"
    assert kit.guarded.counts["put"] == 1
    assert kit.guarded.counts["hits"] == 1
    assert kit.told == []


def test_a_slow_tier_is_waited_for_no_longer_than_its_time(kit: Kit) -> None:
    kit.tier.entries[b"a"] = entry(b"a")
    kit.tier.goes_on.clear()
    began_s = time.monotonic()
    assert kit.guarded.get([b"a"]) is None
    first_s = time.monotonic() - began_s
    began_s = time.monotonic()
    for _ in range(1000):
        assert kit.guarded.get([b"a"]) is None
    assert 0.04 < first_s < 0.5
    assert time.monotonic() - began_s < 0.5, "nobody waits behind one who was too late"
    kit.tier.goes_on.set()
    assert eventually(lambda: kit.guarded.get([b"a"]))
    assert kit.told == [], "slow once is not away"


def test_one_that_fails_is_away_is_told_once_and_comes_back(kit: Kit) -> None:
    kit.tier.entries[b"a"] = entry(b"a")
    kit.tier.fails = True
    for _ in range(20):
        assert kit.guarded.get([b"a"]) is None
    assert kit.guarded.is_away
    assert kit.told == ["it is away"]
    assert kit.tier.gets == FAILURES, "then it is asked nothing but whether it is there"
    kit.guarded.put(entry(b"b"))
    assert eventually(lambda: kit.tier.pings > 2)
    kit.tier.fails = False
    assert eventually(lambda: not kit.guarded.is_away)
    assert kit.guarded.get([b"a"])
    assert kit.told == ["it is away", None]
    assert b"b" not in kit.tier.entries
    assert kit.guarded.counts["dropped"] == 1


def test_one_that_hangs_at_every_look_is_away(kit: Kit) -> None:
    for _ in range(FAILURES):
        kit.tier.goes_on.clear()
        kit.guarded.get([b"a"])
        kit.tier.goes_on.set()
        assert eventually(lambda: not kit.guarded._is_reading)
    assert kit.told[0] == "no answer in 50 ms"


def test_a_full_tier_is_read_on(kit: Kit) -> None:
    kit.tier.entries[b"a"] = entry(b"a")
    kit.tier.full = True
    for _ in range(20):
        kit.guarded.put(entry(b"b"))
        time.sleep(0.005)
    assert kit.guarded.get([b"a"])
    assert kit.told == []
    kit.tier.full = False

    def is_kept() -> bool:
        kit.guarded.put(entry(b"c"))
        return b"c" in kit.tier.entries

    assert eventually(is_kept)


def test_what_waits_to_be_put_has_a_bound(kit: Kit) -> None:
    kit.tier.goes_on.clear()
    size = MAX_WAITING_BYTES // 16
    for number in range(40):
        kit.guarded.put(entry(bytes([number]), body=bytes(size)))
    kit.tier.goes_on.set()
    total = kit.guarded.counts
    assert eventually(lambda: total["put"] + total["dropped"] == 40)
    assert 16 <= total["put"] <= 24


def test_entries_that_wait_are_put_together(kit: Kit) -> None:
    kit.tier.goes_on.clear()
    for number in range(100):
        kit.guarded.put(entry(bytes([number])))
    kit.tier.goes_on.set()
    assert eventually(lambda: len(kit.tier.entries) == 100)
    assert len(kit.tier.puts) <= 4


def test_what_waits_at_the_end_is_put() -> None:
    kit = Kit()
    for number in range(100):
        kit.guarded.put(entry(bytes([number])))
    kit.guarded.stop()
    assert len(kit.tier.entries) == 100


def test_a_tier_that_hangs_does_not_hold_up_the_end() -> None:
    kit = Kit()
    kit.tier.goes_on.clear()
    kit.guarded.put(entry(b"a"))
    kit.guarded.get([b"a"])
    began_s = time.monotonic()
    kit.guarded.stop()
    assert time.monotonic() - began_s < 5
    kit.tier.goes_on.set()
