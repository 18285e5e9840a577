"""One scripted upstream for each file."""

from collections.abc import Iterator

import pytest

from ..upstream import ScriptedUpstream


@pytest.fixture(scope="module")
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as running:
        yield running
