"""Benches measure the release build, or nothing."""

import pytest

from sluicegate import _core


def pytest_configure(config: pytest.Config) -> None:
    """A debug build says nothing about anybody's latency."""
    del config
    if _core.build_profile != "release":
        raise pytest.UsageError("the extension is a debug build: `make setup` first")
