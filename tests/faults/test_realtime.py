"""Realtime sessions: passed on as they are, each response held for, counted and paid by itself."""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from ..gateway import FRONT, KEY, UPSTREAM_KEYS, Gateway, Row
from ..upstream import ScriptedUpstream
from ..upstream.realtime import DELTAS, Session
from .checks import assert_free, assert_row, cost, eventually, openai_client, ref
from .conftest import Start

#: Dollars a token, so that one response is a good part of a budget.
DEAR = {"prices": {"u/*": {"input": 1000.0, "output": 2000.0}}}
ITEM = {
    "type": "conversation.item.create",
    "item": {
        "type": "message",
        "role": "user",
        "content": [{"type": "input_text", "text": "one two three"}],
    },
}
ASK = {"type": "response.create"}
SOUND = {"type": "input_audio_buffer.append", "audio": "AAAA"}


@contextmanager
def session(
    gateway: Gateway, model: str, name: str = "", *, key: str = KEY, **more: Any
) -> Iterator[ClientConnection]:
    """A session by a client that knows nothing but WebSockets."""
    headers = {"authorization": f"Bearer {key}"} | ({"x-request-id": name} if name else {})
    url = f"{gateway.url.replace('http', 'ws')}/v1/realtime?model={quote(model)}"
    headers |= more.pop("headers", {})
    with connect(url, additional_headers=headers, max_size=None, proxy=None, **more) as ws:
        yield ws


def say(ws: ClientConnection, *events: dict[str, Any]) -> None:
    """Sends events."""
    for event in events:
        ws.send(json.dumps(event))


def hear(ws: ClientConnection, *until: str) -> list[dict[str, Any]]:
    """Events up to the first of a type; all to the close where none is named."""
    events = []
    while not events or events[-1]["type"] not in until:
        try:
            said = ws.recv(timeout=10)
        except ConnectionClosed:
            if until:
                raise
            return events
        assert isinstance(said, str)
        events.append(json.loads(said))
    return events


def closed(ws: ClientConnection) -> tuple[int, str]:
    """How the gateway closed."""
    with suppress(ConnectionClosed):
        while True:
            ws.recv(timeout=10)
    assert ws.close_code is not None
    return ws.close_code, ws.close_reason or ""


def refused(gateway: Gateway, model: str, **more: Any) -> tuple[int, dict[str, Any]]:
    """Status and error of a handshake that is refused."""
    with pytest.raises(InvalidStatus) as told, session(gateway, model, **more):
        pass
    response = told.value.response
    error: dict[str, Any] = json.loads(response.body or b"{}").get("error", {})
    return response.status_code, error


def budget_of(name: str) -> dict[str, Any]:
    """A key with ten dollars, and with a name that no other test's key has."""
    return {"name": name, "key": KEY, "budget_usd": 10.0, "budget_period": "total"}


def upstream_session(upstream: ScriptedUpstream, model: str) -> Session:
    """The last session of a model, as the upstream saw it."""
    assert eventually(lambda: any(seen.model == model for seen in upstream.sessions))
    return [seen for seen in upstream.sessions if seen.model == model][-1]


def responses(gateway: Gateway, name: str, count: int = 1) -> list[Row]:
    """The rows of a session's responses, behind its own."""
    own, *rows = gateway.rows(name, count + 1)
    assert_row(own, operation="realtime", status=101, client_status=101, basis="none", cost_usd=0)
    assert {row["request_id"] for row in rows} == {own["request_id"]}
    assert len(rows) == count
    return rows


# the official SDK


