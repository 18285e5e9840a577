"""The cache by the API: what there is, and its end."""

from typing import Any

import pytest

from sluicegate.store.cache import Entry, Label, Purge
from sluicegate.store.vectors import NewVector

from .office import Office, code_of

KEY = "AB" * 32
NOW_MS = 1_795_000_000_000


def fill(office: Office) -> None:
    label = Label(b"k", "team /core", "", "smart", "u/x", ["t"], 0)
    office.store.cache.put([Entry(label, NOW_MS, 2 * NOW_MS, b"x" * 100)])
    vector = NewVector(
        model_id="m", scope=b"s", label=label, expires_ms=2 * NOW_MS, text="?", vector=b"v"
    )
    office.store.vectors.put([vector])


@pytest.mark.parametrize(
    ("form", "kind", "value"),
    [
        ({"key": KEY}, "key", KEY.lower()),
        ({"tag": "nightly"}, "tag", "nightly"),
        ({"model": "smart"}, "model", "smart"),
        ({"model": "u/x"}, "model", "u/x"),
        ({"tenant": "team o/core"}, "tenant", "team o/core"),
        ({"tenant": "team core"}, "tenant", "team /core"),
        ({"tenant": "key ci"}, "tenant", "key ci"),
        ({"namespace": "n"}, "namespace", "n"),
        ({"namespace": ""}, "namespace", ""),
        ({"all": True}, "all", ""),
        ({"all": False, "tag": "t", "key": None}, "tag", "t"),
    ],
    ids=str,
)
async def test_ca_05_a_purge_is_there_for_all_who_poll(
    either: Office, form: dict[str, Any], kind: str, value: str
) -> None:
    made = await either.given("POST", "/cache/purge", form)
    assert (made["kind"], made["value"]) == (kind, value)
    assert either.store.cache.purges(0) == [Purge(made["epoch"], kind, value)]  # type: ignore[arg-type]
    again = await either.given("POST", "/cache/purge", form)
    assert again["epoch"] > made["epoch"]
    [newest, *_] = (await either.given("GET", "/audit"))["data"]
    assert (newest["action"], newest["kind"]) == ("purge", "cache")
    assert newest["object"] == f"{kind} {value}".strip()
    assert newest["after"] == again


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"all": False},
        {"tag": "t", "model": "m"},
        {"all": True, "tag": "t"},
        {"key": "ab"},
        {"key": "zz" * 32},
        {"tag": ""},
        {"tag": 1},
        {"all": "yes"},
        {"tenant": "core"},
        {"tenant": "team "},
        {"user": "u"},
        {"namespace": "n" * 201},
    ],
    ids=str,
)
async def test_what_names_nothing_or_too_much_purges_nothing(
    office: Office, form: dict[str, Any]
) -> None:
    assert code_of(await office.ask("POST", "/cache/purge", form)) == (400, "invalid_request")
    assert office.store.cache.purges(0) == []


async def test_what_there_is_is_told(either: Office) -> None:
    empty = await either.given("GET", "/cache")
    assert empty["store"] == {"entries": 0, "bytes": 0, "vectors": 0}
    assert (empty["epoch"], empty["purges"], empty["worker"]) == (0, [], None)
    fill(either)
    made = [await either.given("POST", "/cache/purge", {"tag": f"t{n}"}) for n in range(60)]
    told = await either.given("GET", "/cache")
    assert told["store"] == {"entries": 1, "bytes": 100, "vectors": 1}
    assert told["epoch"] == made[-1]["epoch"]
    assert told["purges"] == made[: -50 - 1 : -1]


async def test_a_team_purges_its_own_and_nothing_else(office: Office) -> None:
    team = await office.admin("lead", "team_admin", organisation="o", team="core")
    above = await office.admin("head", "organisation_admin", organisation="o")
    own, beside, other = {"tenant": "team o/core"}, {"tenant": "team o/x"}, {"tenant": "team p/x"}
    for key, may in ((team, [own]), (above, [own, beside])):
        for form in ({"all": True}, {"tag": "t"}, {"namespace": ""}, own, beside, other):
            answer = await office.ask("POST", "/cache/purge", form, key=key)
            assert answer.status_code == (200 if form in may else 403), (form, answer.text)
        assert (await office.ask("GET", "/cache", key=key)).status_code == 403
    assert len(office.store.cache.purges(0)) == 2
    trail = (await office.given("GET", "/audit", key=team))["data"]
    assert [each["object"] for each in trail if each["kind"] == "cache"] == ["tenant team o/core"]


async def test_whoever_gets_a_deleted_keys_name_gets_none_of_its_answers(office: Office) -> None:
    made = await office.given("POST", "/keys", {"name": "ci"})
    await office.given("DELETE", f"/keys/{made['record']['id']}")
    [gone] = office.store.cache.purges(0)
    assert (gone.kind, gone.value) == ("tenant", "key ci")
