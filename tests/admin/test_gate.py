"""Who enters the admin API."""

import time

import pytest

from sluicegate.admin.gate import credential_of
from sluicegate.admin.routes import ROUTES

from .office import ROOT, Office, code_of

PATHS = sorted({(route.method, route.path) for route in ROUTES} | {("GET", "/openapi.json")})


def wrong_credentials(secret: str, model_key: str) -> dict[str, dict[str, str]]:
    """Headers that open nothing."""
    return {
        "none": {},
        "empty": {"authorization": ""},
        "bearer only": {"authorization": "Bearer"},
        "bearer and space": {"authorization": "Bearer "},
        "wrong scheme": {"authorization": f"Basic {secret}"},
        "no scheme": {"authorization": secret},
        "unknown": {"authorization": "Bearer sk-sg-unknown"},
        "unknown in the other place": {"x-api-key": "unknown"},
        "almost": {"authorization": f"Bearer {secret[:-1]}"},
        "more": {"authorization": f"Bearer {secret}x"},
        "other case": {"authorization": f"Bearer {secret.upper()}"},
        "1 MiB": {"authorization": "Bearer " + "k" * 2**20},
        "a key to models": {"authorization": f"Bearer {model_key}"},
        "a configured key to models": {"x-api-key": "configured-key-0123456789"},
        "metacharacters": {"authorization": "Bearer ' OR pg_sleep(10)--"},
        "a place of another API": {"x-goog-api-key": secret},
    }


async def test_au_01_all_that_opens_nothing_gets_one_answer(either: Office) -> None:
    model_key = (await either.given("POST", "/keys", {"name": "m"}))["key"]
    bodies = set()
    for number, headers in enumerate(wrong_credentials(ROOT, model_key).values()):
        began = time.monotonic()
        answer = await either.ask(
            "GET", "/keys", key=None, headers=headers, peer=f"10.0.0.{number}"
        )
        assert time.monotonic() - began < 1
        assert answer.status_code == 401
        bodies.add(answer.content)
    assert len(bodies) == 1


async def test_au_01_a_key_in_the_query_is_none(office: Office) -> None:
    answer = await office.ask("GET", f"/keys?key={ROOT}&api_key={ROOT}", key=None)
    assert answer.status_code == 401
    assert ROOT not in answer.text


@pytest.mark.parametrize("place", ["revoked", "expired", "rotated away", "deleted"])
async def test_au_01_keys_with_a_role_that_are_over(either: Office, place: str) -> None:
    made = await either.given("POST", "/keys", {"name": "a", "role": "team_admin", "team": "t"})
    path, secret = f"/keys/{made['record']['id']}", made["key"]
    assert (await either.ask("GET", "/keys", key=secret)).status_code == 200
    match place:
        case "revoked":
            await either.given("POST", f"{path}/revoke", {})
        case "expired":
            await either.given("PATCH", path, {"expires_at": "2020-01-01T00:00:00Z"})
        case "rotated away":
            await either.given("POST", f"{path}/rotate", {"overlap_s": 0})
        case _:
            await either.given("DELETE", path)
    assert code_of(await either.ask("GET", "/keys", key=secret)) == (401, "unauthorised")


@pytest.mark.parametrize(("method", "path"), PATHS, ids=str)
async def test_au_01_every_route_is_closed_by_default(
    office: Office, method: str, path: str
) -> None:
    answer = await office.ask(method, path.replace("{", "").replace("}", ""), {}, key=None)
    assert code_of(answer) == (401, "unauthorised")


async def test_a_route_that_is_not_there_is_as_closed(office: Office) -> None:
    assert code_of(await office.ask("GET", "/secret", key=None)) == (401, "unauthorised")
    assert code_of(await office.ask("GET", "/secret")) == (404, "unknown_route")
    wrong = await office.ask("PUT", "/keys")
    assert code_of(wrong) == (405, "method_not_allowed")
    assert wrong.headers["allow"] == "GET, POST"


