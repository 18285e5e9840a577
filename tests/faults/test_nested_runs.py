"""BR: runs below runs: what they spend is their parents', and their parents' end is theirs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from ..client import Ask, Got
from ..gateway import OTHER_KEY, Gateway
from ..upstream import ScriptedUpstream
from .checks import asks, assert_error_shape, cost, eventually, ref
from .conftest import Start
from .runs import in_run, kill, left, step

#: The default prompt is three words of the upstream's count.
ONE = cost(3, 20)
TWENTY = {"max_tokens": 20}
#: Each run with its parent, the highest first.
CHAIN: list[tuple[str, str | None]] = [("root", None), ("a", "root"), ("b", "a"), ("c", "b")]


@pytest.mark.parametrize(
    ("cap", "what", "remaining", "status", "code"),
    [
        ({"steps": 4}, "steps", ["3", "2", "1", "0"], 429, "run_limit_exceeded"),
        ({"total_tokens": 92}, "tokens", None, 429, "run_limit_exceeded"),
        ({"cost_usd": str(4 * ONE)}, "usd", None, 402, "budget_exceeded"),
    ],
    ids=["steps", "tokens", "cost"],
)
def test_br_04_what_a_run_has_bounds_all_runs_below_it(
    own_gateway: Start,
    upstream: ScriptedUpstream,
    cap: dict[str, Any],
    what: str,
    remaining: list[str] | None,
    status: int,
    code: str,
) -> None:
    """Over two workers, which remember together."""
    gateway = own_gateway(runs=cap, server={"workers": 2})
    name = f"ok-20@{ref('nested')}"
    got = [step(gateway, f"u/{name}", *each, fields=TWENTY) for each in CHAIN]
    assert [each.status for each in got] == [200] * 4, got[-1].raw
    if remaining is not None:
        assert [left(each, what) for each in got] == remaining, "the tightest of those above"
    for run, parent in [*CHAIN, ("c", None), ("new", "root"), ("d", "c"), ("c", "another")]:
        over = step(gateway, f"u/{name}", run, parent, fields=TWENTY)
        assert (over.status, over.code) == (status, code), (run, parent, over.raw)
        assert over.headers["x-should-retry"] == "false"
        assert Decimal(left(over, what) or "-1") == 0
        assert_error_shape(over)
    assert len(upstream.of(name)) == 4
    assert step(gateway, f"u/{name}", "another", fields=TWENTY).status == 200
    assert step(gateway, f"u/{name}", "b", "a", key=OTHER_KEY, fields=TWENTY).status == 200


def test_br_04_a_burst_of_sub_runs_never_passes_what_their_root_has(
    own_gateway: Start, upstream: ScriptedUpstream
) -> None:
    """Eight sub-runs at three depths, all at once, over two workers."""
    gateway = own_gateway(
        runs={"cost_usd": str(10 * ONE), "steps": 1000, "total_tokens": 100_000},
        server={"workers": 2},
    )
    name = f"ok-20@{ref('burst')}"
    runs = [("a", "root"), ("b", "root"), ("a1", "a"), ("a2", "a"), ("b1", "b"), ("a11", "a1")]
    for run, parent in runs:  # they are known, and have spent nothing yet
        assert step(gateway, f"u/fault-500@{ref('burst')}", run, parent).status == 502
    what = [
        Ask(f"u/{name}", headers=in_run(*runs[n % len(runs)]), stream=n % 2 == 0, fields=TWENTY)
        for n in range(120)
    ]
    got = asks(gateway, what, concurrency=60)
    statuses = [each.status for each in got]
    assert (statuses.count(200), statuses.count(402)) == (10, 110)
    assert len(upstream.of(name)) == 10


def test_br_04_a_refusal_above_leaves_nothing_held_below(own_gateway: Start) -> None:
    """The sub-run has room for two, its root for none: what the sub-run would hold is free."""
    money = str(2 * ONE)
    gateway = own_gateway(runs={"cost_usd": money})
    name = f"u/ok-20@{ref('rollback')}"
    assert [step(gateway, name, "root", fields=TWENTY).status for _ in range(2)] == [200, 200]
    for _ in range(20):
        assert step(gateway, name, "a", "root", fields=TWENTY).status == 402
    listed = gateway.admin("GET", "/admin/v1/limits/run:cost/standing?of=one,a")
    assert listed.status_code == 200, listed.text
    shown = listed.json()
    assert Decimal(shown["held"]) == 0
    assert Decimal(shown["spent"]) == 0


def test_br_04_a_named_runs_own_limit_bounds_what_is_below_it(own_gateway: Start) -> None:
    """A limit of the operator's on one run, and one on a provider within each run."""
    limits = [
        {"name": "task", "scope": {"run": "task"}, "requests": 2, "per": "total"},
        {"name": "at-a", "scope": {"run": "*", "provider": "a"}, "requests": 1, "per": "total"},
    ]
    gateway = own_gateway(limits=limits)
    name = f"u/ok-1@{ref('named')}"
    assert step(gateway, name, "child", "task").status == 200
    assert step(gateway, name, "grandchild", "child").status == 200
    assert step(gateway, name, "grandchild", "child").status == 429
    assert step(gateway, name, "task").status == 429
    assert step(gateway, name, "child", "task", key=OTHER_KEY).status == 429, "it names no key"
    at_a = f"a/ok-1@{ref('named')}"
    assert step(gateway, at_a, "y", "x").status == 200
    assert step(gateway, at_a, "z", "x").status == 429, "x has had its one"
    assert step(gateway, name, "z", "x").status == 200


