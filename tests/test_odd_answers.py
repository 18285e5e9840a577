"""Answers with status 200 that are none, or that say less than they should."""

import http.server
import json
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.gateway import KEY, Gateway

JSON = "application/json"
STREAM = "text/event-stream"
CHAT: dict[str, Any] = {
    "id": "c",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "hello"},
            "finish_reason": "stop",
        }
    ],
}
MESSAGE: dict[str, Any] = {
    "id": "m",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [{"type": "text", "text": "hello"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 1, "output_tokens": 1},
}
START = json.dumps({"type": "message_start", "message": MESSAGE | {"content": []}}).encode()

#: By model name: what the upstream answers.
ANSWERS: dict[str, tuple[str, bytes]] = {
    "null": (JSON, b"null"),
    "list": (JSON, b"[]"),
    "text": (JSON, b'"hello"'),
    "number": (JSON, b"7"),
    "chat": (JSON, json.dumps(CHAT).encode()),
    "message": (JSON, json.dumps(MESSAGE).encode()),
    "done": (STREAM, b"data: [DONE]\n\n"),
    "message_stop": (STREAM, b"data: " + START + b'\n\ndata: {"type":"message_stop"}\n\n'),
    "large": (
        STREAM,
        b'data: {"choices":[{"index":0,"delta":{"content":"' + b"x" * 5000 + b'"}}]}\n\n',
    ),
}

PATHS = pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
FORMS = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


class Upstream(http.server.BaseHTTPRequestHandler):
    """Answers by model name."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        content_type, body = ANSWERS[asked["model"]]
        self.send_response(200)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def gateway(module_path: Path) -> Iterator[Gateway]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    models = {
        "after done": {"targets": ["u/done", "u/chat"]},
        "after message_stop": {"targets": ["a/message_stop", "u/chat"]},
    }
    with Gateway(url, module_path, models=models, max_event_bytes=4096) as running:
        yield running
    server.shutdown()
    server.server_close()


def ask(gateway: Gateway, path: str, model: str, *, stream: bool, ref: str = "") -> httpx.Response:
    body = {
        "model": model,
        "stream": stream,
        "max_tokens": 9,
        "messages": [{"role": "user", "content": "hi"}],
    }
    headers = {"x-api-key": KEY, "x-request-id": ref}
    return httpx.post(gateway.url + path, json=body, headers=headers)


@FORMS
@PATHS
@pytest.mark.parametrize("model", ["null", "list", "text", "number"])
def test_json_that_is_no_object_is_no_answer(
    gateway: Gateway, model: str, path: str, stream: bool
) -> None:
    ref = uuid.uuid4().hex
    got = ask(gateway, path, f"u/{model}", stream=stream, ref=ref)
    assert got.status_code == 502
    assert got.json()["error"]["code"] == "upstream_invalid_json"
    (row,) = gateway.rows(ref)
    assert (row["basis"], row["output_tokens"]) == ("none", 0)


@FORMS
@PATHS
@pytest.mark.parametrize("model", ["a/chat", "u/message"])
def test_another_dialects_answer_is_empty(
    gateway: Gateway, model: str, path: str, stream: bool
) -> None:
    """As of a server behind the wrong `dialect:`; read as its own it would be a silent success."""
    got = ask(gateway, path, model, stream=stream)
    assert got.status_code == 502
    assert got.json()["error"]["code"] == "upstream_empty_answer"


@FORMS
@PATHS
@pytest.mark.parametrize("model", ["u/done", "a/message_stop"])
def test_a_stream_with_nothing_but_its_end_is_empty_and_goes_to_the_next_target(
    gateway: Gateway, model: str, path: str, stream: bool
) -> None:
    alone = ask(gateway, path, model, stream=stream)
    assert alone.status_code == 502
    assert alone.json()["error"]["code"] == "upstream_empty_answer"
    assert "hello" in ask(gateway, path, f"after {model[2:]}", stream=stream).text


def test_a_whole_answer_sent_as_a_stream_says_our_count_where_there_is_no_usage(
    gateway: Gateway,
) -> None:
    ref = uuid.uuid4().hex
    got = ask(gateway, "/v1/messages", "u/chat", stream=True, ref=ref).text
    events = [json.loads(line[6:]) for line in got.splitlines() if line.startswith("data: ")]
    usage = next(event["usage"] for event in events if event["type"] == "message_delta")
    (row,) = gateway.rows(ref)
    assert row["basis"] == "counted"
    assert (usage["input_tokens"], usage["output_tokens"]) == (1, 1)
    assert (row["input_tokens"], row["output_tokens"]) == (1, 1)


@FORMS
def test_an_answer_of_a_dialect_without_dates_is_of_now(gateway: Gateway, stream: bool) -> None:
    got = ask(gateway, "/v1/chat/completions", "a/message", stream=stream).text
    first = json.loads(got.removeprefix("data: ").split("\n\n", maxsplit=1)[0])
    assert abs(first["created"] - time.time()) < 60


@FORMS
def test_an_event_that_is_too_large_is_named_so_also_where_it_is_collected(
    gateway: Gateway, stream: bool
) -> None:
    got = ask(gateway, "/v1/chat/completions", "u/large", stream=stream)
    assert got.json()["error"]["code"] == "upstream_answer_too_large"
