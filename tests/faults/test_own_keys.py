"""Tenants' own provider keys: used for their own requests and for nobody else's, sealed, masked,
and told in the ledger.
"""

from __future__ import annotations

import sqlite3
import subprocess
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from ..client import Ask, Got, run_asks
from ..gateway import KEY, OTHER_KEY, UPSTREAM_KEYS, Gateway, command
from ..upstream import ScriptedUpstream
from .checks import assert_good, eventually, forms, ref
from .conftest import Start

MATE = "sluicegate-test-key-of-a-team-mate"
ALIKE = "sluicegate-test-key-of-who-is-written-alike"
KEYS = [
    {"name": "one", "key": KEY, "organisation": "acme", "team": "core"},
    {"name": "mate", "key": MATE, "organisation": "acme", "team": "core"},
    {"name": "two", "key": OTHER_KEY, "organisation": "acme", "team": "edge"},
    {"name": "alike", "key": ALIKE, "organisation": "", "team": "acme/core"},
]
OF_CORE = "sk-own-of-core-0123456789"
OF_ONE = "sk-own-of-one-0123456789"
OF_ACME = "sk-own-of-acme-0123456789"

Sent = Callable[[str], str]


@pytest.fixture
def sent(upstream: ScriptedUpstream) -> Sent:
    """The credential with which a model was asked for last."""

    def look(name: str) -> str:
        found = [each for each in upstream.log.requests if each.model == name]
        headers = {key.lower(): value for key, value in found[-1].headers}
        names = ("authorization", "x-api-key", "x-goog-api-key")
        [value] = [headers[each] for each in names if each in headers]
        return value.removeprefix("Bearer ")

    return look


def _ask(gateway: Gateway, key: str, model: str, **fields: Any) -> Got:
    return run_asks(gateway.url, key, [Ask(model, **fields)])[0]


def _own(provider: str, api_key: str, **whose: str) -> dict[str, str]:
    return {"provider": provider, "api_key": api_key, **whose}


CONFIGURED = [
    *(_own(each, OF_CORE, organisation="acme", team="core") for each in "uagr"),
    _own("u", OF_ONE, key="one"),
    _own("a", OF_ACME, organisation="acme"),
]
#: who asks whom, and with which credential that is done
WITH: list[tuple[str, str, str]] = [
    (KEY, "u", OF_ONE),
    (KEY, "a", OF_CORE),
    (KEY, "g", OF_CORE),
    (KEY, "r", OF_CORE),
    (MATE, "u", OF_CORE),
    (MATE, "a", OF_CORE),
    (OTHER_KEY, "u", UPSTREAM_KEYS["u"]),
    (OTHER_KEY, "a", OF_ACME),
    (ALIKE, "u", UPSTREAM_KEYS["u"]),
    (ALIKE, "a", UPSTREAM_KEYS["a"]),
]


@pytest.mark.parametrize(("key", "provider", "wanted"), WITH)
@forms
def test_each_tenants_requests_go_with_its_own_key(
    gateways: Start, sent: Sent, key: str, provider: str, wanted: str, stream: bool
) -> None:
    gateway = gateways(keys=KEYS, provider_keys=CONFIGURED)
    for dialect in ("openai", "anthropic"):
        name = f"ok-5@{ref('own')}"
        got = _ask(gateway, key, f"{provider}/{name}", dialect=dialect, stream=stream)
        assert_good(got, 5)
        assert sent(name) == wanted
        is_own = wanted not in UPSTREAM_KEYS.values()
        assert got.headers.get("x-sluicegate-provider-key") == ("own" if is_own else None)
        data = httpx.get(
            f"{gateway.url}/v1/generation",
            params={"id": got.headers["x-sluicegate-request-id"]},
            headers={"authorization": f"Bearer {key}"},
            timeout=10,
        ).json()["data"]
        assert data["is_byok"] is is_own
        assert data["provider_responses"][0]["is_byok"] is is_own
        assert data["total_cost"] > 0
        assert data["upstream_inference_cost"] == (data["total_cost"] if is_own else None)


def test_what_passes_as_it_is_and_embeddings_go_with_it_too(
    gateways: Start, upstream: ScriptedUpstream, sent: Sent
) -> None:
    gateway = gateways(keys=KEYS, provider_keys=CONFIGURED)
    for key, wanted in ((KEY, OF_ONE), (OTHER_KEY, UPSTREAM_KEYS["u"])):
        headers = {"authorization": f"Bearer {key}"}
        for path, named in (("/v1/embeddings", "u/"), ("/passthrough/u/v1/embeddings", "")):
            name = f"ok@{ref('embed')}"
            body = {"model": f"{named}{name}", "input": "x"}
            got = httpx.post(gateway.url + path, json=body, headers=headers, timeout=10)
            assert got.status_code == 200, got.text
            assert sent(name) == wanted


