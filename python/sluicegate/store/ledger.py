"""The ledger's rows in a database."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from sluicegate import _core
from sluicegate.accounting.ledger import COLUMNS, JournalRow
from sluicegate.accounting.limits import ANY, Limit
from sluicegate.store.database import Database, Row, Transaction
from sluicegate.store.sums import OF_RUNS, Sums, with_runs_below
from sluicegate.store.tables import Table
from sluicegate.store.upsert import STORED, upsert

log = logging.getLogger("sluicegate")

DRAIN_TIMEOUT_S: Final = 5.0
"""For one batch: it is off the request path, and its rows wait safely."""
REPORT_TIMEOUT_S: Final = 30.0
"""For a statement that looks at the whole ledger."""
AT_ONCE_ROWS: Final = 500
"""Taken from the journal's form into the database's in one go, which keeps all other threads of
Python waiting for some tenths of a millisecond.
"""

_MONEY: Final = frozenset(name for name, kind in _core.LEDGER_COLUMNS if kind == "money")
_SHOWN: Final = ", ".join(
    f'CAST("{column}" AS TEXT)' if column in _MONEY else f'"{column}"' for column in COLUMNS
)
_SET_ASIDE: Final = (
    "INSERT INTO unreadable VALUES (?, ?, ?) "
    "ON CONFLICT (request_id, attempt) DO UPDATE SET payload = excluded.payload"
)

_ORGANISATION: Final = "REPLACE(REPLACE(COALESCE(organisation, ''), '%', '%25'), '/', '%2F')"
_TENANT: Final = (
    "CASE WHEN COALESCE(team, '') = '' THEN 'key ' || key_name "
    f"ELSE 'team ' || {_ORGANISATION} || '/' || team END"
)
"""As the core writes it (`govern/principal.rs`), and as a purge names it."""

GROUPS: Final[Mapping[str, str]] = {
    "key": "key_name",
    "tenant": _TENANT,
    "organisation": "organisation",
    "team": "team",
    "project": "project",
    "user": '"user"',
    "run": "run",
    "parent_run": "parent_run",
    "tag": "tags",
    "model": "COALESCE(routed_model, requested_model)",
    "requested_model": "requested_model",
    "provider": "provider",
    "operation": "operation",
    "outcome": "outcome",
    "basis": "basis",
    "price_version": "price_version",
    "is_byok": "CASE WHEN is_byok = 1 THEN 'true' ELSE 'false' END",
    "month": "substr(time, 1, 7)",
    "day": "substr(time, 1, 10)",
    "hour": "substr(time, 1, 13)",
}
"""What a report can be by, and the SQL of its value. Days are UTC's."""

_TOKENS: Final = (
    "input_tokens",
    "cached_input_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
)
_SCOPE_COLUMNS: Final[Mapping[str, str]] = {
    "organisation": "organisation",
    "team": "team",
    "project": "project",
    "user": '"user"',
    "key": "key_name",
    "end_user": '"user"',
    "tag": "tags",
    "run": "run",
    "model": "requested_model",
    "provider": "provider",
}


JOB_COLUMNS: Final = ("response_id", "key_name", "organisation", "team", "project")
"""What is told of a job in the background."""


class RunTimes(NamedTuple):
    """When a run was heard of."""

    parent: str | None
    first: str
    last: str


class Redaction(msgspec.Struct, frozen=True, kw_only=True):
    """A key or a person whose traces were taken out, up to a moment. The names above a person are
    empty where any is meant.
    """

    id: str
    """Stands in the ledger in place of the name."""
    key_name: str | None = None
    user: str | None = None
    organisation: str = ""
    team: str = ""
    project: str = ""
    until: str
    """RFC 3339: a key or a person of that name who came later is another one."""

    def conditions(self) -> dict[str, str]:
        """What a row's columns must be."""
        if self.key_name is not None:
            return {"key_name": self.key_name}
        above = ("organisation", "team", "project")
        given = {name: getattr(self, name) for name in above if getattr(self, name)}
        return {"user": self.user or "", **given}

    def replaced(self) -> dict[str, str | None]:
        """What they become."""
        personal: dict[str, str | None] = {"client_ref": None, "metadata": None}
        if self.key_name is not None:
            return {"key_name": self.id, "user": None, **personal}
        return {"user": self.id, **personal}


