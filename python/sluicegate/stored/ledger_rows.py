"""The ledger's rows of one request, as soon as it is over.

An attempt's row is in the journal before its client has read the end of the answer, and all workers
of a host read it there; other hosts see it once it is drained.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

from sluicegate import _core
from sluicegate.accounting.ledger import COLUMNS, JournalRow
from sluicegate.store.store import Store

Row = dict[str, Any]
"""By its columns' names."""

_OWN_ID: Final = re.compile(
    r"(?:chatcmpl-|msg_|resp_)?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
)
"""The gateway's id of a request, or an answer's that was made of it."""


_WAITING: Final = ("unknown", "settled")
"""Kinds of rows of the journal that tell of an attempt; of an unknown one it is not over."""


class Found(NamedTuple):
    """The rows of a request, by attempt.

    Args:
        is_over: nothing follows.
        may_follow: it runs still, or ended just now.
    """

    rows: list[Row]
    is_over: bool
    may_follow: bool


NOTHING: Final = Found([], is_over=False, may_follow=False)


def tenant_of(row: Row) -> str:
    """Who shares what is kept for it, as the core says it of a key."""
    team = row["team"]
    organisation = (row["organisation"] or "").replace("%", "%25").replace("/", "%2F")
    return f"team {organisation}/{team}" if team else f"key {row['key_name']}"


class LedgerRows:
    """Of the store, and of what waits in the journal. Any thread may use it; it blocks."""

    def __init__(self, store: Store, journal_dir: Path) -> None:
        """Args: store: opened on first use."""
        self._store = store
        self._journal_dir = journal_dir

    def find(self, asked: str, is_its: Callable[[Row], bool]) -> Found:
        """The rows of a request.

        Args:
            asked: the gateway's id, or the answer's. Where several answers have it, the newest.
            is_its: whether a row may be shown to who asks.
        Raises:
            StoreError: the store cannot be asked.
        """
        own = _OWN_ID.fullmatch(asked.lower())
        found = self._of_request(own[1], is_its) if own is not None else NOTHING
        if found != NOTHING:
            return found
        named = next((row for row in self.of_response(asked) if is_its(row)), None)
        return NOTHING if named is None else self._of_request(named["request_id"], is_its)

    def of_response(self, response_id: str) -> list[Row]:
        """The rows of the attempts whose answer has this id, newest first.

        Raises:
            StoreError: the store cannot be asked.
        """
        named = response_id.encode()
        # The journal first: what is drained meanwhile is in the store by then.
        journal = [row for row in self._journal() if row[2] == "settled" and named in row[3]]
        waiting = [_row(each) for each in journal]
        stored = self._store.ledger.of_response(response_id)
        newest = [row for row in reversed(waiting) if row["response_id"] == response_id]
        return [*newest, *(_named(values) for values in stored)]

    def _of_request(self, request_id: str, is_its: Callable[[Row], bool]) -> Found:
        journal = [each for each in self._journal() if each[0] == request_id]
        stored = [_named(values) for values in self._store.ledger.of_request(request_id)]
        waiting = {kind: [_row(e) for e in journal if e[2] == kind] for kind in _WAITING}
        if any(map(is_its, waiting["unknown"])):
            return Found([], is_over=False, may_follow=True)
        by_attempt = {row["attempt"]: row for row in (*stored, *waiting["settled"]) if is_its(row)}
        rows = [by_attempt[attempt] for attempt in sorted(by_attempt)]
        # While another attempt may follow the client has no status yet.
        is_over = any(row["client_status"] or row["outcome"] != "error" for row in rows)
        return Found(rows, is_over=is_over, may_follow=bool(rows))

    def _journal(self) -> list[JournalRow]:
        exists = self._journal_dir.exists()  # no gateway may have run here
        return _core.journal_snapshot(self._journal_dir) if exists else []


def _row(journalled: JournalRow) -> Row:
    return _named(_core.ledger_values(journalled))


def _named(values: tuple[Any, ...]) -> Row:
    return dict(zip(COLUMNS, values, strict=True))
