"""A line to a real server: answers of every kind, bounds, servers that come and go."""

import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from sluicegate import _core

from ..valkey import Server

WITHIN_S = 2.0


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as one:
        yield one


def test_answers_come_in_the_order_of_their_commands(server: Server) -> None:
    line = _core.RedisLine(server.url)
    blob = bytes(range(256)) * 5000
    answers = line.call(
        [
            [b"SET", b"\x00key", blob, b"PX", b"60000"],
            [b"GET", b"\x00key"],
            [b"GET", b"none"],
            [b"MGET", b"none", b"\x00key"],
            [b"NO-SUCH-COMMAND"],
            [b"DEL", b"\x00key", b"none"],
            [b"PING"],
        ],
        WITHIN_S,
    )
    assert answers[:4] == [b"OK", blob, None, [None, blob]]
    assert isinstance(answers[4], str)
    assert "NO-SUCH-COMMAND" in answers[4]
    assert answers[5:] == [1, b"PONG"]
    assert line.call([], WITHIN_S) == []


def test_a_frozen_server_is_waited_for_no_longer_than_was_said(server: Server) -> None:
    line = _core.RedisLine(server.url)
    line.call([[b"SET", b"k", b"old"]], WITHIN_S)
    server.freeze()
    for _ in range(3):
        began_s = time.monotonic()
        with pytest.raises(OSError, match="no answer in 50 ms"):
            line.call([[b"GET", b"k"]], 0.05)
        assert time.monotonic() - began_s < 0.5
    server.thaw()
    # What the server answers late is nobody's.
    assert line.call([[b"GET", b"other"]], WITHIN_S) == [None]
    assert line.call([[b"GET", b"k"]], WITHIN_S) == [b"old"]


def test_a_server_that_was_started_again_is_found_by_the_next_call(server: Server) -> None:
    line = _core.RedisLine(server.url)
    line.call([[b"PING"]], WITHIN_S)
    server.kill()
    with pytest.raises(OSError, match="shared_state: "):
        line.call([[b"PING"]], WITHIN_S)
    server.start()
    assert line.call([[b"PING"]], WITHIN_S) == [b"PONG"]
    # The server hung up behind our back: no call is lost by it.
    server.client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    assert line.call([[b"PING"]], WITHIN_S) == [b"PONG"]


def test_the_database_and_the_password_of_the_url_are_used() -> None:
    with Server("--requirepass", "word-of-the-test") as server:
        server.client.close()
        refused = _core.RedisLine(server.url)
        assert isinstance(refused.call([[b"GET", b"k"]], WITHIN_S)[0], str)
        url = server.url.replace("redis://", "redis://:word-of-the-test@")
        first, second = _core.RedisLine(url), _core.RedisLine(url[:-1] + "2")
        assert first.call([[b"SET", b"k", b"0"]], WITHIN_S) == [b"OK"]
        assert second.call([[b"GET", b"k"]], WITHIN_S) == [None]


def test_other_threads_run_while_one_waits(server: Server) -> None:
    line = _core.RedisLine(server.url)
    line.call([[b"PING"]], WITHIN_S)
    server.freeze()

    def wait() -> None:
        with suppress(OSError):
            line.call([[b"PING"]], 0.5)

    waiting = threading.Thread(target=wait)
    waiting.start()
    counted = 0
    while waiting.is_alive():
        counted += 1
        time.sleep(0.001)
    assert counted > 50


@pytest.mark.parametrize("url", ["", "http://h", "redis://h:port"])
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(OSError, match="shared_state: "):
        _core.RedisLine(url)
