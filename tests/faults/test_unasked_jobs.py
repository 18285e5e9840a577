"""Jobs in the background that no client asks for: the gateway does, so that they are paid."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

import httpx
import pytest

from ..gateway import KEY, Gateway, Row
from ..postgres import Server
from ..upstream import ScriptedUpstream
from .checks import assert_row, cost, eventually, ref
from .conftest import Start

QUICK = {"responses": {"unasked_after_s": 0.5}}


def _begin(gateway: Gateway, name: str, **fields: Any) -> str:
    body = {"model": f"r/ok-5@{name}", "input": "one two three", "background": True} | fields
    headers = {"authorization": f"Bearer {KEY}", "x-request-id": name}
    begun = httpx.post(f"{gateway.url}/v1/responses", json=body, headers=headers, timeout=10)
    assert begun.status_code == 200, begun.text
    return str(begun.json()["id"])


def _row(gateway: Gateway, name: str) -> Row:
    [row] = gateway.rows(name)
    return row


def _is_paid(gateway: Gateway, name: str) -> bool:
    return bool(_row(gateway, name)["basis"] == "reported")


@pytest.mark.parametrize("workers", [1, 3])
def test_a_job_that_nobody_asks_for_is_paid_once(
    own_gateway: Start, upstream: ScriptedUpstream, workers: int
) -> None:
    keys = [{"name": "one", "key": KEY, "team": "core", "budget_usd": "1"}]
    gateway = own_gateway(keys=keys, server={"workers": workers}, **QUICK)
    name = ref("unasked")
    job = _begin(gateway, name)
    assert_row(_row(gateway, name), basis="none", output_tokens=0)
    assert eventually(lambda: _is_paid(gateway, name), 15)
    row = _row(gateway, name)
    assert_row(row, basis="reported", output_tokens=5, cost_usd=cost(row["input_tokens"], 5))
    time.sleep(1)  # another worker may ask once more, before the row is in the store
    asked = _asked(upstream, job)
    assert not eventually(lambda: _asked(upstream, job) > asked, 2), "it is asked for no more"
    errands = [one for one in gateway.ledger() if one["operation"] == "stored_response"]
    assert {one["team"] for one in errands} == {"core"}
    assert sum(Decimal(one["cost_usd"] or 0) for one in errands) == 0


def _asked(upstream: ScriptedUpstream, job: str) -> int:
    return len([one for one in upstream.shelf.asked if job in one.path])


def test_a_job_that_its_client_asks_for_is_left_to_it(
    own_gateway: Start, upstream: ScriptedUpstream
) -> None:
    gateway = own_gateway(responses={"unasked_after_s": 0})
    name = ref("never")
    job = _begin(gateway, name)
    assert not eventually(lambda: _asked(upstream, job) > 0, 2)
    assert_row(_row(gateway, name), basis="none")


def test_a_job_that_is_gone_is_asked_for_once(
    own_gateway: Start, upstream: ScriptedUpstream
) -> None:
    gateway = own_gateway(**QUICK)
    name = ref("gone")
    job = _begin(gateway, name)
    del upstream.shelf.kept[job]
    assert eventually(lambda: _asked(upstream, job) == 1, 10)
    assert not eventually(lambda: _asked(upstream, job) > 1, 3)
    assert_row(_row(gateway, name), basis="none")
    assert gateway.process is not None
    assert gateway.process.poll() is None


def test_jobs_in_postgresql_are_found_too(own_gateway: Start) -> None:
    with Server() as server:
        gateway = own_gateway(store=server.database(), **QUICK)
        name = ref("pg")
        _begin(gateway, name)
        assert eventually(lambda: _is_paid(gateway, name), 15)
        gateway.stop()
