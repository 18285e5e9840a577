"""The core's part of the semantic cache, as Python sees it."""

import struct

import pytest

from sluicegate._core import VectorIndex, ngram_vector, text_difference


@pytest.mark.parametrize(
    ("one", "other", "found"),
    [
        ("How do I enable it?", "How do I disable it?", "opposite"),
        ("Flights in May 2023", "Flights in May 2024", "number"),
        ("How do I reset my password?", "How can I reset my password?", None),
        ("", "", None),
    ],
    ids=["opposite", "number", "the-same", "nothing"],
)
def test_in_what_texts_differ(one: str, other: str, found: str | None) -> None:
    assert text_difference(one, other) == found
    assert text_difference(other, one) == found


def test_a_vector_of_letters_has_length_one() -> None:
    vector = ngram_vector("How do I reset my password?")
    assert vector is not None
    numbers = struct.unpack("<1024f", vector)
    assert sum(number * number for number in numbers) == pytest.approx(1)
    assert ngram_vector("how do i RESET my  password") == vector
    assert ngram_vector("?!") is None


def test_an_index_finds_and_forgets() -> None:
    index = VectorIndex(2, 2)
    vectors = {1: (1.0, 0.0), 2: (0.0, 1.0), 3: (1.0, 1.0)}
    gone = [
        index.insert(7, entry, struct.pack("<2f", *vector)) for entry, vector in vectors.items()
    ]
    assert gone == [[], [], [1]]
    assert [entry for entry, _ in index.search(7, struct.pack("<2f", 0, 2), 5)] == [2, 3]
    assert index.search(8, struct.pack("<2f", 0, 2), 5) == []
    assert index.remove(2)
    assert not index.remove(2)
    assert len(index) == 1
    assert index.size_bytes > 0


@pytest.mark.parametrize("vector", [b"", b"\0" * 8, b"\0" * 9, b"\0" * 12])
def test_what_is_no_vector_is_refused(vector: bytes) -> None:
    with pytest.raises(ValueError, match="dimension"):
        VectorIndex(2, 2).insert(1, 1, vector)
