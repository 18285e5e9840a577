"""Questions that one worker remembers are learned by the others, and by its next life."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest

from sluicegate import _core
from sluicegate.semantic.record import vector_of
from sluicegate.semantic.sharing import LEARNED_AT_ONCE, Sharing
from sluicegate.store import Store, sqlite_store

from ..caching.entries import eventually
from .fakes import Core

LATER_MS = time.time_ns() // 1_000_000 + 3_600_000


def question(name: str, expires_ms: int = LATER_MS) -> _core.CacheQuestion:
    return _core.CacheQuestion(
        model_id="ngram/1",
        scope=b"s" * 32,
        text=name,
        vector=b"\0\0\x80\x3f",
        key=name.encode().ljust(32, b"."),
        tenant="team core",
        namespace="n",
        model="smart",
        target="u/m",
        tags=["t"],
        epoch=7,
        expires_ms=expires_ms,
    )


class Workers:
    """Some, over one file."""

    def __init__(self, path: Path, stack: ExitStack) -> None:
        self._path = path
        self._stack = stack

    def store(self) -> Store:
        store = sqlite_store(self._path)
        self._stack.callback(store.close)
        return store

    def one(self, max_entries: int = 100_000) -> tuple[Core, Sharing]:
        core = Core()
        sharing = Sharing(core, self.store(), max_entries=lambda: max_entries)
        sharing.start()
        self._stack.callback(sharing.stop)
        return core, sharing


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Workers]:
    with ExitStack() as stack:
        yield Workers(tmp_path / "store.sqlite", stack)


def names(core: Core) -> list[str]:
    return [each.text for each in core.learned]


def test_another_worker_learns_what_one_remembers(workers: Workers) -> None:
    (one, remembering), (other, _) = workers.one(), workers.one()
    remembering.remember(question("a"))
    began_s = time.monotonic()
    assert eventually(lambda: [vector_of(it) for it in other.learned] == [vector_of(question("a"))])
    assert time.monotonic() - began_s < 3
    remembering.remember(question("b"))
    assert eventually(lambda: names(other) == ["a", "b"])
    assert one.learned == [], "its own are in its index"


def test_the_next_life_learns_what_is_not_over(workers: Workers) -> None:
    _, sharing = workers.one()
    sharing.remember(question("over", 1))
    sharing.remember(question("good"))
    sharing.stop()  # what waits is put
    core, _ = workers.one()
    assert eventually(lambda: names(core) == ["good"])


def test_many_come_in_small_pieces_and_what_is_new_is_put_meanwhile(workers: Workers) -> None:
    put = [vector_of(question(f"q{number}")) for number in range(1000)]
    workers.store().vectors.put(put)
    core, sharing = workers.one()
    sharing.remember(question("new"))
    other, _ = workers.one()
    assert eventually(lambda: len(core.learned) == 1000)
    assert eventually(lambda: "new" in names(other))
    assert len(core.learned) == 1000
    assert max(core.pieces) <= LEARNED_AT_ONCE


def test_no_more_are_learned_at_the_start_than_there_is_room_for(workers: Workers) -> None:
    put = [vector_of(question(f"q{number}")) for number in range(10)]
    workers.store().vectors.put(put)
    core, _ = workers.one(max_entries=3)
    all_of_them, sharing = workers.one(max_entries=10)
    assert eventually(lambda: len(all_of_them.learned) == 10)
    sharing.remember(question("new"))
    assert eventually(lambda: names(core) == ["q7", "q8", "q9", "new"])


def test_one_that_cannot_be_read_takes_no_other_with_it(workers: Workers) -> None:
    store, (core, _) = workers.store(), workers.one()
    put = [vector_of(question(name)) for name in ("a", "bad", "c")]
    put[1] = msgspec.structs.replace(put[1], vector=b"")
    store.vectors.put(put)
    assert eventually(lambda: names(core) == ["a", "c"])
    store.vectors.put([vector_of(question("d"))])
    assert eventually(lambda: names(core) == ["a", "c", "d"])


def test_what_the_store_does_not_take_now_is_put_later(
    workers: Workers, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    workers.store().vectors.put([])
    blocked = tmp_path / "store.sqlite"
    away = tmp_path / "away"
    blocked.rename(away)
    blocked.mkdir()
    _, sharing = workers.one()
    sharing.remember(question("a"))
    assert eventually(lambda: "not shared" in caplog.text)
    blocked.rmdir()
    away.rename(blocked)
    core, _ = workers.one()
    assert eventually(lambda: names(core) == ["a"], within_s=15)


def test_keys_of_a_purge_leave_vectors_that_harm_nobody(workers: Workers) -> None:
    _, sharing = workers.one()
    sharing.remember(question("a"))
    store = workers.store()
    found: Callable[[], bool] = lambda: bool(store.vectors.since(0, 0))  # noqa: E731  # a name for it
    assert eventually(found)
    store.vectors.delete([question("a").key])
    core, _ = workers.one()
    sharing.remember(question("b"))
    assert eventually(lambda: names(core) == ["b"])