@pytest.mark.filterwarnings("ignore:connect.. must be used:DeprecationWarning")
@pytest.mark.parametrize("part", ["rt", "rt-audio"])
def test_a_session_by_the_official_sdk_is_counted_response_by_response(
    gateways: Start, upstream: ScriptedUpstream, part: str
) -> None:
    prices = {"u/*": {"input_audio": 10.0, "output_audio": 20.0}}
    gateway, name = gateways(prices=prices), ref("spoken")
    model = f"{part}@{name}"
    kinds = []
    client = openai_client(gateway, name)
    with client.realtime.connect(model=f"u/{model}", extra_headers={"x-request-id": name}) as ws:
        ws.session.update(session={"type": "realtime", "instructions": "be brief"})
        for _ in range(2):
            ws.conversation.item.create(
                item={
                    "type": "message",
                    "role": "user",
                    "content": [{"type": "input_text", "text": "one two three"}],
                }
            )
            ws.response.create()
            for event in ws:
                kinds.append(event.type)
                if event.type == "response.done":
                    break
    kind = "response.output_audio.delta" if part == "rt-audio" else "response.output_text.delta"
    assert kinds.count(kind) == 2 * DELTAS
    seen = upstream_session(upstream, model)
    assert seen.headers["authorization"] == f"Bearer {UPSTREAM_KEYS['u']}"
    rows = responses(gateway, name, 2)
    for row, (_, told, said) in zip(rows, seen.usages, strict=True):
        is_audio = part == "rt-audio"
        usd = cost(told, said)
        if is_audio:
            # Of the input 2 are sound, one of them cached, and 2 of the text are cached.
            usd = (Decimal(told - 4) + 2 * Decimal("0.5") + 10 + Decimal("0.5")) / 10**6
            usd += (2 * Decimal(1) + 20 * Decimal(said - 1)) / 10**6
        assert_row(row, basis="reported", input_tokens=told, output_tokens=said, outcome="ok")
        assert_row(row, cached_input_tokens=3 if is_audio else 0)
        assert_row(row, audio_tokens=said + 1 if is_audio else 0)
        assert_row(row, cost_usd=usd)
    assert [row["attempt"] for row in rows] == [2, 3]


def test_a_browser_has_its_key_among_the_protocols(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    model = f"rt@{ref('browser')}"
    offered = ["realtime", f"openai-insecure-api-key.{KEY}", "openai-beta.realtime-v1"]
    url = f"{gateway.url.replace('http', 'ws')}/v1/realtime?model=u/{model}"
    with connect(url, subprotocols=[Subprotocol(each) for each in offered], proxy=None) as ws:
        assert ws.subprotocol == "realtime"
        hear(ws, "session.created")
    seen = upstream_session(upstream, model)
    assert seen.headers["openai-beta"] == "realtime=v1"
    assert "sec-websocket-protocol" not in seen.headers


@pytest.mark.skipif(FRONT != "native", reason="Granian's 101 has no headers of ours")
def test_the_head_says_who_answers(gateway: Gateway) -> None:
    model = f"rt@{ref('head')}"
    with session(gateway, f"u/{model}") as ws:
        assert ws.response is not None
        headers = ws.response.headers
        assert headers["x-sluicegate-provider"] == "u"
        assert headers["x-sluicegate-model"] == model
        assert headers["x-sluicegate-request-id"]
        assert headers["openai-processing-ms"] == "7"


@pytest.mark.parametrize(
    ("provider", "path"),
    [
        ({"api_version": "2024-10-21"}, "/openai/realtime?api-version=2024-10-21&deployment="),
        ({"api_version": None}, "/openai/v1/realtime?model="),
    ],
    ids=["deployments", "v1"],
)
def test_azure_has_a_path_of_its_own(
    gateways: Start, upstream: ScriptedUpstream, provider: dict[str, Any], path: str
) -> None:
    base = upstream.url if provider["api_version"] else f"{upstream.url}/openai/v1"
    gateway = gateways(providers={"z": {**provider, "base_url": base}})
    model = f"rt@{ref('azure')}"
    with session(gateway, f"z/{model}") as ws:
        hear(ws, "session.created")
    seen = upstream_session(upstream, model)
    assert seen.path.startswith(path)
    assert seen.headers["api-key"] == UPSTREAM_KEYS["z"]


# before the upgrade


@pytest.mark.parametrize(
    ("model", "more", "status", "code"),
    [
        ("u/rt", {"key": "not-a-key-of-anybody-here"}, 401, "invalid_api_key"),
        ("nobody", {}, 404, "model_not_found"),
        ("", {}, 400, "invalid_request"),
        ("a/rt", {}, 400, "unsupported_field"),
        ("dead/rt", {}, 502, "upstream_connect_error"),
        ("u/rt-refuse-401", {}, 502, "upstream_credential"),
        ("u/rt-refuse-429", {}, 429, "upstream_rate_limit"),
        ("u/rt-refuse-500", {}, 502, "upstream_server_error"),
        ("u/rt-odd", {}, 502, "upstream_bad_head"),
    ],
)
def test_a_refusal_is_an_answer_over_http(
    gateway: Gateway, model: str, more: dict[str, Any], status: int, code: str
) -> None:
    told, error = refused(gateway, f"{model}@{ref('no')}" if "/" in model else model, **more)
    assert (told, error.get("code")) == (status, code)
    assert set(error) >= {"message", "type", "param", "code", "origin", "request_id"}


def test_a_key_may_be_kept_from_it(gateways: Start) -> None:
    gateway = gateways(
        keys=[
            {"name": "one", "key": KEY},
            {"name": "few", "key": "sluicegate-test-key-few", "models": ["u/rt@few"]},
            {"name": "chat", "key": "sluicegate-test-key-chat", "routes": ["/v1/chat/completions"]},
        ]
    )
    status, error = refused(gateway, "u/rt@other", key="sluicegate-test-key-few")
    assert (status, error["code"]) == (403, "model_not_allowed")
    status, error = refused(gateway, "u/rt@few", key="sluicegate-test-key-chat")
    assert (status, error["code"]) == (403, "route_not_allowed")
    with session(gateway, "u/rt@few", key="sluicegate-test-key-few") as ws:
        hear(ws, "session.created")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/realtime?model=u/rt", 426, "upgrade_required"),
        ("POST", "/v1/realtime?model=u/rt", 404, "unknown_route"),
        ("POST", "/v1/realtime/client_secrets", 403, "session_elsewhere"),
        ("POST", "/v1/realtime/sessions", 403, "session_elsewhere"),
        ("POST", "/passthrough/u/v1/realtime/client_secrets", 403, "session_elsewhere"),
        ("POST", "/passthrough/u/realtime%2Fcalls", 403, "session_elsewhere"),
    ],
)
def test_what_is_no_session(
    gateway: Gateway, method: str, path: str, status: int, code: str
) -> None:
    headers = {"authorization": f"Bearer {KEY}"}
    got = httpx.request(method, gateway.url + path, headers=headers)
    assert (got.status_code, got.json()["error"]["code"]) == (status, code)


