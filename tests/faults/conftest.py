"""One scripted upstream and the gateways in front of it, started once per configuration."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

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


@pytest.fixture(scope="session")
def gateways(
    upstream: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Start]:
    """`gateways(**settings)`: a running gateway; equal settings share one."""
    running: dict[str, Gateway] = {}

    def start(**settings: Any) -> Gateway:
        name = json.dumps(settings, sort_keys=True)
        if name not in running:
            gateway = Gateway(upstream.url, tmp_path_factory.mktemp("gateway"), **settings)
            gateway.start()
            running[name] = gateway
        return running[name]

    yield start
    for gateway in running.values():
        gateway.kill()


@pytest.fixture(scope="session")
def gateway(gateways: Start) -> Gateway:
    """The gateway with the short timeouts of `gateway.py`; no test may change or stop it."""
    return gateways()


@pytest.fixture
def own_gateway(
    upstream: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Start]:
    """Like `gateways`, but never shared: for tests that stop, reload or load it."""
    running: list[Gateway] = []

    def start(**settings: Any) -> Gateway:
        gateway = Gateway(upstream.url, tmp_path_factory.mktemp("gateway"), **settings)
        gateway.start()
        running.append(gateway)
        return gateway

    yield start
    for gateway in running:
        gateway.kill()
