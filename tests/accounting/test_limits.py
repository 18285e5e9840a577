"""Limits: what they mean where they say nothing, and what of them is nonsense."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from sluicegate.accounting.limits import Limit, Scope, key_limits, problems_of


def limit(**fields: Any) -> Limit:
    return Limit(name="l", **fields)


@pytest.mark.parametrize(
    ("fields", "field", "says"),
    [
        ({}, "", "it has none"),
        ({"requests": 1, "cost_usd": Decimal(1), "per": "day"}, "", "several: requests, cost_usd"),
        ({"requests": 1}, "per", "is missing"),
        ({"parallel": 1, "per": "day"}, "per", "no meaning with parallel"),
        ({"parallel": 1, "burst": 1}, "burst", "no meaning with parallel"),
        ({"requests": 1, "per": "total", "window": "sliding"}, "window", "never ends"),
        ({"requests": 1, "per": "day", "burst": 1}, "burst", "calendar window"),
        ({"cost_usd": Decimal("1e-10"), "per": "day"}, "cost_usd", "nine|9 decimal places"),
        ({"cost_usd": Decimal(-1), "per": "day"}, "cost_usd", "from 0"),
        ({"cost_usd": Decimal("NaN"), "per": "day"}, "cost_usd", "from 0"),
        ({"cost_usd": Decimal("1e10"), "per": "day"}, "cost_usd", "to 10"),
        ({"requests": 1, "per": "day", "zone": "Europe/Atlantis"}, "zone", "no IANA"),
        ({"requests": 1, "per": "day", "zone": "../etc/passwd"}, "zone", "no IANA"),
        ({"requests": 1, "per": "day", "zone": "/etc/passwd"}, "zone", "no IANA"),
        ({"requests": 1, "per": "day", "zone": "Europe"}, "zone", "no IANA"),
        ({"requests": 1, "per": "day", "zone": ""}, "zone", "no IANA"),
        ({"requests": 1, "per": "day", "zone": "a\0b"}, "zone", "no IANA"),
        ({"requests": 1, "per": "day", "at_cap": "downgrade"}, "downgrade_to", "needs it"),
        ({"requests": 1, "per": "day", "downgrade_to": "m"}, "downgrade_to", "belongs to"),
    ],
)
def test_nonsense_is_said_so(fields: dict[str, Any], field: str, says: str) -> None:
    [(place, message)] = problems_of(limit(**fields))
    assert place == field
    assert any(part in message for part in says.split("|"))


@pytest.mark.parametrize(
    ("fields", "sliding"),
    [
        ({"requests": 1, "per": "second"}, True),
        ({"requests": 1, "per": "hour"}, True),
        ({"requests": 1, "per": "day"}, False),
        ({"requests": 1, "per": "day", "window": "sliding"}, True),
        ({"requests": 1, "per": "minute", "window": "calendar"}, False),
        ({"cost_usd": Decimal(1), "per": "minute"}, False),
        ({"cost_usd": Decimal(1), "per": "minute", "window": "sliding"}, True),
        ({"requests": 1, "per": "total"}, False),
        ({"parallel": 1}, False),
    ],
    ids=str,
)
def test_windows(fields: dict[str, Any], sliding: bool) -> None:
    assert list(problems_of(limit(**fields))) == []
    assert limit(**fields).is_sliding is sliding


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"])
def test_zones(zone: str) -> None:
    assert list(problems_of(limit(requests=1, per="day", zone=zone))) == []


def test_money_is_told_of_at_half() -> None:
    assert limit(cost_usd=Decimal(1), per="day").thresholds == (50, 80, 100)
    assert limit(requests=1, per="day").thresholds == ()
    assert limit(requests=1, per="day", notify=[10]).thresholds == (10,)


def test_a_limit_keeps_its_form_as_json() -> None:
    one = limit(scope=Scope(team="*", model="m"), cost_usd=Decimal("0.000000001"), per="day")
    assert msgspec.json.decode(msgspec.json.encode(one), type=Limit) == one
    assert one.scope.dimensions() == {"team": "*", "model": "m"}
    assert (one.measure, one.amount) == ("cost_usd", Decimal("0.000000001"))


def test_a_keys_short_fields() -> None:
    made = key_limits("k", budget_usd=Decimal(5), tpm=100, rpm=10, max_parallel=2)
    assert [(each.name, each.measure, each.amount, each.per) for each in made] == [
        ("key:k:budget", "cost_usd", 5, "total"),
        ("key:k:tpm", "total_tokens", 100, "minute"),
        ("key:k:rpm", "requests", 10, "minute"),
        ("key:k:parallel", "parallel", 2, None),
    ]
    assert all(each.scope.dimensions() == {"key": "k"} for each in made)
    assert [problem for each in made for problem in problems_of(each)] == []
    assert key_limits("k") == []
