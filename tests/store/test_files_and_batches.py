"""Files and batches in either database: owned, paged, claimed by one, ended once with their rows."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest

from sluicegate.accounting.ledger import JournalRow
from sluicegate.store import Store
from sluicegate.store.batches import HOLD_ATTEMPT, StoredBatch, StoredFile, StoredLine

Opener = Callable[[], Store]
REQUEST = "018f0000-0000-7000-8000-000000000001"


def file(name: str, tenant: str = "team /core", **more: Any) -> StoredFile:
    given: dict[str, Any] = {
        "tenant": tenant,
        "id": name,
        "provider": "",
        "provider_key": "",
        "upstream_id": "",
        "purpose": "batch",
        "filename": "in.jsonl",
        "bytes": 3,
        "created_at_ms": 1000,
        "expires_at_ms": None,
    }
    return StoredFile(**{**given, **more})


def batch(name: str = "batch_1", **more: Any) -> StoredBatch:
    given: dict[str, Any] = {
        "tenant": "team /core",
        "id": name,
        "provider": "u",
        "provider_key": "",
        "upstream_id": "up",
        "form": "openai",
        "dialect": "openai",
        "request_id": REQUEST,
        "created_at_ms": 1000,
        "state": "open",
        "is_corrected": 0,
        "host": "here",
        "leased_until_ms": 0,
        "next_look_ms": 0,
        "held": [10, 20, 30],
        "used": [0, 0, 0],
        "shown": {"id": name},
        "open_row": {"key_name": "one"},
        "bearer": {"key": "one"},
        "lines": [StoredLine("c", "smart", "m", 10, 20, None)],
    }
    return StoredBatch(**{**given, **more})


def row(attempt: int, cost: str = "0.5") -> JournalRow:
    told = {
        "request_id": REQUEST,
        "attempt": attempt,
        "time": "2026-01-02T03:04:05.000000Z",
        "key_name": "one",
        "basis": "reported",
        "outcome": "ok",
        "cost_usd": cost,
        "operation": "chat",
    }
    return REQUEST, attempt, "settled", msgspec.json.encode(told)


def attempts(store: Store) -> list[int]:
    return [each[2] for each in store.ledger.of_request(REQUEST)]


def test_a_file_is_kept_in_pieces_for_its_tenant(store: Store) -> None:
    store.batches.put_file(file("f"), [b"abc", b"\0\xff", b"d"])
    assert b"".join(store.batches.pieces("f")) == b"abc\0\xffd"
    assert store.batches.file("team /core", "f") == file("f")
    assert store.batches.file("key two", "f") is None
    assert (store.batches.kept_bytes("team /core"), store.batches.kept_bytes("key two")) == (3, 0)
    store.batches.put_file(file("f", bytes=1), [b"x"])
    assert b"".join(store.batches.pieces("f")) == b"x"
    store.batches.delete_file("team /core", "f")
    assert list(store.batches.pieces("f")) == []


@pytest.mark.parametrize("oldest", [False, True])
def test_pages_miss_nothing_that_was_made_at_once(store: Store, oldest: bool) -> None:
    names = [f"f{number}" for number in range(6)]
    for number, name in enumerate(names):
        store.batches.put_file(file(name, created_at_ms=1000 + number // 2))
    store.batches.put_file(file("other", tenant="key two"))
    seen: list[str] = []
    mark = None
    while page := store.batches.files("team /core", "batch", mark, 2, oldest=oldest):
        seen += [each.id for each in page]
        mark = (page[-1].created_at_ms, page[-1].id)
    assert seen == (names if oldest else names[::-1])


def test_a_batch_is_claimed_by_one_until_its_lease_ends(opener: Opener) -> None:
    opener().batches.begin(batch(), row(HOLD_ATTEMPT))
    stores = [opener() for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        claimed = list(pool.map(lambda each: each.batches.claim(100, 500, 4), stores))
    assert sum(len(each) for each in claimed) == 1
    assert not stores[0].batches.claim(499, 900, 4)
    assert len(stores[0].batches.claim(500, 900, 4)) == 1


def test_of_many_who_end_a_batch_one_does(opener: Opener) -> None:
    store = opener()
    store.batches.begin(batch(), row(HOLD_ATTEMPT))
    assert attempts(store) == [HOLD_ATTEMPT]
    over = batch(state="over", used=[1, 2, 3])
    rows = [row(3), row(4)]
    stores = [opener() for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        ended = list(pool.map(lambda each: each.batches.settle(over, rows, []), stores))
    assert sorted(ended) == [False] * 5 + [True]
    assert attempts(store) == [3, 4]
    assert store.batches.uncorrected("there") == []
    assert store.batches.uncorrected("here") == [over]
    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(lambda each: each.batches.correct(over), stores)) == 1
    assert store.batches.uncorrected("here") == []
    store.batches.replace(batch(shown={"status": "late"}))
    found = store.batches.batch("team /core", "batch_1")
    assert found is not None
    assert found.state == "over"


def test_one_that_was_not_taken_leaves_nothing(store: Store) -> None:
    store.batches.begin(batch(), row(HOLD_ATTEMPT))
    store.batches.abandon(batch())
    assert attempts(store) == []
    assert store.batches.batch("team /core", "batch_1") is None


def test_what_is_old_goes_and_what_runs_stays(store: Store) -> None:
    store.batches.begin(batch("runs"), row(HOLD_ATTEMPT))
    store.batches.begin(batch("ended", state="over", request_id="x"), row(HOLD_ATTEMPT))
    store.batches.put_file(file("old"), [b"abc"])
    store.batches.put_file(file("new", created_at_ms=9000), [b"abc"])
    store.batches.put_file(file("short", created_at_ms=9000, expires_at_ms=9500), [b"abc"])
    store.batches.put_file(file("theirs", provider="u"))
    store.batches.prune(now_ms=10_000, before_ms=5000)
    tenant = "team /core"
    assert [each.id for each in store.batches.batches(tenant, "openai", None, 9)] == ["runs"]
    assert {each.id for each in store.batches.files(tenant, None, None, 9, oldest=True)} == {
        "new",
        "theirs",
    }
    assert list(store.batches.pieces("old")) == []
    assert list(store.batches.pieces("new")) == [b"abc"]