def test_an_own_key_takes_the_place_of_all_of_the_operators(
    gateways: Start, upstream: ScriptedUpstream, sent: Sent
) -> None:
    operators = [f"sk-operators-{n}-0123456789" for n in range(3)]
    gateway = gateways(
        keys=KEYS,
        provider_keys=[_own("several", OF_CORE, organisation="acme", team="core")],
        providers={
            "several": {
                "dialect": "openai",
                "base_url": f"{upstream.url}/v1",
                "api_keys": operators,
            }
        },
        models={"w": {"strategy": "weighted", "targets": ["several/ok-5@w"]}},
    )
    for _ in range(6):
        name = f"ok-5@{ref('many')}"
        assert_good(_ask(gateway, KEY, f"several/{name}"), 5)
        assert sent(name) == OF_CORE
        assert_good(_ask(gateway, OTHER_KEY, f"several/{name}"), 5)
        assert sent(name) in operators
        assert_good(_ask(gateway, KEY, "w"), 5)
        assert sent("ok-5@w") == OF_CORE


@pytest.mark.parametrize("fault", ["fault-auth-rejected", "fault-429-quota"])
def test_where_it_fails_the_operators_key_does_not_stand_in(
    gateways: Start, upstream: ScriptedUpstream, sent: Sent, fault: str
) -> None:
    gateway = gateways(
        keys=KEYS,
        provider_keys=CONFIGURED,
        models={fault: {"targets": [f"u/{fault}@stands", f"a/ok-5@stands-{fault}"]}},
    )
    name = f"{fault}@{ref('alone')}"
    got = _ask(gateway, KEY, f"u/{name}")
    assert got.status in (429, 502)
    asked = [each for each in upstream.log.requests if each.model == name]
    assert {dict(each.headers).get("authorization", "") for each in asked} <= {f"Bearer {OF_ONE}"}
    assert OF_ONE not in got.raw.decode() + gateway.log()
    assert_good(_ask(gateway, KEY, fault), 5)
    assert sent(f"ok-5@stands-{fault}") == OF_CORE


# by the admin API


def _made(gateway: Gateway, status: int = 201, **form: Any) -> dict[str, Any]:
    got = gateway.admin("POST", "/admin/v1/provider-keys", form)
    assert got.status_code == status, got.text
    made: dict[str, Any] = got.json()
    return made


def _goes_with(gateway: Gateway, sent: Sent, key: str, wanted: str) -> bool:
    name = f"ok-5@{ref('goes')}"
    assert_good(_ask(gateway, key, f"u/{name}"), 5)
    return sent(name) == wanted


def test_it_is_given_changed_and_taken_by_the_admin_api(own_gateway: Start, sent: Sent) -> None:
    gateway = own_gateway(keys=KEYS, server={"workers": 2})
    whose = {"organisation": "acme", "team": "core"}
    made = _made(gateway, provider="u", api_key=OF_CORE, **whose)
    assert OF_CORE not in str(made)
    assert made["hint"] == f"...{OF_CORE[-4:]}"
    assert eventually(lambda: _goes_with(gateway, sent, KEY, OF_CORE), 5)
    assert eventually(lambda: all(_goes_with(gateway, sent, KEY, OF_CORE) for _ in range(8)), 5)
    assert _goes_with(gateway, sent, OTHER_KEY, UPSTREAM_KEYS["u"])
    assert _made(gateway, 409, provider="u", api_key="sk-another-0123456789", **whose)
    other = "sk-own-of-core-renewed-0123456789"
    path = f"/admin/v1/provider-keys/{made['id']}"
    assert gateway.admin("PATCH", path, {"api_key": other}).status_code == 200
    assert eventually(lambda: all(_goes_with(gateway, sent, KEY, other) for _ in range(8)), 5)
    gateway.kill()
    gateway.start()
    assert _goes_with(gateway, sent, KEY, other), "from the first request on"
    shown = "".join(
        gateway.admin("GET", f"/admin/v1/{each}").text
        for each in ("provider-keys", "audit", "config")
    )
    for secret in (OF_CORE, other):
        assert secret not in shown + gateway.log()
        for file in (gateway.folder / "data").glob("sluicegate.sqlite*"):
            assert secret.encode() not in file.read_bytes()
    report = gateway.admin("GET", "/admin/v1/spend?by=is_byok").json()["data"]
    assert {row["group"]["is_byok"] for row in report} == {"true", "false"}
    assert gateway.admin("DELETE", path).status_code == 200
    wanted = UPSTREAM_KEYS["u"]
    assert eventually(lambda: all(_goes_with(gateway, sent, KEY, wanted) for _ in range(8)), 5)


