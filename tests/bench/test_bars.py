"""Figures and verdicts out of rows, where the arithmetic can be done by hand."""

from typing import Any

import pytest

from bench.load.bars import (
    BARS,
    Bar,
    added,
    beyond,
    cell,
    crowd,
    judge,
    translated,
    untranslated,
    verdicts,
)
from bench.load.figures import Rows, cpu_us_per_event, cpu_us_per_request, quantile


def row(target: str, name: str, cpu_s: float, n: int, p99_us: float = 0.0, **more: Any) -> Any:
    return {
        "part": "cells",
        "target": target,
        "cell": name,
        "cpu_s": cpu_s,
        "n": n,
        "lat_us": {"p50": p99_us / 2, "p99": p99_us},
        **more,
    }


#: Ours costs 90, 100 and 200 us a request, Envoy 50 in each repetition.
ROWS = Rows(
    [
        row("sluicegate", "small_c32", 0.9, 10_000, 300),
        row("sluicegate", "small_c32", 1.0, 10_000, 320),
        row("sluicegate", "small_c32", 2.0, 10_000, 900),
        row("envoy", "small_c32", 0.5, 10_000, 220),
        row("envoy", "small_c32", 1.0, 20_000, 220),
        row("envoy", "small_c32", 0.5, 0),  # nothing was answered: no figure
        row("direct", "small_c32", 0.0, 50_000, 20),
        row("litellm", "small_c32", 7.0, 1_000),
    ]
)
CPU = cell(cpu_us_per_request, "small_c32")
P99 = added(quantile("lat_us", "p99"), "small_c32")


@pytest.mark.parametrize(
    ("bar", "ours", "theirs", "ratio", "met"),
    [
        (Bar("at the limit", "µs", 2.0, CPU, "envoy"), 100.0, 50.0, 2.0, True),
        (Bar("over it", "µs", 1.9, CPU, "envoy"), 100.0, 50.0, 2.0, False),
        (Bar("added", "µs", 1.5, P99, "envoy"), 300.0, 200.0, 1.5, True),
        (Bar("many times", "µs", 70, CPU, "litellm", at_least=True), 100.0, 7000.0, 70.0, True),
        (Bar("not enough", "µs", 71, CPU, "litellm", at_least=True), 100.0, 7000.0, 70.0, False),
        (Bar("absolute", "µs", 100, CPU), 100.0, None, None, True),
        (Bar("absolute, over", "µs", 99, CPU), 100.0, None, None, False),
        (Bar("peer is missing", "µs", 1.0, CPU, "portkey"), 100.0, None, None, None),
        (Bar("cell is missing", "µs", 1.0, cell(cpu_us_per_request, "x")), None, None, None, None),
        (
            Bar("beyond", "µs", 51, beyond(cpu_us_per_request, "small_c32", "envoy")),
            50,
            None,
            None,
            True,
        ),
        (Bar("beyond nobody", "µs", 51, beyond(cpu_us_per_request, "small_c32", "x")), *[None] * 4),
        (Bar("within one target", "µs", 3, CPU, "p99", P99), 100.0, 300.0, 1 / 3, True),
    ],
    ids=lambda it: it.work if isinstance(it, Bar) else "",
)
def test_a_bar_is_judged(
    bar: Bar, ours: float | None, theirs: float | None, ratio: float | None, met: bool | None
) -> None:
    found = judge(bar, ROWS, "sluicegate")
    assert found.met is met
    assert found.ours == (None if ours is None else pytest.approx(ours))
    assert found.theirs == (None if theirs is None else pytest.approx(theirs))
    assert found.ratio == (None if ratio is None else pytest.approx(ratio))


def test_an_event_costs_what_the_tree_spent_on_those_that_arrived() -> None:
    assert cpu_us_per_event({"cpu_s": 0.02, "n": 4, "event_us": {"n": 800}}) == pytest.approx(25.0)


def test_a_lost_event_in_any_repetition_counts() -> None:
    rows = Rows(
        [{"part": "streams", "target": "asgi", "streams": 512, "lost": lost} for lost in (0, 3, 0)]
    )
    assert crowd("lost", 512)(rows, "asgi") == 3
    assert crowd("lost", 2000)(rows, "asgi") is None


def test_translation_is_held_against_the_cheaper_of_the_streams_that_pass() -> None:
    costs = {
        ("openai", "openai"): 0.2,
        ("anthropic", "anthropic"): 0.1,
        ("openai", "anthropic"): 0.3,
    }
    rows = Rows(
        {
            "part": "translate",
            "target": "sluicegate",
            "client": client,
            "upstream": upstream,
            "pace": "paced",
            "cpu_s": cpu_s,
            "events": 10_000,
        }
        for (client, upstream), cpu_s in costs.items()
    )
    assert untranslated("paced")(rows, "sluicegate") == pytest.approx(10.0)
    assert translated("openai", "anthropic", "paced")(rows, "sluicegate") == pytest.approx(30.0)


def test_without_figures_nothing_is_met_or_missed() -> None:
    assert [found.met for found in verdicts(Rows([]))] == [None for bar in BARS for _ in bar.fronts]
