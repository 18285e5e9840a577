"""Whole answers where streams were asked for, from a host that takes its time over the body."""

import http.server
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.client import run_ask
from tests.gateway import Gateway

PAUSE_S = 1.0
ANSWER = json.dumps(
    {
        "choices": [
            {"message": {"role": "assistant", "content": "river stone"}, "finish_reason": "stop"}
        ]
    }
).encode()


class SlowHost(http.server.BaseHTTPRequestHandler):
    """Sends the body in two halves, and no usage in it."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        half = len(ANSWER) // 2
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(ANSWER)))
        self.end_headers()
        self.wfile.write(ANSWER[:half])
        self.wfile.flush()
        time.sleep(PAUSE_S)
        self.wfile.write(ANSWER[half:])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def gateway(module_path: Path) -> Iterator[Gateway]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), SlowHost)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    with Gateway(url, module_path, commit_after_s=0.3) as running:
        yield running
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
def test_the_client_hears_heartbeats_then_the_answer(gateway: Gateway, dialect: str) -> None:
    fields = {"stream_options": {"include_usage": True}} if dialect == "openai" else {}
    got = run_ask(gateway.url, gateway.key, "u/m", dialect=dialect, stream=True, fields=fields)
    assert (got.status, got.error, got.broken) == (200, None, None)
    assert got.raw.startswith(b": heartbeat\n\n")
    assert got.text == "river stone"
    assert got.terminators == 1
    # The host reported nothing: the client is told what was counted, and what that costs.
    usage = [payload["usage"] for payload in got.payloads if payload.get("usage")][-1]
    (row,) = gateway.rows(got.ref)
    assert row["basis"] == "counted"
    assert usage["cost_usd"] == float(row["cost_usd"]) > 0
    assert usage.get("completion_tokens", usage.get("output_tokens")) == row["output_tokens"] == 2


def test_a_request_that_cannot_stream_gets_its_answer_in_one_piece(gateway: Gateway) -> None:
    """Embeddings and the like: `stream` means nothing there, and a comment would break the JSON."""
    answer = httpx.post(
        f"{gateway.url}/v1/embeddings",
        json={"model": "u/m", "input": "x", "stream": True},
        headers={"authorization": f"Bearer {gateway.key}"},
    )
    assert (answer.status_code, answer.content) == (200, ANSWER)


def test_a_translated_answer_says_when_it_was_made(gateway: Gateway) -> None:
    before = int(time.time())
    got = run_ask(gateway.url, gateway.key, "u/m", stream=True)
    created = {payload["created"] for payload in got.payloads}
    assert all(before <= second <= time.time() for second in created)
