"""Runs the app under Granian, with signals that mean what operators expect.

SIGHUP reads the configuration again (Granian alone would restart its workers and cut their
streams); SIGTERM and
SIGINT drain first: readiness goes off, running requests finish up to `drain_s`, then the workers
stop.
"""

import logging
import multiprocessing
import os
import select
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings, HTTP2Settings
from granian.log import LogLevels
from granian.server.mp import MPServer

from sluicegate.app import CONFIG_VARIABLE
from sluicegate.config import ConfigError, Settings, load
from sluicegate.worker import DRAINED_VARIABLE, SHUT_DOWN_S

log = logging.getLogger("sluicegate")

HEADER_TIMEOUT_MS: Final = 10_000
"""For a client to send its request's head."""
STOP_GRACE_S: Final = 5
"""For a drained worker to write its last rows and end."""


class Supervisor(MPServer):
    """Granian's parent process with our meaning of signals."""

    def __init__(self, config_path: Path, drain_s: float, drained_fd: int, **options: Any) -> None:
        """Args: drained_fd: workers write one byte to its other end once nothing runs in them."""
        super().__init__("sluicegate.app:create_app", **options)
        self._config_path = config_path
        self._drain_s = drain_s
        self._drained_fd = drained_fd
        self._draining = False

    def signal_handler_interrupt(self, *_: Any, **__: Any) -> None:
        """Drains; a second signal stops at once."""
        if self._draining:
            super().signal_handler_interrupt()  # type: ignore[no-untyped-call]
            return
        self._draining = True
        self._signal_workers(signal.SIGUSR1)
        threading.Thread(target=self._stop_when_drained, daemon=True).start()

    def signal_handler_reload(self, *_: Any, **__: Any) -> None:
        """Checks the configuration, then has the workers read it."""
        threading.Thread(target=self._reload_config, daemon=True).start()

    def _reload_config(self) -> None:
        try:
            load(self._config_path)
        except ConfigError as error:
            log.error("the configuration stays as it was:\n%s", error)
            return
        self._signal_workers(signal.SIGHUP)

    def _stop_when_drained(self) -> None:
        deadline_s = time.monotonic() + self._drain_s + SHUT_DOWN_S + 0.2
        drained = 0
        while drained < len(self.wrks) and (left_s := deadline_s - time.monotonic()) > 0:
            ready, _, _ = select.select([self._drained_fd], [], [], left_s)
            if ready:
                drained += len(os.read(self._drained_fd, 64))
        super().signal_handler_interrupt()  # type: ignore[no-untyped-call]

    def _signal_workers(self, number: int) -> None:
        for worker in list(self.wrks):
            if worker.is_alive():  # type: ignore[no-untyped-call]
                os.kill(worker.inner.pid, number)


def serve(settings: Settings, on_ready: Callable[[], None] | None = None) -> None:
    """Serves until a signal ends it. Blocks.

    Args:
        on_ready: called in the parent once the listener is there.
    """
    # Workers inherit the pipe and the environment, which only a fork does without ceremony.
    multiprocessing.set_start_method("fork", force=True)
    read_fd, write_fd = os.pipe()
    os.environ[CONFIG_VARIABLE] = str(settings.path)
    os.environ[DRAINED_VARIABLE] = str(write_fd)
    server = settings.server
    supervisor = Supervisor(
        settings.path,
        server.drain_s,
        read_fd,
        address=server.host,
        port=server.port,
        interface=Interfaces.ASGI,
        factory=True,
        workers=server.workers,
        loop=Loops.uvloop,
        http=HTTPModes.auto,
        websockets=False,
        log_access=False,
        log_level=LogLevels.warning,
        http1_settings=HTTP1Settings(header_read_timeout=HEADER_TIMEOUT_MS),
        http2_settings=HTTP2Settings(max_concurrent_streams=200),
        respawn_failed_workers=True,
        workers_kill_timeout=STOP_GRACE_S,
    )
    if on_ready is not None:
        supervisor.on_startup(on_ready)
    supervisor.serve()
