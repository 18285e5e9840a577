"""One scripted upstream for all; gateways belong to their tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..upstream import ScriptedUpstream


@pytest.fixture(scope="session")
def upstream() -> Iterator[ScriptedUpstream]:
    """The upstream."""
    with ScriptedUpstream() as running:
        yield running
