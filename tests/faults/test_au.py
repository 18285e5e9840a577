"""AU: who is let in. Credentials that open nothing, spellings of a route, the administrators' door."""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from statistics import median, quantiles
from string import digits
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate import _core
from sluicegate.accounting.keys import digest
from sluicegate.config import load
from sluicegate.governance import governance_json
from sluicegate.routes import MODEL_ROUTES
from sluicegate.snapshot import snapshot_json

from ..gateway import ADMIN_KEY, KEY, Gateway
from ..rawclient import RawClient
from ..upstream import ScriptedUpstream
from .checks import ask, eventually, ref
from .conftest import Start
from .surface import (
    TRIES,
    Door,
    admin_doors,
    all_doors,
    code_of,
    elsewhere,
    knock,
    model_doors,
    new_place,
)

UNKNOWN = "sk-sg-" + "0" * 49
JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def house(gateways: Start) -> Gateway:
    """A gateway of this file's own: keys are made and ended in it."""
    return gateways(commit_after_s=14)


@pytest.fixture(scope="module")
def ended(house: Gateway) -> dict[str, str]:
    """Keys that were good once."""
    out: dict[str, str] = {}
    for how in ("revoked", "expired", "rotated away", "deleted"):
        for role in ({}, {"role": "team_admin", "team": "t"}):
            name = f"{how} {'admin' if role else 'model'}"
            made = _given(house, "POST", "/keys", {"name": name, **role})
            path, out[name] = f"/keys/{made['record']['id']}", made["key"]
            match how:
                case "revoked":
                    _given(house, "POST", f"{path}/revoke", {})
                case "expired":
                    _given(house, "PATCH", path, {"expires_at": "2020-01-01T00:00:00Z"})
                case "rotated away":
                    _given(house, "POST", f"{path}/rotate", {"overlap_s": 0})
                case _:
                    _given(house, "DELETE", path)
    return out


def _given(gateway: Gateway, method: str, path: str, body: Any = None) -> Any:
    answer = gateway.admin(method, f"/admin/v1{path}", body)
    assert answer.status_code < 300, answer.text
    return answer.json()


def bad_credentials(good: str) -> dict[str, dict[str, str]]:
    """Headers that open nothing, whatever the door; `good` would."""
    return {
        "none": {},
        "empty": {"authorization": ""},
        "empty x-api-key": {"x-api-key": ""},
        "bearer only": {"authorization": "Bearer"},
        "bearer and nothing like a key": {"authorization": "Bearer ."},
        "basic": {"authorization": f"Basic {good}"},
        "no scheme": {"authorization": good},
        "scheme of another kind": {"authorization": f"Token {good}"},
        "in quotes": {"authorization": f'Bearer "{good}"'},
        "almost": {"authorization": f"Bearer {good[:-1]}"},
        "more": {"authorization": f"Bearer {good}x"},
        "twice": {"authorization": f"Bearer {good}, {good}"},
        "other case": {"authorization": f"Bearer {good.swapcase()}"},
        "unknown": {"authorization": f"Bearer {UNKNOWN}"},
        "unknown x-api-key": {"x-api-key": UNKNOWN},
        "a header with an underscore": {"x_api_key": good},
        "a cookie": {"cookie": f"api_key={good}; authorization={good}"},
        "a proxy's place": {"proxy-authorization": f"Bearer {good}"},
        "forwarded from here": {"x-forwarded-for": "127.0.0.1", "forwarded": "for=127.0.0.1"},
    }


def told(answer: httpx.Response) -> str:
    """What a refusal says: its body and the names of its headers, but for its own id."""
    request_id = answer.headers.get("x-sluicegate-request-id", "none")
    body = answer.text.replace(request_id, "ID")
    return f"{body} {sorted(answer.headers)}"


