"""Benches measure an optimised build, or nothing; and against what was kept, if a file is named."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench.boundary.ratio import TOLERANCE, slower
from sluicegate import _core

PROFILES = ("release", "ci")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--baseline FILE`: figures of an earlier run, made by `--benchmark-json`."""
    parser.addoption("--baseline", type=Path, help="fails where a ratio rose since that run")


def pytest_configure(config: pytest.Config) -> None:
    """A debug build says nothing about anybody's latency."""
    del config
    if _core.build_profile not in PROFILES:
        raise pytest.UsageError(f"built as {_core.build_profile}: `make setup` first")


@pytest.fixture
def kept(request: pytest.FixtureRequest) -> float | None:
    """This gate's ratio in the baseline, if there is one."""
    path: Path | None = request.config.getoption("--baseline")
    if path is None:
        return None
    for benchmark in json.loads(path.read_text())["benchmarks"]:
        if benchmark["name"] == request.node.name:
            return float(benchmark["extra_info"]["ratio"])
    return None


@pytest.fixture
def gate(benchmark: Any, kept: float | None) -> Any:
    """Says a ratio into the figures, and fails where it is beyond its bound or the baseline's."""

    def judged(ratio: float, bound: float, tolerance: float = TOLERANCE) -> None:
        benchmark.extra_info.update(ratio=round(ratio, 4), bound=bound, kept=kept)
        assert ratio <= bound, f"{ratio:.2f} times the baseline, the bound is {bound}"
        was = f"{ratio:.2f}, was {kept}: more than {tolerance:.0%} up"
        assert not slower(ratio, kept, tolerance), was

    return judged


def pytest_benchmark_update_json(
    config: pytest.Config, benchmarks: list[Any], output_json: dict[str, Any]
) -> None:
    """The figures without every round's time, which is megabytes that nobody reads."""
    del config, benchmarks
    for benchmark in output_json["benchmarks"]:
        benchmark["stats"].pop("data", None)
