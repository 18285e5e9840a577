"""`/passthrough/{provider}/...`: a provider's own paths as they are, under the same rules as all."""

from __future__ import annotations

import gzip
import json
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import anthropic
import httpx
import openai
import pytest
from google import genai

from ..gateway import KEY, OTHER_KEY, UPSTREAM_KEYS, Gateway, Row
from ..rawclient import RawClient
from ..upstream import ScriptedUpstream
from ..upstream.operations import PIECE, SAID
from .checks import assert_row, cost, eventually, ref
from .conftest import Start
from .test_bedrock import signature

PROVIDERS = ["u", "a", "g", "r", "c", "o"]
BEFORE_MISSING = "previous_response_not_found"


def _send(
    gateway: Gateway,
    path: str,
    method: str = "POST",
    headers: dict[str, str] | None = None,
    **more: Any,
) -> httpx.Response:
    own = {"authorization": f"Bearer {KEY}"} | (headers or {})
    return httpx.request(method, f"{gateway.url}/passthrough/{path}", headers=own, **more)


def _row(gateway: Gateway, name: str) -> Row:
    [row] = gateway.rows(name)
    return row


def _echoed(answer: httpx.Response) -> tuple[dict[str, Any], dict[str, str]]:
    assert answer.status_code == 200, answer.text
    said = answer.json()
    return said, dict(said["headers"])


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_any_method_path_and_query_of_a_provider(gateway: Gateway, method: str) -> None:
    answer = _send(gateway, "u/v1/echo/a%2Fb/c%20d?x=1&y=%26", method)
    said, _ = _echoed(answer)
    assert (said["method"], said["path"]) == (method, "/v1/echo/a%2Fb/c%20d?x=1&y=%26")


def test_a_head_has_a_head_alone(gateway: Gateway) -> None:
    answer = _send(gateway, "u/v1/echo/x", "HEAD")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["x-vendor"] == "told"


@pytest.mark.parametrize("path", ["u/v1/echo/x", "u/echo/x", "a/v1/echo/x"])
def test_the_base_url_stands_in_the_path_once(gateway: Gateway, path: str) -> None:
    said, _ = _echoed(_send(gateway, path))
    assert said["path"] == "/v1/echo/x"


@pytest.mark.parametrize("place", ["authorization", "x-api-key", "x-goog-api-key"])
@pytest.mark.parametrize("provider", ["u", "a"])
def test_au_11_the_credential_is_the_providers_own(
    gateway: Gateway, place: str, provider: str
) -> None:
    headers = {place: f"Bearer {KEY}" if place == "authorization" else KEY}
    url = f"{gateway.url}/passthrough/{provider}/v1/echo/x"
    said, got = _echoed(httpx.get(url, headers=headers))
    names = {name for name, value in got.items() if UPSTREAM_KEYS[provider] in value}
    assert names == {"authorization" if provider == "u" else "x-api-key"}
    assert KEY not in json.dumps(said)


def test_au_11_a_key_in_the_query_is_exchanged_where_google_has_it(gateway: Gateway) -> None:
    url = f"{gateway.url}/passthrough/g/v1beta/echo/x?key={KEY}&page=2"
    said, got = _echoed(httpx.get(url))
    assert got["x-goog-api-key"] == UPSTREAM_KEYS["g"]
    assert said["path"] == "/v1beta/echo/x?page=2"
    assert KEY not in json.dumps(said)


