"""What rows cost: whose price holds, discounts, margins, models without a price (AC-12, CF-06)."""

import signal
import threading
from decimal import Decimal

from ..client import Ask, Got
from ..gateway import UPSTREAM_KEYS, Gateway
from ..upstream import ScriptedUpstream
from .checks import ask, asks, assert_good, assert_refused, assert_row, cost, eventually, ref
from .conftest import Start

#: Input tokens of the default prompt, as the upstream counts them.
PROMPT = 3


def refusal(gateway: Gateway, got: Got) -> bool:
    """Whether the ledger has the row of a refused request."""
    named = got.headers["x-sluicegate-request-id"]
    rows = [row for row in gateway.ledger() if row["request_id"] == named]
    for row in rows:
        assert_row(row, attempt=0, outcome="refused", cost_usd=0, basis="none")
    return len(rows) == 1


def test_a_price_of_the_configuration_wins_over_the_book(gateway: Gateway) -> None:
    got = ask(gateway, f"u/ok-5@{ref('own')}")
    [row] = gateway.rows(got.ref)
    assert_row(row, price_version="config", cost_usd=cost(PROMPT, 5))
    assert got.headers["x-sluicegate-cost-usd"] == row["cost_usd"]


def test_a_model_without_a_price_is_recorded_as_unpriced(
    upstream: ScriptedUpstream, gateways: Start
) -> None:
    bare = {"dialect": "openai", "base_url": f"{upstream.url}/v1", "api_key": "none"}
    gateway = gateways(providers={"bare": bare})
    name = f"ok-5@{ref('bare')}"
    for stream in (False, True):
        got = ask(gateway, f"bare/{name}", stream=stream)
        assert_good(got, 5)
        [row] = gateway.rows(got.ref)
        assert_row(row, price_version="unpriced", input_tokens=PROMPT, output_tokens=5)
        assert row["cost_usd"] in {None, ""}, "unknown is not 0"
        assert "x-sluicegate-cost-usd" not in got.headers
    told = f"unpriced: bare/{name}: "
    assert eventually(lambda: told in gateway.log(), 3)
    ask(gateway, f"bare/{name}")
    assert not eventually(lambda: gateway.log().count(told) > 1, 1.5)


def test_a_model_without_a_price_is_refused_where_that_is_wanted(
    upstream: ScriptedUpstream, gateways: Start
) -> None:
    bare = {"dialect": "openai", "base_url": f"{upstream.url}/v1", "api_key": "none"}
    models = {"mixed": {"targets": ["u/ok-5@mixed", "bare/ok-5@mixed"]}}
    gateway = gateways(providers={"bare": bare}, models=models, unpriced="refuse")
    for model in (f"bare/ok-5@{ref('no')}", "mixed"):
        got = ask(gateway, model)
        assert_refused(got, 403, origin="gateway")
        assert got.code == "unpriced_model"
        assert upstream.of(model.partition("/")[2]) == []
        assert eventually(lambda one=got: refusal(gateway, one))  # type: ignore[misc]
    assert_good(ask(gateway, f"u/ok-5@{ref('yes')}"), 5)


def test_the_book_prices_a_vendors_model_with_discount_and_margin(
    upstream: ScriptedUpstream, gateways: Start
) -> None:
    """The name of the catalogue counts, wherever its host is."""
    openai = {"base_url": f"{upstream.url}/v1", "api_key": UPSTREAM_KEYS["u"]}
    gateway = gateways(
        providers={"openai": openai},
        discount_percent={"openai": 20, "*": 90},
        margin_percent={"*": 10},
    )
    got = ask(gateway, "openai/gpt-4o-mini")
    [row] = gateway.rows(got.ref)
    # list: 0.15 and 0.6 dollars per million
    assert row["price_version"].startswith("genai-prices-")
    spent = Decimal(row["input_tokens"]) * 15 + Decimal(row["output_tokens"]) * 60
    assert Decimal(row["cost_usd"]) == spent / 10**8 * Decimal("0.88")
    own = ask(gateway, f"u/ok-5@{ref('net')}")
    [row] = gateway.rows(own.ref)
    assert_row(row, price_version="config", cost_usd=cost(PROMPT, 5) * Decimal("1.1"))


def test_a_running_request_keeps_the_price_it_began_with(own_gateway: Start) -> None:
    gateway = own_gateway()
    running = [Ask(f"u/ok+n-40+itl-40@{ref('cf06')}", stream=True, ref=ref("cf06")) for _ in "four"]

    def change() -> None:
        gateway.write_config(prices={"u/*": {"input": 100, "output": 200}})
        gateway.signal(signal.SIGHUP)

    timer = threading.Timer(0.5, change)
    timer.start()
    for got in asks(gateway, running):
        assert_good(got, 40)
    timer.join()
    for rows in gateway.rows_of([one.ref for one in running]).values():
        assert_row(rows[0], cost_usd=cost(PROMPT, 40))
    after = ask(gateway, f"u/ok-5@{ref('new')}")
    [row] = gateway.rows(after.ref)
    assert_row(row, cost_usd=100 * cost(PROMPT, 5))
