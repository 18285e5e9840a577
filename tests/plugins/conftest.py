"""One scripted upstream, and gateways that have plugins beside them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ..gateway import KEY, Gateway
from ..upstream import ScriptedUpstream

With = Callable[..., Gateway]


@pytest.fixture(scope="session")
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as running:
        running.log.canaries.add(KEY)
        yield running
        assert running.log.canary_hits == [], "a client's key was sent upstream"


@pytest.fixture
def gateway_with(upstream: ScriptedUpstream, tmp_path: Path) -> Iterator[With]:
    """`gateway_with(site, **settings)`: a running gateway that sees the packages in a folder."""
    running: list[Gateway] = []
    numbers = itertools.count()

    def start(site: Path, *, ready: bool = True, **settings: Any) -> Gateway:
        folder = tmp_path / f"gateway-{next(numbers)}"
        folder.mkdir()
        gateway = Gateway(upstream.url, folder, **settings)
        gateway.environment["PYTHONPATH"] = str(site)
        running.append(gateway)
        if ready:
            gateway.start()
        return gateway

    yield start
    for gateway in running:
        gateway.kill()
