"""What the store needs to find the nearest is looked for now and then, made once, told when it
changes.
"""

from typing import Any, Literal

import pytest

from sluicegate.semantic.finding import LOOK_EVERY_S, Finding
from sluicegate.store import StoreError
from sluicegate.store.neighbours import NoVectorsError

State = Literal["there", "missing", "away"]


class Stand:
    """A store that is as it is told, and its clock."""

    def __init__(self) -> None:
        self.state: State = "there"
        self.may_create: list[bool] = []
        self.now_s = 0.0
        self.neighbours = self

    def prepare(self, *, may_create: bool) -> None:
        self.may_create.append(may_create)
        if self.state == "missing":
            raise NoVectorsError("it has none")
        if self.state == "away":
            raise StoreError("it is away")


@pytest.fixture
def stand() -> Stand:
    return Stand()


@pytest.fixture
def finding(stand: Stand) -> Finding:
    store: Any = stand
    return Finding(store, now_s=lambda: stand.now_s)


@pytest.mark.parametrize(
    ("states", "told"),
    [
        (["there", "there"], ""),
        (["missing", "missing"], "-"),
        (["missing", "there", "there"], "-+"),
        (["there", "missing", "missing", "there"], "-+"),
    ],
    ids=lambda it: it if isinstance(it, str) else ", ".join(it),
)
def test_each_change_is_told_once(
    stand: Stand, finding: Finding, caplog: pytest.LogCaptureFixture, states: list[State], told: str
) -> None:
    caplog.set_level("INFO")
    for state in states:
        stand.state = state
        assert finding.look() is (state == "there")
        assert finding.is_there is (state == "there")
        stand.now_s += LOOK_EVERY_S
    words = {"INFO": "+", "ERROR": "-"}
    assert "".join(words[each.levelname] for each in caplog.records) == told
    assert stand.may_create == [True] + [False] * (len(states) - 1)


def test_between_two_looks_it_is_as_it_was(stand: Stand, finding: Finding) -> None:
    assert finding.look()
    stand.state = "missing"
    stand.now_s = LOOK_EVERY_S - 0.1
    assert finding.look()
    stand.now_s = LOOK_EVERY_S
    assert not finding.look()


def test_a_store_that_is_away_is_looked_at_again_at_once(stand: Stand, finding: Finding) -> None:
    stand.state = "away"
    with pytest.raises(StoreError):
        finding.look()
    assert not finding.is_there
    stand.state = "missing"
    assert not finding.look()
    assert stand.may_create == [True, True]
