"""One scripted upstream and the gateways in front of it, started once per configuration."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ..folders import kept_on_failure
from ..gateway import KEY, Gateway
from ..upstream import ScriptedUpstream

Start = Callable[..., Gateway]


@pytest.fixture(scope="session")
def upstream() -> Iterator[ScriptedUpstream]:
    """One upstream for all fault tests; refs in model names keep them apart."""
    with ScriptedUpstream() as running:
        running.log.canaries.add(KEY)
        yield running
        assert running.log.canary_hits == [], "a client's key was sent upstream"


@pytest.fixture(scope="module")
def gateways(upstream: ScriptedUpstream, module_path: Path) -> Iterator[Start]:
    """`gateways(**settings)`: a running gateway; equal settings share one within a file."""
    running: dict[str, Gateway] = {}

    def start(**settings: Any) -> Gateway:
        name = json.dumps(settings, sort_keys=True)
        if name not in running:
            running[name] = _started(upstream, module_path / str(len(running)), settings)
        return running[name]

    yield start
    for gateway in running.values():
        gateway.kill()


@pytest.fixture(scope="session")
def gateway(
    upstream: ScriptedUpstream,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[Gateway]:
    """The gateway with the short timeouts of `gateway.py`; no test may change or stop it."""
    with kept_on_failure(request.session, tmp_path_factory.mktemp("gateway")) as folder:
        running = _started(upstream, folder / "shared", {})
        yield running
        running.kill()


@pytest.fixture
def own_gateway(upstream: ScriptedUpstream, tmp_path: Path) -> Iterator[Start]:
    """Like `gateways`, but never shared: for tests that stop, reload or load it."""
    running: list[Gateway] = []
    numbers = itertools.count()  # some tests start two at a time

    def start(**settings: Any) -> Gateway:
        gateway = _started(upstream, tmp_path / f"gateway-{next(numbers)}", settings)
        running.append(gateway)
        return gateway

    yield start
    for gateway in running:
        gateway.kill()


def _started(upstream: ScriptedUpstream, folder: Path, settings: dict[str, Any]) -> Gateway:
    folder.mkdir(exist_ok=True)
    gateway = Gateway(upstream.url, folder, **settings)
    gateway.start()
    return gateway