def test_headers_pass_but_for_hops_and_what_is_ours(gateway: Gateway) -> None:
    headers = {
        "accept": "application/x-thing",
        "anthropic-beta": "b1",
        "connection": "x-hop, close",
        "content-type": "text/plain; charset=x",
        "cookie": "LEAK=1",
        "openai-organization": "LEAK",
        "range": "bytes=0-1",
        "te": "trailers",
        "x-forwarded-for": "LEAK",
        "x-hop": "LEAK",
        "x-request-id": ref("passes"),
        "x-sluicegate-user": "LEAK",
        "x-vendor-thing": "1",
    }
    answer = _send(gateway, "u/v1/echo/x", headers=headers, content=b"\x00\xff")
    said, got = _echoed(answer)
    assert said["body"] == "\x00\xff"
    kept = {name: got.get(name) for name in headers if name in got and name != "connection"}
    assert kept.pop("x-request-id") == answer.headers["x-sluicegate-request-id"]
    assert kept == {
        name: headers[name]
        for name in ("accept", "anthropic-beta", "content-type", "range", "x-vendor-thing")
    }
    assert "LEAK" not in json.dumps(said)
    assert answer.headers["x-vendor"] == "told"
    assert "LEAK" not in str(answer.headers)


@pytest.mark.parametrize(
    "path",
    [
        "u/../admin",
        "u/v1/%2e%2e/%2e%2e/x",
        "u/v1/..%2fx",
        "u/v1/%252e%252e/x",
        "u/..;a/x",
        "u/..%5cx",
        "u//127.0.0.1/x",
        "u/x%0d%0ahost:x",
    ],
)
def test_au_07_no_path_leaves_the_base_url(
    gateway: Gateway, upstream: ScriptedUpstream, path: str
) -> None:
    log = upstream.log
    before = (len(log.others), len(log.unrouted), len(upstream.requests))
    lines = [
        f"GET /passthrough/{path} HTTP/1.1",
        "host: x",
        f"authorization: Bearer {KEY}",
        "connection: close",
    ]
    with RawClient(gateway.url) as client:
        client.send(("\r\n".join(lines) + "\r\n\r\n").encode())
        answer = client.rest()
    assert answer.split(b" ", 2)[1] in {b"400", b"404"}, answer
    assert (len(log.others), len(log.unrouted), len(upstream.requests)) == before


def test_au_01_every_method_wants_a_key(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    before = len(upstream.log.others)
    for method in ("GET", "POST", "DELETE", "OPTIONS"):
        url = f"{gateway.url}/passthrough/u/v1/echo/x"
        for headers in ({}, {"authorization": "Bearer wrong-key-of-nobody"}):
            assert httpx.request(method, url, headers=headers).status_code == 401
    assert len(upstream.log.others) == before


@pytest.mark.parametrize(
    ("limits", "path", "status", "code"),
    [
        ({"providers": ["u"]}, "u/v1/echo/x", 200, ""),
        ({"providers": ["a"]}, "u/v1/echo/x", 403, "model_not_allowed"),
        ({"models": ["u/*"]}, "u/v1/echo/x", 200, ""),
        ({"models": ["u/ok"]}, "u/v1/echo/x", 403, "model_not_allowed"),
        ({"routes": ["/v1/*"]}, "u/v1/echo/x", 403, "route_not_allowed"),
        ({"routes": ["/passthrough/*"]}, "u/v1/echo/x", 200, ""),
        ({}, "nobody/v1/echo/x", 404, "provider_not_found"),
    ],
)
def test_a_key_reaches_what_it_may(
    own_gateway: Start, limits: dict[str, Any], path: str, status: int, code: str
) -> None:
    gateway = own_gateway(keys=[{"name": "one", "key": KEY} | limits])
    answer = _send(gateway, path)
    assert answer.status_code == status, answer.text
    if code:
        assert answer.json()["error"]["code"] == code


def test_models_are_those_of_the_key_whatever_the_path_calls_them(own_gateway: Start) -> None:
    gateway = own_gateway(keys=[{"name": "one", "key": KEY, "models": ["u/ok-1"]}])
    body = {"messages": [{"role": "user", "content": "x"}]}
    for model, status in (("ok-1", 200), ("ok-2", 403)):
        answer = _send(gateway, "u/v1/chat/completions", json=body | {"model": model})
        assert answer.status_code == status


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("u/v1/chat/completions", b'{"model":"ok-1","model":"ok-9"}'),
        ("u/v1/chat/completions", b'{"model":"ok-1","Model":"ok-9"}'),
        ("u/v1/chat/completions", '{"model":"ok-9"}'.encode("utf-16")),
        ("u/v1/chat/completions", gzip.compress(b'{"model":"ok-9"}')),
        ("u/v1/anything/else", b'{"model":"ok-1","model":"ok-9"}'),
        ("u/v1/anything/else", b'{"stream":"s","model":"ok-1","MODEL":"ok-9"}'),
    ],
    ids=["twice", "by case", "UTF-16", "gzip", "elsewhere", "elsewhere by case"],
)
def test_au_08_no_body_has_another_model_for_its_provider_than_for_us(
    gateway: Gateway, upstream: ScriptedUpstream, path: str, body: bytes
) -> None:
    log = upstream.log
    before = (len(log.others), len(log.unrouted), len(upstream.requests))
    answer = _send(gateway, path, method="POST", content=body)
    assert answer.status_code == 400, answer.text
    assert (len(log.others), len(log.unrouted), len(upstream.requests)) == before


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("provider", PROVIDERS)
def test_known_paths_are_metered_as_ever(gateway: Gateway, provider: str, stream: bool) -> None:
    """Byte for byte what the upstream says, and its usage in the ledger."""
    name = ref("metered")
    model = f"ok-5@{name}"
    path, body = _own(provider, model, stream)
    answer = _send(gateway, path, headers={"x-request-id": name}, json=body)
    assert answer.status_code == 200, answer.text
    row = _row(gateway, name)
    assert_row(
        row,
        operation="passthrough",
        provider=provider,
        requested_model=f"{provider}/{model}",
        routed_model=model,
        status=200,
        client_status=200,
        outcome="ok",
        stream=stream,
        output_tokens=5,
        counted_output_tokens=row["counted_output_tokens"],
        cost_usd=cost(row["input_tokens"], 5),
    )
    assert row["input_tokens"] > 0
    if not stream:
        assert answer.headers["x-sluicegate-cost-usd"] == row["cost_usd"]


