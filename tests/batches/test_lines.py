"""A batch's file is the same lines however it is cut, and money the same text and number."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.batches.lines import MAX_LINES, lines_of, renamed
from sluicegate.batches.settlement import pico_of, usd
from sluicegate.errors import InvalidRequestError

CHAT = "/v1/chat/completions"


def text_of(ids: list[str]) -> bytes:
    lines = [
        {"custom_id": name, "method": "POST", "url": CHAT, "body": {"model": "m", "n": 1}}
        for name in ids
    ]
    return "\n".join(json.dumps(line) for line in lines).encode()


@given(
    st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=6, unique=True),
    st.lists(st.integers(0, 400), max_size=6),
    st.booleans(),
)
def test_lines_are_the_same_at_any_cut(ids: list[str], cuts: list[int], ends: bool) -> None:
    whole = text_of(ids) + (b"\n" if ends else b"")
    places = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    pieces = [whole[a:b] for a, b in pairwise(places)]
    found = lines_of(pieces, CHAT)
    assert [line.custom_id for line in found] == ids
    assert [line.number for line in found] == list(range(1, len(ids) + 1))


def test_there_are_so_many_lines_at_most() -> None:
    whole = text_of([str(number) for number in range(MAX_LINES + 1)])
    with pytest.raises(InvalidRequestError, match=f"line {MAX_LINES + 1}"):
        lines_of([whole], CHAT)


def test_only_the_name_of_the_model_changes() -> None:
    body = b'{"seed": 1e400, "model":"a", "x": {"model": "a"}, "t": 1.10}'
    assert renamed(body, "b") == b'{"seed":1e400,"model":"b","x":{"model": "a"},"t":1.10}'


@given(st.integers(0, 10**24))
def test_money_is_written_and_read_exactly(pico: int) -> None:
    assert pico_of(usd(pico)) == pico
    assert not usd(pico).endswith(".")
