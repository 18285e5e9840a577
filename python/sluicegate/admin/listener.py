"""The admin API on a listener of its own: a process beside the gateway's workers, so that neither
can hold up the other.
"""

import asyncio
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from sluicegate import _core
from sluicegate.admin.api import AdminApi, send_error
from sluicegate.admin.mount import PREFIX, TRIES_FILE, reload_by
from sluicegate.admin.scrape import PATH as METRICS
from sluicegate.admin.scrape import Scrape
from sluicegate.admin.service import open_service
from sluicegate.admin.tries import Tries
from sluicegate.config import Admin, ConfigError, Settings, load
from sluicegate.config.settings import is_loopback
from sluicegate.errors import GatewayError, UnknownRouteError
from sluicegate.listener import Listener
from sluicegate.watch import Patience, Receive, Watch

log = logging.getLogger("sluicegate")

CONFIG_VARIABLE: Final = "SLUICEGATE_ADMIN_CONFIG"
HOST_VARIABLE: Final = "SLUICEGATE_ADMIN_HOST"
PARENT_POLL_S: Final = 0.5
"""How often an orphan looks for its parent. The kernel's signal is no help: it comes when the
thread that started us ends.
"""
RESTART_S: Final = 1.0
STOP_S: Final = 5.0

Scope = dict[str, Any]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class AdminProcess:
    """The process, started again where it dies. It ends with the one that made this."""

    def __init__(self, config: Path, admin: Admin) -> None:
        """Claims the address.

        Raises:
            ListenError: it cannot be used.
        """
        self._listener = Listener(admin.host, admin.port)
        self._command = [
            *(sys.executable, "-m", "sluicegate.admin", "--config", str(config)),
            *("--host", self._listener.address, "--port", str(self._listener.port)),
        ]
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="sluicegate-admin", daemon=True)

    @property
    def url(self) -> str:
        """Where it is reached."""
        return self._listener.url

    def start(self) -> None:
        """Starts it; to be called behind any fork."""
        self._thread.start()

    def __enter__(self) -> Self:
        """Nothing is started yet."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Ends it."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        self._listener.close()

    def _keep(self) -> None:
        while not self._stopping.is_set():
            # A session of its own: Ctrl-C in a terminal is for the gateway, which ends this one.
            with subprocess.Popen(self._command, start_new_session=True) as process:
                while process.poll() is None and not self._stopping.wait(0.1):
                    pass
                if process.poll() is None:
                    _end(process)
                    return
            log.error("the admin listener ended with status %d", process.returncode)
            self._stopping.wait(RESTART_S)


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()


class Followed:
    """The configuration's file, read again when it changes; a bad one changes nothing."""

    def __init__(self, path: Path) -> None:
        """Raises: ConfigError."""
        self._path = path
        self._seen = self._stamp()
        self._settings = load(path)

    def __call__(self) -> Settings:
        """The settings in force."""
        stamp = self._stamp()
        if stamp != self._seen:
            self._seen = stamp
            with suppress(ConfigError):
                self._settings = load(self._path)
        return self._settings

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino


class AdminApp:
    """The ASGI app of the admin listener: the admin API and nothing else."""

    def __init__(self, config: Path) -> None:
        """Reads nothing yet: threads begin with the lifespan, behind any fork."""
        self._config = config
        self._served: tuple[AdminApi, Scrape] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One ASGI connection."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http" and self._served is not None:
            api, scrape = self._served
            if scope["path"].startswith(f"{PREFIX}/"):
                await api(scope, receive, send)
            elif scope["path"] == METRICS and scope["method"] in ("GET", "HEAD"):
                await self._metrics(scrape, scope, send)
            else:
                await send_error(send, UnknownRouteError(scope["method"], scope["path"]))

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            api, scrape = self._served = await asyncio.to_thread(self._open)
        except Exception as error:
            log.exception("the admin listener cannot start")
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        threading.Thread(target=end_with_parent, daemon=True).start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await asyncio.to_thread(api.close)
        await asyncio.to_thread(scrape.close)
        await send({"type": "lifespan.shutdown.complete"})

    @staticmethod
    async def _metrics(scrape: Scrape, scope: Scope, send: Send) -> None:
        try:
            headers, body = await scrape.answer(scope)
        except GatewayError as error:
            await send_error(send, error)
            return
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _open(self) -> tuple[AdminApi, Scrape]:
        settings = Followed(self._config)
        server = settings().server
        data_dir = settings().data_dir
        counts = _core.Metrics(data_dir)
        service = open_service(settings, reload_by(None), counts=counts)
        watch = Watch(Patience(server.body_timeout_s, server.write_stall_s))
        tries = Tries(data_dir / TRIES_FILE)
        is_private = is_loopback(os.environ.get(HOST_VARIABLE, ""))
        scrape = Scrape(counts, settings, lambda _: is_private, tries)
        return AdminApi(service, watch, tries), scrape


def create_app() -> AdminApp:
    """The app of the file that the environment names."""
    return AdminApp(Path(os.environ[CONFIG_VARIABLE]))


def end_with_parent() -> None:
    """Ends this process once the one that started it is gone."""
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(PARENT_POLL_S)
    os._exit(0)
