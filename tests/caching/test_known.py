"""A worker's purges end what they match, and nothing that began after them."""

import pytest

from sluicegate.caching.known import Known
from sluicegate.store.cache import Kind, Purge

from .entries import entry

LABEL = entry(b"\xab\xcd", namespace="n", tags=["one", "two"], epoch=4).label
MATCHING: list[tuple[Kind, str]] = [
    ("all", ""),
    ("key", "abcd"),
    ("tag", "two"),
    ("model", "smart"),
    ("model", "u/m"),
    ("tenant", "team o/t"),
    ("namespace", "n"),
]
OTHER: list[tuple[Kind, str]] = [
    ("key", "abce"),
    ("tag", "three"),
    ("tag", "smart"),
    ("model", "one"),
    ("model", "m"),
    ("tenant", "n"),
    ("namespace", ""),
]


@pytest.mark.parametrize(("kind", "value"), MATCHING)
@pytest.mark.parametrize(("epoch", "is_dead"), [(5, True), (4, False), (3, False)])
def test_what_matches_is_dead_if_it_began_before(
    kind: Kind, value: str, epoch: int, is_dead: bool
) -> None:
    known = Known()
    known.add([Purge(epoch, kind, value)])
    assert known.kills(LABEL) is is_dead
    known.add([Purge(epoch - 1, kind, value)])
    assert known.kills(LABEL) is is_dead
    assert known.epoch == epoch


def test_what_matches_nothing_lives() -> None:
    known = Known()
    known.add([Purge(9, kind, value) for kind, value in OTHER])
    assert not known.kills(LABEL)


def test_a_purge_of_all_stands_for_those_before_it_and_for_none_behind() -> None:
    known = Known()
    known.add([Purge(6, "tag", "one"), Purge(2, "tag", "two"), Purge(5, "all", "")])
    assert known.kills(LABEL)
    later = LABEL._replace(epoch=5)
    assert known.kills(later)
    assert not known.kills(later._replace(tags=["two"]))
    assert len(known._epochs) == 2