def test_codex_is_sent_to_http_at_once(gateway: Gateway) -> None:
    url = f"{gateway.url.replace('http', 'ws')}/v1/responses"
    headers = {"authorization": f"Bearer {KEY}"}
    with pytest.raises(InvalidStatus) as told, connect(url, additional_headers=headers, proxy=None):
        pass
    assert told.value.response.status_code == 426


def test_another_target_is_tried_while_nothing_is_open(
    gateways: Start, upstream: ScriptedUpstream
) -> None:
    name = ref("next")
    targets = [f"u/rt-refuse-500@{name}", f"u/rt@{name}"]
    gateway = gateways(models={name: {"strategy": "fallback", "targets": targets}})
    with session(gateway, name, name) as ws:
        say(ws, {"type": "session.update", "session": {"model": name}}, ASK)
        hear(ws, "response.done")
    *failed, own, response = gateway.rows(name, 4)
    assert len(failed) == 2, "once more, as after any 500"
    for row in failed:
        assert_free(row)
        assert_row(row, error_code="upstream_status", client_status=101, status=500)
    assert_row(own, outcome="ok", attempt=3, basis="none")
    assert_row(response, outcome="ok", basis="reported", attempt=4)
    seen = upstream_session(upstream, f"rt@{name}")
    assert seen.heard[0]["session"]["model"] == f"rt@{name}", "its name there"


# limits


def test_a_session_is_one_of_the_parallel_requests(gateways: Start) -> None:
    gateway = gateways(keys=[{"name": "one", "key": KEY, "max_parallel": 1}])
    with session(gateway, f"u/rt@{ref('parallel')}") as ws:
        say(ws, ASK)
        hear(ws, "response.done")
        status, error = refused(gateway, f"u/rt@{ref('parallel')}")
        assert (status, error["code"]) == (429, "too_many_parallel_requests")
    deadline = time.monotonic() + 5
    while True:
        try:
            with session(gateway, f"u/rt@{ref('parallel')}"):
                return
        except InvalidStatus:
            assert time.monotonic() < deadline, "its place came back"
            time.sleep(0.02)