class Ledger:
    """Rows of a database."""

    def __init__(self, database: Database, host: str | None = None) -> None:
        """Args: database: opened on first use. host: whose rows are written."""
        self._database = database
        self._host = host

    def write(self, rows: Sequence[JournalRow]) -> None:
        """Adds or replaces rows, all or none. A row that no column can hold is set aside and
        logged: it would hold up all that come after it.

        Raises:
            StoreError: nothing was written.
        """
        if not rows:
            return
        with self._database.writing(DRAIN_TIMEOUT_S) as transaction:
            self.put(transaction, rows, self._host)

    def put(self, transaction: Transaction, rows: Sequence[JournalRow], host: str | None) -> None:
        """The same in a transaction that changes other things with them."""
        transaction.hold_changes()
        redactions = _REDACTIONS.find(transaction)
        for begin in range(0, len(rows), AT_ONCE_ROWS):
            self._put(transaction, rows[begin : begin + AT_ONCE_ROWS], host, redactions)

    def _put(
        self,
        transaction: Transaction,
        rows: Sequence[JournalRow],
        host: str | None,
        redactions: Sequence[Redaction],
    ) -> None:
        # What was on its way when a name was taken out comes one by one.
        apart_until = max((each.until for each in redactions), default=None)
        apart, unreadable = transaction.put_rows(rows, host, apart_until)
        if apart:
            values = [(*_redacted(each, redactions), host) for each in apart]
            transaction.execute_many(upsert(STORED), values)
        if unreadable:
            transaction.execute_many(_SET_ASIDE, list(_set_aside(rows, unreadable)))

    def rows(self) -> Iterator[Row]:
        """All rows, oldest first, as they were at one moment; none where there is no store yet."""
        if self._database.is_empty:
            return
        with self._database.reading(REPORT_TIMEOUT_S) as transaction:
            yield from transaction.stream(
                f"SELECT {_SHOWN} FROM ledger ORDER BY time, request_id, attempt"  # noqa: S608
            )

    def of_request(self, request_id: str) -> list[Row]:
        """The rows of one request, by attempt."""
        if self._database.is_empty:
            return []
        return self._database.ask(
            f"SELECT {_SHOWN} FROM ledger WHERE request_id = ? ORDER BY attempt",  # noqa: S608
            (request_id,),
        )

    def unpaid_jobs(self, since: str, until: str) -> list[dict[str, Any]]:
        """Attempts of this host that began a job in the background between two times, RFC 3339,
        and of which nobody has seen the end: whose they are, and the job's id. Oldest first.
        """
        if self._database.is_empty:
            return []
        columns = ", ".join(JOB_COLUMNS)
        rows = self._database.ask(
            f"SELECT {columns} FROM ledger WHERE time > ? AND time < ? "  # noqa: S608
            "AND basis = 'none' AND outcome = 'ok' AND operation = 'chat' "
            "AND dialect = 'openai_responses' AND upstream_dialect = 'openai_responses' "
            "AND response_id IS NOT NULL AND (host = ? OR host IS NULL) ORDER BY time LIMIT 1000",
            (since, until, self._host),
        )
        return [dict(zip(JOB_COLUMNS, row, strict=True)) for row in rows]

    def of_response(self, response_id: str) -> list[Row]:
        """The rows of the attempts that made a response, newest first."""
        if self._database.is_empty:
            return []
        return self._database.ask(
            f"SELECT {_SHOWN} FROM ledger WHERE response_id = ? "  # noqa: S608
            "ORDER BY time DESC LIMIT 100",
            (response_id,),
        )

    def spend(
        self,
        by: Sequence[str] = (),
        *,
        since: str | None = None,
        until: str | None = None,
        where: Mapping[str, str] | None = None,
    ) -> dict[tuple[str | None, ...], Sums]:
        """Sums of rows by values of `GROUPS`; one group, `()`, where `by` is empty.

        Args:
            since, until: RFC 3339 in UTC with microseconds, as rows have it; `until` not included.
            where: values that rows must have, by names of `GROUPS`.
        """
        conditions, values = chosen(since, until, where)
        return self._sums([GROUPS[name] for name in by], conditions, values)

    def runs(self, where: Mapping[str, str], *, after: str = "", limit: int) -> dict[str, RunTimes]:
        """Runs by name, and when they were first and last heard of.

        Args:
            after: the name that the page before ended with.
            limit: the most that are given.
        """
        if self._database.is_empty:
            return {}
        conditions = [f"COALESCE({GROUPS[name]}, '') = ?" for name in where]
        sql = (
            "SELECT run, MAX(parent_run), MIN(time), MAX(time) FROM ledger "  # noqa: S608
            f"WHERE {' AND '.join(['run > ?', *conditions])} GROUP BY run ORDER BY run LIMIT ?"
        )
        with self._database.reading(REPORT_TIMEOUT_S) as transaction:
            found = transaction.execute(sql, (after, *where.values(), limit))
        return {run: RunTimes(*rest) for run, *rest in found}

    def spend_of_runs(self, runs: Sequence[str], where: Mapping[str, str]) -> dict[str, Sums]:
        """Sums of some runs."""
        if not runs:
            return {}
        conditions = [f"run IN ({', '.join('?' * len(runs))})"]
        conditions += [f"COALESCE({GROUPS[name]}, '') = ?" for name in where]
        found = self._sums(["run"], conditions, [*runs, *where.values()])
        return {str(run): sums for (run,), sums in found.items()}

    def spent(
        self, limit: Limit, since: str, host: str | None = None
    ) -> dict[tuple[str, ...], Sums]:
        """What a limit's scope used since its window began, on one host or on all, for each of its
        instances: the values of its `*` dimensions in their order; `()` where it has none.
        """
        conditions, values = _period(since, None)
        if host is not None:
            conditions.append("host = ?")
            values.append(host)
        found = self._spent(limit, [], conditions, values)
        return {tuple(str(part) for part in instance): sums for instance, sums in found.items()}

    def spent_by_host(self, limit: Limit, since: str) -> dict[tuple[str, ...], dict[str, Sums]]:
        """The same for each host; rows from before hosts had names are of the host ""."""
        conditions, values = _period(since, None)
        found = self._spent(limit, ["COALESCE(host, '')"], conditions, values)
        spent: dict[tuple[str, ...], dict[str, Sums]] = {}
        for (host, *instance), sums in found.items():
            spent.setdefault(tuple(str(part) for part in instance), {})[str(host)] = sums
        return spent

    def _spent(
        self, limit: Limit, groups: list[str], conditions: list[str], values: list[Any]
    ) -> dict[tuple[str | None, ...], Sums]:
        groups = [*groups]
        scope = limit.scope.dimensions()
        for name, value in scope.items():
            column = _SCOPE_COLUMNS[name]
            if value == ANY:
                groups.append(column)
                conditions.append(f"{column} IS NOT NULL")
            elif name == "run":
                conditions.append("run IS NOT NULL")  # those below it are among them
            elif name == "model":
                conditions.append("(requested_model = ? OR provider || '/' || routed_model = ?)")
                values += [value, value]
            else:
                conditions.append(f"{column} = ?")
                values.append(value)
        if "run" not in scope:
            return self._sums(groups, conditions, values)
        found = self._sums([*groups, *OF_RUNS], conditions, values)
        place = groups.index("run") if scope["run"] == ANY else None
        return with_runs_below(found, place, scope["run"])

    def _sums(
        self, groups: Sequence[str], conditions: Sequence[str], values: Sequence[Any]
    ) -> dict[tuple[str | None, ...], Sums]:
        if self._database.is_empty:
            return {}
        columns = [
            *groups,
            "SUM(CASE WHEN attempt <= 1 THEN 1 ELSE 0 END)",
            "SUM(CASE WHEN attempt >= 1 THEN 1 ELSE 0 END)",
            "SUM(CASE WHEN cost_usd IS NULL AND basis <> 'none' THEN 1 ELSE 0 END)",
            *halves(_TOKENS),
            self._database.total("cost_usd"),
            self._database.total("saved_usd"),
        ]
        found = grouped(self._database, columns, len(groups), conditions, values)
        return {row[: len(groups)]: _sums_of(row[len(groups) :]) for row in found if any(row)}


