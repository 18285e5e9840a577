"""What the cache keeps in the store, and what was purged of it."""

import itertools
import threading
import time
from collections.abc import Sequence
from typing import Any

import pytest

from sluicegate.store import Store
from sluicegate.store.cache import Entry, Kind, Label, Purge, purge

from .conftest import Opener

HOUR_MS = 3_600_000
NOW_MS = 1_795_000_000_000


def entry(key: bytes = b"k" * 32, **fields: Any) -> Entry:
    """An entry of which only some things matter."""
    label = {
        "tenant": "team o/t",
        "namespace": "",
        "model": "smart",
        "target": "u/m",
        "tags": [],
        "epoch": 0,
    }
    rest = {"made_ms": NOW_MS, "expires_ms": NOW_MS + HOUR_MS, "body": b"\x00body\xff"}
    label |= {name: value for name, value in fields.items() if name in label}
    rest |= {name: value for name, value in fields.items() if name in rest}
    return Entry(Label(key, **label), **rest)  # type: ignore[arg-type]  # of whatever type


def made(store: Store, kind: Kind, value: str = "", now_ms: int = NOW_MS) -> Purge:
    """A purge, as administrators make it."""
    with store.changing() as transaction:
        return purge(transaction, kind, value, now_ms)


def keys_in(store: Store, keys: Sequence[bytes]) -> set[bytes]:
    return set(store.cache.get(keys, NOW_MS))


def test_what_was_put_is_got_until_it_is_over(store: Store) -> None:
    assert store.cache.get([b"a", b"b"], NOW_MS) == {}
    store.cache.put([entry(b"a"), entry(b"b", body=b"", expires_ms=NOW_MS)])
    assert store.cache.get([b"a", b"b", b"c"], NOW_MS) == {b"a": b"\x00body\xff"}
    assert store.cache.get([b"b"], NOW_MS - 1) == {b"b": b""}
    assert store.cache.get([], NOW_MS) == {}