def test_a_streams_end_is_where_a_run_above_it_has_no_more(own_gateway: Start) -> None:
    gateway = own_gateway(runs={"total_tokens": 60})
    assert step(gateway, f"u/ok-20@{ref('cut')}", "root", fields=TWENTY).status == 200
    got = step(gateway, f"u/ok-400@{ref('cut')}", "a", "root", stream=True)
    assert (got.finish, got.terminators, got.error) == ("length", 1, None)
    assert b'sluicegate: cut at limit "run:tokens"' in got.raw
    [row] = gateway.rows(got.ref)
    assert 0 < int(row["output_tokens"]) <= 60 - 23 - 3 + 1


def test_a_runs_time_is_over_with_that_of_a_run_above_it(own_gateway: Start) -> None:
    gateway = own_gateway(runs={"wall_s": 2})
    name = f"u/ok-1@{ref('time')}"
    assert step(gateway, name, "root").status == 200
    assert eventually(lambda: step(gateway, name, "root").status == 403, 5.0)
    over = step(gateway, name, "late", "root")
    assert (over.status, over.code) == (403, "run_limit_exceeded")
    assert step(gateway, name, "other").status == 200


def test_a_parent_stays_the_one_that_was_named_first(own_gateway: Start) -> None:
    gateway = own_gateway(runs={"steps": 5})
    name = f"u/ok-1@{ref('first')}"
    got = [
        step(gateway, name, run, parent)
        for run, parent in [
            ("r", "p"),
            ("r", "q"),
            ("r", None),
            ("p", "r"),  # below it: nobody is above themselves
            ("s", "s"),
        ]
    ]
    assert [each.status for each in got] == [200] * 5
    rows = gateway.rows_of([each.ref for each in got])
    parents = [rows[each.ref][0].get("parent_run") or None for each in got]
    assert parents == ["p", "p", "p", None, None]
    assert left(step(gateway, name, "p"), "steps") == "0"
    assert left(step(gateway, name, "q"), "steps") == "4"


def test_after_a_restart_a_run_has_spent_what_runs_below_it_had(own_gateway: Start) -> None:
    gateway = own_gateway(runs={"cost_usd": str(3 * ONE)})
    name = f"u/ok-20@{ref('restart')}"
    for run, parent in CHAIN[1:]:
        assert step(gateway, name, run, parent, fields=TWENTY).status == 200
    gateway.stop()
    gateway.start()
    for run, parent in [("root", None), ("a", None), ("new", "a")]:
        assert step(gateway, name, run, parent, fields=TWENTY).status == 402, run
    got = step(gateway, name, "c", "b", fields=TWENTY)
    assert got.status == 200, got.raw
    assert Decimal(left(got, "usd") or "1") < ONE, "b had one below it and its own"


