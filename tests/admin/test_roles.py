"""Who may do what: every role on every route, and no way to more."""

import re
from typing import Any

import pytest

from sluicegate.admin.actor import RANKS
from sluicegate.admin.routes import ROUTES, Route

from .office import ROOT, Office, code_of

#: two tenants with two teams each
TEAMS = [("acme", "core"), ("acme", "other"), ("zeta", "core")]


async def tenants(office: Office) -> dict[str, Any]:
    """Things of each team, and the secrets of administrators."""
    world: dict[str, Any] = {"root": ROOT}
    for number, (organisation, team) in enumerate(TEAMS):
        place = {"organisation": organisation, "team": team}
        name = f"{organisation}-{team}"
        made = await office.given("POST", "/keys", {"name": f"k-{name}", "user": "alice", **place})
        await office.given("POST", "/projects", {"name": "p", **place})
        world[f"key {name}"] = made["record"]["id"]
        await office.given(
            "POST", "/limits", {"name": f"l-{name}", "scope": place, "requests": 9, "per": "day"}
        )
        await office.given(
            "POST", "/budgets", {"name": f"b-{name}", "scope": place, "cost_usd": 9, "per": "day"}
        )
        own = {"provider": "u", "api_key": f"sk-own-of-{name}", **place}
        world[f"provider key {name}"] = (await office.given("POST", "/provider-keys", own))["id"]
        office.spent(
            number, **place, key_name=f"k-{name}", run=f"r-{name}", cost_usd="1", user="alice"
        )
        world[f"request {name}"] = f"{number:032x}"
        world[f"team_admin {name}"] = await office.admin(f"t-{name}", "team_admin", **place)
    for organisation in ("acme", "zeta"):
        world[f"organisation_admin {organisation}"] = await office.admin(
            f"o-{organisation}", "organisation_admin", organisation=organisation
        )
    for kind in ("organisation", "team", "project", "user"):
        for each in (await office.given("GET", f"/{kind}s"))["data"]:
            path = [each["organisation"], each["team"], each["name"]]
            world[" ".join([kind, *filter(None, path)])] = each["id"]
    return world


async def test_au_05_another_tenants_things_are_as_if_not_there(either: Office) -> None:
    world = await tenants(either)
    own, foreign = world["team_admin acme-core"], ["acme-other", "zeta-core"]
    for tenant in foreign:
        organisation, team = tenant.split("-")
        ids = {
            "key": world[f"key {tenant}"],
            "provider key": world[f"provider key {tenant}"],
            "limit": f"l-{tenant}",
            "budget": f"b-{tenant}",
            "run": f"r-{tenant}",
            "request": world[f"request {tenant}"],
            "team": world[f"team {organisation} {team}"],
            "user": world[f"user {organisation} {team} alice"],
            "project": world[f"project {organisation} {team} p"],
            "organisation": world["organisation zeta"],
        }
        for method, path in id_routes(ids):
            theirs = await either.ask(method, path, body_of(method, path), key=own)
            assert theirs.status_code in {403, 404}, (method, path, theirs.text)
            if theirs.status_code == 403:  # before anything is looked up
                assert theirs.json()["error"]["message"].startswith(("this needs", "your role"))
    for tenant in foreign:
        assert (await either.ask("GET", f"/keys/{world[f'key {tenant}']}")).status_code == 200


def id_routes(ids: dict[str, str]) -> list[tuple[str, str]]:
    """Every route that names something, but for killing a run: that makes one of one's own."""
    kinds = {"keys": "key", "limits": "limit", "budgets": "budget", "runs": "run"}
    kinds |= {"requests": "request", "teams": "team", "projects": "project", "users": "user"}
    kinds |= {"organisations": "organisation", "provider-keys": "provider key"}
    assert {route.path.split("/")[1] for route in ROUTES if "{" in route.path} == set(kinds)
    found = []
    for route in ROUTES:
        plural = route.path.split("/")[1]
        if "{" in route.path and plural in kinds and route.path != "/runs/{run}/kill":
            found.append((route.method, re.sub(r"{\w+}", ids[kinds[plural]], route.path)))
    return found


def body_of(method: str, path: str) -> Any:
    if method not in {"POST", "PATCH"}:
        return None
    if method == "PATCH" and "/provider-keys" in path:
        return {"api_key": "sk-another"}
    if method == "PATCH":
        return {"metadata": {}} if "/limits" not in path and "/budgets" not in path else {}
    return {}


async def test_au_05_the_same_words_for_not_there_and_not_yours(office: Office) -> None:
    world = await tenants(office)
    key = world["team_admin acme-core"]
    theirs, never = world["key zeta-core"], "key_never"
    answers = [await office.ask("GET", f"/keys/{each}", key=key) for each in (theirs, never)]
    texts = {answer.text.replace(theirs, "X").replace(never, "X") for answer in answers}
    assert len(texts) == 1


