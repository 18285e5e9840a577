"""`GET /v1/generation?id=`: a request is found by its id and by its answer's as soon as it is over,
by whoever's it is and by nobody else; on both databases.
"""

from __future__ import annotations

import json
import signal
import threading
import time
from typing import Any

import httpx
import pytest

from ..client import Ask, Got, run_asks
from ..gateway import KEY, OTHER_KEY, Gateway
from ..postgres import Server
from ..upstream import ScriptedUpstream
from .checks import NATIVE, ask, eventually, ref
from .conftest import Start

MATE = "sluicegate-test-key-of-a-team-mate"
NARROW = "sluicegate-test-key-for-chat-alone"
KEYS = [
    {"name": "one", "key": KEY, "team": "core"},
    {"name": "two", "key": OTHER_KEY},
    {"name": "mate", "key": MATE, "team": "core"},
    {"name": "narrow", "key": NARROW, "team": "core", "routes": ["/v1/chat/completions"]},
]
#: What OpenRouter's schema demands of `data`.
REQUIRED = """
id upstream_id total_cost cache_discount upstream_inference_cost created_at model app_id streamed
cancelled provider_name latency moderation_latency generation_time finish_reason service_tier
tokens_prompt tokens_completion native_tokens_prompt native_tokens_completion
native_tokens_completion_images native_tokens_reasoning native_tokens_cached num_media_prompt
num_input_audio_prompt num_media_completion num_search_results num_fetches web_search_engine origin
usage is_byok native_finish_reason external_user api_type preset_id router provider_responses
user_agent http_referer data_region workspace_id
""".split()  # noqa: SIM905  # a list of strings would fill a page


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def house(request: pytest.FixtureRequest, gateways: Start) -> Gateway:
    """One gateway for each database, two workers each."""
    settings: dict[str, Any] = {"keys": KEYS, "server": {"workers": 2}}
    if request.param == "postgres":
        settings["store"] = request.getfixturevalue("postgres").database()
    return gateways(**settings)


def _get(gateway: Gateway, name: str, key: str = KEY, **more: Any) -> httpx.Response:
    headers = {"authorization": f"Bearer {key}"}
    params = {"id": name, **more}
    return httpx.get(f"{gateway.url}/v1/generation", params=params, headers=headers, timeout=10)


def _data(gateway: Gateway, name: str, key: str = KEY) -> dict[str, Any]:
    got = _get(gateway, name, key)
    assert got.status_code == 200, got.text
    data: dict[str, Any] = got.json()["data"]
    return data


def _id_of(got: Got) -> str:
    """The answer's id, as its client saw it."""
    payload = got.payloads[0] if got.ask.stream else json.loads(got.raw)
    for place in (payload, payload.get("message", {}), payload.get("response", {})):
        name = place.get("id") or place.get("responseId")
        if name:
            return str(name)
    raise AssertionError(f"no id in {payload}")


def _own_id(got: Got) -> str:
    return got.headers["x-sluicegate-request-id"]


CLIENTS = ["openai", "anthropic", "openai_responses"]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("provider", [*NATIVE, "b"])
@pytest.mark.parametrize("dialect", CLIENTS)
def test_a_request_is_found_by_both_ids_once_its_answer_is_read(
    house: Gateway, dialect: str, provider: str, stream: bool
) -> None:
    name = f"ok-5@{ref('gen')}"
    headers = {"x-sluicegate-user": "u-1", "x-sluicegate-run": ref("run")}
    got = ask(house, f"{provider}/{name}", dialect=dialect, stream=stream, headers=headers)
    assert got.status == 200, got.raw
    by_own = _data(house, _own_id(got))
    by_answer = _data(house, _id_of(got))
    assert by_answer["id"] == _id_of(got)
    assert {**by_answer, "id": ""} == {**by_own, "id": ""}
    assert sorted(set(REQUIRED) - set(by_own)) == []
    [row] = house.rows(got.ref)
    assert by_own["id"] == by_own["request_id"] == row["request_id"]
    assert (by_own["model"], by_own["provider_name"]) == (f"{provider}/{name}", provider)
    assert (by_own["tokens_prompt"], by_own["tokens_completion"]) == (row["input_tokens"], 5)
    assert by_own["native_tokens_completion"] == 5
    assert by_own["total_cost"] == by_own["usage"] == float(row["cost_usd"]) > 0
    assert by_own["streamed"] is stream
    assert by_own["cancelled"] is False
    assert by_own["finish_reason"] == "stop"
    assert by_own["created_at"] == row["time"]
    assert by_own["latency"] == row["latency_ms"]
    assert (by_own["external_user"], by_own["session_id"]) == ("u-1", row["run"])
    assert by_own["api_type"] == "completions"
    [response] = by_own["provider_responses"]
    assert (response["status"], response["provider_name"]) == (200, provider)