def grouped(
    database: Database,
    columns: Sequence[str],
    groups: int,
    conditions: Sequence[str],
    values: Sequence[Any],
) -> list[Row]:
    """Sums of rows: of `columns` the first `groups` are what they are grouped by."""
    sql = f"SELECT {', '.join(columns)} FROM ledger"  # noqa: S608  # names of these files
    if conditions:
        sql += f" WHERE {' AND '.join(conditions)}"
    if groups:
        numbers = ", ".join(str(place) for place in range(1, groups + 1))
        sql += f" GROUP BY {numbers} ORDER BY {numbers}"
    with database.reading(REPORT_TIMEOUT_S) as transaction:
        return transaction.execute(sql, values)


def chosen(
    since: str | None, until: str | None, where: Mapping[str, str] | None
) -> tuple[list[str], list[Any]]:
    """Conditions of a stretch of time and of values by names of `GROUPS`, and what they take."""
    conditions, values = _period(since, until)
    for name, value in (where or {}).items():
        # Rows leave out what is empty.
        conditions.append(f"COALESCE({GROUPS[name]}, '') = ?")
        values.append(value)
    return conditions, values


def _period(since: str | None, until: str | None) -> tuple[list[str], list[Any]]:
    """Conditions of a stretch of time, and their values."""
    bounds = [("time >= ?", since), ("time < ?", until)]
    given = [(condition, value) for condition, value in bounds if value is not None]
    return [condition for condition, _ in given], [value for _, value in given]