@pytest.mark.parametrize(
    ("who", "keys", "teams", "spent"),
    [
        ("root", 8, 3, "3"),
        ("organisation_admin acme", 5, 2, "2"),
        ("team_admin acme-core", 2, 1, "1"),
        ("team_admin zeta-core", 2, 1, "1"),
    ],
)
async def test_au_05_lists_and_reports_have_ones_own(
    either: Office, who: str, keys: int, teams: int, spent: str
) -> None:
    secret = (await tenants(either))[who]
    assert len((await either.given("GET", "/keys", key=secret))["data"]) == keys
    assert len((await either.given("GET", "/teams", key=secret))["data"]) == teams
    report = await either.given("GET", "/spend?by=organisation,team", key=secret)
    assert report["total"]["cost_usd"] == spent
    # a filter can only narrow
    filtered = await either.given("GET", "/spend?organisation=zeta&team=core", key=secret)
    assert filtered["total"]["cost_usd"] in {"0", "1"}
    if "acme" in who:
        own = {each["group"]["team"] for each in report["data"]}
        assert own <= {"core", "other"}
    runs = {run["run"] for run in (await either.given("GET", "/runs", key=secret))["data"]}
    assert len(runs) == int(spent)
    entries = (await either.ask("GET", "/audit?limit=500", key=secret)).text
    if who != "root":
        assert ("zeta" in entries) == ("zeta" in who)


async def test_au_05_a_filter_by_another_tenant_shows_nothing_of_it(office: Office) -> None:
    world = await tenants(office)
    key = world["team_admin acme-core"]
    for query in ("organisation=zeta", "team=other", "key=k-zeta-core", "run=r-zeta-core"):
        report = await office.given("GET", f"/spend?{query}", key=key)
        ours = report["total"]["cost_usd"]
        # scope wins over a filter of the same name; any other filter leaves nothing
        assert ours == ("1" if query.split("=")[0] in {"organisation", "team"} else "0")


async def test_au_05_a_run_of_the_same_name_elsewhere_lives_on(either: Office) -> None:
    world = await tenants(either)
    await either.given("POST", "/runs/shared/kill", {}, key=world["team_admin acme-core"])
    [killed] = either.store.governance(0, 0).killed_runs
    assert (killed.run, killed.organisation, killed.team) == ("shared", "acme", "core")
    theirs = await either.ask("GET", "/runs/shared", key=world["team_admin zeta-core"])
    assert theirs.status_code == 404


# AU-09


EXTRA = {
    "role": "root",
    "made_by": "root",
    "allowed_routes": ["*"],
    "budget": 10**9,
    "tenant_id": "zeta",
    "organisation": "zeta",
    "team": "other",
    "id": "key_1",
    "digest": "0" * 64,
    "revoked_at_ms": None,
    "expires_at_ms": 10**15,
    "is_admin": True,
    "__class__": "x",
    "constructor": {"prototype": {"role": "root"}},
}
WRITES = [route for route in ROUTES if route.method in {"POST", "PATCH"}]


