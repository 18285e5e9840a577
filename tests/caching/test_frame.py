"""An entry's bytes come back as they were, or not at all."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.caching.frame import HEAD_AT, MAGIC, Frames, label_in
from sluicegate.store.cache import Entry, Label

from .entries import MASTER, entry

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
TIMES = st.integers(0, 2**53)
ENTRIES = st.builds(
    Entry,
    st.builds(Label, st.binary(max_size=40), TEXTS, TEXTS, TEXTS, TEXTS, st.lists(TEXTS), TIMES),
    TIMES,
    TIMES,
    st.binary(max_size=200),
)
FRAMES = Frames(MASTER)


@given(ENTRIES)
def test_any_entry_comes_back(given_entry: Entry) -> None:
    frame = FRAMES.encode(given_entry)
    assert FRAMES.decode(given_entry.label.key, frame) == given_entry
    assert label_in(frame) == given_entry.label


@given(ENTRIES, st.data())
def test_of_changed_bytes_nothing_is_read(given_entry: Entry, data: Any) -> None:
    frame = bytearray(FRAMES.encode(given_entry))
    place = data.draw(st.integers(0, len(frame) - 1))
    frame[place] ^= data.draw(st.integers(1, 255))
    assert FRAMES.decode(given_entry.label.key, bytes(frame)) is None


@given(ENTRIES, st.integers(0, 400))
def test_of_cut_bytes_nothing_is_read_and_no_label_is_made_up(
    given_entry: Entry, length: int
) -> None:
    frame = FRAMES.encode(given_entry)
    cut = frame[: min(length, len(frame) - 1)]
    assert FRAMES.decode(given_entry.label.key, cut) is None
    assert label_in(cut) in (None, given_entry.label)


@given(st.binary(max_size=100))
def test_of_foreign_bytes_nothing_is_read(frame: bytes) -> None:
    assert FRAMES.decode(b"k", frame) is None
    assert FRAMES.decode(b"k", MAGIC + frame) is None
    assert label_in(MAGIC + frame) is None or len(frame) >= HEAD_AT


@pytest.mark.parametrize("other", ["key", "master"])
def test_another_keys_bytes_or_another_masters_are_nobodys(other: str) -> None:
    frames = Frames(b"another") if other == "master" else FRAMES
    key = b"another" if other == "key" else b"k" * 32
    assert frames.decode(key, FRAMES.encode(entry())) is None
