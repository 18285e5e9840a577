"""An answer is its host's and its model's: another place is asked anew, and what stood in for a
model is not given for it once it is back.
"""

from __future__ import annotations

from typing import Any

import pytest

from ..faults.checks import ask, assert_good, eventually, ref
from ..faults.conftest import Start
from ..upstream import ScriptedUpstream
from .checks import calls, is_kept, named, told

ON: dict[str, Any] = {"cache": {"exact": {"enabled": True}}}


def moved(url: str) -> dict[str, dict[str, Any]]:
    """Settings that send a provider's requests elsewhere."""
    return {
        "another host": {"base_url": f"{url.replace('127.0.0.1', 'localhost')}/v1"},
        "another path": {"base_url": url},
        "another version": {"api_version": "2025-01-01"},
        "another header": {"headers": {"openai-organization": "org-2"}},
    }


@pytest.mark.parametrize("what", moved(""))
def test_a_provider_that_moved_is_asked_anew(
    own_gateway: Start, upstream: ScriptedUpstream, what: str
) -> None:
    gateway, name = own_gateway(**ON), named("moved")
    assert told(ask(gateway, name)) == "miss"
    gateway.stop()
    before = dict(gateway.config["providers"]["u"])
    gateway.write_config(providers={"u": moved(upstream.url)[what]})
    gateway.start()
    assert told(ask(gateway, name)) == "miss"
    assert calls(upstream, name) == 2
    gateway.stop()
    gateway.config["providers"]["u"] = {**before, "api_key": "another-key-of-the-same-account"}
    gateway.start()
    assert is_kept(gateway, name), "back where it was, by whatever key"


def alias(strategy: str) -> tuple[str, dict[str, Any]]:
    """A model whose first target fails at first."""
    name, case = ref("route"), ref("where")
    targets = [f"u/fault-500-then-ok-2@{case}", f"a/ok-5@{case}"]
    weighted = [{"model": targets[0], "weight": 10**6}, {"model": targets[1], "weight": 1}]
    given = targets if strategy == "fallback" else weighted
    return name, {"models": {name: {"strategy": strategy, "targets": given}}}


@pytest.mark.parametrize(
    ("strategy", "fallbacks", "became"),
    [("fallback", False, "miss"), ("fallback", True, "hit"), ("weighted", False, "hit")],
)
def test_what_stood_in_is_kept_where_that_is_wanted(
    own_gateway: Start, strategy: str, fallbacks: bool, became: str
) -> None:
    name, models = alias(strategy)
    exact = {"enabled": True, "fallbacks": fallbacks}
    gateway = own_gateway(cache={"exact": exact}, **models)
    first = ask(gateway, name)
    assert_good(first, 5)
    assert (first.headers["x-sluicegate-provider"], told(first)) == ("a", "miss")
    again = ask(gateway, name)
    assert told(again) == became
    assert again.headers["x-sluicegate-provider"] == ("u" if became == "miss" else "a")
    [row] = gateway.rows(again.ref)[-1:]
    assert row["provider"] == again.headers["x-sluicegate-provider"]
    if became == "miss":
        assert eventually(lambda: is_kept(gateway, name)), "the first target's own is kept"