def least(route: Route, world: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """A right request to a route, about things of the team core of acme."""
    plural = route.path.split("/")[1]
    ids = {"keys": world["key acme-core"], "limits": "l-acme-core", "budgets": "b-acme-core"}
    ids |= {"provider-keys": world["provider key acme-core"]}
    ids |= {"runs": "r-acme-core", "teams": world["team acme core"]}
    ids |= {"users": world["user acme core alice"], "organisations": world["organisation acme"]}
    ids |= {"projects": world["project acme core p"], "requests": world["request acme-core"]}
    path = re.sub(r"{\w+}", ids.get(plural, "x"), route.path)
    bodies: dict[str, dict[str, Any]] = {
        "/keys": {"name": "new"},
        "/limits": {"name": "new", "requests": 1, "per": "day"},
        "/budgets": {"name": "new", "cost_usd": 1, "per": "day"},
        "/provider-keys": {
            "provider": "u",
            "api_key": "sk-new",
            "organisation": "acme",
            "team": "core",
        },
        "/provider-keys/{id}": {"api_key": "sk-another"},
        "/organisations": {"name": "new"},
        "/teams": {"name": "new"},
        "/projects": {"name": "new"},
        "/users": {"name": "new"},
        "/redactions": {"user": "nobody"},
        "/cache/purge": {"tag": "t"},
    }
    body = bodies.get(route.path, {})
    if route.method == "PATCH" and plural != "provider-keys":
        body = {} if plural in {"limits", "budgets", "keys"} else {"metadata": {}}
    return path, body


@pytest.mark.parametrize("who", ["team_admin acme-core", "organisation_admin acme", "root"])
async def test_au_09_no_role_gets_more_by_fields_of_its_own_making(
    office: Office, who: str
) -> None:
    world = await tenants(office)
    secret, role = world[who], who.split(maxsplit=1)[0]
    tried = 0
    for route in WRITES:
        path, body = least(route, world)
        known = set(route.form.__struct_fields__) if route.form else set()
        for field, value in EXTRA.items():
            answer = await office.ask(
                route.method, path, {**body, field: value}, key=secret, peer=f"10.1.0.{tried % 250}"
            )
            tried += 1
            if RANKS[role] < RANKS[route.role]:
                assert answer.status_code == 403
            elif field not in known:
                assert code_of(answer) == (400, "invalid_request"), (route.path, field, answer.text)
                fields = {each["field"] for each in answer.json()["error"]["problems"]}
                assert fields == {field}
            elif field == "role":
                assert answer.status_code == 400  # root is no role that a key can have
            elif role != "root" and (field == "organisation" or role == "team_admin"):
                assert code_of(answer) == (403, "forbidden"), (route.path, field, answer.text)
    assert tried == len(WRITES) * len(EXTRA)
    # whatever went through, nobody rose and nothing of another tenant's was touched
    for key in (await office.given("GET", "/keys?limit=500"))["data"]:
        if key["name"] == "new" and who != "root":
            assert key["organisation"] == "acme"
            assert key["role"] == ""
    assert len((await office.given("GET", f"/keys/{world['key zeta-core']}"))["credentials"]) == 1


#: who asks -> how high it stands; a key to models stands nowhere
STANDS = {
    "nobody": 0,
    "a key to models": 0,
    "team_admin acme-core": 1,
    "organisation_admin acme": 2,
    "root": 3,
}


@pytest.mark.parametrize("who", STANDS)
async def test_au_09_every_operation_of_the_document_by_every_role(
    office: Office, who: str
) -> None:
    """Closed below its role; open from there on, as far as the caller's own things go."""
    world = await tenants(office)
    model_key = (await office.given("POST", "/keys", {"name": "m"}))["key"]
    secret = {"nobody": None, "a key to models": model_key}.get(who) or world.get(who)
    order = {"GET": 0, "PATCH": 1, "POST": 2, "DELETE": 3}  # nothing is gone before it is read
    for number, route in enumerate(sorted(ROUTES, key=lambda each: order[each.method])):
        path, body = least(route, world)
        answer = await office.ask(
            route.method,
            path,
            body if route.form else None,
            key=secret,
            peer=f"10.2.{number // 250}.{number % 250}",
        )
        told = (who, route.method, route.path, answer.text)
        if STANDS[who] == 0:
            assert code_of(answer) == (401, "unauthorised"), told
        elif STANDS[who] < RANKS[route.role]:
            assert code_of(answer) == (403, "forbidden"), told
        else:
            assert answer.status_code not in {401, 500, 503}, told
            # what is left are states (409), what is gone by now (404), and what someone above made
            assert answer.status_code < 300 or answer.status_code in {403, 404, 409}, told


@pytest.mark.parametrize(("who", "role"), [(w, r) for w in ("team", "org") for r in RANKS])
async def test_au_09_nobody_makes_a_role_above_its_own(office: Office, who: str, role: str) -> None:
    world = await tenants(office)
    secret = world["team_admin acme-core" if who == "team" else "organisation_admin acme"]
    own = "team_admin" if who == "team" else "organisation_admin"
    body = {"name": "climber", "role": role, "team": "core"}
    answer = await office.ask("POST", "/keys", body, key=secret)
    if role == "root":
        assert answer.status_code == 400
    elif RANKS[role] > RANKS[own]:
        assert code_of(answer) == (403, "forbidden")
    else:
        assert answer.status_code == 201
        record = answer.json()["record"]
        assert (record["organisation"], record["team"]) == ("acme", "core")


BOUNDED = {
    "models": ["smart", "u/*"],
    "providers": ["u"],
    "routes": ["/v1/embeddings", "/v1/messages/*"],
    "expires_at": "2030-01-01T00:00:00Z",
}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 201),
        ({"models": ["smart"]}, 201),
        ({"models": ["u/x", "u/y"]}, 201),
        ({"models": ["u/*"]}, 201),
        ({"models": []}, 201),
        ({"models": ["*"]}, 403),
        ({"models": ["other/x"]}, 403),
        ({"models": ["other/*"]}, 403),
        ({"models": ["/*"]}, 403),
        ({"models": ["u"]}, 403),
        ({"models": ["smart", "better"]}, 403),
        ({"providers": ["v"]}, 403),
        ({"providers": ["u"]}, 201),
        ({"routes": ["/v1/embeddings"]}, 201),
        ({"routes": ["/v1/messages/count_tokens"]}, 201),
        ({"routes": []}, 201),
        ({"routes": ["/v1/messages"]}, 403),
        ({"routes": ["/v1/*"]}, 403),
        ({"routes": ["/*"]}, 403),
        ({"expires_at": "2029-12-31T00:00:00Z"}, 201),
        ({"expires_at": "2030-01-01T00:00:01Z"}, 403),
        ({"expires_at": "9999-12-31T23:59:59+00:00"}, 403),
    ],
    ids=str,
)
async def test_au_09_a_key_never_mints_more_than_it_has(
    office: Office, body: dict[str, Any], status: int
) -> None:
    place = {"organisation": "acme", "team": "core"}
    secret = await office.admin("boss", "team_admin", **place, **BOUNDED)
    answer = await office.ask("POST", "/keys", {"name": "new", **body}, key=secret)
    assert answer.status_code == status, answer.text
    if status == 201:
        record = answer.json()["record"]
        assert record["models"] == body.get("models", BOUNDED["models"])
        assert record["providers"] == ["u"]
        assert record["routes"] == body.get("routes", BOUNDED["routes"])
        assert record["expires_at"] <= "2030-01-01T00:00:00.000Z"