def test_many_keys_are_asked_for_at_once(store: Store) -> None:
    keys = [bytes([1, number // 256, number % 256]) for number in range(1000)]
    store.cache.put([entry(key) for key in keys[::2]])
    assert keys_in(store, keys) == set(keys[::2])


@pytest.mark.parametrize(
    ("epochs", "kept"),
    [((1, 1), b"second"), ((1, 2), b"second"), ((2, 1), b"first")],
    ids=["the same epoch", "a newer epoch", "an older epoch"],
)
def test_one_of_the_same_key_takes_its_place_but_none_of_a_higher_epoch(
    store: Store, epochs: tuple[int, int], kept: bytes
) -> None:
    for epoch, body in zip(epochs, (b"first", b"second"), strict=True):
        store.cache.put([entry(epoch=epoch, body=body)])
    assert store.cache.get([b"k" * 32], NOW_MS) == {b"k" * 32: kept}


def test_an_entry_is_deleted(store: Store) -> None:
    store.cache.put([entry(b"a"), entry(b"b")])
    store.cache.delete([b"a", b"never there"])
    assert keys_in(store, [b"a", b"b"]) == {b"b"}


LABELS: list[dict[str, Any]] = [
    {"tenant": tenant, "namespace": namespace, "model": model, "target": target, "tags": tags}
    for tenant, namespace, (model, target), tags in itertools.product(
        ["team o/t", "key k"],
        ["", "n"],
        [("smart", "u/m"), ("u/m", "u/m"), ("smart", "a/c")],
        [[], ["t"], ["x", 'q"t"q', "u/m"]],
    )
]
MATCHES = {
    ("tenant", "team o/t"): lambda label: label["tenant"] == "team o/t",
    ("tenant", "t"): lambda _: False,
    ("namespace", ""): lambda label: label["namespace"] == "",
    ("namespace", "n"): lambda label: label["namespace"] == "n",
    ("model", "smart"): lambda label: label["model"] == "smart",
    ("model", "u/m"): lambda label: "u/m" in (label["model"], label["target"]),
    ("tag", "t"): lambda label: "t" in label["tags"],
    ("tag", 'q"t"q'): lambda label: 'q"t"q' in label["tags"],
    ("all", ""): lambda _: True,
}


@pytest.mark.parametrize(("kind", "value"), MATCHES, ids=[f"{k} {v}" for k, v in MATCHES])
def test_a_purge_forgets_what_matches_and_is_older(store: Store, kind: Kind, value: str) -> None:
    matches = MATCHES[kind, value]
    by_key = {bytes([number]): label for number, label in enumerate(LABELS)}
    store.cache.put([entry(key, epoch=4, **label) for key, label in by_key.items()])
    store.cache.put([entry(b"later" + key, epoch=5, **label) for key, label in by_key.items()])
    gone = store.cache.forget([Purge(5, kind, value)])
    dead = {key for key, label in by_key.items() if matches(label)}
    later = {b"later" + key for key in by_key}
    assert set(gone) == dead
    assert keys_in(store, [*by_key, *later]) == (set(by_key) - dead) | later


def test_a_key_is_purged_by_its_hex(store: Store) -> None:
    store.cache.put([entry(b"\xab\x01"), entry(b"\xab\x02")])
    assert store.cache.forget([Purge(1, "key", "ab01")]) == [b"\xab\x01"]
    assert keys_in(store, [b"\xab\x01", b"\xab\x02"]) == {b"\xab\x02"}


def test_more_is_forgotten_than_one_transaction_takes(store: Store) -> None:
    keys = [number.to_bytes(2, "big") for number in range(1201)]
    store.cache.put([entry(key, tags=["t"] if key[1] % 2 else []) for key in keys])
    gone = store.cache.forget([Purge(1, "tag", "t"), Purge(1, "tag", "other")])
    assert gone == [key for key in keys if key[1] % 2]
    assert keys_in(store, keys) == {key for key in keys if not key[1] % 2}


def test_what_is_over_is_swept(store: Store) -> None:
    keys = [number.to_bytes(2, "big") for number in range(1201)]
    store.cache.put([entry(key, expires_ms=NOW_MS + (key[1] % 2)) for key in keys])
    assert store.cache.expire(NOW_MS) == sum(not key[1] % 2 for key in keys)
    assert store.cache.kept().entries == sum(key[1] % 2 for key in keys)


def test_those_that_expire_first_go_first_when_there_is_no_room(store: Store) -> None:
    keys = [number.to_bytes(2, "big") for number in range(700)]
    store.cache.put(
        [
            entry(key, body=b"x" * 100, expires_ms=NOW_MS + 1 + number)
            for number, key in enumerate(keys)
        ]
    )
    assert store.cache.shrink(70_000) == 0
    assert store.cache.shrink(10_050) == 600
    assert keys_in(store, keys) == set(keys[600:])
    assert store.cache.kept()[:2] == (100, 10_000)
    assert store.cache.shrink(0) == 100


def test_a_repeated_purge_has_a_higher_epoch(store: Store) -> None:
    first = made(store, "tag", "t")
    other = made(store, "tag", "u")
    again = made(store, "tag", "t")
    assert first.epoch < other.epoch < again.epoch
    assert store.cache.purges(0) == [other, again]
    assert store.cache.purges(other.epoch) == [again]
    assert store.cache.epoch() == again.epoch


def test_a_purge_of_all_stands_for_those_before_it(store: Store) -> None:
    made(store, "tag", "t")
    of_all = made(store, "all")
    later = made(store, "key", "ab01")
    assert store.cache.purges(0) == [of_all, later]
    assert [each.purge for each in store.cache.last_purges(1)] == [later]


def test_epochs_grow_where_the_clock_goes_back_or_a_copy_was_restored(store: Store) -> None:
    first = made(store, "tag", "t", now_ms=NOW_MS)
    back = made(store, "tag", "u", now_ms=NOW_MS - HOUR_MS)
    assert back.epoch == first.epoch + 1
    # A store restored from an old copy has the old counter; what came since was before now.
    assert made(store, "tag", "v", now_ms=NOW_MS + HOUR_MS).epoch >= NOW_MS + HOUR_MS


def test_who_polls_by_epoch_misses_no_purge_of_many_writers(opener: Opener) -> None:
    opener().cache.epoch()  # the schema is there
    writers, each = 4, 25
    stores = [opener() for _ in range(writers)]

    def write(number: int) -> None:
        for count in range(each):
            with stores[number].changing(5.0) as transaction:
                purge(transaction, "tag", f"{number}-{count}", NOW_MS)
                time.sleep(0.001)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(writers)]
    for thread in threads:
        thread.start()
    seen: list[Purge] = []
    poller, until_s = opener(), time.monotonic() + 20
    while len(seen) < writers * each and time.monotonic() < until_s:
        seen += poller.cache.purges(seen[-1].epoch if seen else 0)
    for thread in threads:
        thread.join()
    assert {each.value for each in seen} == {f"{n}-{c}" for n in range(4) for c in range(25)}
    assert [each.epoch for each in seen] == sorted({each.epoch for each in seen})


def test_old_purges_become_one_that_ends_all_that_is_as_old(store: Store) -> None:
    old = [made(store, "tag", str(number), NOW_MS - 1) for number in range(3)]
    new = made(store, "tag", "new", NOW_MS)
    store.cache.fold(NOW_MS)
    assert store.cache.purges(0) == [Purge(old[-1].epoch, "all", ""), new]
    assert store.cache.epoch() == new.epoch
    store.cache.fold(NOW_MS)
    assert len(store.cache.purges(0)) == 2


def test_too_many_purges_become_fewer_and_none_is_undone(store: Store) -> None:
    purges = [made(store, "tag", str(number)) for number in range(10)]
    store.cache.fold(0, max_purges=4)
    assert store.cache.purges(0) == [Purge(purges[5].epoch, "all", ""), *purges[6:]]
    store.cache.fold(0, max_purges=5)
    assert len(store.cache.purges(0)) == 5


def test_one_sweeps_at_a_time(opener: Opener) -> None:
    one, other = opener(), opener()
    assert one.cache.claim_sweep(NOW_MS, NOW_MS + 10)
    assert not other.cache.claim_sweep(NOW_MS + 9, NOW_MS + 20)
    assert other.cache.claim_sweep(NOW_MS + 10, NOW_MS + 20)


def test_how_far_the_dead_were_deleted_is_known_to_all(opener: Opener) -> None:
    one, other = opener(), opener()
    assert one.cache.forgotten() == 0
    one.cache.note_forgotten(7)
    other.cache.note_forgotten(5)
    assert other.cache.forgotten() == 7


def test_all_who_use_a_store_know_it_by_one_name(opener: Opener) -> None:
    names = {opener().cache.identity() for _ in range(3)}
    assert len(names) == 1
    assert len(names.pop()) == 16
