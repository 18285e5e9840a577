"""Answers that are a little too old are given, and asked anew behind them, once."""

from __future__ import annotations

import time
from typing import Any

import pytest

from ..gateway import Gateway
from ..upstream import ScriptedUpstream
from .checks import ask, assert_good, eventually, ref
from .conftest import Start

STALE = {"exact": {"enabled": True, "ttl_s": 1, "stale_while_revalidate_s": 60}}
FORMS: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("u", {}),
    "chat, streamed": ("u", {"stream": True}),
    "messages, streamed": ("a", {"dialect": "anthropic", "stream": True}),
    "gemini, in the path": ("g", {"dialect": "gemini"}),
    "gemini, streamed": ("g", {"dialect": "gemini", "stream": True}),
    "translated": ("a", {}),
}


def age_s(gateway: Gateway, name: str, form: dict[str, Any]) -> int | None:
    """How old the answer is that a host gives; None where it gives none that was kept."""
    got = ask(gateway, name, **form)
    assert_good(got)
    if got.headers["x-sluicegate-cache"] != "hit":
        return None
    return int(got.headers["x-sluicegate-cache-age-s"])


@pytest.mark.parametrize(("provider", "form"), FORMS.values(), ids=FORMS)
def test_what_is_a_little_too_old_is_given_and_asked_anew_behind_it(
    gateways: Start, upstream: ScriptedUpstream, provider: str, form: dict[str, Any]
) -> None:
    gateway = gateways(cache=STALE)
    behaviour = f"ok-10@{ref('stale')}"
    name = f"{provider}/{behaviour}"
    assert age_s(gateway, name, form) is None
    time.sleep(2.1)
    ages = [age_s(gateway, name, form) for _ in range(3)]
    assert ages[0] is not None, "nobody waits for the new one"
    assert ages[0] >= 2
    assert eventually(lambda: len(upstream.of(behaviour)) == 2, 3.0)
    assert eventually(lambda: age_s(gateway, name, form) in (0, 1), 3.0)
    assert len(upstream.of(behaviour)) == 2, "it is asked once"
    rows = [row for row in gateway.ledger() if behaviour in str(row["requested_model"])]
    paid = [row for row in rows if row["attempt"] == 1]
    assert len(paid) == 2
    assert {row["key_name"] for row in paid} == {"one"}
