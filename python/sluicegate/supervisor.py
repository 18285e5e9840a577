"""The parent of the workers: what signals mean, and what happens when somebody dies.

SIGHUP reads the configuration again (Granian alone would restart its workers and cut their
streams). SIGTERM and SIGINT drain: readiness goes off, running requests finish up to `drain_s`,
then the workers stop. Workers end with their parent, however it ends: orphans would go on serving
beside the next gateway, with yesterday's configuration.
"""

import ctypes
import logging
import os
import select
import signal
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

from granian.server.mp import MPServer, WorkerProcess

from sluicegate import _core
from sluicegate.config import ConfigError, load
from sluicegate.policies.respawn import Respawn
from sluicegate.worker import SHUT_DOWN_S, let_end

log = logging.getLogger("sluicegate")

APP: Final = "sluicegate.app:create_app"

PID: Final = struct.Struct("=i")
"""What a worker writes to the pipe once nothing runs in it."""
ASK_AGAIN_S: Final = 0.25
"""A worker that is still starting hears a later asking."""
ECHO_S: Final = 0.5
"""Some tools signal a process and then its whole group."""

_OURS: Final = {signal.SIGHUP, signal.SIGUSR1, signal.SIGTERM, signal.SIGINT}
_PR_SET_PDEATHSIG: Final = 1


class Supervisor(MPServer):
    """Granian's parent process with our meaning of signals."""

    def __init__(
        self,
        config_path: Path,
        drain_s: float,
        drained_fd: int,
        counts: _core.Metrics,
        on_started: Callable[[], None],
        has_served: threading.Event,
        **options: Any,
    ) -> None:
        """Args:
        drained_fd: the end of a pipe on which workers say that nothing runs in them.
        counts: keeps what workers count, whichever of them die.
        on_started: called once workers are starting.
        has_served: set once the gateway has answered.
        """
        super().__init__(APP, **options)
        self._on_started = on_started
        self._config_path = config_path
        self._drain_s = drain_s
        self._drained_fd = drained_fd
        self._counts = counts
        self._has_served = has_served
        self._respawn = Respawn()
        self._due_s: dict[int, float] = {}
        self._draining = False
        self._draining_since_s = 0.0

    # signals

    def signal_handler_interrupt(self, *_: Any, **__: Any) -> None:
        """Drains; a second signal ends the drain, unless it is the first one's echo."""
        now_s = time.monotonic()
        if not self._draining:
            self._draining = True
            self._draining_since_s = now_s
            threading.Thread(target=self._stop_when_drained, daemon=True).start()
        elif now_s - self._draining_since_s > ECHO_S:
            self._tell(signal.SIGUSR2)

    def signal_handler_reload(self, *_: Any, **__: Any) -> None:
        """Checks the configuration, then has the workers read it."""
        threading.Thread(target=self._reload_config, daemon=True).start()

    def _reload_config(self) -> None:
        try:
            settings = load(self._config_path)
        except ConfigError as error:
            log.error("the configuration stays as it was:\n%s", error)
            self._counts.reload(ok=False)
            return
        self._drain_s = settings.server.drain_s
        self._tell(signal.SIGHUP)

    def _stop_when_drained(self) -> None:
        deadline_s = time.monotonic() + self._drain_s + SHUT_DOWN_S + 0.2
        drained: set[int] = set()
        while (busy := self._running() - drained) and time.monotonic() < deadline_s:
            for pid in busy:
                _signal(pid, signal.SIGUSR1)
            ready, _, _ = select.select([self._drained_fd], [], [], ASK_AGAIN_S)
            if ready:
                # Short writes to a pipe are whole, so whole numbers come out.
                said = os.read(self._drained_fd, 64 * PID.size)
                drained.update(pid for (pid,) in PID.iter_unpack(said))
        super().signal_handler_interrupt()  # type: ignore[no-untyped-call]

    def _tell(self, number: int) -> None:
        for pid in self._running():
            _signal(pid, number)

    def _running(self) -> set[int]:
        return {worker.inner.pid for worker in list(self.wrks) if worker.inner.is_alive()}

    # workers

    def startup(self, *args: Any) -> None:
        """Starts the workers, then tells that they are starting: no thread before the forks."""
        super().startup(*args)  # type: ignore[no-untyped-call]
        self._on_started()

    def _spawn_worker(  # type: ignore[override]  # Granian's own override has these arguments
        self, idx: int, target: Callable[..., None], callback_loader: Any
    ) -> WorkerProcess:
        self._respawn.spawned(idx, time.monotonic())
        return super()._spawn_worker(idx, partial(_in_worker, os.getpid(), target), callback_loader)

    def _spawn_workers(self, *args: Any) -> None:
        with _signals_held():
            super()._spawn_workers(*args)  # type: ignore[no-untyped-call]

    def _stop_workers(self) -> None:
        self._tell(signal.SIGUSR2)
        super()._stop_workers()  # type: ignore[no-untyped-call]

    def _serve_loop(self, spawn_target: Any, target_loader: Any) -> None:
        """Replaces workers that died. Granian's own loop ends the gateway where one dies within
        5.5 s of its respawn.
        """
        while not self.interrupt_signal:
            self.main_loop_interrupt.wait(self._next_due_s())
            self.main_loop_interrupt.clear()
            if not self._plan_respawns():
                break
            now_s = time.monotonic()
            due = [worker for worker, at_s in self._due_s.items() if at_s <= now_s]
            for worker in due:
                del self._due_s[worker]
            self._respawn_workers(due, spawn_target, target_loader)

    def _next_due_s(self) -> float | None:
        return max(min(self._due_s.values()) - time.monotonic(), 0) if self._due_s else None

    def _plan_respawns(self) -> bool:
        """Says when each worker that died is replaced; False where the gateway cannot start."""
        while self.interrupt_children:
            now_s, worker = time.monotonic(), self.interrupt_children[0]
            pause_s = self._respawn.pause_s(worker, now_s)
            if self._respawn.is_hopeless(worker) and not self._has_served.is_set():
                log.error("a worker died before the gateway ever served, and so did its successor")
                return False  # who died stays in the list: the status is then 1
            del self.interrupt_children[0]
            self._due_s[worker] = now_s + pause_s
            if pause_s:
                log.error("worker %d died again; a new one in %.1f s", worker + 1, pause_s)
        return True

    def _respawn_workers(self, *args: Any, **options: Any) -> None:
        """Replaces workers that died; who dies while the gateway drains is not missed."""
        if not self._draining:
            with _signals_held():
                super()._respawn_workers(*args, **options)


@contextmanager
def _signals_held() -> Iterator[None]:
    """No signal reaches this thread meanwhile, nor a child until it says that it is ready: it
    would run the parent's handlers.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _OURS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _in_worker(parent: int, target: Callable[..., None], *args: Any) -> None:
    """A worker's whole life. Runs in the child."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)  # it was gone before we asked
    # Until the app takes them over: a worker that starts has nothing to reload or to drain.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # Terminals and service managers send these to every process of a group. The parent alone
    # decides what they mean: a worker hears SIGTERM once it is told to end.
    signal.signal(signal.SIGUSR2, let_end)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _OURS - {signal.SIGTERM, signal.SIGINT})
    target(*args)


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        log.debug("worker %d is gone", pid)
