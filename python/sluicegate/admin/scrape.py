"""`GET /metrics`: free to this machine, with the admin key to others."""

import asyncio
import hmac
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from sluicegate import _core
from sluicegate.admin.errors import UnauthorisedError
from sluicegate.admin.gate import Headers, credential_of
from sluicegate.admin.tries import Tries
from sluicegate.config import Settings

PATH: Final = "/metrics"

_PROMETHEUS: Final = b"text/plain; version=0.0.4; charset=utf-8"
_OPEN_METRICS: Final = b"application/openmetrics-text; version=1.0.0; charset=utf-8"

Scope = dict[str, Any]
Answer = tuple[list[tuple[bytes, bytes]], bytes]


class Scrape:
    """What all workers of the host have counted, from whichever of its processes is asked.

    Args:
        metrics: this process's.
        settings: gives those in force.
        is_private: whether nobody but this machine reaches the listener that a request came to.
        tries: wrong credentials so far, those of the admin API among them.
    """

    def __init__(
        self,
        metrics: _core.Metrics,
        settings: Callable[[], Settings],
        is_private: Callable[[Scope], bool],
        tries: Tries,
    ) -> None:
        """Starts no thread yet."""
        self._metrics = metrics
        self._settings = settings
        self._is_private = is_private
        self._tries = tries
        # One: a text of a thousand series takes some milliseconds, which are not the loop's.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sluicegate-scrape")

    def close(self) -> None:
        """Ends the thread. Blocks."""
        self._thread.shutdown()

    async def answer(self, scope: Scope) -> Answer:
        """Headers and body of a 200.

        Raises:
            UnauthorisedError: it needs the admin key. TooManyTriesError: wrong ones before.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._answer, scope)

    def _answer(self, scope: Scope) -> Answer:
        if not self._is_private(scope):
            self._enter(scope)
        wants_open = _wants_open_metrics(scope["headers"])
        text = self._metrics.text(self._settings().journal_dir, open_metrics=wants_open)
        body = text.encode()
        headers = [
            (b"content-type", _OPEN_METRICS if wants_open else _PROMETHEUS),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
        ]
        return headers, b"" if scope["method"] == "HEAD" else body

    def _enter(self, scope: Scope) -> None:
        peer, now_s = scope["client"][0] if scope.get("client") else "", time.time()
        self._tries.begin(peer, now_s)
        shown, admin_key = credential_of(scope["headers"]), self._settings().admin_key
        if shown is None or admin_key is None:
            raise UnauthorisedError
        if not hmac.compare_digest(shown.encode("latin-1"), admin_key.reveal().encode()):
            raise UnauthorisedError
        self._tries.forgive(peer, now_s)


def _wants_open_metrics(headers: Headers) -> bool:
    """Whether a scraper names OpenMetrics; those that do read it first."""
    return any(
        name == b"accept" and b"application/openmetrics-text" in value for name, value in headers
    )
