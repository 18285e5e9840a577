"""Questions whose answers are no more leave the store; those whose answers may come yet do not."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from sluicegate.semantic.gone import AWAITED_S, Gone
from sluicegate.store import Store, StoreError, sqlite_store
from sluicegate.store.vectors import NewVector

from ..caching.entries import entry, now_ms


class Kit:
    """A store, and time by hand."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.now_s = 100.0
        self.gone = Gone(store.vectors, lambda: self.now_s)

    def put(self, *names: str) -> None:
        """Puts questions, each answered by the entry of its name."""
        self.store.vectors.put(
            [
                NewVector(
                    model_id="m/1",
                    scope=b"s" * 32,
                    label=entry(name.encode()).label,
                    expires_ms=now_ms() + 60_000,
                    text=name,
                    vector=b"\0\0\x80\x3f",
                )
                for name in names
            ]
        )

    def passes(self, seconds: float) -> None:
        """Turns of half a second."""
        for _ in range(round(seconds * 2)):
            self.now_s += 0.5
            self.gone.forget()

    @property
    def left(self) -> str:
        """The names of what is there, in their order."""
        return "".join(each.text for each in self.store.vectors.since(0, now_ms()))


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[Kit]:
    with closing(sqlite_store(tmp_path / "store.sqlite")) as store:
        yield Kit(store)


def add(kit: Kit, *names: str) -> None:
    """A look finds no answer to these."""
    for name in names:
        kit.gone.add(name.encode())


def nothing(kit: Kit) -> None:
    add(kit)


def of_two(kit: Kit) -> None:
    add(kit, "a", "c", "a")


def just_put(kit: Kit) -> None:
    kit.passes(AWAITED_S - 0.5)
    kit.put("d")
    kit.passes(0.5)
    add(kit, "a", "d")


def put_anew(kit: Kit) -> None:
    kit.put("a")
    add(kit, "a", "b")


def unknown(kit: Kit) -> None:
    add(kit, "z")


@pytest.mark.parametrize(
    ("found", "left"),
    [(nothing, "abc"), (of_two, "b"), (just_put, "bcd"), (put_anew, "ca"), (unknown, "abc")],
)
def test_the_questions_of_what_is_gone_leave(
    kit: Kit, found: Callable[[Kit], None], left: str
) -> None:
    kit.put("a", "b", "c")
    kit.passes(AWAITED_S + 0.5)
    found(kit)
    kit.passes(0.5)
    assert kit.left == left


def test_what_is_found_gone_at_the_start_leaves_when_it_was_there_long_enough(kit: Kit) -> None:
    kit.put("a", "b")
    kit.gone.forget()
    add(kit, "a")
    kit.passes(AWAITED_S - 0.5)
    assert kit.left == "ab"
    kit.passes(0.5)
    assert kit.left == "b"


def test_what_the_store_does_not_forget_now_it_forgets_later(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    kit.put("a", "b")
    kit.passes(AWAITED_S + 0.5)
    add(kit, "a")

    def away(*_: object) -> None:
        raise StoreError("away")

    with monkeypatch.context() as patched:
        patched.setattr(kit.store.vectors, "delete", away)
        with pytest.raises(StoreError, match="away"):
            kit.passes(0.5)
    assert kit.left == "ab"
    kit.passes(0.5)
    assert kit.left == "b"
