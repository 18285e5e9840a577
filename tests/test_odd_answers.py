"""Answers with status 200 that are none, or that say less than they should."""

import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator
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
MESSAGE = {
    "id": "m",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [{"type": "text", "text": "hello"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 1, "output_tokens": 1},
}
Serve = Callable[[str, bytes], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts upstreams that answer everything with one body; gives their URL."""
    servers: list[http.server.ThreadingHTTPServer] = []

    def start(content_type: str, body: bytes) -> str:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                self.send_response(200)
                self.send_header("content-type", content_type)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def ask(gateway: Gateway, path: str, model: str, *, stream: bool) -> httpx.Response:
    body = {
        "model": model,
        "stream": stream,
        "max_tokens": 9,
        "messages": [{"role": "user", "content": "hi"}],
    }
    return httpx.post(gateway.url + path, json=body, headers={"x-api-key": KEY})


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
@pytest.mark.parametrize("body", [b"null", b"[]", b'"hello"', b"7"])
def test_json_that_is_no_object_is_no_answer(
    serve: Serve, tmp_path: Path, body: bytes, path: str, stream: bool
) -> None:
    with Gateway(serve(JSON, body), tmp_path) as gateway:
        got = ask(gateway, path, "u/m", stream=stream)
        assert got.status_code == 502
        assert got.json()["error"]["code"] == "upstream_invalid_json"
        (row,) = gateway.ledger()
        assert (row["basis"], row["output_tokens"]) == ("none", 0)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
def test_a_stream_with_nothing_but_its_end_is_empty_and_goes_to_the_next_target(
    serve: Serve, tmp_path: Path, path: str
) -> None:
    good = serve(JSON, json.dumps(CHAT).encode())
    settings = {
        "providers": {"good": {"dialect": "openai", "base_url": good, "api_key": "none"}},
        "models": {"both": {"targets": ["u/m", "good/m"]}},
    }
    with Gateway(serve(STREAM, b"data: [DONE]\n\n"), tmp_path, **settings) as gateway:
        alone = ask(gateway, path, "u/m", stream=True)
        assert alone.status_code == 502
        assert alone.json()["error"]["code"] == "upstream_empty_answer"
        assert "hello" in ask(gateway, path, "both", stream=True).text


def test_a_whole_answer_sent_as_a_stream_says_our_count_where_there_is_no_usage(
    serve: Serve, tmp_path: Path
) -> None:
    with Gateway(serve(JSON, json.dumps(CHAT).encode()), tmp_path) as gateway:
        got = ask(gateway, "/v1/messages", "u/m", stream=True).text
        events = [json.loads(line[6:]) for line in got.splitlines() if line.startswith("data: ")]
        usage = next(event["usage"] for event in events if event["type"] == "message_delta")
        (row,) = gateway.ledger()
        assert row["basis"] == "counted"
        assert (usage["input_tokens"], usage["output_tokens"]) == (1, 1)
        assert (row["input_tokens"], row["output_tokens"]) == (1, 1)


def test_an_answer_of_a_dialect_without_dates_is_of_now(serve: Serve, tmp_path: Path) -> None:
    with Gateway(serve(JSON, json.dumps(MESSAGE).encode()), tmp_path) as gateway:
        for stream in (False, True):
            got = ask(gateway, "/v1/chat/completions", "a/m", stream=stream).text
            first = json.loads(got.removeprefix("data: ").split("\n\n", maxsplit=1)[0])
            assert abs(first["created"] - time.time()) < 60


def test_an_event_that_is_too_large_is_named_so_also_where_it_is_collected(
    serve: Serve, tmp_path: Path
) -> None:
    event = b'data: {"choices":[{"index":0,"delta":{"content":"' + b"x" * 5000 + b'"}}]}\n\n'
    with Gateway(serve(STREAM, event), tmp_path, max_event_bytes=4096) as gateway:
        for stream in (False, True):
            got = ask(gateway, "/v1/chat/completions", "u/m", stream=stream)
            assert got.json()["error"]["code"] == "upstream_answer_too_large"
