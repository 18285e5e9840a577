"""What a hit takes of a key's limits: a request, and nothing of tokens and money. What is used up
refuses it like any other request.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from ..client import Got
from ..faults.checks import ask, forms
from ..faults.conftest import Start
from ..gateway import Gateway
from ..upstream import ScriptedUpstream
from .checks import ON, calls, named, told

#: Of one team, so that what one of them asked is kept for all.
LIMITS: dict[str, dict[str, Any]] = {
    "free": {},
    "money": {"budget_usd": 0.0001, "budget_period": "total"},
    "requests": {"rpm": 3},
    "tokens": {"tpm": 100},
}
#: As many more than any of the limits would let in, if they took what an answer does.
MANY = 16
Asked = Callable[..., Got]


@pytest.fixture(params=["native", "asgi"])
def front(request: pytest.FixtureRequest) -> str:
    """Who listens."""
    return str(request.param)


@pytest.fixture
def gateway(own_gateway: Start, front: str) -> Gateway:
    """One whose limits nobody has used."""
    keys = [
        {"name": name, "key": _key(name), "organisation": "acme", "team": "core", **limit}
        for name, limit in LIMITS.items()
    ]
    return own_gateway(**ON, keys=keys, server={"front": front})


def _key(name: str) -> str:
    return f"sluicegate-key-{name}"


def _asked(gateway: Gateway, model: str, key: str, text: str = "one two three", **more: Any) -> Got:
    return ask(gateway, model, key=_key(key), text=text, fields={"max_tokens": 5}, **more)


def _use_up(gateway: Gateway, model: str, key: str) -> Got:
    """Asks for what is not kept until that is refused."""
    for number in range(200):
        got = _asked(gateway, model, key, f"question {number}")
        if got.status != 200:
            return got
    raise AssertionError("it was never used up")


@forms
@pytest.mark.parametrize("key", ["money", "tokens"])
def test_a_hit_takes_nothing_of_tokens_and_money(
    gateway: Gateway, upstream: ScriptedUpstream, key: str, stream: bool
) -> None:
    model = named("hits")
    header = (
        "x-sluicegate-budget-remaining-usd" if key == "money" else "x-ratelimit-remaining-tokens"
    )
    assert told(_asked(gateway, model, key, stream=stream)) == "miss"
    hits = [_asked(gateway, model, key, stream=stream) for _ in range(MANY)]
    assert [(got.status, told(got)) for got in hits] == [(200, "hit")] * MANY
    assert calls(upstream, model) == 1
    # A bucket of tokens fills up meanwhile.
    left = [Decimal(got.headers[header]) for got in hits]
    assert left == sorted(left)
    assert key == "tokens" or left[0] == left[-1]
    [row] = gateway.rows(hits[-1].ref)
    assert (row["outcome"], row["cost_usd"], row["output_tokens"]) == ("cached", "0", 0)


@forms
def test_a_hit_is_a_request(gateway: Gateway, upstream: ScriptedUpstream, stream: bool) -> None:
    model = named("requests")
    got = [_asked(gateway, model, "requests", stream=stream) for _ in range(4)]
    assert [(each.status, told(each)) for each in got[:3]] == [(200, "miss"), *[(200, "hit")] * 2]
    assert (got[3].status, got[3].code) == (429, "rate_limit_exceeded")
    assert calls(upstream, model) == 1
    assert told(_asked(gateway, model, "free", stream=stream)) == "hit", (
        "a colleague's limit is free"
    )


@forms
@pytest.mark.parametrize(
    ("key", "status", "code"),
    [("money", 402, "budget_exceeded"), ("tokens", 429, "rate_limit_exceeded")],
)
def test_what_is_used_up_refuses_what_is_kept_too(
    gateway: Gateway, upstream: ScriptedUpstream, key: str, status: int, code: str, stream: bool
) -> None:
    model = named("spent")
    assert told(_asked(gateway, model, key, stream=stream)) == "miss"
    other = _use_up(gateway, named("spend"), key)
    assert (other.status, other.code) == (status, code)
    got = _asked(gateway, model, key, stream=stream)
    assert (got.status, got.code) == (status, code), got.raw
    assert got.text == ""
    [row] = gateway.rows(got.ref)
    assert (row["outcome"], row["error_code"], row["saved_usd"]) == ("refused", code, None)
    assert told(_asked(gateway, model, "free", stream=stream)) == "hit", "it is there"
    assert calls(upstream, model) == 1
