"""A stream whose last event has no blank line behind it: what the gateway adds must not run into it."""

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.gateway import KEY, Gateway

CHUNK = b'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"hi"}}]}'
FINISH = b'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}'
DONE = b"data: [DONE]"

CASES = {
    # name: (what the upstream sends, what the client must get, or its end where that is an error)
    "done": (CHUNK + b"\n\n" + FINISH + b"\n\n" + DONE, CHUNK + b"\n\n" + FINISH + b"\n\n" + DONE),
    "finish": (CHUNK + b"\n\n" + FINISH, CHUNK + b"\n\n" + FINISH + b"\n\n" + DONE + b"\n\n"),
    "finish and a line end": (
        CHUNK + b"\n\n" + FINISH + b"\n",
        CHUNK + b"\n\n" + FINISH + b"\n\n" + DONE + b"\n\n",
    ),
    "content": (CHUNK + b"\n\n" + CHUNK, None),
}


@pytest.fixture(params=CASES.values(), ids=CASES.keys())
def case(request: pytest.FixtureRequest) -> Iterator[tuple[str, bytes | None]]:
    sent, expected = request.param

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.send_header("content-length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", expected
    server.shutdown()
    server.server_close()


def test_what_is_added_begins_an_event_of_its_own(
    case: tuple[str, bytes | None], tmp_path: Path
) -> None:
    url, expected = case
    body = {"model": "u/m", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    with Gateway(url, tmp_path) as gateway:
        got = httpx.post(
            f"{gateway.url}/v1/chat/completions",
            json=body,
            headers={"authorization": f"Bearer {KEY}"},
        ).content
    if expected is not None:
        assert got == expected
        return
    events = [event for event in got.split(b"\n\n") if event]
    assert events[:2] == [CHUNK, CHUNK]
    assert events[2].startswith(b'data: {"error":')
    assert len(events) == 3