def test_au_01_every_door_is_closed_to_all_that_opens_nothing(
    house: Gateway, ended: dict[str, str], upstream: ScriptedUpstream
) -> None:
    """All doors x all bad credentials; the same words for all of them."""
    name = f"ok-1@{ref('au01')}"
    doors = all_doors(house, f"u/{name}")
    assert len(doors) > 40
    tried = 0
    for door in doors:
        # the right key of the other side is as wrong as any
        good, other = (ADMIN_KEY, KEY) if door.is_admin else (KEY, ADMIN_KEY)
        wrong = bad_credentials(good) | {"of the other side": {"x-api-key": other}}
        wrong |= {name: {"authorization": f"Bearer {key}"} for name, key in ended.items()}
        answers: dict[str, str] = {}
        for some in _some(wrong.items(), TRIES - 1):
            with elsewhere(house) as client:
                for what, headers in some:
                    began = time.monotonic()
                    answer = knock(client, door, headers)
                    assert time.monotonic() - began < 1, (door, what)
                    assert answer.status_code == 401, (str(door), what, answer.text)
                    answers[what] = told(answer)
                    tried += 1
        assert len(set(answers.values())) == 1, (str(door), answers)
        assert not re.search(r"revoked|expired|deleted|unknown key|admin_key", answers["none"])
    assert tried == len(doors) * len(wrong)
    assert not upstream.of(name)


def _some(items: Any, size: int) -> Iterator[list[Any]]:
    every = list(items)
    return (every[at : at + size] for at in range(0, len(every), size))


@pytest.mark.parametrize("place", ["query", "path", "body", "referer"])
def test_au_01_a_key_elsewhere_than_in_its_header_opens_nothing(house: Gateway, place: str) -> None:
    for door in all_doors(house, "u/ok-1"):
        good = ADMIN_KEY if door.is_admin else KEY
        headers = {}
        if place == "query" and door.dialect == "gemini":
            continue  # the dialect's own place for it
        if place == "query":
            door = door._replace(path=f"{door.path}?key={good}&api_key={good}&access_token={good}")
        elif place == "path":
            door = door._replace(path=f"{door.path}/{good}")
        elif place == "body" and door.body is not None:
            door = door._replace(body={**door.body, "api_key": good, "key": good})
        else:
            headers = {"referer": f"http://127.0.0.1/?key={good}"}
        with elsewhere(house) as client:
            answer = knock(client, door, headers)
        # a path that is none is told before anybody is asked who they are, on the models' side
        assert answer.status_code in ({401} if place != "path" or door.is_admin else {401, 404})
        if place != "path":
            assert good not in answer.text


@pytest.mark.parametrize(
    "line",
    [
        b"authorization: Bearer ",
        b"authorization: Bearer\t" + KEY.encode()[:-1],
        b"authorization: Bearer \xff\xfe",
        b"authorization: bearer  \t ",
        b"x-api-key: ",
        b"x-api-key: \xff",
    ],
)
def test_au_01_what_no_client_library_would_send(house: Gateway, line: bytes) -> None:
    for door in [*model_doors("u/ok-1"), admin_doors(house)[1]]:
        said = _raw(house, door, line)
        assert b"HTTP/1.1 401 " in said, (str(door), said)


def _raw(gateway: Gateway, door: Door, line: bytes) -> bytes:
    body = json.dumps(door.body).encode() if door.body is not None else b""
    head = f"{door.method} {door.path} HTTP/1.1\r\nhost: g\r\ncontent-length: {len(body)}\r\n"
    with RawClient(gateway.url, source=new_place()) as client:
        with suppress(OSError):  # it may be refused before all of it was sent
            client.send(head.encode() + line + b"\r\n\r\n" + body)
        return client.until(b"\r\n\r\n")


@pytest.mark.parametrize("size", [2**10, 2**14, 2**20])
def test_au_01_a_giant_key_is_refused_in_time(house: Gateway, size: int) -> None:
    for door in [*model_doors("u/ok-1"), admin_doors(house)[1]]:
        began = time.monotonic()
        said = _raw(house, door, b"authorization: Bearer " + b"k" * size)
        assert time.monotonic() - began < 1
        assert re.match(rb"HTTP/1.1 (400|401|431) ", said) or (size == 2**20 and not said), said[
            :99
        ]


def test_au_01_different_keys_in_one_request_open_nothing(house: Gateway) -> None:
    for door in all_doors(house, "u/ok-1"):
        good = ADMIN_KEY if door.is_admin else KEY
        both = {"authorization": f"Bearer {good}", "x-api-key": UNKNOWN}
        with elsewhere(house) as client:
            assert knock(client, door, both).status_code in {400, 401}


