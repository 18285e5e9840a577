"""A thread that does the same again and again, until it is stopped."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from sluicegate.turns import Turns

WITHIN_S = 10.0


class Work:
    """What is done, in its order. A turn waits until it may end, and the third asks for the end."""

    def __init__(self, **how: Any) -> None:
        self.done: list[str] = []
        self.has_begun = threading.Event()
        self.may_end = threading.Event()
        self.may_end.set()
        self.is_third = threading.Event()
        self.name = ""
        self.turns = Turns("work", self._turn, last=lambda: self.done.append("last"), **how)

    def _turn(self) -> None:
        self.name = threading.current_thread().name
        self.done.append("turn")
        self.has_begun.set()
        self.may_end.wait(WITHIN_S)
        if len(self.done) >= 3:
            self.is_third.set()
            self.turns.wait(WITHIN_S)


def no_pause() -> float:
    return 0.0


def long_pause() -> float:
    return 60.0


def test_turns_follow_each_other_until_the_last() -> None:
    work = Work()
    work.turns.start()
    assert work.is_third.wait(WITHIN_S)
    assert not work.turns.is_stopping
    assert work.turns.stop()
    assert work.done == ["turn"] * 3 + ["last"]
    assert work.turns.is_stopping
    assert work.name == "sluicegate-work"


@pytest.mark.parametrize(
    ("pause_s", "at_once", "done"),
    [
        (long_pause, False, ["last"]),
        (long_pause, True, ["turn", "last"]),
        (no_pause, True, ["turn", "turn", "turn", "last"]),
    ],
)
def test_a_pause_is_asked_for_each_time_and_cut_short_by_the_end(
    pause_s: Callable[[], float], at_once: bool, done: list[str]
) -> None:
    asked = threading.Event()

    def asked_for() -> float:
        asked.set()
        return pause_s()

    work = Work(pause_s=asked_for, is_first_at_once=at_once)
    work.turns.start()
    assert (work.is_third if len(done) > 2 else asked).wait(WITHIN_S)
    assert work.turns.stop()
    assert work.done == done


def test_who_stops_it_waits_for_no_longer_than_was_said() -> None:
    work = Work(join_s=0.01)
    work.may_end.clear()
    work.turns.start()
    assert work.has_begun.wait(WITHIN_S)
    assert not work.turns.stop()
    assert work.done == ["turn"]
    work.may_end.set()
    while not work.turns.stop():
        pass
    assert work.done == ["turn", "last"]


def test_one_that_never_began_is_over() -> None:
    work = Work()
    assert work.turns.stop()
    assert work.done == []