# The kill switch


class Streams:
    """A stream of each run, until it ends."""

    def __init__(self, gateway: Gateway, name: str, runs: list[tuple[str, str | None]]) -> None:
        self.got: dict[str, Got] = {}
        self._threads = [
            threading.Thread(target=self._go, args=(gateway, name, *each)) for each in runs
        ]
        for thread in self._threads:
            thread.start()

    def _go(self, gateway: Gateway, name: str, run: str, parent: str | None) -> None:
        self.got[run] = step(gateway, name, run, parent, stream=True)

    def ended(self) -> Iterator[tuple[str, Got]]:
        """All of them."""
        for thread in self._threads:
            thread.join(20)
        yield from self.got.items()


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("order", ["parents first", "children first"])
def test_an_ended_run_takes_all_below_it_along(
    own_gateway: Start, upstream: ScriptedUpstream, workers: int, order: str
) -> None:
    gateway = own_gateway(server={"workers": workers})
    chain = CHAIN if order == "parents first" else CHAIN[::-1]
    for run, parent in chain:
        assert step(gateway, f"u/ok-1@{ref('kill')}", run, parent).status == 200
    name = f"ok-400+itl-50@{ref('kill')}"
    below: list[tuple[str, str | None]] = [("a", None), ("b", None), ("c", None), ("d", "c")]
    streams = Streams(gateway, f"u/{name}", [*below, *below, ("apart", None)])
    begun = lambda: [each for each in upstream.of(name) if each.tokens_sent > 3]  # noqa: E731
    assert eventually(lambda: len(begun()) == 9, 10.0)
    ended = kill(gateway, "root")
    again = step(gateway, f"u/ok-1@{ref('kill')}", "apart")
    assert again.status == 200
    kill(gateway, "apart")
    for run, got in streams.ended():
        assert (got.code, got.terminators) == ("run_ended", 0), run
        if run != "apart":
            assert got.ended - ended < 1.0, run
    assert eventually(lambda: all(each.cancelled is not None for each in upstream.of(name)))
    for run, parent in [*CHAIN, ("d", None), ("e", "d"), ("f", "root")]:
        refused = step(gateway, f"u/ok-1@{ref('kill')}", run, parent)
        assert (refused.status, refused.code) == (403, "run_ended"), run
        assert refused.headers["x-should-retry"] == "false"
        message = str((refused.error or {})["message"])
        assert '"root" was ended' in message, message
        assert message.endswith(": test"), "the administrator's reason"
    told = gateway.admin("DELETE", "/admin/v1/runs/root/kill")
    assert told.status_code == 200, told.text
    model = f"u/ok-1@{ref('kill')}"
    assert eventually(lambda: step(gateway, model, "d").status == 200)


def test_what_is_above_an_ended_run_and_beside_it_goes_on(own_gateway: Start) -> None:
    gateway = own_gateway()
    model = f"u/ok-1@{ref('beside')}"
    for run, parent in [*CHAIN, ("a2", "root")]:
        assert step(gateway, model, run, parent).status == 200
    kill(gateway, "a")
    assert eventually(lambda: step(gateway, model, "c").status == 403)
    assert step(gateway, model, "a").status == 403
    assert step(gateway, model, "root").status == 200
    assert step(gateway, model, "a2").status == 200


def test_a_stream_ends_with_a_run_that_was_put_above_it_while_it_ran(
    own_gateway: Start, upstream: ScriptedUpstream
) -> None:
    """The child speaks before its parent says whose it is itself."""
    gateway = own_gateway()
    name = f"ok-400+itl-50@{ref('late')}"
    streams = Streams(gateway, f"u/{name}", [("c", "b")])
    assert eventually(lambda: bool(upstream.of(name)), 5.0)
    assert step(gateway, f"u/ok-1@{ref('late')}", "b", "a").status == 200
    ended = kill(gateway, "a")
    [(_, got)] = streams.ended()
    assert got.code == "run_ended"
    assert got.ended - ended < 1.0
