"""Texts that mean harm are texts."""

import time
from urllib.parse import quote

import pytest

from .office import Office

#: what databases, templates, shells and loaders might take for orders
TEXTS = [
    "' OR pg_sleep(10)--",
    "'; SELECT pg_sleep(10);--",
    "1; DROP TABLE keys; --",
    '" OR ""="',
    "') UNION SELECT digest FROM credentials--",
    "%' OR '1'='1",
    "{{7*7}}",
    "${7*7}",
    "${jndi:ldap://127.0.0.1:9/a}",
    "#{7*7}",
    "<%= 7*7 %>",
    "__import__('os').system('id')",
    "{0.__class__.__mro__}",
    "%(name)s %s %n",
    "!!python/object/apply:os.system [id]",
    "cos\nsystem\n(S'id'\ntR.",
    "<script>alert(1)</script>",
    "../../../../etc/passwd",
    "$where: sleep(10000)",
    "?",
    "\\",
    "ä\u202e\u200b🦊",
]


@pytest.mark.parametrize("text", TEXTS)
async def test_au_03_au_10_every_field_takes_them_verbatim(either: Office, text: str) -> None:
    began = time.monotonic()
    made = await either.given(
        "POST",
        "/keys",
        {
            "name": text,
            "organisation": text,
            "team": text,
            "project": text,
            "user": text,
            "models": [text],
            "providers": [text],
            "metadata": {text: text},
            "rpm": 7,
        },
    )
    record = made["record"]
    assert [record[each] for each in ("name", "organisation", "team", "project", "user")] == [
        text
    ] * 5
    assert record["metadata"] == {text: text}
    assert record["models"] == record["providers"] == [text]
    scope = {"team": text, "model": text}
    rule = {"name": text, "scope": scope, "requests": 1, "per": "day"}
    assert (await either.given("POST", "/limits", rule))["rule"]["scope"] == scope
    path = f"/limits/{quote(text, safe='')}"
    assert (await either.given("GET", path))["rule"]["name"] == text
    assert (await either.given("POST", f"{path}/reset", {}))["reset_at"]
    await either.given("POST", f"/runs/{quote(text, safe='')}/kill", {"reason": text})
    assert (await either.given("GET", f"/runs/{quote(text, safe='')}"))["reason"] == text
    found = await either.given("GET", f"/keys?name={quote(text, safe='')}")
    assert [each["name"] for each in found["data"]] == [text]
    assert time.monotonic() - began < 3  # none of nine answers waited for a database to sleep


@pytest.mark.parametrize("text", [*TEXTS[:6], "a' --", "*", "''"])
async def test_au_03_filters_and_cursors_find_nothing_more(either: Office, text: str) -> None:
    await either.given("POST", "/keys", {"name": "secret-name", "team": "t"})
    either.spent(1, key_name="secret-name", cost_usd="1")
    value = quote(text, safe="")
    for path in (
        f"/keys?name={value}",
        f"/runs/{value}",
        f"/requests/{value}",
        f"/keys/{value}",
        f"/teams/{value}",
        f"/spend?by=key&key={value}&team={value}&run={value}",
        f"/audit?cursor={value}&limit=1",
    ):
        began = time.monotonic()
        answer = await either.ask("GET", path)
        assert time.monotonic() - began < 1
        assert answer.status_code in {200, 404}
        assert "secret-name" not in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/spend?by=key_name;DROP TABLE keys",
        "/spend?by=1",
        "/spend?by=day,day",
        "/spend?by=day,hour,month,team,key",
        "/spend?from=' OR 1=1--",
        "/spend?to=yesterday",
        "/spend?tema=a",
        "/spend?order=key",
        "/keys?limit=0",
        "/keys?limit=501",
        "/keys?limit=1;DROP",
        "/keys?limit=-1",
        "/keys?limit=%D9%A1",
        "/keys?sort=name",
        "/keys?name=a&name=b",
        "/keys?name=%00",
        "/keys?name=%ff",
        "/keys/%00",
        "/keys/a%0ab%00",
    ],
)
async def test_au_03_what_is_no_parameter_is_refused(either: Office, path: str) -> None:
    answer = await either.ask("GET", path)
    assert answer.status_code == 400, answer.text


async def test_a_mistyped_filter_names_the_nearest(office: Office) -> None:
    answer = await office.ask("GET", "/spend?tema=a")
    assert 'did you mean "team"?' in answer.json()["error"]["message"]
