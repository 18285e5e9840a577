"""What was spent, what one request was, what was changed."""

from collections.abc import Mapping, Sequence

from sluicegate.accounting.generation import GenerationView, generation_of
from sluicegate.accounting.ledger import shown
from sluicegate.admin.actor import Actor
from sluicegate.admin.desk import Desk, moment_ms, row_time
from sluicegate.admin.errors import InvalidInputError, NotFoundError, Problem
from sluicegate.admin.views import (
    NO_SUMS,
    AuditView,
    Page,
    RequestView,
    SpendRow,
    SpendView,
    audit_view,
    sums_view,
)
from sluicegate.config.problems import suggestion
from sluicegate.store.ledger import GROUPS
from sluicegate.store.records import AUDIT
from sluicegate.store.sums import Sums
from sluicegate.stored.ledger_rows import LedgerRows

MAX_GROUPS = 4


class Reports:
    """Reads only."""

    def __init__(self, desk: Desk) -> None:
        """Args: desk: the store and the clock."""
        self._desk = desk

    def spend(
        self,
        actor: Actor,
        by: Sequence[str],
        *,
        since: str | None = None,
        until: str | None = None,
        where: Mapping[str, str] | None = None,
    ) -> SpendView:
        """Sums of the actor's rows.

        Args:
            by: names of `GROUPS`. where: values that rows must have, by such names.
            since, until: RFC 3339, or a day of UTC's; `until` is not included.
        Raises:
            InvalidInputError: a name or a time that is none.
        """
        check_groups(by, where or {})
        found = self._desk.store.ledger.spend(
            by,
            since=moment_of("from", since),
            until=moment_of("to", until),
            where={**(where or {}), **actor.scope},
        )
        return SpendView(
            by=list(by),
            since=since,
            until=until,
            data=[
                SpendRow(group=dict(zip(by, group, strict=True)), sums=sums_view(sums))
                for group, sums in found.items()
            ],
            total=sums_view(_total(list(found.values()))),
        )

    def request(self, actor: Actor, request_id: str) -> RequestView:
        """The ledger's rows of a request.

        Raises:
            NotFoundError: there are none, or they are another's.
        """
        rows = [shown(values) for values in self._desk.store.ledger.of_request(request_id)]
        rows = [row for row in rows if actor.sees(row["organisation"] or "", row["team"] or "")]
        if not rows:
            raise NotFoundError("request", request_id)
        return RequestView(request_id=request_id, rows=rows)

    def generation(self, actor: Actor, asked: str) -> GenerationView:
        """A request that is over, by its id or by its answer's.

        Raises:
            NotFoundError: there is none, or it is another's.
        """
        rows = LedgerRows(self._desk.store, self._desk.settings.journal_dir)
        found = rows.find(
            asked, lambda row: actor.sees(row["organisation"] or "", row["team"] or "")
        )
        if not found.rows:
            raise NotFoundError("request", asked)
        return GenerationView(data=generation_of(asked, found.rows))

    def audit(self, actor: Actor, *, cursor: str | None, limit: int) -> Page[AuditView]:
        """Some of the changes, newest first."""
        with self._desk.store.reading() as transaction:
            some = AUDIT.find(
                transaction, actor.scope, after=cursor, limit=limit + 1, newest_first=True
            )
        more = some[limit - 1].id if len(some) > limit else None
        return Page(data=[audit_view(each) for each in some[:limit]], next_cursor=more)


def _total(all_of: Sequence[Sums]) -> Sums:
    """Python's integers have no bound, so this is exact too."""
    return Sums._make(sum(each) for each in zip(*all_of, strict=True)) if all_of else NO_SUMS


def check_groups(by: Sequence[str], where: Mapping[str, str]) -> None:
    """Whether a report can be by these, of rows with those.

    Raises:
        InvalidInputError: it cannot.
    """
    for name in (*by, *where):
        if name not in GROUPS:
            hint = suggestion(name, GROUPS)
            wrong = f"{name!r} is not one of {', '.join(GROUPS)}{hint}"
            raise InvalidInputError([Problem("by" if name in by else name, wrong)])
    if len(by) > MAX_GROUPS or len(set(by)) < len(by):
        wrong = f"takes up to {MAX_GROUPS} names, each once"
        raise InvalidInputError([Problem("by", wrong)])


def moment_of(field: str, text: str | None) -> str | None:
    """A bound of a report as the ledger's rows have it; a day is its beginning."""
    if text is None:
        return None
    is_day = len(text) == len("2026-11-23")
    return row_time(moment_ms(field, f"{text}T00:00:00Z" if is_day else text))