# AU-03


#: what databases, shells and log readers might take for orders
TEXTS = [
    "' OR pg_sleep(10)--",
    "'; SELECT pg_sleep(10);--",
    "'; DROP TABLE ledger;--",
    "1' UNION SELECT digest FROM credentials--",
    "') OR sqlite_version()=('",
    "' || (SELECT randomblob(1000000000)) || '",
    '{"$ne": null}',
    '{"$where": "sleep(10000)"}',
    "[$regex]=.*",
    "*)(uid=*))(|(uid=*",
    "\\",
    "%00",
    "%27%20OR%201=1--",
    "a\tb",
    "`id`",
    "$(sleep 10)",
    "; sleep 10",
    "${7*7}",
    "\u2028\u202e",
]


def _printable(text: str) -> str:
    """As a header takes it."""
    return text.encode("ascii", "replace").decode()


@pytest.mark.parametrize("text", [*TEXTS, "nul\0"])
def test_au_03_no_text_is_an_order(house: Gateway, text: str) -> None:
    """In the key, the model, the user, the metadata and every header that is kept."""
    name = f"ok-1@{ref('au03')}"
    header = _printable(text).replace("\0", "").replace("\t", " ")
    with elsewhere(house) as client:
        as_key = {"authorization": f"Bearer {header}"}
        good = {"authorization": f"Bearer {KEY}"}
        kept = {
            "x-sluicegate-user": header,
            "x-sluicegate-run": header,
            "x-sluicegate-team-tag": header,
            "x-sluicegate-metadata": json.dumps({header: header}),
            "x-request-id": header,
        }
        doors = zip(*map(model_doors, (f"u/{name}", text, f"u/{text}")), strict=True)
        for door, wrong, long in doors:
            assert _timely(client, door, as_key) in {401, 403}
            assert _timely(client, wrong, good) in {400, 404}
            assert _timely(client, long, good) < 500 or "embeddings" in door.path
            named = door._replace(body={**door.body, "user": text, "metadata": {"user_id": text}})
            assert _timely(client, named, {**good, **kept}) != 500
    rows = [row for row in house.ledger() if row["requested_model"].startswith(f"u/{name}")]
    assert rows
    assert {row["run"] for row in rows} <= {header.strip(), None, ""}


def _timely(client: httpx.Client, door: Door, headers: dict[str, str]) -> int:
    began = time.monotonic()
    answer = knock(client, door, headers)
    assert time.monotonic() - began < 1, (str(door), headers)
    assert answer.status_code != 500, (str(door), headers, answer.text)
    return answer.status_code


# AU-04


@pytest.fixture
def core(tmp_path: Path) -> Iterator[tuple[_core.Engine, bytes]]:
    """The core with keys that are equal for a thousand bytes, and one of ordinary length."""
    path = tmp_path / "c.yaml"
    keys = [{"name": f"k{n}", "key": f"{ALIKE}{n}", "models": [f"m{n}"]} for n in range(10)]
    target = {"targets": ["u/x"]}
    config = {
        "data_dir": "data",
        "providers": {"u": {"dialect": "openai", "base_url": "http://127.0.0.1:9", "api_key": "x"}},
        "models": {f"m{n}": target for n in range(10)},
        "keys": [*keys, {"name": "one", "key": KEY, "models": []}],
    }
    path.write_text(json.dumps(config))
    path.chmod(0o600)
    settings, master = load(path), b"m" * 32
    for folder in ("data", "data/journal"):
        (tmp_path / folder).mkdir()
    snapshot = snapshot_json(settings, 0)
    engine = _core.Engine(settings.journal_dir, settings.data_dir, master, snapshot)
    governance = _core.Governance(governance_json(settings, master, None, complete=True))
    engine.govern(governance)
    yield engine, master
    engine.stop()


ALIKE = "k" * 1000


#: Lookups of each kind; 100000 is the figure of the case.
LOOKUPS = 100_000
#: One time is that of so many, so that reading the clock is no part of it.
AT_ONCE = 100


