"""BR-09: every route spends the same budget, and none reaches an upstream beside admission."""

from __future__ import annotations

import ast
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

import sluicegate
from sluicegate.routes import MODEL_ROUTES, UNTRANSLATED

from ..gateway import ADMIN_KEY, KEY, Gateway
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

BUDGET = "key:one:budget"
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
HEADERS = {"authorization": f"Bearer {KEY}"}
#: what nobody bills: a count of a request
FREE = {path for path, route in MODEL_ROUTES.items() if route.operation == "count_tokens"}
#: what holds much more than its request has words
_LARGE = {"image_generation", "moderation", "speech", "transcription"}
LARGE = {path for path, route in MODEL_ROUTES.items() if route.operation in _LARGE}


def _with_budget(own_gateway: Start, usd: Decimal, **more: Any) -> Gateway:
    key = {"name": "one", "key": KEY, "budget_usd": str(usd), **more}
    return own_gateway(keys=[key])


def _asked(gateway: Gateway, path: str, model: str, words: int = 3) -> httpx.Response:
    body = model_body(path, model, "one " * words)
    url = f"{gateway.url}{model_path(path, model)}"
    return httpx.post(url, json=body, headers=HEADERS, timeout=10)


def _at_home(path: str, name: str) -> str:
    """A model of the provider that speaks the path's dialect."""
    return f"{HOME[MODEL_ROUTES[path].dialect]}/{name}"


def _spent(gateway: Gateway) -> Decimal:
    standing = gateway.admin("GET", f"/admin/v1/limits/{BUDGET}/standing").json()
    assert standing["held"] == "0"
    return Decimal(standing["spent"])


@pytest.mark.parametrize("path", sorted(set(MODEL_ROUTES) - FREE))
@pytest.mark.parametrize("provider", ["u", "a", "g"])
def test_br_09_every_route_spends_the_budget(own_gateway: Start, path: str, provider: str) -> None:
    route = MODEL_ROUTES[path]
    if (route.operation, provider) in {("embeddings", "a"), ("rerank", "a"), ("rerank", "g")}:
        pytest.skip("this provider has none")
    if route.operation in UNTRANSLATED and provider != HOME[route.dialect]:
        pytest.skip(f"{UNTRANSLATED[route.operation]} elsewhere: none, or see test_media.py")
    gateway = _with_budget(own_gateway, Decimal(1))
    assert _asked(gateway, path, f"{provider}/ok-5@{ref('br09')}").status_code == 200
    [row] = gateway.ledger()
    assert Decimal(row["cost_usd"]) > 0
    assert _spent(gateway) == Decimal(row["cost_usd"])


def test_br_09_what_one_route_spent_no_other_one_has(own_gateway: Start) -> None:
    """A budget that is nearly used up: whichever route used it, all of them hear of it."""
    paid = sorted(set(MODEL_ROUTES) - FREE)
    name = f"ok-20@{ref('br09')}"
    for first in sorted(set(paid) - LARGE):
        gateway = _with_budget(own_gateway, Decimal("0.02"))
        # 9,000 and some tokens of it, at a dollar for a million
        assert _asked(gateway, first, _at_home(first, name), words=9000).status_code == 200
        assert Decimal("0.009") <= _spent(gateway) <= Decimal("0.0091")
        statuses = {
            path: _asked(gateway, path, _at_home(path, name), words=15_000) for path in paid
        }
        assert {answer.status_code for answer in statuses.values()} == {402}, first
        gateway.kill()


@pytest.mark.parametrize("path", sorted(set(MODEL_ROUTES) - FREE))
def test_br_09_with_an_empty_budget_nothing_is_sent(
    own_gateway: Start, upstream: ScriptedUpstream, path: str
) -> None:
    gateway = _with_budget(own_gateway, Decimal(0))
    for provider in set(HOME.values()):
        name = f"ok-5@{ref('br09')}"
        refused = _asked(gateway, path, f"{provider}/{name}")
        assert refused.status_code == 402, refused.text
        assert code_of(refused.json()["error"]) == "budget_exceeded"
        assert not upstream.of(name)


@pytest.mark.parametrize("path", sorted(MODEL_ROUTES))
def test_br_09_limits_that_are_not_money_bind_every_route(own_gateway: Start, path: str) -> None:
    """What costs nothing is a request all the same."""
    key = {"name": "one", "key": KEY, "rpm": 2}
    gateway = own_gateway(keys=[key])
    names = [_at_home(path, f"ok-1@{ref('br09')}") for _ in range(4)]
    statuses = [_asked(gateway, path, name).status_code for name in names]
    assert statuses == [200, 200, 429, 429]


#: routes of the contract that are still to come, each with a request that must be refused
TO_COME = {
    "/mcp": {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "x"}},
}


@pytest.mark.xfail(strict=True, reason="the dialects and protocols of these routes are not built")
@pytest.mark.parametrize("path", TO_COME)
def test_br_09_routes_to_come_spend_it_too(own_gateway: Start, path: str) -> None:
    gateway = _with_budget(own_gateway, Decimal(0))
    refused = httpx.post(f"{gateway.url}{path}", json=TO_COME[path], headers=HEADERS)
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
    own_gateway: Start, upstream: ScriptedUpstream
) -> None:
    """Admission made it, the journal had it: no route is without a decision and an entry."""
    gateway = own_gateway()
    name = f"ok-1@{ref('br09')}"
    for path in MODEL_ROUTES:
        for provider in set(HOME.values()):
            _asked(gateway, path, f"{provider}/{name}")
    asked = len(MODEL_ROUTES) * len(set(HOME.values()))
    assert eventually(lambda: len(_rows(gateway, name)) == asked, 5)
    seen = len(upstream.of(name))
    assert 0 < seen <= asked
    assert seen <= sum(row["attempt"] == 1 for row in _rows(gateway, name))


def _rows(gateway: Gateway, name: str) -> list[dict[str, Any]]:
    return [row for row in gateway.ledger() if row["requested_model"].endswith(name)]


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
