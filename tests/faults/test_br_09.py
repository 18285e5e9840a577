"""BR-09: every route spends the same budget, and none reaches an upstream beside admission."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

import sluicegate
from sluicegate.routes import MODEL_ROUTES, UNTRANSLATED

from ..gateway import ADMIN_KEY, KEY, Gateway, Row
from ..upstream import ScriptedUpstream
from .checks import eventually, ref
from .conftest import Start
from .surface import (
    Door,
    admin_doors,
    code_of,
    elsewhere,
    knock,
    model_body,
    model_doors,
    model_path,
)

#: by dialect, the provider that speaks it
HOME = {
    "openai": "u",
    "openai_completions": "u",
    "anthropic": "a",
    "gemini": "g",
    "openai_responses": "r",
}
#: what has any method
PASSES = "/passthrough/"
#: what nobody bills: a count of a request
FREE = {path for path, route in MODEL_ROUTES.items() if route.operation == "count_tokens"}
#: what holds much more than its request has words
_LARGE = {"image_generation", "moderation", "speech", "transcription"}
LARGE = {path for path, route in MODEL_ROUTES.items() if route.operation in _LARGE}


class Tenant(NamedTuple):
    """A key of its own, in a gateway that all tests of this file share."""

    gateway: Gateway
    name: str
    key: str

    def asks(self, path: str, model: str, words: int = 3) -> httpx.Response:
        """The answer to a request of so many words."""
        body = model_body(path, model, "one " * words)
        url = f"{self.gateway.url}{model_path(path, model)}"
        headers = {"authorization": f"Bearer {self.key}"}
        return httpx.post(url, json=body, headers=headers, timeout=10)

    def spent(self) -> Decimal:
        """What of its budget is used."""
        path = f"/admin/v1/limits/key:{self.name}:budget/standing"
        standing = self.gateway.admin("GET", path).json()
        assert standing["held"] == "0"
        return Decimal(standing["spent"])

    def rows(self) -> list[Row]:
        """Its part of the ledger."""
        return [row for row in self.gateway.ledger() if row["key_name"] == self.name]


#: by kind of tenant, its limits
TENANTS: dict[str, dict[str, Any]] = {
    "rich": {"budget_usd": "1"},
    "modest": {"budget_usd": "0.002"},
    "poor": {"budget_usd": "0"},
    "slow": {"rpm": 2},
    "free": {},
}
#: of each kind: no test asks for as many
SPARE = 4 * len(MODEL_ROUTES)


@pytest.fixture(scope="module")
def tenant(gateways: Start) -> Callable[[str], Tenant]:
    """`tenant(kind)`: one that has never asked for anything."""
    names = [f"{kind}-{number}" for kind in TENANTS for number in range(SPARE)]
    secrets = {name: f"sluicegate-test-key-of-br-09-{name}" for name in names}
    keys = [
        {"name": name, "key": key, **TENANTS[name.partition("-")[0]]}
        for name, key in secrets.items()
    ]
    gateway = gateways(keys=keys)
    unused = {kind: itertools.count() for kind in TENANTS}

    def next_one(kind: str) -> Tenant:
        name = f"{kind}-{next(unused[kind])}"
        return Tenant(gateway, name, secrets[name])

    return next_one


def _at_home(path: str, name: str) -> str:
    """A model of the provider that speaks the path's dialect."""
    return f"{HOME[MODEL_ROUTES[path].dialect]}/{name}"


@pytest.mark.parametrize("path", sorted(set(MODEL_ROUTES) - FREE))
@pytest.mark.parametrize("provider", ["u", "a", "g"])
def test_br_09_every_route_spends_the_budget(
    tenant: Callable[[str], Tenant], path: str, provider: str
) -> None:
    route = MODEL_ROUTES[path]
    if (route.operation, provider) in {("embeddings", "a"), ("rerank", "a"), ("rerank", "g")}:
        pytest.skip("this provider has none")
    if route.operation in UNTRANSLATED and provider != HOME[route.dialect]:
        pytest.skip(f"{UNTRANSLATED[route.operation]} elsewhere: none, or see test_media.py")
    one = tenant("rich")
    assert one.asks(path, f"{provider}/ok-5@{ref('br09')}").status_code == 200
    [row] = one.rows()
    assert Decimal(row["cost_usd"]) > 0
    assert one.spent() == Decimal(row["cost_usd"])


def test_br_09_what_one_route_spent_no_other_one_has(tenant: Callable[[str], Tenant]) -> None:
    """A budget that is nearly used up: whichever route used it, all of them hear of it."""
    paid = sorted(set(MODEL_ROUTES) - FREE)
    name = f"ok-20@{ref('br09')}"
    for first in sorted(set(paid) - LARGE):
        one = tenant("modest")
        # 900 and some tokens of it, at a dollar for a million
        assert one.asks(first, _at_home(first, name), words=900).status_code == 200
        assert Decimal("0.0009") <= one.spent() <= Decimal("0.001")
        statuses = {path: one.asks(path, _at_home(path, name), words=1500) for path in paid}
        assert {answer.status_code for answer in statuses.values()} == {402}, first


