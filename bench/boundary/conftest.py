"""Benches measure the release build, or nothing."""

from typing import Any

import pytest

from sluicegate import _core


def pytest_configure(config: pytest.Config) -> None:
    """A debug build says nothing about anybody's latency."""
    del config
    if _core.build_profile != "release":
        raise pytest.UsageError("the extension is a debug build: `make setup` first")


def pytest_benchmark_update_json(
    config: pytest.Config, benchmarks: list[Any], output_json: dict[str, Any]
) -> None:
    """The figures without every round's time, which is megabytes that nobody reads."""
    del config, benchmarks
    for benchmark in output_json["benchmarks"]:
        benchmark["stats"].pop("data", None)
