"""Answers that are a little too old: better than an error, and good enough while a new one comes."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from ..client import Ask
from ..faults.checks import ask, asks, assert_good, assert_row, forms
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

    def fall_silent(self) -> socket.socket:
        """Connections are taken from then on, and nothing is said; until what is returned ends."""
        self.end()
        return socket.create_server(("127.0.0.1", urlsplit(self.url).port or 0), backlog=64)


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


@forms
def test_a_crowd_waits_for_one_failure_and_has_the_stale_answer_together(
    mortal: Mortal, tmp_path: Path, stream: bool
) -> None:
    settings = merge(stale(stale_if_error_s=60), {"timeouts": {"first_byte_s": 0.8}})
    with Gateway(mortal.url, tmp_path, **settings) as gateway:
        model = named("stale")
        answered(gateway, model, stream=stream)
        with mortal.fall_silent():
            got = asks(gateway, [Ask(model, stream=stream) for _ in range(12)], concurrency=12)
        for each in got:
            assert_good(each, 5)
            assert told(each) == "hit"
        rows = gateway.rows_of(each.ref for each in got).values()
        assert sum(len(each) > 1 for each in rows) == 1, "one asked for all"


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
