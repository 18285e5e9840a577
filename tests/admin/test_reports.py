"""Limits, runs and reports by the API."""

from decimal import Decimal
from typing import Any

import pytest

from .office import Office, code_of


async def test_a_limits_whole_life(either: Office) -> None:
    office = either
    rule = {
        "name": "core/money",
        "scope": {"team": "core", "end_user": "*"},
        "cost_usd": "0.000000001",
        "per": "month",
        "zone": "Europe/Berlin",
        "at_cap": "finish",
    }
    made = await office.given("POST", "/limits", rule)
    assert made["rule"] == rule
    assert made["source"] == "store"
    path = "/limits/core%2Fmoney"
    assert await office.given("GET", path) == made
    changed = await office.given("PATCH", path, {"cost_usd": 3, "notify": [90]})
    assert (changed["rule"]["cost_usd"], changed["rule"]["notify"]) == ("3", [90])
    assert changed["rule"]["zone"] == "Europe/Berlin"
    assert (await office.given("POST", f"{path}/reset", {}))["reset_at"] is not None
    [stored] = office.store.load_limits()
    assert stored.rule.cost_usd == Decimal(3)
    assert stored.reset_at_ms > 0
    listed = (await office.given("GET", "/budgets"))["data"]
    assert [each["rule"]["name"] for each in listed] == ["core/money"]
    await office.given("DELETE", path)
    assert office.store.load_limits() == []


async def test_limits_of_the_configuration_are_shown_and_stay(office: Office) -> None:
    listed = (await office.given("GET", "/limits"))["data"]
    assert {(each["rule"]["name"], each["source"]) for each in listed} == {
        ("all", "config"),
        ("key:configured:rpm", "config"),
    }
    taken = {"name": "all", "requests": 1, "per": "day"}
    assert code_of(await office.ask("POST", "/limits", taken)) == (409, "conflict")
    assert code_of(await office.ask("DELETE", "/limits/all")) == (404, "not_found")


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ({"requests": 1}, "per"),
        ({"per": "day"}, ""),
        ({"requests": 1, "per": "day", "scope": {"teem": "a"}}, "scope.teem"),
        ({"requests": 1, "per": "fortnight"}, "per"),
        ({"requests": 1, "per": "day", "notify": [0]}, "notify[0]"),
        ({"cost_usd": "0.0000000001", "per": "day"}, "cost_usd"),
    ],
    ids=str,
)
async def test_wrong_limits_are_refused(office: Office, rule: dict[str, Any], field: str) -> None:
    answer = await office.ask("POST", "/limits", {"name": "l", **rule})
    assert code_of(answer) == (400, "invalid_request")
    assert [each["field"] for each in answer.json()["error"]["problems"]] == [field]


async def test_a_budget_is_of_money(office: Office) -> None:
    answer = await office.ask("POST", "/budgets", {"name": "b", "requests": 1, "per": "day"})
    assert answer.json()["error"]["problems"][0]["field"] == "cost_usd"
    await office.given("POST", "/limits", {"name": "l", "requests": 1, "per": "day"})
    for method, path, body in (
        ("GET", "/budgets/l", None),
        ("GET", "/budgets/l/standing", None),
        ("PATCH", "/budgets/l", {"requests": 2}),
        ("POST", "/budgets/l/reset", {}),
        ("DELETE", "/budgets/l", None),
    ):
        assert code_of(await office.ask(method, path, body)) == (404, "not_found"), path
    assert (await office.given("GET", "/limits/l"))["rule"]["requests"] == 1


async def test_ac_11_reports_are_exact(either: Office) -> None:
    for number in range(300):
        either.spent(
            number, cost_usd="0.0000001", input_tokens=3, output_tokens=2, team=f"t{number % 3}"
        )
    either.spent(500, cost_usd="123456789012.345678901234")
    report = await either.given("GET", "/spend?by=team,day")
    assert {row["group"]["team"]: row["sums"]["cost_usd"] for row in report["data"]} == {
        "t0": "0.00001",
        "t1": "0.00001",
        "t2": "0.00001",
        None: "123456789012.345678901234",
    }
    assert report["total"]["cost_usd"] == "123456789012.345708901234"
    assert report["total"]["total_tokens"] == 1500
    assert {row["group"]["day"] for row in report["data"]} == {"2026-11-23"}


async def test_ac_12_what_has_no_price_is_told_apart(office: Office) -> None:
    office.spent(1, input_tokens=5)
    office.spent(2, cost_usd="0", input_tokens=5)
    total = (await office.given("GET", "/spend"))["total"]
    assert (total["cost_usd"], total["unpriced"], total["requests"]) == ("0", 1, 2)


async def test_a_report_is_of_a_stretch_of_time(office: Office) -> None:
    office.spent(1, cost_usd="1")
    for query, cost in [
        ("from=2026-11-23", "1"),
        ("from=2026-11-24", "0"),
        ("to=2026-11-23", "0"),
        ("from=2026-11-23T00:00:01Z&to=2026-11-23T00:00:02Z", "1"),
        ("from=2026-11-23T01:00:01%2B01:00&to=2026-11-23T01:00:02%2B01:00", "1"),
        ("from=2026-11-23T00:00:02Z", "0"),
    ]:
        total = (await office.given("GET", f"/spend?{query}"))["total"]
        assert total["cost_usd"] == cost, query