def test_a_response_counts_as_a_request(gateways: Start) -> None:
    name = ref("rpm")
    gateway = gateways(keys=[{"name": "one", "key": KEY, "rpm": 2}])
    with session(gateway, f"u/rt@{name}", name) as ws:
        say(ws, ASK)
        hear(ws, "response.done")
        say(ws, {**ASK, "event_id": "mine"})
        error = hear(ws, "error")[-1]["error"]
        assert (error["code"], error["event_id"]) == ("rate_limit_exceeded", "mine")
        assert (error["type"], error["origin"]) == ("rate_limit_error", "gateway")
        say(ws, ITEM)
        hear(ws, "conversation.item.added")
    responses(gateway, name)


def test_a_budget_that_is_used_up_ends_the_session(
    gateways: Start, upstream: ScriptedUpstream
) -> None:
    name = ref("budget")
    gateway = gateways(keys=[budget_of(name)], **DEAR)
    long = json.loads(json.dumps(ITEM))
    long["item"]["content"][0]["text"] = "word " * 900
    with session(gateway, f"u/rt@{name}", name) as ws:
        say(ws, {"type": "session.update", "session": {"max_output_tokens": 10}})
        say(ws, long, ASK)
        hear(ws, "response.done")
        say(ws, {"type": "session.update", "session": {"max_output_tokens": "inf"}}, ASK)
        error = hear(ws, "error")[-1]["error"]
        assert (error["code"], error["type"]) == ("budget_exceeded", "insufficient_quota")
        assert closed(ws) == (1008, "budget_exceeded")
    [row] = responses(gateway, name)
    [(_, told, said)] = upstream_session(upstream, f"rt@{name}").usages
    assert_row(row, input_tokens=told, output_tokens=said, cost_usd=1000 * cost(told, said))
    assert upstream_session(upstream, f"rt@{name}").kinds().count("response.create") == 1
    own = gateway.rows(name)[0]
    assert_row(own, outcome="error", error_code="budget_exceeded")


def test_no_session_begins_that_could_not_pay_for_a_response(gateways: Start) -> None:
    key = {"name": "one", "key": KEY, "budget_usd": 1.0, "budget_period": "total"}
    status, error = refused(gateways(keys=[key], **DEAR), f"u/rt@{ref('poor')}")
    assert (status, error["code"]) == (402, "budget_exceeded")