@pytest.mark.parametrize("path", sorted(set(MODEL_ROUTES) - FREE))
def test_br_09_with_an_empty_budget_nothing_is_sent(
    tenant: Callable[[str], Tenant], upstream: ScriptedUpstream, path: str
) -> None:
    one = tenant("poor")
    for provider in set(HOME.values()):
        name = f"ok-5@{ref('br09')}"
        refused = one.asks(path, f"{provider}/{name}")
        assert refused.status_code == 402, refused.text
        assert code_of(refused.json()["error"]) == "budget_exceeded"
        assert not upstream.of(name)


@pytest.mark.parametrize("path", sorted(MODEL_ROUTES))
def test_br_09_limits_that_are_not_money_bind_every_route(
    tenant: Callable[[str], Tenant], path: str
) -> None:
    """What costs nothing is a request all the same."""
    one = tenant("slow")
    names = [_at_home(path, f"ok-1@{ref('br09')}") for _ in range(4)]
    statuses = [one.asks(path, name).status_code for name in names]
    assert statuses == [200, 200, 429, 429]


#: routes of the contract that are still to come, each with a request that must be refused
TO_COME = {
    "/mcp": {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "x"}},
}


@pytest.mark.xfail(strict=True, reason="the dialects and protocols of these routes are not built")
@pytest.mark.parametrize("path", TO_COME)
def test_br_09_routes_to_come_spend_it_too(tenant: Callable[[str], Tenant], path: str) -> None:
    one = tenant("poor")
    headers = {"authorization": f"Bearer {one.key}"}
    refused = httpx.post(f"{one.gateway.url}{path}", json=TO_COME[path], headers=headers)
    assert refused.status_code == 402


def test_br_09_no_route_beside_the_table_reaches_an_upstream(
    own_gateway: Start, upstream: ScriptedUpstream
) -> None:
    """Every operation of the administrators, everything else that answers, and all methods on the
    model routes, with credentials that open all of it.
    """
    gateway = own_gateway()
    name = f"ok-1@{ref('br09')}"
    before = (len(upstream.requests), len(upstream.log.unrouted), len(upstream.log.trap_hits))
    body = model_body("/v1/chat/completions", f"u/{name}")
    others = [Door("GET", path, None, "") for path in ("/v1/models", "/health/live", "/metrics")]
    others += [Door("POST", path, body, "") for path in ("/", "/v1", "/v1/models", "/health/live")]
    doors = [door for door in model_doors(f"u/{name}") if not door.path.startswith(PASSES)]
    for method in ("GET", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"):
        others += [Door(method, door.path, body, "") for door in doors]
    others += [Door("TRACE", door.path, None, "") for door in model_doors(f"u/{name}")]
    with elsewhere(gateway) as client:
        for door in [*admin_doors(gateway), *others]:
            key = ADMIN_KEY if door.is_admin else KEY
            knock(client, door, {"authorization": f"Bearer {key}"})
    after = (len(upstream.requests), len(upstream.log.unrouted), len(upstream.log.trap_hits))
    assert after == before


def test_br_09_each_request_that_an_upstream_saw_has_a_row(
    tenant: Callable[[str], Tenant], upstream: ScriptedUpstream
) -> None:
    """Admission made it, the journal had it: no route is without a decision and an entry."""
    one = tenant("free")
    name = f"ok-1@{ref('br09')}"
    for path in MODEL_ROUTES:
        for provider in set(HOME.values()):
            one.asks(path, f"{provider}/{name}")
    asked = len(MODEL_ROUTES) * len(set(HOME.values()))
    assert eventually(lambda: len(one.rows()) == asked, 5)
    assert all(row["requested_model"].endswith(name) for row in one.rows())
    seen = len(upstream.of(name))
    assert 0 < seen <= asked
    assert seen <= sum(row["attempt"] == 1 for row in one.rows())


#: modules that can open a connection to somewhere, and which files may use them for what
_NETWORK = {"socket", "ssl", "http.client", "urllib.request", "httpx", "requests", "aiohttp"}
_MAY = {
    "credentials/web.py": "fetches a credential from where the operator said, off every request",
    "listener.py": "takes an address to listen on",
    "server.py": "asks itself whether it is ready",
    "batches/outside.py": "asks how batches stand, which the core admitted when they began",
    "accounting/webhook.py": "tells the operator's own URL",
    "plugins/adapter.py": "speaks a plugin's dialect for a request that the core admitted",
    "probe/call.py": "one call of the operator's own, by the command line and with no gateway",
    "probe/way.py": "says what went wrong on the way of that call",
    "simulator/provider.py": "is an upstream itself",
    "simulator/__main__.py": "is an upstream itself",
    "simulator/http.py": "is an upstream itself",
}


def test_br_09_only_the_core_can_reach_an_upstream() -> None:
    """By structure: nothing in Python connects anywhere but where `_MAY` says, an exchange is made
    by `Engine.begin` alone, which admits it, and one place in the app begins one.
    """
    folder = Path(str(sluicegate.__file__)).parent
    connecting, beginning = set(), []
    for path in folder.rglob("*.py"):
        name = str(path.relative_to(folder))
        for node in ast.walk(ast.parse(path.read_text())):
            if set(_imported(node)) & _NETWORK or _opens(node):
                connecting.add(name)
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("engine.begin"):
                beginning.append(name)
    assert connecting <= set(_MAY), connecting - set(_MAY)
    assert beginning == ["admitting.py"]


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module else []


def _opens(node: ast.AST) -> bool:
    called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
    return called in {
        "asyncio.open_connection",
        "loop.create_connection",
        "socket.create_connection",
    }
