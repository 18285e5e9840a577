"""The ledger against the truth, request by request and attempt by attempt."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from ..gateway import Row
from ..upstream import Exchange
from .drive import Sent

#: A count above this is absurd, and so ours is taken.
_MOST = 10**9

Prices = Mapping[str, str]
"""Dollars per million of `input`, `cached_input` and `output` tokens."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What one attempt must read as in the ledger."""

    status: int | None
    basis: str
    input_tokens: int = 0
    cached_input_tokens: int = 0
    output_tokens: int = 0
    is_complete: bool = False


def truth_of(exchange: Exchange) -> Truth:
    """From what went over the wire, by the contract's rules; our own code has no part in it."""
    if exchange.status is None or not 200 <= exchange.status < 300:
        return Truth(exchange.status, "none")
    if not exchange.is_complete and not exchange.readable_tokens:
        return Truth(exchange.status, "none")
    given, cached, made = _said(exchange)
    is_reported = exchange.is_complete and given is not None and made is not None
    return Truth(
        status=exchange.status,
        basis="reported" if is_reported else "counted",
        input_tokens=exchange.input_tokens if given is None else given,
        cached_input_tokens=cached,
        output_tokens=made if is_reported and made is not None else exchange.readable_tokens,
        is_complete=exchange.is_complete,
    )


def _said(exchange: Exchange) -> tuple[int | None, int, int | None]:
    """Input with the cached part in it, the cached part, output; None where it cannot be true."""
    said = exchange.said
    if exchange.dialect == "openai":
        cached = _count((said.get("prompt_tokens_details") or {}).get("cached_tokens")) or 0
        return _count(said.get("prompt_tokens")), cached, _count(said.get("completion_tokens"))
    cached = _count(said.get("cache_read_input_tokens")) or 0
    rest = _count(said.get("input_tokens"))
    given = None if rest is None else rest + cached
    return given, cached if given is not None else 0, _count(said.get("output_tokens"))


def _count(value: object) -> int | None:
    is_count = type(value) is int and 0 <= value <= _MOST
    return value if is_count else None  # type: ignore[return-value]  # an int by then


@dataclass(slots=True)
class Report:
    """What was compared, and what does not agree."""

    requests: int = 0
    starts: int = 0
    rows: int = 0
    missing: int = 0
    extra: int = 0
    duplicate: int = 0
    #: Attempts that the upstream never read: cancelled on the way, or over a connection that died.
    unseen: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    bases: Counter[str] = field(default_factory=Counter)
    tokens: Counter[str] = field(default_factory=Counter)
    drift: Counter[str] = field(default_factory=Counter)
    spent: Decimal = Decimal(0)
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """One line for people."""
        counts = f"{self.requests} requests, {self.starts} upstream starts, {self.rows} rows"
        wrong = f"{self.missing} missing, {self.duplicate} duplicate, {self.extra} extra"
        drift = ", ".join(
            f"{basis} {self.drift[basis]} of {tokens} tokens off"
            for basis, tokens in sorted(self.tokens.items())
        )
        return (
            f"{counts}: {wrong}, {len(self.problems)} differ; {drift}; ${self.spent}; "
            f"{self.unseen} unseen; {dict(self.outcomes)} {dict(self.bases)}"
        )


def reconcile(
    sent: Iterable[Sent], exchanges: Iterable[Exchange], rows: Iterable[Row], prices: Prices
) -> Report:
    """Compares all that was sent with all that was recorded of it."""
    report = Report()
    seen, kept = defaultdict(list), defaultdict(list)
    for exchange in exchanges:
        seen[_user(exchange)].append(exchange)
    keys: Counter[tuple[str, int]] = Counter()
    for row in rows:
        kept[row["client_ref"]].append(row)
        keys[row["request_id"], row["attempt"]] += 1
    report.duplicate = sum(count - 1 for count in keys.values())
    for one in sent:
        report.requests += 1
        starts = sorted(seen.pop(one.ref, []), key=lambda start: start.arrived)
        lines = sorted(kept.pop(one.ref, []), key=lambda row: row["attempt"])
        _request(report, one, starts, lines, prices)
    report.missing += sum(len(starts) for starts in seen.values())
    report.extra += sum(len(lines) for lines in kept.values())
    return report


def _user(exchange: Exchange) -> str:
    body = exchange.json
    return str(body.get("user") or (body.get("metadata") or {}).get("user_id"))