def test_au_05_another_tenants_request_is_as_if_it_were_not_there(house: Gateway) -> None:
    got = ask(house, f"u/ok-5@{ref('gen-au')}")
    for name in (_own_id(got), _id_of(got)):
        told = []
        for asked in (name, name.replace(name[-8:], "00000000")):
            answer = _get(house, asked, OTHER_KEY)
            told.append((answer.status_code, answer.json()["error"]["code"]))
            assert answer.json()["error"]["message"] == (
                f"this key has no request {asked!r} that is over"
            )
        assert told == [(404, "generation_not_found")] * 2
        assert _data(house, name, MATE)["request_id"] == _own_id(got), "the same team's"


def test_who_may_not_use_the_path_is_told_so(house: Gateway) -> None:
    got = ask(house, f"u/ok-5@{ref('gen-path')}")
    refused = _get(house, _own_id(got), NARROW)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "route_not_allowed")
    url = f"{house.url}/v1/generation?id={_own_id(got)}"
    assert httpx.get(url, timeout=10).status_code == 401
    assert httpx.post(url, timeout=10).status_code == 404


@pytest.mark.parametrize("query", ["", "?id=", "?id=a&id=b", "?id=%00", "?id=" + "x" * 3000])
def test_an_id_that_is_none_is_refused_or_not_found(house: Gateway, query: str) -> None:
    url = f"{house.url}/v1/generation{query}"
    got = httpx.get(url, headers={"authorization": f"Bearer {KEY}"}, timeout=10)
    assert got.status_code == (404 if "=%00" in query or "xxx" in query else 400), got.text


def test_each_attempt_of_a_failover_is_told(gateways: Start) -> None:
    name = f"ok-5@{ref('gen-fail')}"
    targets = [f"u/fault-500@{ref('gen-fail')}", f"a/{name}"]
    gateway = gateways(keys=KEYS, models={"both": {"targets": targets}})
    data = _data(gateway, _own_id(ask(gateway, "both")))
    assert [each["status"] for each in data["provider_responses"]][-1] == 200
    assert data["provider_responses"][0]["status"] == 500
    assert (data["provider_name"], data["router"]) == ("a", "both")


def test_a_refused_request_is_told_and_cost_nothing(house: Gateway) -> None:
    got = ask(house, "nobody/model")
    data = _data(house, _own_id(got))
    assert (data["model"], data["provider_name"]) == ("nobody/model", None)
    assert (data["total_cost"], data["tokens_completion"]) == (0, 0)
    assert data["provider_responses"] == []


def test_what_has_no_price_has_no_cost(gateways: Start, upstream: ScriptedUpstream) -> None:
    bare = {"dialect": "openai", "base_url": f"{upstream.url}/v1", "api_key": "none"}
    gateway = gateways(keys=KEYS, providers={"bare": bare})
    data = _data(gateway, _own_id(ask(gateway, f"bare/ok-5@{ref('gen-price')}")))
    assert (data["total_cost"], data["usage"]) == (None, None)


