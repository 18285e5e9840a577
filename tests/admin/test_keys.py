"""Keys by the API: made, shown once, changed, rotated, ended."""

import json
import sqlite3
import time

import pytest

from sluicegate.accounting.keys import digest, form_of
from sluicegate.governance import governance_json

from .office import ROOT, Office, code_of


def opens(office: Office) -> set[str]:
    """Digests that open models now."""
    keys = office.store.load_keys(time.time_ns() // 1_000_000)
    return {key.digest for key in keys if not key.revoked}


def is_open(office: Office, secret: str) -> bool:
    return digest(office.service.desk.master, secret) in opens(office)


async def test_a_keys_whole_life(either: Office) -> None:
    office = either
    body = {
        "name": "ci",
        "organisation": "acme",
        "team": "core",
        "user": "alice",
        "models": ["smart", "u/*"],
        "providers": ["u"],
        "metadata": {"purpose": "tests"},
        "expires_at": "2999-01-01T00:00:00Z",
        "budget_usd": "5.000000001",
        "budget_period": "day",
        "rpm": 60,
    }
    made = await office.given("POST", "/keys", body)
    secret, record = made["key"], made["record"]
    assert form_of(secret) == "minted"
    assert is_open(office, secret)
    assert record["state"] == "active"
    assert {name: record[name] for name in ("models", "providers", "metadata", "team")} == {
        name: body[name] for name in ("models", "providers", "metadata", "team")
    }
    assert {limit["name"]: limit.get("cost_usd") for limit in record["limits"]} == {
        "key:ci:budget": "5.000000001",
        "key:ci:rpm": None,
    }
    path = f"/keys/{record['id']}"
    assert await office.given("GET", path) == record
    assert secret not in (await office.ask("GET", "/keys")).text

    changed = await office.given("PATCH", path, {"models": None, "rpm": None, "tpm": 7})
    assert changed["models"] is None
    assert changed["providers"] == ["u"]
    assert {limit["name"] for limit in changed["limits"]} == {"key:ci:budget", "key:ci:tpm"}
    assert (await office.given("PATCH", path, {"budget_usd": None}))["limits"] == [
        {"name": "key:ci:tpm", "scope": {"key": "ci"}, "total_tokens": 7, "per": "minute"}
    ]

    rotated = await office.given("POST", f"{path}/rotate", {"overlap_s": 60})
    assert rotated["key"] != secret
    assert is_open(office, secret)
    assert is_open(office, rotated["key"])
    assert len(rotated["record"]["credentials"]) == 2
    again = await office.given("POST", f"{path}/rotate", {"overlap_s": 0})
    assert not is_open(office, secret)
    assert not is_open(office, rotated["key"])
    assert is_open(office, again["key"])

    revoked = await office.given("POST", f"{path}/revoke", {})
    assert revoked["state"] == "revoked"
    assert not is_open(office, again["key"])
    assert code_of(await office.ask("POST", f"{path}/rotate", {})) == (409, "conflict")

    gone = await office.given("DELETE", path)
    assert gone["redacted_as"] == f"redacted-{record['id']}"
    assert code_of(await office.ask("GET", path)) == (404, "not_found")
    assert office.store.load_limits() == []
    assert [each["name"] for each in (await office.given("GET", "/users"))["data"]] == ["alice"]


async def test_pages_of_keys(either: Office) -> None:
    for number in range(7):
        await either.given("POST", "/keys", {"name": f"k{number}"})
    names, cursor = [], ""
    while True:
        page = await either.given("GET", f"/keys?limit=3{cursor}")
        names += [key["name"] for key in page["data"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert names == [f"k{number}" for number in range(7)]
    assert [key["name"] for key in (await either.given("GET", "/keys?name=k3"))["data"]] == ["k3"]


@pytest.mark.parametrize("name", ["twice", "configured"])
async def test_a_name_is_one_keys(either: Office, name: str) -> None:
    await either.ask("POST", "/keys", {"name": name})
    assert code_of(await either.ask("POST", "/keys", {"name": name})) == (409, "conflict")


@pytest.mark.parametrize(
    ("body", "field", "says"),
    [
        ({}, "name", "is missing"),
        ({"name": ""}, "name", "must not be empty"),
        ({"name": "n" * 201}, "name", "at most 200 characters"),
        ({"name": "a", "modles": []}, "modles", 'did you mean "models"?'),
        ({"name": 3}, "name", "must be text"),
        ({"name": "a", "models": "x"}, "models", "must be a list"),
        ({"name": "a", "models": [1]}, "models[0]", "must be text"),
        ({"name": "a", "routes": ["/v1/embedings"]}, "routes[0]", 'mean "/v1/embeddings"?'),
        ({"name": "a", "routes": ["embeddings"]}, "routes[0]", "is no route"),
        ({"name": "a", "routes": ["/admin/*"]}, "routes[0]", "is no route"),
        ({"name": "a", "metadata": {"a": {"b": 1}}}, "metadata.a", "must be text"),
        ({"name": "a", "expires_at": "soon"}, "expires_at", "is no time"),
        ({"name": "a", "expires_at": "2026-01-01T00:00:00"}, "expires_at", "is no time"),
        ({"name": "a", "budget_usd": "1e-10"}, "budget_usd", "decimal places"),
        ({"name": "a", "budget_usd": -1}, "budget_usd", "from 0"),
        ({"name": "a", "budget_usd": "NaN"}, "budget_usd", "number"),
        ({"name": "a", "budget_period": "day"}, "budget_period", "without budget_usd"),
        ({"name": "a", "rpm": 1.5}, "rpm", "whole number"),
        ({"name": "a", "rpm": True}, "rpm", "whole number"),
        ({"name": "a", "role": "root"}, "role", "must be one of"),
        ({"name": "a", "role": "team_admin"}, "team", "is missing"),
        ({"name": "a", "role": "team_admin", "team": "t", "rpm": 1}, "rpm", "asks no models"),
        ({"name": "a\0b"}, "name", "control character"),
        ({"name": "a", "metadata": {"a\0": "b"}}, "metadata", "control character"),
        ([], "", "must be a mapping"),
    ],
    ids=str,
)
async def test_wrong_fields_are_named(office: Office, body: object, field: str, says: str) -> None:
    answer = await office.ask("POST", "/keys", body)
    assert code_of(answer) == (400, "invalid_request")
    [problem] = answer.json()["error"]["problems"]
    assert problem["field"] == field
    assert says in problem["message"]
    assert (await office.given("GET", "/keys"))["data"] == []


async def test_all_mistakes_are_told_at_once(office: Office) -> None:
    answer = await office.ask("POST", "/keys", {"nam": "a", "rpm": "x", "tpm": -1})
    fields = {problem["field"] for problem in answer.json()["error"]["problems"]}
    assert fields == {"nam", "name", "rpm", "tpm"}


@pytest.mark.parametrize(
    "content", [b"{", b'{"name": "\xff"}', b"[" * 100_000, b'{"name": "\\ud800"}', b"null"]
)
async def test_what_is_no_json(office: Office, content: bytes) -> None:
    answer = await office.ask("POST", "/keys", content=content)
    assert code_of(answer) == (400, "invalid_request")


async def test_au_02_the_store_has_no_secret(office: Office) -> None:
    made = await office.given("POST", "/keys", {"name": "a"})
    rotated = await office.given("POST", f"/keys/{made['record']['id']}/rotate", {})
    connection = sqlite3.connect(office.settings.store_path)
    dump = "\n".join(connection.iterdump())
    connection.close()
    for secret in (made["key"], rotated["key"], ROOT, office.service.desk.master.decode()):
        assert secret not in dump
        assert secret.removeprefix("sk-sg-")[:12] not in dump


async def test_every_change_is_in_the_trail_without_secrets(office: Office) -> None:
    made = await office.given("POST", "/keys", {"name": "a", "team": "t"})
    path = f"/keys/{made['record']['id']}"
    await office.given("PATCH", path, {"models": ["smart"]})
    await office.given("POST", f"{path}/rotate", {})
    await office.given("POST", f"{path}/revoke", {})
    answer = await office.ask("GET", "/audit")
    entries = answer.json()["data"]
    assert [(entry["action"], entry["kind"]) for entry in entries] == [
        ("revoke", "key"),
        ("rotate", "key"),
        ("update", "key"),
        ("create", "key"),
        ("create", "team"),
    ]
    update = entries[2]
    assert update["actor"] == "admin_key"
    assert (update["before"]["models"], update["after"]["models"]) == (None, ["smart"])
    assert made["key"] not in answer.text
    assert digest(office.service.desk.master, made["key"]) not in answer.text


async def test_another_master_key_mints_nothing(office: Office) -> None:
    await office.given("POST", "/keys", {"name": "a"})
    office.service.desk.master = b"another" * 8
    assert code_of(await office.ask("POST", "/keys", {"name": "b"}))[0] == 503


async def test_what_is_made_later_sorts_behind(office: Office) -> None:
    """Pages and the trail go by ids, and many are made in one millisecond."""
    ids = [office.service.desk.new_id("key") for _ in range(5000)]
    assert ids == sorted(ids)
    assert len(set(ids)) == 5000


async def test_a_keys_cache_is_given_changed_and_taken_away(either: Office) -> None:
    own = {"enabled": True, "ttl_s": 30.0, "namespace": "ci"}
    made = await either.given("POST", "/keys", {"name": "ci", "cache": own})
    path = f"/keys/{made['record']['id']}"
    assert made["record"]["cache"] == (await either.given("GET", path))["cache"] == own
    assert _stored(either) == own
    await either.given("PATCH", path, {"rpm": 5})
    assert _stored(either) == own
    changed = await either.given("PATCH", path, {"cache": {"enabled": False}})
    assert changed["cache"] == {"enabled": False}
    assert _stored(either) == {"enabled": False, "ttl_s": None, "namespace": None}
    assert (await either.given("PATCH", path, {"cache": None}))["cache"] is None
    assert _stored(either) is None


def _stored(office: Office) -> dict[str, object] | None:
    """What the core is told of the one key that the store has."""
    stored = office.store.governance(0, 0)
    told = json.loads(governance_json(office.settings, b"m" * 32, stored, complete=True))
    [cache] = [key["cache"] for key in told["keys"] if key["name"] == "ci"]
    return cache  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("cache", "field"),
    [
        ({"enabled": "yes"}, "cache.enabled"),
        ({"ttl_s": 0}, "cache.ttl_s"),
        ({"ttl_s": 2592001}, "cache.ttl_s"),
        ({"ttl": 5}, "cache.ttl"),
        ({"namespace": "n" * 201}, "cache.namespace"),
    ],
    ids=str,
)
async def test_a_wrong_cache_of_a_key_is_refused(
    office: Office, cache: dict[str, object], field: str
) -> None:
    answer = await office.ask("POST", "/keys", {"name": "ci", "cache": cache})
    assert code_of(answer) == (400, "invalid_request")
    assert [each["field"] for each in answer.json()["error"]["problems"]] == [field]
