"""Tells an operator's own endpoint what happened, off every request's path."""

import hashlib
import hmac
import logging
import queue
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

log = logging.getLogger("sluicegate")

MAX_WAITING: Final = 1000
"""Events that wait for an endpoint that does not take them; later ones are dropped, and logged."""
TIMEOUT_S: Final = 5.0
RETRY_AFTER_S: Final = (1.0, 5.0, 25.0)
SIGNATURE: Final = "x-sluicegate-signature"


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """What the endpoint says is no reason to tell another host."""

    def redirect_request(self, *_: Any) -> None:
        return None


class Webhook:
    """A thread that posts events as JSON, oldest first, each up to four times.

    Args:
        url: http or https; no redirect is followed.
        secret: signs each body: header `x-sluicegate-signature: sha256=HEX`, HMAC-SHA256.
    """

    def __init__(
        self, url: str, secret: str | None, pause: Callable[[float], object] | None = None
    ) -> None:
        """Begins at once. `pause` waits between tries, and is for tests."""
        self._url = url
        self._secret = secret.encode() if secret is not None else None
        self._waiting: queue.Queue[bytes | None] = queue.Queue(MAX_WAITING)
        self._stop = threading.Event()
        self._pause = pause or self._stop.wait
        self._opener = urllib.request.build_opener(_NoRedirects())
        self._thread = threading.Thread(target=self._run, name="sluicegate-webhook", daemon=True)
        self._thread.start()

    def send(self, event: Mapping[str, Any]) -> None:
        """Puts an event in line. Never waits."""
        try:
            self._waiting.put_nowait(msgspec.json.encode(event))
        except queue.Full:
            log.error("the webhook takes no events: one is lost; the log has it")

    def stop(self) -> None:
        """Tries what waits once more, then ends. Blocks for a few seconds at most."""
        self._stop.set()
        try:
            self._waiting.put_nowait(None)
        except queue.Full:
            return
        self._thread.join(2 * TIMEOUT_S)

    def _run(self) -> None:
        while (body := self._waiting.get()) is not None:
            self._deliver(body)

    def _deliver(self, body: bytes) -> None:
        for wait_s in (*RETRY_AFTER_S, None):
            wrong = self._post(body)
            if wrong is None:
                return
            if wait_s is None or self._stop.is_set():
                log.error("the webhook did not take an event: %s", wrong)
                return
            self._pause(wait_s)

    def _post(self, body: bytes) -> str | None:
        """What went wrong, without the URL, which may hold a credential."""
        headers = {"content-type": "application/json", "user-agent": "sluicegate"}
        if self._secret is not None:
            digest = hmac.new(self._secret, body, hashlib.sha256).hexdigest()
            headers[SIGNATURE] = f"sha256={digest}"
        request = urllib.request.Request(  # noqa: S310  # the configuration's own, http or https
            self._url, body, headers
        )
        try:
            with self._opener.open(request, timeout=TIMEOUT_S):
                return None
        except urllib.error.HTTPError as error:
            error.close()
            return f"status {error.code}"
        except (OSError, ValueError) as error:
            return type(error).__name__
