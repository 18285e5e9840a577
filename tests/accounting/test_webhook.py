"""Events that reach an endpoint of the operator's, however badly it behaves."""

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from sluicegate.accounting.webhook import RETRY_AFTER_S, SIGNATURE, Webhook

SECRET = "a secret of the webhook"


class Endpoint(ThreadingHTTPServer):
    """Answers with the statuses it is given, then with 204."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.statuses: list[int] = []
        self.got: list[tuple[bytes, str | None]] = []
        self.arrived = threading.Semaphore(0)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook"


class Handler(BaseHTTPRequestHandler):
    server: Endpoint

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.got.append((body, self.headers.get(SIGNATURE)))
        status = self.server.statuses.pop(0) if self.server.statuses else 204
        self.send_response(status)
        if status == 302:
            self.send_header("location", f"{self.server.url}/elsewhere")
        self.send_header("content-length", "0")
        self.end_headers()
        self.server.arrived.release()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    server = Endpoint()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_event_arrives_signed(endpoint: Endpoint) -> None:
    webhook = Webhook(endpoint.url, SECRET)
    webhook.send({"event": "limit_threshold", "percent": 80})
    assert endpoint.arrived.acquire(timeout=5)
    webhook.stop()
    [(body, signature)] = endpoint.got
    assert json.loads(body) == {"event": "limit_threshold", "percent": 80}
    assert signature == "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()


@pytest.mark.parametrize("statuses", [[500], [500, 503, 429], [302]])
def test_it_is_tried_again_and_never_led_elsewhere(endpoint: Endpoint, statuses: list[int]) -> None:
    endpoint.statuses = list(statuses)
    pauses: list[float] = []
    webhook = Webhook(endpoint.url, None, pauses.append)
    webhook.send({"event": "unpriced"})
    for _ in range(len(statuses) + 1):
        assert endpoint.arrived.acquire(timeout=5)
    webhook.stop()
    assert len(endpoint.got) == len(statuses) + 1
    assert all(signature is None for _, signature in endpoint.got)
    assert pauses == list(RETRY_AFTER_S[: len(statuses)])


def test_an_endpoint_that_is_away_holds_nothing_up(caplog: pytest.LogCaptureFixture) -> None:
    webhook = Webhook("http://127.0.0.1:9/secret-path", None, lambda _: None)
    for n in range(3):
        webhook.send({"event": "unpriced", "n": n})
    webhook.stop()
    assert "the webhook did not take an event" in caplog.text
    assert "secret-path" not in caplog.text