def _block_ns(engine: _core.Engine, keys: list[list[tuple[bytes, bytes]]]) -> int:
    """What looking up many credentials costs this thread, whatever else runs on the machine."""
    began = time.thread_time_ns()
    for headers in keys:
        with suppress(_core.RefusedError):
            engine.models(headers)
    return time.thread_time_ns() - began


def _guesses(beginning: str) -> list[list[tuple[bytes, bytes]]]:
    """Credentials of one length with a beginning, the rest drawn."""
    drawn = random.Random(4)
    rest = len(KEY) - len(beginning)
    texts = [beginning + "".join(drawn.choices(digits, k=rest)) for _ in range(AT_ONCE)]
    return [[(b"authorization", f"Bearer {text}".encode())] for text in texts]


def test_au_04_a_right_beginning_takes_no_longer_than_a_wrong_one(
    core: tuple[_core.Engine, bytes],
) -> None:
    """10^5 lookups of each, in pairs that lie beside each other in time, each first in every other
    one. The difference of a pair is free of what slows both; the median of a thousand of them is
    known to a fraction of the case's 1 %.
    """
    near, far = _guesses(KEY[:-3]), _guesses("")
    ratios = []
    for number in range(LOOKUPS // AT_ONCE):
        if number % 2:
            right, wrong = _block_ns(core[0], near), _block_ns(core[0], far)
        else:
            wrong, right = _block_ns(core[0], far), _block_ns(core[0], near)
        ratios.append(right / wrong)
    middle = median(ratios)
    # Of a median: 1.25 deviations over the root of the number; the deviation by the quartiles.
    low, _, high = quantiles(ratios)
    error = 1.25 * (high - low) / 1.35 / len(ratios) ** 0.5
    print(f"right / wrong = {middle:.5f} +- {error:.5f}")
    assert error < 0.005, "the machine is too noisy to tell"
    assert abs(middle - 1) < 0.01


def test_au_04_keys_that_begin_alike_are_never_mixed_up(core: tuple[_core.Engine, bytes]) -> None:
    for number in range(20_000):
        n = number % 10
        headers = [(b"x-api-key", f"{ALIKE}{n}".encode())]
        assert core[0].models(headers) == [f"m{n}"]
    with pytest.raises(_core.RefusedError):
        core[0].models([(b"x-api-key", ALIKE.encode())])


@given(st.text(min_size=1, max_size=300), st.text(min_size=1, max_size=300))
def test_au_04_the_digest_is_of_the_whole_credential(one: str, other: str) -> None:
    """What is looked up is a keyed digest in the core and in the store, and nothing shorter."""
    master = b"m" * 32
    assert (digest(master, one) == digest(master, other)) == (one == other)
    assert digest(master, one + other) != digest(master, one)
    assert digest(b"n" * 32, one) != digest(master, one)


# AU-08


def spellings(path: str) -> dict[str, str]:
    """Other ways to write a path, some of which some servers take for it."""
    first, _, rest = path[1:].partition("/")
    last = path.rpartition("/")[2]
    encoded = f"%{ord(last[0]):02x}{last[1:]}"
    return {
        "trailing slash": f"{path}/",
        "two trailing": f"{path}//",
        "two leading": f"/{path}",
        "two inside": f"/{first}//{rest}",
        "a dot": f"/{first}/./{rest}",
        "up and down": f"/{first}/x/../{rest}",
        "from below": f"{path}/../{last}",
        "encoded dots": f"/{first}/x/%2e%2e/{rest}",
        "encoded slash": path.replace("/" + last, "%2f" + last),
        "encoded letter": path.replace(last, encoded),
        "encoded upper": path.replace(last, f"%{ord(last[0].upper()):02X}{last[1:]}"),
        "encoded twice": path.replace(last, encoded.replace("%", "%25")),
        "upper case": path.upper(),
        "capital": path.replace(last, last.capitalize()),
        "matrix": f"{path};a=b",
        "query": f"{path}?a=b",
        "empty query": f"{path}?",
        "fragment": f"{path}#a",
        "extension": f"{path}.json",
        "nul": f"{path}%00",
        "encoded space": f"{path}%20",
        "encoded newline": f"{path}%0a",
        "backslash": path.replace("/" + last, "\\" + last),
        "overlong slash": path.replace("/" + last, "%c0%af" + last),
        "full-width": path.replace("/" + last, "%ef%bc%8f" + last),
        "no version": path.removeprefix("/v1").removeprefix("/admin"),
        "old version": path.replace("/v1", "/v0"),
        "proxy": f"/v1/proxy{path}",
        "absolute": f"http://gateway{path}",
        "absolute elsewhere": f"http://127.0.0.1:1{path}",
        "no leading slash": path[1:],
    }


def _spelt(gateway: Gateway, door: Door, path: str, key: str | None) -> tuple[int, bytes]:
    body = json.dumps(door.body).encode() if door.body is not None else b""
    lines = [
        f"{door.method} {path} HTTP/1.1",
        "host: gateway",
        f"content-length: {len(body)}",
        "content-type: application/json",
        "connection: close",
        *([f"authorization: Bearer {key}"] if key else []),
    ]
    with RawClient(gateway.url, source=new_place()) as client:
        client.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        said = client.rest()
    found = re.match(rb"HTTP/1\.1 (\d{3}) ", said)
    assert found, (str(door), path, said)
    return int(found[1]), said.partition(b"\r\n\r\n")[2]


def test_au_08_no_spelling_of_a_models_path_gets_around_the_key(
    house: Gateway, upstream: ScriptedUpstream
) -> None:
    """Without a key nothing but refusals, and nothing is sent on; bound to another route neither."""
    made = _given(
        house, "POST", "/keys", {"name": "bound", "routes": ["/v1/messages/count_tokens"]}
    )
    assert eventually(lambda: _may_list(house, made["key"]), 2)
    name = f"ok-1@{ref('au08')}"
    for door in model_doors(f"u/{name}"):
        if "count_tokens" in door.path:
            continue
        for what, path in spellings(door.path).items():
            status, said = _spelt(house, door, path, None)
            assert status in {400, 401, 404}, (str(door), what, status)
            status, said = _spelt(house, door, path, made["key"])
            assert status in {400, 403, 404}, (str(door), what, status, said)
            if status == 403:
                assert b"route_not_allowed" in said
    assert not upstream.of(name)


def _may_list(gateway: Gateway, key: str) -> bool:
    headers = {"authorization": f"Bearer {key}"}
    return httpx.get(f"{gateway.url}/v1/models", headers=headers).status_code == 200


def test_au_08_a_spelling_is_the_route_or_none(house: Gateway, upstream: ScriptedUpstream) -> None:
    """With a good key: the very answer of the route, ledger row and all, or a 404."""
    name = f"ok-1@{ref('au08')}"
    door = model_doors(f"u/{name}")[0]
    served = 0
    for what, path in spellings(door.path).items():
        status, said = _spelt(house, door, path, KEY)
        assert status in {200, 400, 404}, (what, status, said)
        served += status == 200
    assert served == len(upstream.of(name))
    assert eventually(lambda: _rows_of_model(house, f"u/{name}") == served, 5)


def _rows_of_model(gateway: Gateway, model: str) -> int:
    return sum(row["requested_model"] == model for row in gateway.ledger())


def test_au_08_no_spelling_of_an_admin_path_gets_around_the_role(house: Gateway) -> None:
    """Nobody, a key to models, and a team's administrator at what is the operator's only."""
    team = _given(house, "POST", "/keys", {"name": "t", "role": "team_admin", "team": "t"})["key"]
    door = Door("GET", "/admin/v1/config", None, "admin")
    for what, path in spellings(door.path).items():
        status, said = _spelt(house, door, path, team)
        assert status in {400, 403, 404}, (what, status)
        assert b"upstreams" not in said
    for what, path in spellings("/admin/v1/keys").items():
        for key in (None, KEY):
            status, _ = _spelt(house, door, path, key)
            assert status in {400, 401, 404}, (what, status)


def test_a_key_is_bound_to_its_routes_models_and_providers(gateways: Start) -> None:
    """In the file; the refusal names what the key may use, and a row says that it was refused."""
    routed = {"name": "routed", "key": f"{KEY}-routed", "routes": ["/v1/embeddings"]}
    below = {"name": "below", "key": f"{KEY}-below", "routes": ["/v1/messages/*"]}
    provided = {"name": "provided", "key": f"{KEY}-provided", "providers": ["a"]}
    gateway = gateways(keys=[routed, below, provided])
    open_to = {
        "routed": {"/v1/embeddings"},
        "below": {"/v1/messages/count_tokens"},
    }
    for key in (routed, below):
        headers = {"authorization": f"Bearer {key['key']}"}
        with httpx.Client(base_url=gateway.url, headers=headers) as client:
            for path, door in zip(MODEL_ROUTES, model_doors("u/ok-1"), strict=True):
                answer = knock(client, door, {})
                if path in open_to[key["name"]]:
                    assert answer.status_code == 200, answer.text
                    continue
                error = answer.json()["error"]
                assert (answer.status_code, code_of(error)) == (403, "route_not_allowed")
                assert path in error["message"]
                assert f"it may use {key['routes'][0]}" in error["message"]
            assert client.get("/v1/models").status_code == 200
    rows = [row for row in gateway.ledger() if row["error_code"] == "route_not_allowed"]
    assert len(rows) == 2 * (len(MODEL_ROUTES) - 1)
    assert {(row["outcome"], row["basis"], row["attempt"]) for row in rows} == {
        ("refused", "none", 0)
    }
    elsewhere = ask(gateway, "u/ok-1", key=provided["key"])
    assert (elsewhere.status, elsewhere.code) == (403, "model_not_allowed")
    assert 'which the provider "u" answers; it may use a' in str(elsewhere.error)
    assert ask(gateway, "a/ok-1", key=provided["key"]).status == 200


# AU-12


def test_au_12_ten_tries_a_minute_on_the_real_listener(house: Gateway) -> None:
    with elsewhere(house) as client:
        wrong = [client.get("/admin/v1/keys", headers={"x-api-key": f"k{n}"}) for n in range(30)]
        assert [each.status_code for each in wrong] == [401] * TRIES + [429] * 20
        assert int(wrong[-1].headers["retry-after"]) > 30
        assert client.get("/admin/v1/keys", headers={"x-api-key": ADMIN_KEY}).status_code == 429
        # nothing that a client says of itself makes it another
        for header in ("x-forwarded-for", "forwarded", "x-real-ip", "cf-connecting-ip"):
            answer = client.get("/admin/v1/keys", headers={"x-api-key": "k", header: "10.0.0.1"})
            assert answer.status_code == 429
        # nor what the listener tells the app behind it
        forged = {"x-api-key": "k", "x-sluicegate-ends": "10.0.0.1 127.0.0.1 80"}
        for more in ({}, {"connection": "x-sluicegate-ends"}):
            answer = client.get("/admin/v1/keys", headers={**forged, **more})
            assert answer.status_code == 429
        # models are not its business
        assert client.get("/v1/models", headers={"x-api-key": KEY}).status_code == 200
    assert house.admin("GET", "/admin/v1/keys").status_code == 200


@pytest.mark.parametrize(
    "secret", ["admin", "changeme", "sk-1234", "password", "", "short-by-one-15"]
)
def test_au_12_a_weak_admin_key_does_not_start(tmp_path: Path, secret: str) -> None:
    gateway = Gateway("http://127.0.0.1:9", tmp_path, admin_key=secret)
    with pytest.raises(AssertionError, match="admin_key"):
        gateway.start()


def test_au_12_no_origin_and_no_cookie_means_anything(house: Gateway) -> None:
    with httpx.Client(base_url=house.url) as client:
        for door in all_doors(house, "u/ok-1"):
            headers = {
                "origin": "https://evil.example",
                "cookie": f"token={ADMIN_KEY}",
                "authorization": f"Bearer {ADMIN_KEY if door.is_admin else KEY}",
            }
            for method in ("OPTIONS", door.method):
                if method == "POST" and door.path.endswith("/reload"):
                    continue
                answer = knock(client, door._replace(method=method), headers)
                assert not [name for name in answer.headers if name.startswith("access-control-")]
                assert "set-cookie" not in answer.headers