def _sums_of(row: Row) -> Sums:
    """Whole numbers of parts that each fit their column."""
    parts = [int(part or 0) for part in row]
    counts, tokens, money = parts[:3], parts[3:-6], parts[-6:]
    return Sums._make([*counts, *whole_of(tokens), pico_of(money[:3]), pico_of(money[3:])])


def halves(columns: Iterable[str]) -> Iterator[str]:
    """SQL of the sums of columns, each as two numbers that fit; see `whole_of`."""
    return (f"SUM({name} >> 32), SUM({name} & 4294967295)" for name in columns)


def whole_of(parts: Sequence[int]) -> list[int]:
    """The sums of `halves`."""
    return [(high << 32) + low for high, low in zip(parts[::2], parts[1::2], strict=True)]


def pico_of(parts: Sequence[int]) -> int:
    """Million-millionths of the three sums of `Database.total`."""
    whole, millionths, rest = parts
    return whole * 10**12 + millionths * 10**6 + rest


def _set_aside(rows: Sequence[JournalRow], unreadable: Sequence[tuple[int, str]]) -> Iterator[Row]:
    """Rows that no column can hold, as they came."""
    for place, reason in unreadable:
        request_id, attempt, _, payload = rows[place]
        log.error("ledger row %s/%d is set aside: %s", request_id, attempt, reason)
        yield request_id, attempt, payload


# what is taken out when a person or a key is deleted

_AT: Final = {column: place for place, column in enumerate(COLUMNS)}
_REDACTIONS: Final = Table("redactions", Redaction)


def redact(transaction: Transaction, redaction: Redaction) -> None:
    """Takes a key's or a person's traces out of the rows there are, and of those to come. The rows
    stay, with all their figures.
    """
    _REDACTIONS.add(transaction, redaction)
    replaced, conditions = redaction.replaced(), redaction.conditions()
    sets = ", ".join(f'"{column}" = ?' for column in replaced)
    where = " AND ".join(f'"{column}" = ?' for column in conditions)
    transaction.execute(
        f"UPDATE ledger SET {sets} WHERE {where} AND time <= ?",  # noqa: S608
        (*replaced.values(), *conditions.values(), redaction.until),
    )


def _redacted(values: Row, redactions: Sequence[Redaction]) -> Row:
    """A row that was on its way when its key or its user was deleted."""
    row = list(values)
    for each in redactions:
        is_its = all(row[_AT[name]] == value for name, value in each.conditions().items())
        if is_its and row[_AT["time"]] <= each.until:
            for column, value in each.replaced().items():
                row[_AT[column]] = value
    return tuple(row)
