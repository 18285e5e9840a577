"""Serves the app under Granian."""

import http.client
import multiprocessing
import os
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings, HTTP2Settings
from granian.log import LogLevels

from sluicegate import _core
from sluicegate.app import CONFIG_VARIABLE
from sluicegate.config import Settings
from sluicegate.environment import told
from sluicegate.listener import Listener, max_connections
from sluicegate.native import LISTEN_VARIABLE, listen_text
from sluicegate.supervisor import Supervisor
from sluicegate.worker import DRAINED_VARIABLE

HEADER_TIMEOUT_MS: Final = 10_000
"""For a client to send its request's head."""
STOP_GRACE_S: Final = 5
"""For a drained worker to write its last rows and end."""
READY_POLL_S: Final = 0.05
MAX_SOCKET_PATH: Final = 100
"""What systems take as a socket's path, nearly."""


class DataDirError(Exception):
    """A data directory that cannot be used; its text says why."""


def serve(settings: Settings, on_ready: Callable[[str], None]) -> None:
    """Serves until a signal ends it. Blocks.

    Args:
        on_ready: called with the gateway's URL, in a thread, once it answers.
    Raises:
        ListenError: the address cannot be used.
        DataDirError: the data directory cannot be used.
    """
    _prepare(settings.data_dir)
    server = settings.server
    listener = Listener(server.host, server.port)
    # Workers inherit the pipe and the environment, which only a fork does without ceremony.
    multiprocessing.set_start_method("fork", force=True)
    read_fd, write_fd = os.pipe()
    told_workers = {CONFIG_VARIABLE: str(settings.path), DRAINED_VARIABLE: str(write_fd)}
    own_socket = _own_socket(settings, listener) if server.front == "native" else None
    if own_socket is not None:
        told_workers[LISTEN_VARIABLE] = listen_text(
            listener.address, listener.port, max_connections(), own_socket
        )
    has_served = threading.Event()
    telling = (listener.url, on_ready, has_served)
    supervisor = Supervisor(
        settings.path,
        server.drain_s,
        read_fd,
        _core.Metrics(settings.data_dir),
        threading.Thread(target=_tell_when_ready, args=telling, daemon=True).start,
        has_served,
        address=listener.address,
        port=listener.port,
        uds=own_socket,
        uds_permissions=0o600,
        interface=Interfaces.ASGI,
        factory=True,
        workers=server.workers,
        loop=Loops.uvloop,
        http=HTTPModes.auto,
        websockets=server.front == "asgi",
        backpressure=max_connections(),
        log_access=False,
        log_level=LogLevels.warning,
        http1_settings=HTTP1Settings(header_read_timeout=HEADER_TIMEOUT_MS),
        http2_settings=HTTP2Settings(max_concurrent_streams=200),
        workers_kill_timeout=STOP_GRACE_S,
    )
    try:
        with told(told_workers):
            supervisor.serve()
    finally:
        listener.close()
        if own_socket is not None:
            own_socket.unlink(missing_ok=True)


def _own_socket(settings: Settings, listener: Listener) -> Path:
    """Where the app is reached by the workers' own listeners."""
    path = settings.data_dir / f"app-{listener.port}.sock"
    if len(os.fsencode(path)) > MAX_SOCKET_PATH:
        path = Path(tempfile.mkdtemp(prefix="sluicegate-")) / "app.sock"
    path.unlink(missing_ok=True)  # of a life that was killed
    return path


def _prepare(data_dir: Path) -> None:
    """Finds out before any worker starts, which could only die of it, one after the other."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise DataDirError(f"data_dir {data_dir}: {error.strerror}") from None
    if not os.access(data_dir, os.R_OK | os.W_OK | os.X_OK):
        raise DataDirError(f"data_dir {data_dir}: this user may not write there")


def _tell_when_ready(
    url: str, on_ready: Callable[[str], None], has_served: threading.Event
) -> None:
    host, port = urlsplit(url).hostname, urlsplit(url).port
    while True:
        time.sleep(READY_POLL_S)
        with suppress(OSError, http.client.HTTPException):
            asking = http.client.HTTPConnection(str(host), port, timeout=1)
            asking.request("GET", "/health/ready")
            ready = asking.getresponse().status == 200
            asking.close()
            if ready:
                break
    has_served.set()
    on_ready(url)
