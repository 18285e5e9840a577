"""The vectors of the semantic cache."""

import threading
import time
from typing import Any

from sluicegate.store import Store
from sluicegate.store.vectors import NewVector

from ..caching.entries import entry
from .conftest import Opener

NOW_MS = 1_795_000_000_000


def vector(key: bytes, **fields: Any) -> NewVector:
    """A vector of which only some things matter."""
    given = {
        "model_id": "ngram/1",
        "scope": b"s" * 32,
        "expires_ms": NOW_MS + 1000,
        "text": "what is it?",
        "vector": b"\x00\xff",
    } | fields
    return NewVector(label=entry(key, tags=["t", "ü"], epoch=2**40).label, **given)


def keys_since(store: Store, seq: int = 0) -> list[bytes]:
    return [each.label.key for each in store.vectors.since(seq, NOW_MS)]


def test_vectors_are_got_in_the_order_they_were_put(store: Store) -> None:
    assert store.vectors.since(0, NOW_MS) == []
    store.vectors.put([vector(b"a", text="\u00e4 \U0001f600"), vector(b"b")])
    store.vectors.put([vector(b"c", expires_ms=NOW_MS)])
    store.vectors.put([vector(b"d")])
    found = store.vectors.since(0, NOW_MS)
    assert [each.label.key for each in found] == [b"a", b"b", b"d"]
    assert (found[0].text, found[0].vector, found[0].scope) == ("ä 😀", b"\x00\xff", b"s" * 32)
    assert found[0].label == entry(b"a", tags=["t", "ü"], epoch=2**40).label
    assert keys_since(store, found[1].seq) == [b"d"]
    assert [each.label.key for each in store.vectors.since(0, NOW_MS, limit=1)] == [b"a"]


def test_one_of_the_same_model_and_key_is_put_anew(store: Store) -> None:
    store.vectors.put([vector(b"a"), vector(b"b"), vector(b"a", model_id="minilm/1")])
    last = store.vectors.since(0, NOW_MS)[-1].seq
    store.vectors.put([vector(b"a", text="again")])
    [again] = store.vectors.since(last, NOW_MS)
    assert (again.label.key, again.text, again.model_id) == (b"a", "again", "ngram/1")
    assert len(store.vectors.since(0, NOW_MS)) == 3


def test_who_asks_since_misses_none_of_many_writers(opener: Opener) -> None:
    stores = [opener() for _ in range(4)]
    stores[0].vectors.since(0, NOW_MS)

    def write(number: int) -> None:
        for count in range(20):
            stores[number].vectors.put([vector(f"{number}/{count}".encode())])

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    reader, seen, seq = opener(), set[bytes](), 0
    until_s = time.monotonic() + 20
    while len(seen) < 80 and time.monotonic() < until_s:
        for each in reader.vectors.since(seq, NOW_MS):
            seen.add(each.label.key)
            seq = each.seq
    for thread in threads:
        thread.join()
    assert seen == {f"{n}/{c}".encode() for n in range(4) for c in range(20)}


def test_those_of_entries_that_are_gone_are_deleted(store: Store) -> None:
    store.vectors.put([vector(b"a"), vector(b"b"), vector(b"a", model_id="minilm/1")])
    store.vectors.delete([b"a"])
    assert keys_since(store) == [b"b"]


def test_one_that_was_put_behind_is_not_deleted(store: Store) -> None:
    assert store.vectors.last() == 0
    store.vectors.put([vector(b"a"), vector(b"b")])
    last = store.vectors.last()
    store.vectors.put([vector(b"a", text="again"), vector(b"c")])
    store.vectors.delete([b"a", b"b", b"c"], last)
    assert keys_since(store) == [b"a", b"c"]
    assert keys_since(store, last) == [b"a", b"c"]


def test_what_is_over_and_the_oldest_of_too_many_go(store: Store) -> None:
    over = [vector(f"over {n}".encode(), expires_ms=NOW_MS) for n in range(1500)]
    kept = [vector(f"kept {n}".encode()) for n in range(2500)]
    store.vectors.put([*over, *kept])
    store.vectors.prune(NOW_MS, max_vectors=100)
    assert keys_since(store) == [each.label.key for each in kept[-100:]]
    assert store.cache.kept().vectors == 100
