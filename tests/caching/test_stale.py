"""Answers that are a little too old: better than an error, and good enough while a new one comes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from ..faults.checks import ask, assert_good, assert_row, forms
from ..faults.conftest import Start
from ..gateway import Gateway, merge
from ..upstream import ScriptedUpstream
from .checks import ON, named, say, told

#: Until an answer of these tests is too old.
TTL_S = 1


def stale(**more: Any) -> dict[str, Any]:
    """A cache whose answers are soon too old."""
    return merge(ON, {"cache": {"exact": {"ttl_s": TTL_S, **more}}})


class Mortal:
    """An upstream that a test may end."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self.url = self._stack.enter_context(ScriptedUpstream()).url

    def end(self) -> None:
        """Nobody listens from then on."""
        self._stack.close()


@pytest.fixture
def mortal() -> Iterator[Mortal]:
    """One for each test."""
    one = Mortal()
    yield one
    one.end()


def answered(gateway: Gateway, model: str, **fields: Any) -> None:
    """Has an answer kept, and waits until it is too old."""
    assert told(ask(gateway, model, **fields)) == "miss"
    time.sleep(TTL_S + 0.2)


@forms
def test_a_stale_answer_stands_in_where_every_target_fails(
    mortal: Mortal, tmp_path: Path, stream: bool
) -> None:
    with Gateway(mortal.url, tmp_path, **stale(stale_if_error_s=60)) as gateway:
        model = named("stale")
        answered(gateway, model, stream=stream)
        assert told(ask(gateway, model, stream=stream)) == "miss"  # while there is a better one
        time.sleep(TTL_S + 0.2)
        mortal.end()
        got = ask(gateway, model, stream=stream)
        assert_good(got, 5)
        assert told(got) == "hit"
        assert int(got.headers["x-sluicegate-cache-age-s"]) >= TTL_S
        *attempts, last = sorted(gateway.rows(got.ref), key=lambda row: row["attempt"] or 99)
        assert [row["outcome"] for row in attempts] == ["error"] * len(attempts)
        assert_row(last, attempt=0, outcome="cached", cache="hit", cost_usd=0, client_status=200)
        refused = ask(gateway, model, stream=stream, headers=say("no-cache"))
        assert refused.status in {502, 503}


def test_a_stale_answer_stands_in_for_no_refusal_of_the_request_itself(gateways: Start) -> None:
    gateway = gateways(**stale(stale_if_error_s=60))
    model = named("stale", "fault-400-then-ok-1")
    assert ask(gateway, model).status == 400
    answered(gateway, model)
    assert told(ask(gateway, model, text="another")) == "miss"


def test_nothing_stale_is_given_where_nobody_allowed_it(mortal: Mortal, tmp_path: Path) -> None:
    with Gateway(mortal.url, tmp_path, **stale()) as gateway:
        model = named("stale")
        answered(gateway, model)
        mortal.end()
        assert ask(gateway, model).status in {502, 503}


def test_nothing_is_given_that_is_older_than_the_error_is_worth(
    mortal: Mortal, tmp_path: Path
) -> None:
    with Gateway(mortal.url, tmp_path, **stale(stale_if_error_s=0.5)) as gateway:
        model = named("stale")
        answered(gateway, model)
        time.sleep(0.6)
        mortal.end()
        assert ask(gateway, model).status in {502, 503}
