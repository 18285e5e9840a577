"""Asks hooks before a request is admitted, in threads, within a bounded time."""

import asyncio
import logging
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Final, Literal, NamedTuple

import msgspec

from sluicegate.plugins.hooks import BeforeRequest, Change, Refuse, Request
from sluicegate.plugins.registry import told

log = logging.getLogger("sluicegate")

THREADS: Final = 8
"""Hooks that run at once, in a worker; one that hangs keeps its thread for good."""
MAX_WAITING: Final = 1024
"""Requests that wait for a thread; where all of them hang none would ever leave."""


class Refused(NamedTuple):
    """The request does not go on.

    Args:
        failed: no hook said so: one could not decide.
    """

    status: int
    message: str
    failed: bool


Verdict = bytes | Refused | None
"""The body that the request goes on with, why it does not, or None: it goes on as it is."""

_FACTS: Final = msgspec.json.Decoder(Request)


class Asking:
    """The hooks of one configuration."""

    def __init__(
        self,
        hooks: Sequence[tuple[str, BeforeRequest]],
        timeout_s: float,
        on_failure: Literal["refuse", "pass"],
    ) -> None:
        """Args:
        timeout_s: for all hooks of one request.
        on_failure: what becomes of a request where a hook raises, hangs or says nonsense.
        """
        self._hooks = hooks
        self._timeout_s = timeout_s
        self._passes = on_failure == "pass"
        self._threads = _Threads() if hooks else None

    async def ask(self, facts: bytes, body: bytes) -> Verdict:
        """What the hooks say of a request.

        Args: facts: what the core knows of it, as JSON.
        """
        if self._threads is None:
            return None
        request = msgspec.structs.replace(_FACTS.decode(facts), body=bytes(body))
        turn = _Turn(self._hooks, request)
        running = self._threads.run(turn.run)
        if running is None:
            return self._failure(self._hooks[0][0], "has too much to decide")
        try:
            waiting = asyncio.wrap_future(running)
            verdict: Verdict | _Failure = await asyncio.wait_for(waiting, self._timeout_s)
        except TimeoutError:
            name = turn.asks or self._hooks[0][0]
            log.error("plugin %s: before_request took more than %g s", name, self._timeout_s)
            return self._failure(name, "did not decide in time")
        finally:
            turn.request = None  # a turn that never comes keeps no body
        if isinstance(verdict, _Failure):
            log.error("plugin %s: before_request failed: %s", verdict.name, verdict.why)
            return self._failure(verdict.name, "failed")
        return verdict

    def _failure(self, name: str, what: str) -> Verdict:
        if self._passes:
            return None
        return Refused(500, f"the plugin {name} {what}, so the request goes nowhere", failed=True)

    def close(self) -> None:
        """Takes no more. What runs runs on; nobody waits for it."""
        if self._threads is not None:
            self._threads.close()


class _Threads:
    """Threads that keep no process from ending, unlike an executor's."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None]
        self._jobs = queue.SimpleQueue()
        for number in range(THREADS):
            name = f"sluicegate-hook-{number}"
            threading.Thread(target=self._work, name=name, daemon=True).start()

    def run(self, job: Callable[[], Any]) -> "Future[Any] | None":
        """Does something when a thread is free; None where too much waits for that."""
        if self._jobs.qsize() >= MAX_WAITING:
            return None
        future: Future[Any] = Future()
        self._jobs.put((future, job))
        return future

    def close(self) -> None:
        """Lets those that are free end."""
        for _ in range(THREADS):
            self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            future, work = job
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(work())
                except BaseException as error:  # noqa: BLE001  # told to who waits
                    future.set_exception(error)


class _Failure(NamedTuple):
    name: str
    why: str


class _Turn:
    """One request at all hooks, one after the other; each sees what the one before made of it."""

    def __init__(self, hooks: Sequence[tuple[str, BeforeRequest]], request: Request) -> None:
        self._hooks = hooks
        self.asks = ""
        """The hook that is being asked."""
        self.request: Request | None = request
        """None where nobody waits any more."""

    def run(self) -> Verdict | _Failure:
        changed: bytes | None = None
        request = self.request
        for name, hook in self._hooks:
            if request is None or self.request is None:
                return None
            self.asks = name
            try:
                said: Any = hook.before_request(request)
                if isinstance(said, Change):
                    changed = _written(said.body)
                    request = msgspec.structs.replace(request, body=changed)
            except BaseException as error:  # noqa: BLE001  # a plugin may raise anything
                return _Failure(name, told(error))
            if isinstance(said, Refuse):
                return Refused(said.status, said.message, failed=False)
            if said is not None and not isinstance(said, Change):
                return _Failure(name, f"it returned {type(said).__name__}")
        return changed


def _written(body: Any) -> bytes:
    return bytes(body) if isinstance(body, bytes | bytearray) else msgspec.json.encode(body)
