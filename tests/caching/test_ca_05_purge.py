"""CA-05: what is purged is nowhere given a second later, on any worker, from any tier."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ..client import Ask
from ..faults.checks import ask, asks, eventually
from ..faults.conftest import Start
from ..gateway import Gateway, merge
from ..upstream import ScriptedUpstream
from .checks import TENANTS, calls, is_kept, key_of, named, say, told

#: In memory of two workers, and in the store.
SHARED: dict[str, Any] = {"cache": {"exact": {"enabled": True}}, "server": {"workers": 2}}
#: The contract's.
WITHIN_S = 1.0
#: What each kind of purge names: by the model, the name behind it and the key of an entry.
PURGES: dict[str, Callable[[str, str, str], str | bool]] = {
    "key": lambda _model, _space, key: key,
    "tag": lambda _model, space, _key: f"tag-{space}",
    "model": lambda model, _space, _key: model,
    "tenant": lambda _model, _space, _key: "team acme/core",
    "namespace": lambda _model, space, _key: space,
    "all": lambda _model, _space, _key: True,
}


def purge(gateway: Gateway, **what: str | bool) -> None:
    """One purge by the admin API."""
    answer = gateway.admin("POST", "/admin/v1/cache/purge", what)
    assert answer.status_code == 200, answer.text


def kept_everywhere(gateway: Gateway, what: Ask, many: int = 16) -> int:
    """How many of several requests, over as many connections, have a hit: both workers answer."""
    same = [
        Ask(what.model, key=what.key, text=what.text, headers=what.headers) for _ in range(many)
    ]
    return sum(got.status == 200 for got in asks(gateway, same, concurrency=many))


def only(what: Ask) -> Ask:
    """The same, which asks nobody."""
    header = what.headers.get("x-sluicegate-cache", "")
    both = f"{header}, only-if-cached" if header else "only-if-cached"
    return Ask(what.model, key=what.key, text=what.text, headers={"x-sluicegate-cache": both})


@pytest.mark.parametrize("kind", PURGES)
def test_ca_05_a_purge_ends_what_it_names_on_every_worker_and_nothing_else(
    gateways: Start, upstream: ScriptedUpstream, kind: str
) -> None:
    gateway = gateways(**merge(SHARED, TENANTS))
    model, other = named("purge"), named("purge")
    space = model[-8:]
    mine = Ask(model, key=key_of("core-1"), headers=say(f"namespace={space}", f"tag=tag-{space}"))
    theirs = Ask(other, key=key_of("zeta"))
    [first, _] = asks(gateway, [mine, theirs])
    assert told(first) == "miss"
    for what in (mine, theirs):
        assert eventually(lambda what=what: kept_everywhere(gateway, only(what)) == 16)
    name = PURGES[kind](model, space, first.headers["x-sluicegate-cache-key"])
    purge(gateway, **{kind: name})
    began = time.monotonic()
    while kept_everywhere(gateway, only(mine)):
        assert time.monotonic() - began < WITHIN_S
    assert kept_everywhere(gateway, only(mine)) == 0
    assert kept_everywhere(gateway, only(theirs)) == (0 if kind == "all" else 16)
    assert calls(upstream, model) == 1
    again = Ask(model, key=mine.key, headers=mine.headers)
    assert told(asks(gateway, [again])[0]) == "miss"
    assert eventually(lambda: kept_everywhere(gateway, only(mine)) == 16)


def test_ca_05_an_answer_that_began_before_a_purge_is_not_kept_after_it(
    gateways: Start, upstream: ScriptedUpstream
) -> None:
    gateway = gateways(**SHARED)
    model = named("purge", "ok-5+ttft-1500")
    [got] = asks_while(gateway, Ask(model), lambda: purge(gateway, model=model))
    assert (got.status, told(got)) == (200, "miss")
    time.sleep(0.3)
    assert not is_kept(gateway, model)
    assert calls(upstream, model) == 1


def asks_while(gateway: Gateway, what: Ask, then: Callable[[], None]) -> list[Any]:
    """A request, and something that happens while it waits for its answer."""
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(asks, gateway, [what])
        time.sleep(0.4)
        then()
        return asked.result()


def test_ca_05_kept_answers_outlive_a_restart_and_a_purge_does_too(
    own_gateway: Start, upstream: ScriptedUpstream
) -> None:
    gateway = own_gateway(cache={"exact": {"enabled": True}})
    model, purged = named("purge"), named("purge")
    assert {told(got) for got in asks(gateway, [Ask(model), Ask(purged)])} == {"miss"}
    purge(gateway, model=purged)
    assert gateway.stop() == 0
    gateway.start()
    assert told(ask(gateway, model)) == "hit"
    assert not is_kept(gateway, purged)
    assert calls(upstream, model) == 1


def test_ca_05_the_command_purges_what_a_running_gateway_keeps(gateways: Start) -> None:
    gateway = gateways(**merge(SHARED, TENANTS))
    model = named("purge")
    asked = [Ask(model, key=key_of(name)) for name in ("core-1", "other")]
    asks(gateway, asked)
    status, said = gateway.run("cache", "purge", "--tenant", "team acme/other")
    assert status == 0, said
    assert eventually(lambda: kept_everywhere(gateway, only(asked[1])) == 0, WITHIN_S)
    assert kept_everywhere(gateway, only(asked[0])) == 16