def _own(provider: str, model: str, stream: bool) -> tuple[str, dict[str, Any]]:
    said = [{"role": "user", "content": "one two three"}]
    streams: dict[str, Any] = {"stream": True} if stream else {}
    match provider:
        case "u":
            usage = {"stream_options": {"include_usage": True}} if stream else {}
            return "u/v1/chat/completions", {"model": model, "messages": said} | streams | usage
        case "a":
            return "a/v1/messages", {"model": model, "messages": said, "max_tokens": 9} | streams
        case "c":
            return "c/v2/chat", {"model": model, "messages": said} | streams
        case "o":  # it streams unless it is told not to
            return "o/api/chat", {"model": model, "messages": said, "stream": stream}
        case "r":
            return "r/v1/responses", {"model": model, "input": "one two three"} | streams
        case "b":
            turns = [{"role": "user", "content": [{"text": "one two three"}]}]
            verb = "converse-stream" if stream else "converse"
            return f"b/model/{quote(model, safe='')}/{verb}", {"messages": turns}
        case "i":
            verb = "invoke-with-response-stream" if stream else "invoke"
            claude = quote(f"{model}-anthropic.claude", safe="")
            told = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9, "messages": said}
            return f"i/model/{claude}/{verb}", told
    verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
    parts = [{"parts": [{"text": "one two three"}]}]
    return f"g/v1beta/models/{model}:{verb}", {"contents": parts}


def test_br_09_a_stream_that_reports_nothing_is_counted(gateway: Gateway) -> None:
    """Nobody escapes a budget by not asking for usage."""
    name = ref("uncounted")
    _, body = _own("u", f"ok-20@{name}", stream=True)
    del body["stream_options"]
    answer = _send(gateway, "u/v1/chat/completions", headers={"x-request-id": name}, json=body)
    assert b'"usage":{' not in answer.content
    row = _row(gateway, name)
    assert_row(row, basis="counted", outcome="ok", output_tokens=row["counted_output_tokens"])
    assert row["output_tokens"] >= 20