def test_a_gateway_that_runs_hears_of_what_the_command_line_does(
    own_gateway: Start, sent: Sent
) -> None:
    gateway = own_gateway(keys=KEYS)

    def do(action: str, secret: str = "") -> str:
        whose = ("--team", "core", "--organisation", "acme")
        line = [*command(), "provider-keys", action, "u", *whose]
        line += ["--config", str(gateway.config_path)]
        done = subprocess.run(
            line, input=secret, capture_output=True, text=True, timeout=20, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    said = do("create", f"{OF_CORE}\n")
    assert eventually(lambda: _goes_with(gateway, sent, KEY, OF_CORE), 5)
    said += do("rotate", OF_ACME)
    assert eventually(lambda: _goes_with(gateway, sent, KEY, OF_ACME), 5)
    said += do("delete")
    assert eventually(lambda: _goes_with(gateway, sent, KEY, UPSTREAM_KEYS["u"]), 5)
    assert not {OF_CORE, OF_ACME} & set(said.split())


def test_one_that_was_changed_in_the_store_is_not_replaced_by_the_operators(
    own_gateway: Start, sent: Sent
) -> None:
    gateway = own_gateway(keys=KEYS)
    one = _made(gateway, provider="u", api_key=OF_CORE, organisation="acme", team="core")
    two = _made(gateway, provider="u", api_key=OF_ACME, organisation="acme", team="edge")
    gateway.stop()
    with sqlite3.connect(gateway.folder / "data" / "sluicegate.sqlite") as database:
        # The other team's sealed text in this one's row.
        database.execute(
            "UPDATE provider_keys SET sealed = "
            "(SELECT sealed FROM provider_keys WHERE id = ?) WHERE id = ?",
            (two["id"], one["id"]),
        )
    gateway.start()
    name = f"ok-5@{ref('moved')}"
    assert_good(_ask(gateway, KEY, f"u/{name}"), 5)
    assert sent(name) not in {OF_CORE, OF_ACME, *UPSTREAM_KEYS.values()}
    assert f"provider key {one['id']} for u" in gateway.log()
    assert _goes_with(gateway, sent, OTHER_KEY, OF_ACME)


def test_au_who_administers_a_team_reaches_its_own_alone(own_gateway: Start, sent: Sent) -> None:
    gateway = own_gateway(keys=KEYS)

    def boss_of(organisation: str, team: str) -> dict[str, str]:
        form = {"name": ref("boss"), "organisation": organisation, "team": team}
        made = gateway.admin("POST", "/admin/v1/keys", {**form, "role": "team_admin"}).json()
        return {"authorization": f"Bearer {made['key']}"}

    core, edge = boss_of("acme", "core"), boss_of("acme", "edge")
    url = f"{gateway.url}/admin/v1/provider-keys"

    def post(headers: dict[str, str], **form: str) -> httpx.Response:
        body = {"provider": "u", "api_key": OF_CORE, **form}
        return httpx.post(url, json=body, headers=headers, timeout=10)

    made = post(core)
    assert made.status_code == 201, made.text
    assert (made.json()["organisation"], made.json()["team"]) == ("acme", "core")
    assert post(core, team="edge").status_code == 403
    assert post(core, key="two").status_code == 404, "a key of the file, of another team"
    key = gateway.admin(
        "POST", "/admin/v1/keys", {"name": "edges", "organisation": "acme", "team": "edge"}
    ).json()
    assert post(core, key="edges").status_code == 404
    of_edge = post(edge, key="edges")
    assert of_edge.status_code == 201
    one = f"{url}/{made.json()['id']}"
    assert httpx.get(url, headers=edge, timeout=10).json()["data"] == [of_edge.json()]
    assert httpx.delete(one, headers=edge, timeout=10).status_code == 404
    body = {"api_key": "sk-stolen-0123456789"}
    assert httpx.patch(one, json=body, headers=edge, timeout=10).status_code == 404
    assert eventually(lambda: _goes_with(gateway, sent, KEY, OF_CORE), 5)
    assert eventually(lambda: _goes_with(gateway, sent, key["key"], OF_CORE), 5)
    # Who gets the name later does not get what was given to the old one.
    gateway.admin("DELETE", f"/admin/v1/keys/{key['record']['id']}")
    again = gateway.admin("POST", "/admin/v1/keys", {"name": "edges", "team": "x"}).json()
    assert eventually(
        lambda: _ask(gateway, again["key"], f"u/ok-5@{ref('again')}").status == 200, 5
    )
    assert _goes_with(gateway, sent, again["key"], UPSTREAM_KEYS["u"])


@pytest.mark.parametrize(
    ("form", "param"),
    [
        ({"provider": "nobody", "api_key": OF_CORE, "team": "t"}, "provider"),
        ({"provider": "b", "api_key": OF_CORE, "team": "t"}, "provider"),
        ({"provider": "u", "api_key": "a\nb", "team": "t"}, "api_key"),
        ({"provider": "u", "api_key": "none", "team": "t"}, "api_key"),
        ({"provider": "u", "api_key": OF_CORE}, "team"),
        ({"provider": "u", "api_key": OF_CORE, "team": "t", "key": "one"}, "team"),
    ],
)
def test_what_is_wrong_is_told_by_field(gateways: Start, form: dict[str, str], param: str) -> None:
    gateway = gateways(keys=KEYS, provider_keys=CONFIGURED)
    got = gateway.admin("POST", "/admin/v1/provider-keys", form)
    assert (got.status_code, got.json()["error"]["param"]) == (400, param)
    assert OF_CORE not in got.text
