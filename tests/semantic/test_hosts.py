"""Hosts that share a store and a Redis: questions and their answers reach another host by different
ways, and either may be late, or gone.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from sluicegate.semantic.gone import AWAITED_S

from ..faults.checks import ask, eventually
from ..faults.conftest import Start
from ..gateway import Gateway
from ..postgres import Server as Postgres
from ..valkey import Server as Valkey
from .checks import QUESTION, cache, fresh, kept, knows, model, questions

MASTER = "0123456789abcdef0123456789abcdef"
#: Longer than a host takes to put a question, and another to learn it.
TURNS_S = 1.2
Pair = tuple[Gateway, Gateway]


class Rows:
    """The questions in a store."""

    def __init__(self, url: str) -> None:
        self.url = url

    def texts(self) -> list[str]:
        """As they were put."""
        return [text for (text,) in self._asked("SELECT text FROM cache_vectors ORDER BY seq")]

    def found(self) -> int:
        """How many the store can find by itself."""
        [(count,)] = self._asked("SELECT COUNT(*) FROM cache_vectors WHERE embedded_seq = seq")
        return int(count)

    def _asked(self, sql: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            return connection.execute(sql.encode()).fetchall()


@pytest.fixture
def rows(postgres: Postgres) -> Rows:
    """Of a store of its own."""
    return Rows(postgres.database())


def hosts(start: Start, rows: Rows, redis: Valkey, index: str) -> Pair:
    """Two."""
    settings = {
        **cache(index=index),
        "store": rows.url,
        "shared_state": redis.url,
        "master_key": MASTER,
    }
    return start(**settings), start(**settings)


def key_of(gateway: Gateway, name: str, text: str) -> str:
    """The name of the answer that a question gets of its own."""
    own = {"x-sluicegate-cache": "no-cache"}
    return str(ask(gateway, name, text=text, headers=own).headers["x-sluicegate-cache-key"])


def entry_of(redis: Valkey, key: str) -> str:
    """Where an answer is, once it is."""
    names: list[str] = []
    assert eventually(lambda: names.extend(redis.client.keys(f"*cache:*:{key}")) or names, 5.0)
    return names[0]


def reaches(other: Gateway, rows: Rows, index: str) -> Callable[[int], bool]:
    """Whether another host can find so many questions."""
    seen = rows.found if index == "store" else lambda: questions(other)
    return lambda count: eventually(lambda: seen() == count, 5.0)


both = pytest.mark.parametrize("index", ["memory", "store"])


@both
def test_a_question_that_comes_before_its_answer_waits_for_it(
    own_gateway: Start, rows: Rows, redis: Valkey, index: str
) -> None:
    one, other = hosts(own_gateway, rows, redis, index)
    time.sleep(AWAITED_S + TURNS_S)  # what was there before might be forgotten now
    is_there = reaches(other, rows, index)
    for count in range(1, 5):
        name, asked_s = model("early"), time.monotonic()
        entry = entry_of(redis, key_of(one, name, QUESTION))
        redis.client.rename(entry, "away")
        assert is_there(count)
        for _ in range(3):
            assert not knows(other, name)
        time.sleep(TURNS_S)
        was_quick = time.monotonic() - asked_s < AWAITED_S
        redis.client.rename("away", entry)
        if was_quick:  # else it may have been given up, and rightly so
            assert eventually(lambda: knows(other, name))  # noqa: B023
            return
    pytest.fail("this machine is too slow to tell")


@both
def test_questions_whose_answers_are_gone_leave_and_hide_no_other(
    own_gateway: Start, rows: Rows, redis: Valkey, index: str
) -> None:
    """As many as are looked at, each nearer than the one whose answer is there."""
    one, other = hosts(own_gateway, rows, redis, index)
    name = model("gone")
    kept(one, name)
    entries = [entry_of(redis, key_of(one, name, fresh())) for _ in range(4)]
    assert reaches(other, rows, index)(5)
    assert redis.client.delete(*entries) == 4
    assert not knows(other, name)
    assert eventually(lambda: knows(other, name), 20.0)
    assert eventually(lambda: knows(other, name) and rows.texts() == [QUESTION], 10.0)


SUBJECTS = [
    "What is the capital of France?",
    "Who wrote the Odyssey?",
    "When does the shop open on Mondays?",
    "Why is the sky blue in the morning?",
    "Where can I park near the station?",
]


def test_a_sweep_leaves_the_newest_that_are_not_over(own_gateway: Start, rows: Rows) -> None:
    settings = {**cache(index="store", max_stored=3), "store": rows.url, "master_key": MASTER}
    gateway, name = own_gateway(**settings), model("swept")
    for text in SUBJECTS:
        kept(gateway, name, text)
    kept(gateway, name, QUESTION, headers={"x-sluicegate-cache": "ttl=1"})
    assert eventually(lambda: len(rows.texts()) == len(SUBJECTS) + 1)
    assert eventually(lambda: len(rows.texts()) < len(SUBJECTS), 30.0)
    assert eventually(lambda: rows.texts() == SUBJECTS[2:])
    gateway.stop()
    gateway.start()  # its memory has none of them now
    assert eventually(lambda: knows(gateway, name, SUBJECTS[2]))
    assert [knows(gateway, name, text) for text in SUBJECTS] == [False, False, True, True, True]
