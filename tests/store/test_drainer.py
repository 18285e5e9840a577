"""Rows move once, in order, whatever the store does."""

import threading
import time
from collections.abc import Callable

import pytest

from sluicegate.accounting.drainer import (
    BATCH_ROWS,
    MAX_BATCH_ROWS,
    PATIENT_ROWS,
    Drainer,
)
from sluicegate.accounting.ledger import JournalRow

from .rows import row


class FakeJournal:
    """A source whose rows are given away only by `commit`."""

    def __init__(self, *rows: JournalRow) -> None:
        self.rows = list(rows)
        self._read = 0

    def next_batch(self, max_rows: int) -> list[JournalRow]:
        batch = self.rows[self._read : self._read + max_rows]
        self._read += len(batch)
        return batch

    def commit(self) -> None:
        del self.rows[: self._read]
        self._read = 0

    def rewind(self) -> None:
        self._read = 0


class FakeStore:
    """A store that fails on demand."""

    def __init__(self) -> None:
        self.written: list[JournalRow] = []
        self.sizes: list[int] = []
        self.tries = 0
        self.error: Exception | None = None
        self.closed_in: threading.Thread | None = None

    def write(self, rows: list[JournalRow]) -> None:
        self.tries += 1
        if self.error is not None:
            raise self.error
        self.written += rows
        self.sizes.append(len(rows))

    def close(self) -> None:
        self.closed_in = threading.current_thread()


def soon(condition: Callable[[], bool], within_s: float = 5.0) -> bool:
    """Whether something comes true."""
    end = time.monotonic() + within_s
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


def test_rows_move_within_a_second_and_are_then_given_away() -> None:
    journal, store = FakeJournal(row(1), row(2)), FakeStore()
    drainer = Drainer(lambda: journal, store)
    drainer.start()
    assert soon(lambda: not journal.rows, 1)
    journal.rows.append(row(3))
    assert soon(lambda: not journal.rows, 1)
    drainer.stop()
    assert store.written == [row(1), row(2), row(3)]


def test_what_was_never_sent_is_not_written() -> None:
    journal, store = FakeJournal(row(1, kind="released"), row(2, kind="unknown")), FakeStore()
    drainer = Drainer(lambda: journal, store)
    drainer.start()
    drainer.stop()
    assert store.written == [row(2, kind="unknown")]
    assert journal.rows == []


def test_stopping_drains_what_is_there_and_closes_the_store_where_it_was_used() -> None:
    journal, store = FakeJournal(*(row(number) for number in range(5000))), FakeStore()
    drainer = Drainer(lambda: journal, store)
    drainer.start()
    drainer.stop()
    assert len(store.written) == 5000
    assert store.closed_in is not threading.current_thread()


def test_a_store_that_fails_loses_nothing_and_is_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    journal, store = FakeJournal(row(1)), FakeStore()
    store.error = OSError("disk full")
    drainer = Drainer(lambda: journal, store)
    drainer.start()
    assert soon(lambda: store.tries >= 3)
    assert not drainer.healthy
    assert journal.rows == [row(1)]
    store.error = None
    assert soon(lambda: drainer.healthy)
    drainer.stop()
    assert store.written == [row(1)]
    assert [record.getMessage() for record in caplog.records] == [
        "the store takes no rows; they wait in the journal: disk full",
        "the store takes rows again",
    ]


def test_who_is_not_elected_asks_again() -> None:
    journal, store = FakeJournal(row(1)), FakeStore()
    answers = [None, None, journal]
    drainer = Drainer(lambda: answers.pop(0) if len(answers) > 1 else answers[0], store)
    drainer.start()
    assert soon(lambda: store.written == [row(1)])
    drainer.stop()


def test_a_drainer_that_never_started_stops() -> None:
    Drainer(lambda: None, FakeStore()).stop()


def test_what_the_store_cannot_take_at_once_goes_in_parts() -> None:
    """A disk that is nearly full, a server that has a second: less of it may fit."""

    class Narrow(FakeStore):
        def write(self, rows: list[JournalRow]) -> None:
            if len(rows) > 400:
                self.tries += 1
                raise OSError("too much")
            super().write(rows)

    journal, store = FakeJournal(*(row(number) for number in range(3000))), Narrow()
    drainer = Drainer(lambda: journal, store)
    drainer.start()
    assert soon(lambda: not journal.rows, 20)
    drainer.stop()
    assert [each[0] for each in store.written] == [row(number)[0] for number in range(3000)]


def test_requests_are_kept_waiting_for_one_small_batch_at_a_time() -> None:
    journal, store = FakeJournal(*(row(number) for number in range(2000))), FakeStore()
    drainer = Drainer(lambda: journal, store)
    drainer.start()
    assert soon(lambda: not journal.rows)
    drainer.stop()
    assert max(store.sizes) == BATCH_ROWS
    assert sum(store.sizes) == 2000


def test_what_piles_up_goes_in_ever_larger_batches() -> None:
    one = row(1)
    journal = FakeJournal(*[one] * (PATIENT_ROWS + 10 * MAX_BATCH_ROWS))
    store = FakeStore()
    drainer = Drainer(lambda: journal, store)
    drainer.start()
    assert soon(lambda: not journal.rows, 30)
    drainer.stop()
    assert set(store.sizes[: PATIENT_ROWS // BATCH_ROWS]) == {BATCH_ROWS}
    assert max(store.sizes) == MAX_BATCH_ROWS


def test_what_is_unknown_is_told_once_though_a_store_that_fails_has_it_again() -> None:
    class Failing(FakeStore):
        def write(self, rows: list[JournalRow]) -> None:
            super().write(rows)
            if len(self.sizes) == 2:
                raise OSError("once, and it was written all the same")

    told: list[bytes] = []
    rows = [row(number, kind="unknown") for number in range(3 * BATCH_ROWS)]
    journal, store = FakeJournal(*rows), Failing()
    drainer = Drainer(lambda: journal, store, on_unknown=told.append)
    drainer.start()
    assert soon(lambda: not journal.rows, 10)
    drainer.stop()
    assert told == [payload for *_, payload in rows]


def test_before_the_first_request_rows_are_drained_in_haste() -> None:
    journal, store = FakeJournal(*(row(number) for number in range(3000))), FakeStore()
    Drainer(lambda: journal, store).drain_now()
    assert store.sizes == [MAX_BATCH_ROWS, 3000 - MAX_BATCH_ROWS]
