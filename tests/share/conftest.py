"""A server for these tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..valkey import Server


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    """One server for a file of tests."""
    with Server() as server:
        yield server


@pytest.fixture
def server(running: Server) -> Server:
    """It, empty."""
    running.client.flushall()
    return running