def test_what_the_upstream_begins_by_itself_is_held_and_counted(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    name = ref("vad")
    with session(gateway, f"u/rt-vad@{name}", name) as ws:
        say(ws, SOUND)
        hear(ws, "response.done")
    [row] = responses(gateway, name)
    [(_, told, said)] = upstream_session(upstream, f"rt-vad@{name}").usages
    assert_row(row, input_tokens=told, output_tokens=said, basis="reported")


def test_what_the_upstream_begins_and_nobody_can_pay_is_cancelled(
    gateways: Start, upstream: ScriptedUpstream
) -> None:
    name = ref("vad-poor")
    gateway = gateways(keys=[budget_of(name)], **DEAR)
    model = f"rt-vad+rt-slow@{name}"
    with session(gateway, f"u/{model}", name) as ws:
        long = {**ITEM, "item": {"type": "message", "content": [{"text": "word " * 800}]}}
        say(ws, long, SOUND)
        error = hear(ws, "error")[-1]["error"]
        assert error["code"] == "budget_exceeded"
        assert closed(ws) == (1008, "budget_exceeded")
    seen = upstream_session(upstream, model)
    assert "response.cancel" in seen.kinds()
    [row] = responses(gateway, name)
    [(_, told, said)] = seen.usages
    assert said < DELTAS, "it was stopped"
    assert_row(row, outcome="cancelled", basis="reported", cost_usd=1000 * cost(told, said))


def test_a_key_that_is_revoked_has_no_further_response(own_gateway: Start) -> None:
    gateway = own_gateway()
    made = gateway.admin("POST", "/admin/v1/keys", {"name": "guest"})
    key, key_id = made.json()["key"], made.json()["record"]["id"]
    assert eventually(lambda: _is_known(gateway, key), 5)
    with session(gateway, f"u/rt@{ref('revoked')}", key=key) as ws:
        say(ws, ASK)
        hear(ws, "response.done")
        assert gateway.admin("DELETE", f"/admin/v1/keys/{key_id}").status_code < 300
        deadline = time.monotonic() + 5
        while True:
            say(ws, ASK)
            if hear(ws, "response.done", "error")[-1]["type"] == "error":
                break
            assert time.monotonic() < deadline
        assert closed(ws) == (1008, "invalid_api_key")


def _is_known(gateway: Gateway, key: str) -> bool:
    headers = {"authorization": f"Bearer {key}"}
    return httpx.get(f"{gateway.url}/v1/models", headers=headers).status_code == 200


def test_the_model_is_that_of_the_url(gateway: Gateway) -> None:
    with session(gateway, f"u/rt@{ref('other')}") as ws:
        say(ws, {"type": "session.update", "session": {"model": "gpt-dear"}})
        error = hear(ws, "error")[-1]["error"]
        assert (error["code"], error["param"]) == ("invalid_request", "session.model")


def test_who_writes_down_what_is_heard_is_paid_too(gateways: Start) -> None:
    name = ref("written")
    key = {"name": "one", "key": KEY, "models": [f"u/rt-vad+rt-written@{name}", "u/scribe"]}
    prices = {"u/scribe": {"input": 3.0, "output": 5.0}}
    gateway = gateways(keys=[key], prices=prices)

    def written_by(model: str) -> dict[str, Any]:
        audio = {"input": {"transcription": {"model": model}}}
        return {"type": "session.update", "session": {"type": "realtime", "audio": audio}}

    with session(gateway, f"u/rt-vad+rt-written@{name}", name) as ws:
        say(ws, written_by("other"))
        assert hear(ws, "error")[-1]["error"]["code"] == "model_not_allowed"
        say(ws, written_by("scribe"), SOUND)
        hear(ws, "response.done")
    rows = responses(gateway, name, 2)
    [scribe] = [row for row in rows if row["routed_model"] == "scribe"]
    assert_row(scribe, input_tokens=6, output_tokens=2, audio_tokens=6, cost_usd="0.000028")


# faults


@pytest.mark.parametrize("at", range(1, 9))
def test_an_upstream_that_is_cut_at_an_event(
    gateway: Gateway, upstream: ScriptedUpstream, at: int
) -> None:
    name = ref(f"cut-{at}")
    with session(gateway, f"u/rt-cut-{at}@{name}", name) as ws:
        if at > 1:
            say(ws, ITEM, ASK)
        events = hear(ws)
        assert events[-1]["type"] == "error"
        assert events[-1]["error"]["code"] == "upstream_truncated"
        assert (events[-1]["error"]["origin"], ws.close_code) == ("upstream", 1011)
    own, *rows = gateway.rows(name, 1 if at < 3 else 2)
    assert_row(own, outcome="error", error_code="upstream_truncated", basis="none")
    came = sum(event["type"] == "response.output_text.delta" for event in events)
    for row in rows:
        assert_row(row, outcome="error", error_code="upstream_truncated")
        if came:
            assert_row(row, basis="estimated")
            assert row["output_tokens"] == 2 * came, " word0 and its like are two tokens"
        else:
            assert_free(row)


def test_an_upstream_that_closes_says_why_to_the_client(gateway: Gateway) -> None:
    with session(gateway, f"u/rt-close-2@{ref('closes')}") as ws:
        say(ws, ITEM)
        assert closed(ws) == (4007, "as the test wants")


def test_a_clients_close_reaches_the_upstream(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    model = f"rt@{ref('bye')}"
    with session(gateway, f"u/{model}") as ws:
        hear(ws, "session.created")
        ws.close(4001, "enough")
    seen = upstream_session(upstream, model)
    assert eventually(lambda: seen.is_over)
    assert seen.closed == 4001


def test_a_client_that_breaks_off_ends_its_response(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    name = ref("gone")
    model = f"rt-slow@{name}"
    with session(gateway, f"u/{model}", name) as ws:
        say(ws, ITEM, ASK)
        hear(ws, "response.output_text.delta")
        linger = struct.pack("ii", 1, 0)
        ws.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        left = time.monotonic()
        ws.socket.close()
        seen = upstream_session(upstream, model)
        assert eventually(lambda: seen.is_over)
    assert seen.ended is not None
    assert seen.ended - left < 1.0
    [row] = responses(gateway, name)
    [(_, told, said)] = seen.usages
    assert_row(row, outcome="cancelled", input_tokens=told, output_tokens=said, basis="reported")


def test_an_error_of_the_upstreams_gives_back_what_was_held(gateways: Start) -> None:
    name = ref("error")
    gateway = gateways(keys=[budget_of(name)], **DEAR)
    with session(gateway, f"u/rt-error@{name}", name) as ws:
        for number in range(3):  # two of them would not fit beside each other
            say(ws, {**ASK, "event_id": f"e{number}"})
            error = hear(ws, "error")[-1]["error"]
            assert (error["event_id"], error["message"]) == (f"e{number}", "as the test wants it")
    for row in responses(gateway, name, 3):
        assert_free(row)


def test_a_response_that_reports_nothing_is_counted(gateway: Gateway) -> None:
    name = ref("mute")
    with session(gateway, f"u/rt-mute@{name}", name) as ws:
        say(ws, ASK)
        hear(ws, "response.done")
    [row] = responses(gateway, name)
    assert_row(row, basis="estimated", output_tokens=2 * DELTAS, outcome="ok")


def test_an_event_that_is_too_large_ends_the_session(gateways: Start) -> None:
    gateway = gateways(max_event_bytes="1MiB")
    with session(gateway, f"u/rt-giant-2@{ref('giant')}") as ws:
        say(ws, ASK)
        events = hear(ws)
        assert events[-1]["error"]["code"] == "upstream_answer_too_large"
        assert ws.close_code == 1011


def test_a_message_that_is_too_large_ends_the_session(gateways: Start) -> None:
    gateway = gateways(server={"max_body_bytes": "1MiB"})
    with session(gateway, f"u/rt@{ref('large')}") as ws:
        hear(ws, "session.created")
        ws.send("x" * (2 << 20))
        assert closed(ws)[0] == 1009


@pytest.mark.parametrize(
    "text", ["no JSON", "[]", '{"type":"noop","type":"response.create"}'], ids=["", "list", "twice"]
)
def test_what_cannot_be_read_is_refused_and_goes_no_further(
    gateway: Gateway, upstream: ScriptedUpstream, text: str
) -> None:
    model = f"rt@{ref('unread')}"
    with session(gateway, f"u/{model}") as ws:
        ws.send(text)
        assert hear(ws, "error")[-1]["error"]["code"] == "invalid_request"
        say(ws, ITEM)
        hear(ws, "conversation.item.added")
    assert upstream_session(upstream, model).kinds() == ["conversation.item.create"]


def test_bytes_pass_as_they_are(gateway: Gateway) -> None:
    with session(gateway, f"u/rt@{ref('bytes')}") as ws:
        hear(ws, "session.created")
        for size in (1, 125, 126, 65_535, 65_536, 1 << 20):
            data = b"\xff" + os.urandom(size - 1)  # no event begins so
            ws.send(data)
            assert ws.recv(timeout=10) == data[::-1]


def test_a_silent_session_ends(gateways: Start, upstream: ScriptedUpstream) -> None:
    gateway, model = gateways(timeouts={"session_idle_s": 0.5}), f"rt@{ref('idle')}"
    with session(gateway, f"u/{model}") as ws:
        assert hear(ws)[-1]["error"]["code"] == "session_idle"
        assert ws.close_code == 1001
    assert eventually(lambda: upstream_session(upstream, model).is_over)


def test_a_session_lasts_as_long_as_it_may(gateways: Start) -> None:
    with session(gateways(timeouts={"session_s": 0.5}), f"u/rt@{ref('total')}") as ws:
        for _ in range(20):
            try:
                say(ws, ITEM)
            except ConnectionClosed:
                break
            time.sleep(0.1)
        assert hear(ws)[-1]["error"]["code"] == "session_expired"
        assert ws.close_code == 1001


def test_a_response_that_stalls_is_settled_when_its_client_has_enough(gateway: Gateway) -> None:
    name = ref("stall")
    with session(gateway, f"u/rt-stall-5@{name}", name) as ws:
        say(ws, ITEM, ASK)
        hear(ws, "response.output_text.delta")
    [row] = responses(gateway, name)
    assert_row(row, outcome="cancelled", basis="estimated")


def test_a_slow_reader_holds_the_upstream_back(own_gateway: Start) -> None:
    gateway = own_gateway()
    with session(gateway, f"u/rt-mute@{ref('warm')}") as ws:
        say(ws, ASK)
        hear(ws, "response.done")
    # Its vocabulary is loaded beside the session, and is megabytes itself.
    assert eventually(lambda: is_steady(gateway), 20)
    before = gateway.reset_peak()
    count, kib = 4, 16 * 1024
    name = ref("slow")
    with connections(gateway, [f"u/rt-flood-{kib}@{name}-{at}" for at in range(count)]) as all_:
        for sock in all_:
            sock.sendall(masked(json.dumps(ASK).encode()))
        time.sleep(3)
        grown = gateway.peak_rss_bytes() - before
        assert grown < count * 4 * 1024 * 1024, f"{grown >> 20} MiB for {count * kib >> 10} MiB"


def is_steady(gateway: Gateway) -> bool:
    """Whether its memory stays what it is for a while."""
    before = gateway.rss_bytes()
    time.sleep(0.5)
    return abs(gateway.rss_bytes() - before) < 64 * 1024


def masked(data: bytes) -> bytes:
    """A client's text frame."""
    return struct.pack("!BBI", 0x81, 0x80 | len(data), 0) + data


@contextmanager
def connections(gateway: Gateway, models: list[str]) -> Iterator[list[socket.socket]]:
    """Sessions whose clients never read."""
    out = []
    for model in models:
        sock = socket.create_connection(("127.0.0.1", gateway.port))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.sendall(
            f"GET /v1/realtime?model={quote(model)} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
            f"Upgrade: websocket\r\nAuthorization: Bearer {KEY}\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        assert b" 101 " in sock.recv(64)
        out.append(sock)
    try:
        yield out
    finally:
        for sock in out:
            sock.close()


# the gateway's own end


def test_a_drain_lets_a_response_end_and_then_closes(own_gateway: Start) -> None:
    gateway, name = own_gateway(server={"drain_s": 2}), ref("drain")
    with session(gateway, f"u/rt-slow@{name}", name) as ws:
        say(ws, ASK)
        hear(ws, "response.created")
        gateway.signal(signal.SIGTERM)
        assert hear(ws, "response.done")
        events = hear(ws)
        assert events[-1]["error"]["code"] == "gateway_shutdown"
        assert ws.close_code == 1001
    assert gateway.process is not None
    assert gateway.process.wait(15) == 0
    [row] = responses(gateway, name)
    assert_row(row, outcome="ok", basis="reported")


def test_a_crash_charges_what_was_held_and_leaves_nothing_held(own_gateway: Start) -> None:
    gateway, name = own_gateway(keys=[budget_of("crash")], **DEAR), ref("crash")
    with session(gateway, f"u/rt-stall-5@{name}", name) as ws:
        say(ws, {"type": "session.update", "session": {"max_output_tokens": 10}}, ASK)
        hear(ws, "response.output_text.delta")
        gateway.kill()
    gateway.start()
    assert eventually(lambda: len([r for r in gateway.ledger() if r["client_ref"] == name]) == 2)
    own, row = sorted(
        (row for row in gateway.ledger() if row["client_ref"] == name), key=lambda r: r["attempt"]
    )
    assert_row(own, outcome="unknown", input_tokens=0, output_tokens=0, cost_usd=0)
    assert_row(row, outcome="unknown", basis="estimated", output_tokens=10)
    with session(gateway, f"u/rt@{ref('after')}") as ws:
        say(ws, {"type": "session.update", "session": {"max_output_tokens": 10}}, ASK)
        hear(ws, "response.done")
