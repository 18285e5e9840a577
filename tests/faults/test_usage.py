"""AC-03 to AC-06: what upstreams say of their own usage, believed, checked and priced."""

from decimal import Decimal

import pytest

from ..gateway import Gateway
from ..upstream import text
from .checks import NATIVE, ask, assert_good, assert_row, cost, eventually, forms, pairs, ref
from .conftest import Start

#: Input tokens of the default prompt, as the upstream counts them.
PROMPT = 3

FOOLISH = ["negative", "huge", "string", "float", "null"]


@forms
@pytest.mark.parametrize("provider", ["u", "a"])
@pytest.mark.parametrize("kind", FOOLISH)
def test_ac_04_a_count_that_is_none_falls_back_to_ours(
    gateway: Gateway, provider: str, kind: str, stream: bool
) -> None:
    name = f"fault-usage-{kind}@{ref('ac04')}"
    got = ask(gateway, f"{provider}/{name}", dialect=NATIVE[provider], stream=stream)
    [row] = gateway.rows(got.ref)
    assert row["outcome"] == "ok"
    assert row["basis"] in {"counted", "estimated"}
    given, made = int(row["input_tokens"]), int(row["output_tokens"])
    assert 0 < given < 100
    assert 0 < made < 100
    assert made == int(row["counted_output_tokens"])
    assert_row(row, cost_usd=cost(given, made), price_version="config")


#: Dollars per million, each class with its own.
CLASSES = {"input": 3, "output": 15, "cached_input": 0.3, "cache_write": 3.75, "cache_write_1h": 6}


@pairs
@forms
def test_ac_05_each_class_is_priced_once_in_both_conventions(
    gateways: Start, dialect: str, provider: str, stream: bool
) -> None:
    """OpenAI's input count holds the 600 cached tokens, Anthropic's does not."""
    gateway = gateways(prices={"u/*": CLASSES, "a/*": CLASSES})
    got = ask(
        gateway, f"{provider}/fault-usage-cached@{ref('ac05')}", dialect=dialect, stream=stream
    )
    assert_good(got)
    [row] = gateway.rows(got.ref)
    given, made = int(row["input_tokens"]), int(row["output_tokens"])
    assert_row(row, basis="reported", cached_input_tokens=600, output_tokens=10)
    assert given >= 600
    spent = Decimal(given - 600) * 3 + 600 * Decimal("0.3") + made * 15
    assert_row(row, cost_usd=spent / 10**6)
    assert Decimal(row["prompt_cache_saved_usd"]) == 600 * Decimal("2.7") / 10**6


@pairs
@forms
def test_ac_05_reasoning_is_part_of_the_output(
    gateway: Gateway, dialect: str, provider: str, stream: bool
) -> None:
    got = ask(
        gateway, f"{provider}/fault-usage-reasoning@{ref('ac05r')}", dialect=dialect, stream=stream
    )
    assert_good(got)
    [row] = gateway.rows(got.ref)
    given, made = int(row["input_tokens"]), int(row["output_tokens"])
    # the upstream's Anthropic answers do not say how much of the output it is
    assert_row(row, basis="reported", reasoning_tokens=4 if provider == "u" else 0)
    assert_row(row, cost_usd=cost(given, made))


@pairs
@forms
def test_ac_06_usage_said_twice_or_each_time_counts_once(
    gateway: Gateway, dialect: str, provider: str, stream: bool
) -> None:
    for kind in ("twice", "each"):
        got = ask(
            gateway, f"{provider}/fault-usage-{kind}@{ref('ac06')}", dialect=dialect, stream=stream
        )
        assert_good(got)
        [row] = gateway.rows(got.ref)
        assert_row(row, basis="reported", input_tokens=PROMPT, output_tokens=10)
        assert_row(row, cost_usd=cost(PROMPT, 10))


@forms
@pytest.mark.parametrize("provider", ["u", "a"])
def test_ac_03_a_lie_is_kept_beside_our_count_and_told(
    gateway: Gateway, provider: str, stream: bool
) -> None:
    for kind, tokens in (("lies-usage", 100), ("lies-usage-low", 300)):
        name = f"fault-{kind}+n-{tokens}@{ref('ac03')}"
        got = ask(gateway, f"{provider}/{name}", dialect=NATIVE[provider], stream=stream)
        assert got.text == text(tokens)
        [row] = gateway.rows(got.ref)
        claimed = tokens * 10 if kind == "lies-usage" else tokens // 3
        assert_row(row, basis="reported", output_tokens=claimed)
        counted = int(row["counted_output_tokens"])
        assert tokens * 0.6 < counted < tokens * 2
        said = f"usage_diverges: {provider}/{name}: it reports {claimed} output tokens"
        assert eventually(lambda said=said: said in gateway.log(), 3)  # type: ignore[misc]


def test_ac_03_an_honest_count_is_not_told(gateway: Gateway) -> None:
    name = f"ok+n-300@{ref('honest')}"
    for stream in (False, True):
        ask(gateway, f"u/{name}", stream=stream)
    assert not eventually(lambda: f"usage_diverges: u/{name}" in gateway.log(), 2)
