"""What the core asks is handed out; and MiniLM is there when it is loaded, not before."""

import struct
import threading
from concurrent.futures import Future

import pytest

from sluicegate.course import Answer
from sluicegate.semantic import asked
from sluicegate.semantic.chores import Listener
from sluicegate.semantic.local import Local

from ..caching.entries import eventually
from .fakes import Chore, Core


def test_a_chore_that_fails_takes_no_other_with_it() -> None:
    core, done = Core(), list[int]()

    def fail(_: object) -> None:
        raise LookupError

    listener = Listener(core, {"judge": lambda chore: done.append(chore.id), "embed": fail})
    listener.start()
    for number, kind in enumerate(("judge", "embed", "of another time", "judge")):
        core.chores.put(Chore(kind, id=number))
    assert eventually(lambda: done == [0, 3])
    listener.stop()


class Slow:
    """An embedder that loads when it is told to."""

    model_id = "slow/1"

    def __init__(self) -> None:
        self.is_closed = False

    def embed(self, text: str) -> Future[bytes | None]:
        future: Future[bytes | None] = Future()
        future.set_result(text.encode())
        return future

    def close(self) -> None:
        self.is_closed = True


def test_nobody_waits_for_the_model() -> None:
    goes_on, made, told = threading.Event(), Slow(), list[tuple[str, bytes | None]]()

    def load() -> Slow:
        goes_on.wait(20)
        return made

    local = Local(load)
    local.embed("a", lambda *of: told.append(of))
    assert (told, local.vector("a")) == ([("", None)], None)
    goes_on.set()
    assert eventually(lambda: local.vector("a") == b"a")
    local.embed("b", lambda *of: told.append(of))
    assert told[1:] == [("slow/1", b"b")]
    local.close()
    assert made.is_closed
    assert local.vector("a") is None


def test_a_model_that_cannot_be_loaded_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    def load() -> Slow:
        raise ImportError("onnxruntime")

    local, told = Local(load), list[tuple[str, bytes | None]]()
    for _ in range(3):
        local.embed("a", lambda *of: told.append(of))
    assert eventually(lambda: "onnxruntime" in caplog.text)
    assert told == [("", None)] * 3
    assert caplog.text.count("onnxruntime") == 1


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"data": [{"embedding": [1, 0.5]}]}', struct.pack("<2f", 1, 0.5)),
        (b'{"data": []}', None),
        (b'{"data": [{"embedding": []}]}', None),
        (b'{"data": [{"embedding": ["1"]}]}', None),
        (b'{"data": [{"embedding": [1e300]}]}', None),
        (b'{"data": [{"embedding": [1]}, {"embedding": [1]}]}', None),
        (b"[]", None),
        (b"\xff", None),
    ],
    ids=["a-vector", "none", "empty", "texts", "too-large", "two", "no-object", "no-json"],
)
def test_what_a_provider_says_is_a_vector_or_none(body: bytes, expected: bytes | None) -> None:
    assert asked.vector_of(Answer(200, [], body)) == expected
    assert asked.vector_of(Answer(500, [], body)) is None


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ('"yes"', True),
        ('" Yes.\\n"', True),
        ('"no"', False),
        ('"yes, but"', False),
        ('"not yes"', False),
        ('""', False),
        ("null", False),
        ('["yes"]', False),
    ],
)
def test_only_a_clear_yes_is_one(said: str, expected: bool) -> None:  # a case
    body = f'{{"choices": [{{"message": {{"content": {said}}}}}]}}'.encode()
    assert asked.says_yes(Answer(200, [], body)) is expected
    assert not asked.says_yes(Answer(403, [], body))


@pytest.mark.parametrize("body", [b"{}", b'{"choices": []}', b'{"choices": [1]}', b"[]", b"yes"])
def test_what_is_no_answer_is_a_no(body: bytes) -> None:
    assert not asked.says_yes(Answer(200, [], body))
