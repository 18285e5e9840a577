"""Limits: how much of what, for whom, in which time."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

Amount = Annotated[int, Meta(ge=0, le=10**15)]
LimitName = Annotated[str, Meta(min_length=1, max_length=220)]
"""Holds a key's name of 200 characters and what its short fields add: `key:NAME:parallel`."""
Value = Annotated[str, Meta(min_length=1, max_length=200)]
Percents = Annotated[list[Annotated[int, Meta(ge=1, le=100)]], Meta(max_length=32)]
Zone = Annotated[str, Meta(max_length=64)]
Period = Literal["second", "minute", "hour", "day", "week", "month", "total"]
Measure = Literal[
    "requests", "input_tokens", "output_tokens", "total_tokens", "cost_usd", "parallel"
]

MEASURES: Final[tuple[Measure, ...]] = (
    "requests",
    "input_tokens",
    "output_tokens",
    "total_tokens",
    "cost_usd",
    "parallel",
)
ANY: Final = "*"
"""As a scope's value: each value by itself."""
USD_PLACES: Final = 9
MAX_USD: Final = 10**9
"""Counters are 64 bits of nano-dollars."""
BUDGET_THRESHOLDS: Final = (50, 80, 100)
_SLIDING: Final = frozenset({"second", "minute", "hour"})


class Scope(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """Whom a limit binds. Several dimensions bind their combination, none binds everything; `*`
    stands for each value by itself.
    """

    organisation: Value | None = None
    team: Value | None = None
    project: Value | None = None
    user: Value | None = None
    key: Value | None = None
    """A key's name."""
    end_user: Value | None = None
    """Header `x-sluicegate-user`, else `user` in the body."""
    tag: Value | None = None
    run: Value | None = None
    model: Value | None = None
    """The requested name, or `provider/model`."""
    provider: Value | None = None

    def dimensions(self) -> dict[str, str]:
        """What is set, in the order of the fields."""
        found = ((name, getattr(self, name)) for name in self.__struct_fields__)
        return {name: value for name, value in found if value is not None}


class Limit(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """One rule: exactly one measure, per a period."""

    name: LimitName
    """Unique."""
    scope: Scope = Scope()
    """Whom it binds; everything where omitted."""
    requests: Amount | None = None
    input_tokens: Amount | None = None
    output_tokens: Amount | None = None
    total_tokens: Amount | None = None
    cost_usd: Decimal | None = None
    """US dollars, up to 10^9 and with up to nine decimal places."""
    parallel: Amount | None = None
    """Requests that run at once."""
    per: Period | None = None
    """Required, but for `parallel`."""
    window: Literal["sliding", "calendar"] | None = None
    """Sliding for second, minute and hour, else calendar; money always calendar."""
    zone: Zone = "UTC"
    """IANA name of the zone whose midnight begins a calendar window."""
    burst: Amount | None = None
    """How much may come at once in a sliding window; the amount itself where omitted."""
    at_cap: Literal["cut", "finish", "downgrade"] = "cut"
    """What happens to a stream that reaches it: ended, let to its end, or later calls go to
    `downgrade_to`.
    """
    downgrade_to: Annotated[str, Meta(max_length=200)] = ""
    """A model's name."""
    notify: Percents | None = None
    """Percents of which the first crossing is told; 50, 80, 100 for money, else none."""

    @property
    def measure(self) -> Measure:
        """What is bounded; of a limit without problems."""
        return next(name for name in MEASURES if getattr(self, name) is not None)

    @property
    def amount(self) -> int | Decimal:
        """How much of it."""
        value: int | Decimal = getattr(self, self.measure)
        return value

    @property
    def is_sliding(self) -> bool:
        """Whether the window moves along, or begins with the calendar's."""
        if self.window is not None:
            return self.window == "sliding"
        return self.measure != "cost_usd" and self.per in _SLIDING

    @property
    def thresholds(self) -> tuple[int, ...]:
        """Percents that are told."""
        if self.notify is not None:
            return tuple(self.notify)
        return BUDGET_THRESHOLDS if self.measure == "cost_usd" else ()


def problems_of(limit: Limit) -> Iterator[tuple[str, str]]:
    """What is wrong with a limit whose fields are right each by itself: `(field, message)`."""
    measures = [name for name in MEASURES if getattr(limit, name) is not None]
    if len(measures) != 1:
        many = "has several: " + ", ".join(measures) if measures else "has none"
        yield "", f"must have exactly one of {', '.join(MEASURES)}; it {many}"
        return
    measure = measures[0]
    if measure == "parallel":
        for field in ("per", "window", "burst"):
            if getattr(limit, field) is not None:
                yield field, "has no meaning with parallel"
    elif limit.per is None:
        yield "per", "is missing"
    elif limit.per == "total" and limit.is_sliding:
        yield "window", "total never ends, so it cannot slide"
    if limit.cost_usd is not None:
        yield from _problems_of_usd(limit.cost_usd)
    if limit.burst is not None and measure != "parallel" and not limit.is_sliding:
        yield "burst", "has no meaning in a calendar window"
    if not _is_zone(limit.zone):
        yield "zone", f"{limit.zone!r} is no IANA time zone, such as Europe/Berlin"
    if (limit.at_cap == "downgrade") != bool(limit.downgrade_to):
        yield "downgrade_to", "belongs to at_cap: downgrade, which needs it"


def run_limits(
    *, cost_usd: Decimal | None, total_tokens: int | None, steps: int | None
) -> list[Limit]:
    """The limits that the bounds of runs stand for. Keys apart: two tenants may use one name."""
    scope = Scope(key=ANY, run=ANY)
    limits = []
    if cost_usd is not None:
        limits.append(Limit(name="run:cost", scope=scope, cost_usd=cost_usd, per="total"))
    if total_tokens is not None:
        limits.append(Limit(name="run:tokens", scope=scope, total_tokens=total_tokens, per="total"))
    if steps is not None:
        limits.append(Limit(name="run:steps", scope=scope, requests=steps, per="total"))
    return limits


def _is_zone(name: str) -> bool:
    """The list of all zones takes 50 ms to read; one of them does not."""
    if name == "UTC":
        return True
    try:
        ZoneInfo(name)
    except (ValueError, LookupError, OSError):
        return False
    return True


def _problems_of_usd(usd: Decimal) -> Iterator[tuple[str, str]]:
    if not usd.is_finite() or not 0 <= usd <= MAX_USD:
        yield "cost_usd", "is not a number from 0 to 10^9"
    elif usd != round(usd, USD_PLACES):
        yield "cost_usd", f"has more than {USD_PLACES} decimal places"


def key_limits(
    key: str,
    *,
    budget_usd: Decimal | None = None,
    budget_period: Period | None = None,
    tpm: int | None = None,
    rpm: int | None = None,
    max_parallel: int | None = None,
) -> list[Limit]:
    """The limits that a key's short fields stand for. A budget without a period is for good."""
    scope = Scope(key=key)
    limits = []
    if budget_usd is not None:
        limits.append(
            Limit(
                name=f"key:{key}:budget",
                scope=scope,
                cost_usd=budget_usd,
                per=budget_period or "total",
            )
        )
    if tpm is not None:
        limits.append(Limit(name=f"key:{key}:tpm", scope=scope, total_tokens=tpm, per="minute"))
    if rpm is not None:
        limits.append(Limit(name=f"key:{key}:rpm", scope=scope, requests=rpm, per="minute"))
    if max_parallel is not None:
        limits.append(Limit(name=f"key:{key}:parallel", scope=scope, parallel=max_parallel))
    return limits
