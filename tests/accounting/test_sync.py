"""A worker hears of what changed in the store, and of not being able to."""

import time
from pathlib import Path

import pytest

from sluicegate.accounting.sync import Sync
from sluicegate.store import Governance, sqlite_store
from sluicegate.store.errors import StoreUnavailableError
from sluicegate.store.records import CREDENTIALS, KEYS

from ..store.test_drainer import soon
from ..store.test_store import credential, key


class Heard:
    """What was told, in order."""

    def __init__(self) -> None:
        self.all: list[tuple[Governance | None, bool]] = []

    def __call__(self, governance: Governance | None, complete: bool) -> None:
        self.all.append((governance, complete))

    @property
    def digests(self) -> list[str]:
        governance = self.all[-1][0]
        return [each.digest for each in governance.keys] if governance else []


class Broken:
    """A store that fails on demand."""

    def __init__(self) -> None:
        self.away = True
        self.change = 1
        self.asked = 0

    def changes(self) -> int:
        self.asked += 1
        if self.away:
            raise StoreUnavailableError("away")
        return self.change

    def governance(self, now_ms: int, killed_within_ms: int) -> Governance:
        return Governance(change=self.changes(), keys=(), limits=(), killed_runs=())

    def close(self) -> None:
        pass


def test_cf_05_a_revoked_key_is_heard_of_within_a_second(tmp_path: Path) -> None:
    admin, heard = sqlite_store(tmp_path / "s"), Heard()
    with admin.changing() as transaction:
        KEYS.add(transaction, key("k"))
        CREDENTIALS.add(transaction, credential("d", "key_k"))
    sync = Sync(sqlite_store(tmp_path / "s"), heard)
    assert sync.read_now()
    assert heard.digests == ["d"]
    sync.start()
    with admin.changing() as transaction:
        KEYS.replace(transaction, key("k", revoked_at_ms=5))
    began = time.monotonic()
    assert soon(lambda: len(heard.all) == 2)
    assert time.monotonic() - began < 1
    governance, complete = heard.all[-1]
    assert governance is not None
    assert complete
    assert [each.revoked for each in governance.keys] == [True]
    time.sleep(0.6)
    assert len(heard.all) == 2  # nothing new, nothing told
    sync.stop()
    admin.close()


def test_db_04_a_store_that_goes_away_is_told_once_with_what_was_known(
    caplog: pytest.LogCaptureFixture,
) -> None:
    source, heard = Broken(), Heard()
    source.away = False
    sync = Sync(source, heard)
    assert sync.read_now()
    sync.start()
    source.away = True
    assert soon(lambda: len(heard.all) == 2)
    known, complete = heard.all[1]
    assert known is heard.all[0][0]
    assert not complete
    asked = source.asked
    assert soon(lambda: source.asked > asked + 2)
    assert len(heard.all) == 2
    assert caplog.text.count("cannot be read") == 1
    source.away = False
    assert soon(lambda: len(heard.all) == 3)
    assert heard.all[2] == (known, True)
    sync.stop()


def test_a_store_that_was_never_there() -> None:
    source, heard = Broken(), Heard()
    sync = Sync(source, heard)
    assert not sync.read_now()
    assert heard.all == [(None, False)]
    sync.start()
    source.away = False
    assert soon(lambda: len(heard.all) == 2)
    assert heard.all[1][1]
    sync.stop()


def test_what_could_not_be_put_in_force_is_told_again(caplog: pytest.LogCaptureFixture) -> None:
    source = Broken()
    source.away = False
    told: list[bool] = []

    def refuse_once(governance: Governance | None, complete: bool) -> None:
        told.append(complete)
        if len(told) == 1:
            raise ValueError("not now")

    sync = Sync(source, refuse_once)
    sync.read_now()
    sync.start()
    assert soon(lambda: len(told) == 2)
    assert "could not be put in force" in caplog.text
    sync.stop()


def test_db_04_only_what_is_in_force_counts_as_seen() -> None:
    """Neither a store that is away nor keys that could not be put in force; and what took long to
    read is as old as that.
    """
    source, ages = Broken(), list[float]()
    fails = True

    def put(_: Governance | None, complete: bool) -> None:
        time.sleep(0.02)
        if fails and complete:
            raise ValueError("not now")

    sync = Sync(source, put, ages.append)
    sync.read_now()
    source.away = False
    sync.read_now()
    assert ages == []
    fails = False
    sync.read_now()
    assert len(ages) == 1
    assert 0.02 <= ages[0] < 1
    sync.read_now()
    assert ages[1] < ages[0], "nothing changed, so it was only asked"
    source.away = True
    sync.read_now()
    assert len(ages) == 2
    sync.stop()


def test_one_that_never_started_stops() -> None:
    Sync(Broken(), Heard()).stop()