@pytest.mark.parametrize("path", ["/keys/", "//keys", "/Keys", "/%6beys", "/keys%2f", "/keys;a=b"])
async def test_au_08_a_path_has_one_spelling(office: Office, path: str) -> None:
    assert (await office.ask("GET", path)).status_code in {400, 404}


async def test_both_places_may_say_the_same_and_nothing_else(office: Office) -> None:
    same = await office.ask("GET", "/keys", headers={"x-api-key": ROOT})
    assert same.status_code == 200
    other = await office.ask("GET", "/keys", headers={"x-api-key": "other"})
    assert code_of(other) == (400, "invalid_request")
    assert credential_of([(b"authorization", b"bearer  abc ")]) == "abc"


# AU-12


async def test_au_12_without_an_admin_key_nobody_enters(office: Office) -> None:
    office.path.write_text(office.path.read_text().replace(f"admin_key: {ROOT}\n", ""))
    office._reload()
    for key in (ROOT, "", "admin", "sk-1234", "None", "null"):
        assert (await office.ask("GET", "/keys", key=key)).status_code == 401


async def test_au_12_ten_wrong_tries_a_minute_and_then_none(office: Office) -> None:
    statuses = [(await office.ask("GET", "/keys", key=f"wrong-{n}")).status_code for n in range(15)]
    assert statuses == [401] * 10 + [429] * 5
    blocked = await office.ask("GET", "/keys")
    assert code_of(blocked) == (429, "too_many_tries")  # the right one too: it could be guessed
    assert 50 < int(blocked.headers["retry-after"]) <= 60
    assert (await office.ask("GET", "/keys", peer="10.0.0.1")).status_code == 200


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("10.0.0.1", "10.0.0.2", False),
        ("10.0.0.1", "::ffff:10.0.0.1", True),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("::1", "127.0.0.1", False),
        ("", "unix:", False),
    ],
)
async def test_au_12_an_address_is_where_its_owner_is(
    office: Office, one: str, other: str, is_same: bool
) -> None:
    for number in range(10):
        await office.ask("GET", "/keys", key=f"wrong-{number}", peer=one)
    answer = await office.ask("GET", "/keys", peer=other)
    assert answer.status_code == (429 if is_same else 200)


async def test_au_12_all_workers_count_together(office: Office) -> None:
    from sluicegate.admin.mount import Mounted
    from sluicegate.watch import Patience, Watch

    other = Mounted(lambda: office.settings, Watch(Patience()), lambda: None)
    first = office.app
    statuses = []
    for number in range(14):
        office.app = (first, other)[number % 2]
        statuses.append((await office.ask("GET", "/keys", key="wrong")).status_code)
    assert statuses == [401] * 10 + [429] * 4
    office.app = first
    other.close()


async def test_right_ones_are_not_counted(office: Office) -> None:
    for _ in range(30):
        assert (await office.ask("GET", "/keys")).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-type": "application/json; charset=utf-8"}, 201),
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({"content-type": "multipart/form-data; boundary=x"}, 415),
        ({"content-type": "application/jsonp"}, 415),
        ({"content-type": ""}, 415),
    ],
    ids=str,
)
async def test_au_12_what_a_foreign_page_can_send_changes_nothing(
    office: Office, headers: dict[str, str], status: int
) -> None:
    answer = await office.ask("POST", "/keys", {"name": "a"}, headers=headers)
    assert answer.status_code == status
    assert len((await office.given("GET", "/keys"))["data"]) == (status == 201)


async def test_au_12_no_page_of_another_site_reads_anything(office: Office) -> None:
    origin = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    for method in ("OPTIONS", "GET"):
        answer = await office.ask(method, "/keys", headers=origin)
        assert not [name for name in answer.headers if name.startswith("access-control")]
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("body", [b"x" * (2**20 + 1)])
async def test_a_body_has_a_bound(office: Office, body: bytes) -> None:
    assert code_of(await office.ask("POST", "/keys", content=body)) == (413, "request_too_large")


async def test_a_route_without_a_body_takes_none(office: Office) -> None:
    assert code_of(await office.ask("GET", "/keys", {"a": 1})) == (400, "invalid_request")