@pytest.mark.parametrize("vendor", sorted(set(SAID) - {"nothing"}))
def test_usage_is_found_whatever_the_vendor_calls_it(gateway: Gateway, vendor: str) -> None:
    name = ref(vendor)
    headers = {"x-request-id": name}
    answer = _send(gateway, f"u/v1/said/{vendor}", headers=headers, json={"model": "m"})
    assert answer.status_code == 200
    row = _row(gateway, name)
    assert_row(row, basis="reported", input_tokens=9, output_tokens=4, cost_usd=cost(9, 4))


def test_vectors_cost_what_is_read_for_them(gateway: Gateway) -> None:
    name = ref("vectors")
    body = {"model": "m", "input": "one two three"}
    _send(gateway, "u/v1/embeddings", headers={"x-request-id": name}, json=body)
    row = _row(gateway, name)
    assert_row(row, basis="reported", input_tokens=3, output_tokens=0, cost_usd=cost(3, 0))


@pytest.mark.parametrize(
    ("model", "method", "basis", "is_unpriced"),
    [
        ("", "POST", "none", True),
        ("m", "POST", "estimated", False),
        ("", "GET", "none", False),
    ],
    ids=["no model", "a priced model", "a look"],
)
def test_what_reports_nothing(
    gateway: Gateway, model: str, method: str, basis: str, is_unpriced: bool
) -> None:
    """Of no model it is unpriced, of a priced one what was held; a look costs nothing."""
    name = ref("nothing")
    body = {"json": {"model": model} if model else {"x": 1}} if method == "POST" else {}
    _send(gateway, "u/v1/said/nothing", method, {"x-request-id": name}, **body)
    row = _row(gateway, name)
    assert_row(row, basis=basis, outcome="ok")
    if is_unpriced:
        assert (row["price_version"], row.get("cost_usd") or "") == ("unpriced", "")
    else:
        assert (float(row["cost_usd"]) > 0) is bool(model)


def test_a_budget_refuses_what_cannot_be_priced(
    own_gateway: Start, upstream: ScriptedUpstream
) -> None:
    gateway = own_gateway(keys=[{"name": "one", "key": KEY, "budget_usd": "1"}])
    before = len(upstream.log.others)
    refused = _send(gateway, "u/v1/echo/x", content=b"--form")
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "unpriced_model")
    assert len(upstream.log.others) == before
    assert _send(gateway, "u/v1/echo/x", "GET").status_code == 200


def test_br_09_what_is_not_cut_is_held_whole(own_gateway: Start) -> None:
    """Chat begins with what is left and ends with it; what passes as it is needs all of it."""
    gateway = own_gateway(keys=[{"name": "one", "key": KEY, "budget_usd": "0.004"}])
    path = "/passthrough/u/v1/chat/completions"
    body = {"model": "ok-1", "messages": [{"role": "user", "content": "x"}]}
    own = {"authorization": f"Bearer {KEY}"}
    assert httpx.post(f"{gateway.url}{path}", json=body, headers=own).status_code == 402
    bounded = body | {"max_tokens": 5}
    assert httpx.post(f"{gateway.url}{path}", json=bounded, headers=own).status_code == 200
    chat = body | {"model": "u/ok-1"}
    url = f"{gateway.url}/v1/chat/completions"
    assert httpx.post(url, json=chat, headers=own).status_code == 200


def test_br_09_what_converse_writes_is_held_too(own_gateway: Start) -> None:
    gateway = own_gateway(keys=[{"name": "one", "key": KEY, "budget_usd": "0.004"}])
    path = "b/model/ok-1/converse"
    body: dict[str, Any] = {"messages": [{"role": "user", "content": [{"text": "x"}]}]}
    assert _send(gateway, path, json=body).status_code == 402
    bounded = body | {"inferenceConfig": {"maxTokens": 5}}
    assert _send(gateway, path, json=bounded).status_code == 200