async def test_au_09_a_bound_cannot_be_taken_away_afterwards(office: Office) -> None:
    place = {"organisation": "acme", "team": "core"}
    secret = await office.admin("boss", "team_admin", **place, **BOUNDED)
    made = await office.given("POST", "/keys", {"name": "new"}, key=secret)
    path = f"/keys/{made['record']['id']}"
    same = await office.given(
        "PATCH",
        path,
        {"models": None, "providers": None, "routes": None, "expires_at": None},
        key=secret,
    )
    assert same["models"] == BOUNDED["models"]
    assert same["routes"] == BOUNDED["routes"]
    assert same["expires_at"] == "2030-01-01T00:00:00.000Z"
    assert (await office.ask("PATCH", path, {"models": ["x"]}, key=secret)).status_code == 403


async def test_au_09_a_secret_of_more_cannot_be_had_by_rotation(office: Office) -> None:
    place = {"organisation": "acme", "team": "core"}
    bounded = await office.admin("bounded", "team_admin", **place, **BOUNDED)
    free = await office.admin("free", "team_admin", **place)
    by_root = await office.given("POST", "/keys", {"name": "r", **place})
    by_free = await office.given("POST", "/keys", {"name": "f"}, key=free)
    for made in (by_root, by_free):
        answer = await office.ask("POST", f"/keys/{made['record']['id']}/rotate", {}, key=bounded)
        assert code_of(answer) == (403, "forbidden")
    # ending what is in one's team is allowed
    path = f"/keys/{by_root['record']['id']}/revoke"
    assert (await office.ask("POST", path, {}, key=bounded)).status_code == 200


async def test_au_09_a_teams_limit_is_not_the_teams_to_lift(either: Office) -> None:
    world = await tenants(either)
    secret = world["team_admin acme-core"]
    for method, path, body in [
        ("PATCH", "/limits/l-acme-core", {"requests": 10**9}),
        ("PATCH", "/limits/l-acme-core", {"scope": {"team": "nobody"}}),
        ("DELETE", "/limits/l-acme-core", None),
        ("POST", "/limits/l-acme-core/reset", {}),
        ("PATCH", f"/keys/{world['key acme-core']}", {"rpm": 10**9}),
    ]:
        answer = await either.ask(method, path, body, key=secret)
        assert code_of(answer) == (403, "forbidden"), (path, answer.text)
    rule = {"name": "own", "requests": 5, "per": "day", "scope": {"key": "k-acme-core"}}
    made = await either.given("POST", "/limits", rule, key=secret)
    assert made["rule"]["scope"] == {"organisation": "acme", "team": "core", "key": "k-acme-core"}
    await either.given("PATCH", "/limits/own", {"requests": 6}, key=secret)
    for scope in ({"team": "other"}, {"organisation": "zeta"}, {"team": "*"}):
        answer = await either.ask("PATCH", "/limits/own", {"scope": scope}, key=secret)
        assert code_of(answer) == (403, "forbidden")
    await either.given("DELETE", "/limits/own", key=secret)


async def test_a_key_with_a_role_opens_no_model(office: Office) -> None:
    await tenants(office)
    assert {key.name for key in office.store.load_keys(0)} == {
        "k-acme-core",
        "k-acme-other",
        "k-zeta-core",
    }