def _request(
    report: Report, sent: Sent, starts: list[Exchange], rows: list[Row], prices: Prices
) -> None:
    report.starts += len(starts)
    report.rows += len(rows)

    def wrong(what: str) -> None:
        report.problems.append(f"{sent.ref} {sent.sending.ask.model}: {what}")

    if [row["attempt"] for row in rows] != list(range(1, len(rows) + 1)):
        wrong(f"attempts {[row['attempt'] for row in rows]}")
    if len({row["request_id"] for row in rows}) > 1:
        wrong("rows of several requests")
    reached = [row for row in rows if row["provider"] != "dead"]
    for row in rows:
        _money(report, row, prices, wrong)
        if row["provider"] == "dead" and (row["status"], row["basis"]) != (None, "none"):
            wrong(f"an attempt that reached nobody: {row}")
    reached = _read(report, reached, len(starts), sent)
    report.missing += max(0, len(starts) - len(reached))
    report.extra += max(0, len(reached) - len(starts))
    if len(starts) != len(reached):
        seen = [f"{start.model} {start.status} on {start.connection}" for start in starts]
        kept = [f"{row['routed_model']} {row['status']} {row['error_code']}" for row in reached]
        wrong(f"starts {seen}, rows {kept}")
        return
    for start, row in zip(starts, reached, strict=True):
        _attempt(report, sent, start, row, wrong)
    if rows and not sent.has_left and rows[-1]["client_status"] != sent.got.status:
        wrong(f"the client got {sent.got.status}, the row says {rows[-1]['client_status']}")


def _read(report: Report, rows: list[Row], starts: int, sent: Sent) -> list[Row]:
    """Without those of which the upstream read nothing. They cost nothing, and say so."""
    left = list(rows)
    for row in rows:
        died = row["error_code"] == "upstream_reset" and row is not rows[-1]
        gone = sent.has_left and row["outcome"] == "cancelled"
        if (
            len(left) > starts
            and (died or gone)
            and (row["status"], row["basis"]) == (None, "none")
        ):
            left.remove(row)
            report.unseen += 1
    return left


def _attempt(report: Report, sent: Sent, start: Exchange, row: Row, wrong: Any) -> None:
    truth = truth_of(start)
    report.outcomes[row["outcome"]] += 1
    report.bases[row["basis"]] += 1
    if row["routed_model"] != start.model or row["upstream_dialect"] != start.dialect:
        wrong(f"{row['provider']}/{row['routed_model']} is not {start.dialect} {start.model}")
    if row["outcome"] == "cancelled":
        _cancelled(report, sent, truth, start, row, wrong)
        return
    figures = ("status", "basis", "input_tokens", "cached_input_tokens")
    for name in figures:
        if row[name] != getattr(truth, name):
            wrong(f"{name} is {row[name]}, not {getattr(truth, name)}: {row['error_code']}")
    if (row["outcome"] == "ok") is not truth.is_complete:
        wrong(f"outcome {row['outcome']} {row['error_code']} of an answer that {truth}")
    off = abs(row["output_tokens"] - truth.output_tokens)
    report.tokens[truth.basis] += truth.output_tokens
    report.drift[truth.basis] += off
    if off > truth.output_tokens * (0.01 if truth.basis == "counted" else 0):
        wrong(f"output is {row['output_tokens']}, not {truth.output_tokens}: {row['error_code']}")


def _cancelled(
    report: Report, sent: Sent, truth: Truth, start: Exchange, row: Row, wrong: Any
) -> None:
    """Between what the client had and what left the upstream before it heard."""
    made = row["output_tokens"]
    report.tokens["cancelled"] += made
    report.drift["cancelled"] += start.tokens_sent - made
    if not sent.has_left:
        wrong("cancelled, and nobody left")
    if not sent.tokens <= made <= start.tokens_sent:
        wrong(f"{made} tokens; the client had {sent.tokens}, {start.tokens_sent} were sent")
    if row["basis"] != ("counted" if made else "none"):
        wrong(f"basis {row['basis']} of {made} tokens")
    if made and row["input_tokens"] != start.input_tokens:
        wrong(f"input is {row['input_tokens']}, not {start.input_tokens}")


def _money(report: Report, row: Row, prices: Prices, wrong: Any) -> None:
    """What the row's own tokens cost, to the last place."""
    cached = row["cached_input_tokens"]
    due = (
        (row["input_tokens"] - cached) * Decimal(prices["input"])
        + cached * Decimal(prices["cached_input"])
        + row["output_tokens"] * Decimal(prices["output"])
    ) / 10**6
    if Decimal(row["cost_usd"]) != due:
        wrong(f"${row['cost_usd']} is not ${due}")
    report.spent += due
