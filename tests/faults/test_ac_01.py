"""AC-01: mixed requests, a fifth of them and more in trouble; the ledger is what the upstream saw."""

from __future__ import annotations

import os

import pytest

from ..truth.drive import drive
from ..truth.mix import plans, sendings
from ..truth.reconcile import reconcile
from ..upstream import ScriptedUpstream
from .checks import eventually
from .conftest import Start

#: 10,000 is the figure of the contract, which takes some minutes.
REQUESTS = int(os.environ.get("SLUICEGATE_TRUTH_REQUESTS", "1500"))
SEED = int(os.environ.get("SLUICEGATE_TRUTH_SEED", "1"))
#: Money to the last place: sums of these have up to ten decimals.
PRICES = {"input": "0.15", "cached_input": "0.0375", "output": "0.6"}


@pytest.mark.timeout(30 + REQUESTS / 20)
def test_ac_01_the_ledger_is_what_the_upstream_saw(own_gateway: Start) -> None:
    prices = {name: float(price) for name, price in PRICES.items()}
    with ScriptedUpstream() as upstream:
        gateway = own_gateway(
            providers={
                "u": {"base_url": f"{upstream.url}/v1"},
                "a": {"base_url": upstream.url},
            },
            prices={"u/*": prices, "a/*": prices, "dead/*": prices},
            models=plans(SEED),
            timeouts={"first_byte_s": 3, "idle_s": 3},
        )
        sent = drive(gateway.url, gateway.key, list(sendings(SEED, REQUESTS)))
        assert eventually(lambda: '"active":0' in gateway.health(), 10)
        rows = gateway.exported()
        report = reconcile(sent, upstream.requests, rows, PRICES)
    print(report)
    shown = "\n".join(report.problems[:40])
    assert not report.problems, f"{report}\n{shown}"
    assert (report.missing, report.duplicate, report.extra) == (0, 0, 0)
    assert report.unseen <= upstream.log.killed + report.outcomes["cancelled"]
    assert report.drift["reported"] == 0
    assert report.drift["counted"] <= report.tokens["counted"] * 0.01
    assert sum(report.outcomes[name] for name in ("error", "cancelled")) > REQUESTS * 0.2
    assert upstream.log.anomalies == []