@pytest.mark.parametrize("status", [400, 404, 409, 429, 500, 503])
def test_what_a_provider_answers_passes_whatever_its_status(gateway: Gateway, status: int) -> None:
    name = ref("status")
    answer = _send(gateway, f"u/v1/echo/x?status={status}", headers={"x-request-id": name})
    assert answer.status_code == status
    assert "***" in answer.text  # the credential that it quotes
    assert UPSTREAM_KEYS["u"] not in answer.text
    row = _row(gateway, name)
    assert_row(row, status=status, client_status=status, outcome="error", basis="none", cost_usd=0)


@pytest.mark.parametrize(("said", "told"), [(401, 502), (403, 502), (302, 502), (304, 304)])
def test_what_speaks_of_our_credential_is_ours_to_say(
    gateway: Gateway, said: int, told: int
) -> None:
    answer = _send(gateway, f"u/v1/echo/x?status={said}", "GET")
    assert answer.status_code == told
    assert UPSTREAM_KEYS["u"] not in answer.text


def test_bytes_stream_as_they_come(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    """The first piece arrives while the upstream still speaks."""
    url = f"{gateway.url}/passthrough/u/v1/bytes/4?gap_ms=300"
    got = b""
    with httpx.stream("GET", url, headers={"authorization": f"Bearer {KEY}"}) as answer:
        assert answer.headers["content-type"] == "audio/mpeg"
        for piece in answer.iter_raw():
            if not got:
                assert upstream.log.others[-1].finished is None
            got += piece
    assert got == PIECE * 4


def test_st_05_an_answer_that_breaks_off_does_so_for_the_client(gateway: Gateway) -> None:
    name = ref("broken")
    with pytest.raises(httpx.RemoteProtocolError):
        _send(gateway, "u/v1/bytes/3?cut=1", "GET", {"x-request-id": name})
    assert_row(_row(gateway, name), outcome="error", error_code="upstream_truncated", status=200)


def test_st_05_a_stream_that_is_cut_ends_with_an_error(gateway: Gateway) -> None:
    name = ref("cut")
    model = f"fault-midstream-reset-after-3@{name}"
    path, body = _own("u", model, stream=True)
    answer = _send(gateway, path, headers={"x-request-id": name}, json=body)
    assert b"upstream_truncated" in answer.content.rsplit(b"data: ", 1)[1]
    assert b"[DONE]" not in answer.content
    row = _row(gateway, name)
    assert_row(row, outcome="error", error_code="upstream_truncated", basis="counted")
    assert row["output_tokens"] >= 3


@pytest.mark.parametrize("provider", [*PROVIDERS, "b", "i"])
def test_br_09_what_was_seen_of_a_stream_that_is_cut_is_paid_for(
    gateway: Gateway, provider: str
) -> None:
    name = ref("seen")
    path, body = _own(provider, f"fault-midstream-reset-after-3@{name}", stream=True)
    # What is no text cannot say that it failed, and breaks off.
    with suppress(httpx.RemoteProtocolError):
        _send(gateway, path, headers={"x-request-id": name}, json=body)
    row = _row(gateway, name)
    assert_row(row, outcome="error", error_code="upstream_truncated", basis="counted")
    assert row["output_tokens"] >= 3
    assert_row(row, cost_usd=cost(row["input_tokens"], row["output_tokens"]))


def test_a_client_that_leaves_cancels_its_upstream(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    name = ref("leaves")
    model = f"ok-1000+itl-50@{name}"
    path, body = _own("u", model, stream=True)
    headers = {"authorization": f"Bearer {KEY}", "x-request-id": name}
    url = f"{gateway.url}/passthrough/{path}"
    with httpx.stream("POST", url, headers=headers, json=body) as answer:
        pieces = answer.iter_raw()
        while b"token" not in next(pieces) and not upstream.stats(model).tokens_sent > 2:
            pass
    assert eventually(lambda: upstream.stats(model).cancelled == 1)
    assert_row(_row(gateway, name), outcome="cancelled", basis="counted")


def test_a_large_body_passes_untouched(gateway: Gateway) -> None:
    body = PIECE * 8192
    said, _ = _echoed(_send(gateway, "u/v1/echo/x", content=body))
    assert said["body"].encode("latin-1") == body


def test_au_05_a_stored_response_is_its_tenants(own_gateway: Start) -> None:
    gateway = own_gateway(
        keys=[
            {"name": "one", "key": KEY, "team": "a"},
            {"name": "two", "key": OTHER_KEY, "team": "b"},
        ]
    )
    body = {"model": "ok-1", "input": "x"}
    with httpx.Client(base_url=gateway.url) as client:
        mine = {"authorization": f"Bearer {KEY}"}
        theirs = {"authorization": f"Bearer {OTHER_KEY}"}
        made = client.post("/v1/responses", json=body | {"model": "r/ok-1"}, headers=mine).json()
        for method, path, more in (
            ("GET", f"/passthrough/r/v1/responses/{made['id']}", None),
            ("POST", f"/passthrough/r/v1/responses/{made['id']}/cancel", {}),
            ("POST", "/passthrough/r/v1/responses", body | {"previous_response_id": made["id"]}),
        ):
            refused = client.request(method, path, json=more, headers=theirs)
            told = (refused.status_code, refused.json()["error"]["code"])
            is_named = made["id"] in path
            missing = (404, "response_not_found") if is_named else (400, BEFORE_MISSING)
            assert told == missing, path
            assert client.request(method, path, json=more, headers=mine).json() != refused.json()


def test_br_09_a_job_in_the_background_is_paid_for(gateway: Gateway) -> None:
    """It is asked for where it is paid, and nowhere else."""
    job = {"model": "ok-5", "input": "x", "background": True}
    refused = _send(gateway, "r/v1/responses", json=job)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "background")
    own = {"authorization": f"Bearer {KEY}"}
    url = f"{gateway.url}/v1/responses"
    made = httpx.post(url, json=job | {"model": "r/ok-5"}, headers=own).json()
    assert _send(gateway, f"r/v1/responses/{made['id']}", "GET").status_code == 400
    while httpx.get(f"{url}/{made['id']}", headers=own).json()["status"] != "completed":
        pass
    looked = _send(gateway, f"r/v1/responses/{made['id']}", "GET")
    assert looked.json()["status"] == "completed"


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_what_is_sent_is_what_is_signed(
    gateway: Gateway, upstream: ScriptedUpstream, method: str
) -> None:
    answer = _send(gateway, "b/v1/echo/a%2Fb:c/d?b=1&a=x%20y&a", method, content=b"x")
    assert answer.status_code == 200, answer.text
    sent = upstream.log.others[-1]
    assert (sent.method, sent.path) == (method, "/v1/echo/a%2Fb:c/d?a=&a=x%20y&b=1")
    assert sent.header("authorization") == signature(sent)


def test_a_path_that_cannot_be_signed_is_refused(gateway: Gateway) -> None:
    assert _send(gateway, "b/v1/echo//x", "GET").status_code == 400
    assert _send(gateway, "u/v1/echo//x", "GET").status_code == 200


def test_official_sdks_need_nothing_but_another_base_url(gateway: Gateway) -> None:
    model = f"ok-5@{ref('sdk')}"
    said = ScriptedUpstream.text(model)
    base = f"{gateway.url}/passthrough"
    chat = openai.OpenAI(base_url=f"{base}/u/v1", api_key=KEY).chat.completions
    whole = chat.create(model=model, messages=[{"role": "user", "content": "x"}])
    assert whole.choices[0].message.content == said
    claude = anthropic.Anthropic(base_url=f"{base}/a", api_key=KEY)
    with claude.messages.stream(
        model=model, max_tokens=9, messages=[{"role": "user", "content": "x"}]
    ) as stream:
        assert stream.get_final_text() == said
    options = genai.types.HttpOptions(base_url=f"{base}/g")
    gemini = genai.Client(api_key=KEY, http_options=options)
    assert gemini.models.generate_content(model=model, contents="x").text == said