async def test_runs(either: Office) -> None:
    for number in range(6):
        either.spent(number, run=f"r{number // 2}", cost_usd="0.5", parent_run="r0" * (number > 1))
    first = await either.given("GET", "/runs?limit=2")
    assert [run["run"] for run in first["data"]] == ["r0", "r1"]
    rest = await either.given("GET", f"/runs?cursor={first['next_cursor']}")
    assert [run["run"] for run in rest["data"]] == ["r2"]
    one = await either.given("GET", "/runs/r1")
    assert (one["parent_run"], one["sums"]["cost_usd"], one["killed_at"]) == ("r0", "1", None)
    assert one["first_at"] < one["last_at"]
    before = either.store.changes()
    killed = await either.given("POST", "/runs/r1/kill", {"reason": "it loops"})
    assert killed["reason"] == "it loops"
    assert either.store.changes() > before
    assert [run.run for run in either.store.governance(0, 0).killed_runs] == ["r1"]
    await either.given("POST", "/runs/r1/kill", {})  # again is no mistake
    assert (await either.given("DELETE", "/runs/r1/kill"))["killed_at"] is None
    assert either.store.governance(0, 0).killed_runs == ()
    assert code_of(await either.ask("GET", "/runs/none")) == (404, "not_found")
    await either.given("POST", "/runs/not-yet/kill", {})
    assert (await either.given("GET", "/runs/not-yet"))["sums"]["requests"] == 0


async def test_a_requests_rows(office: Office) -> None:
    office.spent(7, attempt=1, cost_usd="0.1", metadata={"a": 1})
    office.spent(7, attempt=2, cost_usd="0.2")
    found = await office.given("GET", f"/requests/{7:032x}")
    assert [(row["attempt"], row["cost_usd"]) for row in found["rows"]] == [(1, "0.1"), (2, "0.2")]
    assert found["rows"][0]["metadata"] == {"a": 1}
    assert code_of(await office.ask("GET", f"/requests/{8:032x}")) == (404, "not_found")


# AC-13


async def test_ac_13_a_deleted_key_leaves_its_lines_and_no_name(either: Office) -> None:
    made = await either.given(
        "POST", "/keys", {"name": "alices-laptop", "user": "alice", "rpm": 5, "role": ""}
    )
    either.spent(1, key_name="alices-laptop", user="alice", client_ref="alice-1", cost_usd="2")
    before = (await either.given("GET", "/spend"))["total"]
    await either.given("DELETE", f"/keys/{made['record']['id']}")
    assert (await either.given("GET", "/spend"))["total"] == before
    report = await either.given("GET", "/spend?by=key,user")
    [row] = report["data"]
    assert row["group"] == {"key": f"redacted-{made['record']['id']}", "user": None}
    for path in ("/audit?limit=500", f"/requests/{1:032x}", "/keys", "/limits"):
        assert "alices-laptop" not in (await either.ask("GET", path)).text


async def test_ac_13_a_deleted_user_is_gone_everywhere(either: Office) -> None:
    place = {"organisation": "acme", "team": "core"}
    await either.given("POST", "/keys", {"name": "of-alice", "user": "alice", **place})
    await either.given("POST", "/keys", {"name": "of-bob", "user": "bob", **place})
    scope = {"user": "alice"}
    rule = {"name": "alices", "scope": {**scope, **place}, "requests": 1, "per": "day"}
    await either.given("POST", "/limits", rule)
    either.spent(1, key_name="of-alice", user="alice", cost_usd="1", **place)
    either.spent(2, key_name="of-bob", user="alice", cost_usd="2", metadata={"e": "a@b"}, **place)
    either.spent(3, key_name="other", user="alice", cost_usd="4", organisation="zeta")
    [alice] = [u for u in (await either.given("GET", "/users"))["data"] if u["name"] == "alice"]
    before = (await either.given("GET", "/spend"))["total"]
    gone = await either.given("DELETE", f"/users/{alice['id']}")
    assert (await either.given("GET", "/spend"))["total"] == before
    users = {
        row["group"]["user"]: row for row in (await either.given("GET", "/spend?by=user"))["data"]
    }
    assert set(users) == {None, gone["redacted_as"], "alice"}
    assert users["alice"]["sums"]["cost_usd"] == "4"  # another tenant's
    assert [key["name"] for key in (await either.given("GET", "/keys"))["data"]] == ["of-bob"]
    for path in ("/audit?limit=500", "/users", "/limits", f"/requests/{2:032x}"):
        text = (await either.ask("GET", path)).text
        assert "alice" not in text
        assert "a@b" not in text


async def test_ac_13_a_person_who_is_no_user_here(office: Office) -> None:
    office.spent(1, user="end-user-9", cost_usd="1", organisation="acme")
    gone = await office.given("POST", "/redactions", {"user": "end-user-9"})
    [row] = (await office.given("GET", "/spend?by=user"))["data"]
    assert row["group"]["user"] == gone["redacted_as"]


# identities


async def test_identities(either: Office) -> None:
    user = {"name": "u", "organisation": "o", "team": "t", "project": "p"}
    made = await either.given("POST", "/users", {**user, "metadata": {"mail": "x"}})
    assert {name: made[name] for name in user} == user
    for kind in ("organisations", "teams", "projects"):
        [above] = (await either.given("GET", f"/{kind}"))["data"]
        refused = await either.ask("DELETE", f"/{kind}/{above['id']}")
        assert code_of(refused) == (409, "conflict")
    assert code_of(await either.ask("POST", "/users", user)) == (409, "conflict")
    await either.given("POST", "/users", {**user, "project": ""})  # another place
    path = f"/users/{made['id']}"
    changed = await either.given("PATCH", path, {"metadata": {"mail": "y"}})
    assert changed["metadata"] == {"mail": "y"}
    assert code_of(await either.ask("GET", f"/teams/{made['id']}")) == (404, "not_found")
    for each in (await either.given("GET", "/users"))["data"]:
        await either.given("DELETE", f"/users/{each['id']}")
    for kind in ("projects", "teams", "organisations"):
        [above] = (await either.given("GET", f"/{kind}"))["data"]
        await either.given("DELETE", f"/{kind}/{above['id']}")