def test_a_request_that_runs_is_found_when_it_is_over(house: Gateway) -> None:
    name = f"u/ok-3+itl-700@{ref('gen-run')}"
    asked = Ask(name, stream=True)
    heads: list[str] = []
    done = threading.Event()

    def read() -> None:
        with httpx.stream(
            "POST",
            house.url + asked.path(),
            content=asked.content(),
            headers=asked.head(KEY),
            timeout=20,
        ) as answer:
            heads.append(answer.headers["x-sluicegate-request-id"])
            answer.read()
        done.set()

    thread = threading.Thread(target=read)
    thread.start()
    eventually(lambda: bool(heads))
    early = _get(house, heads[0])
    if not done.is_set():
        assert early.status_code == 404, early.text
    thread.join()
    assert _data(house, heads[0])["tokens_completion"] == 3


def test_it_is_found_after_a_crash(own_gateway: Start) -> None:
    gateway = own_gateway(keys=KEYS)
    got = ask(gateway, f"u/ok-5@{ref('gen-crash')}")
    gateway.kill()
    gateway.start()
    for name in (_own_id(got), _id_of(got)):
        assert _data(gateway, name)["total_cost"] > 0


def test_another_host_of_the_same_database_finds_it(own_gateway: Start, postgres: Server) -> None:
    shared = {"keys": KEYS, "store": postgres.database(), "master_key": "m" * 40}
    here, there = own_gateway(**shared), own_gateway(**shared)
    for stream in (False, True):
        got = ask(here, f"u/ok-5@{ref('gen-host')}", stream=stream)
        assert _data(there, _own_id(got))["tokens_completion"] == 5
        got = ask(here, f"u/ok-5@{ref('gen-host')}", stream=stream)
        assert _data(there, _id_of(got))["tokens_completion"] == 5


def test_a_store_that_is_away_is_a_503(own_gateway: Start) -> None:
    with Server() as server:
        gateway = own_gateway(keys=KEYS, store=server.database())
        got = ask(gateway, f"u/ok-5@{ref('gen-away')}")
        assert _data(gateway, _own_id(got))
        server.stop()
        answer = _get(gateway, _own_id(got))
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "store_unavailable")
        assert answer.headers["retry-after"]


def test_the_operator_sees_all_and_a_teams_administrator_its_own(house: Gateway) -> None:
    ours = ask(house, f"u/ok-5@{ref('gen-admin')}")
    theirs = run_asks(house.url, OTHER_KEY, [Ask(f"u/ok-5@{ref('gen-admin')}")])[0]
    made = house.admin(
        "POST", "/admin/v1/keys", {"name": ref("boss"), "team": "core", "role": "team_admin"}
    ).json()
    headers = {"authorization": f"Bearer {made['key']}"}
    for got, is_ours in ((ours, True), (theirs, False)):
        for name in (_own_id(got), _id_of(got)):
            path = f"/admin/v1/generation?id={name}"
            found = house.admin("GET", path)
            assert found.json()["data"]["request_id"] == _own_id(got), found.text
            answer = httpx.get(house.url + path, headers=headers, timeout=10)
            assert answer.status_code == (200 if is_ours else 404), answer.text


def test_look_ups_beside_each_other_are_all_answered(house: Gateway) -> None:
    got = ask(house, f"u/ok-5@{ref('gen-many')}")
    answers: list[int] = []
    names = [_own_id(got), _id_of(got), "chatcmpl-never-was"] * 8

    def look(name: str) -> None:
        answers.append(_get(house, name).status_code)

    threads = [threading.Thread(target=look, args=(name,)) for name in names]
    begun = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200] * 16 + [404] * 8
    assert time.monotonic() - begun < 15
    assert ask(house, f"u/ok-5@{ref('gen-many')}").status == 200


def test_a_stop_keeps_what_was_told(own_gateway: Start) -> None:
    gateway = own_gateway(keys=KEYS)
    got = ask(gateway, f"u/ok-5@{ref('gen-stop')}", stream=True)
    before = _data(gateway, _own_id(got))
    gateway.signal(signal.SIGTERM)
    assert gateway.process is not None
    gateway.process.wait(15)
    gateway.start()
    assert _data(gateway, _own_id(got)) == before
