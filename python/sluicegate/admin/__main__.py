"""Serves the admin listener; `sluicegate serve` starts it where `admin:` is configured."""

import argparse
import multiprocessing
import os
import threading
from pathlib import Path
from typing import Any

from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.mp import MPServer

from sluicegate.admin.listener import CONFIG_VARIABLE, HOST_VARIABLE, end_with_parent


class Server(MPServer):
    """Granian with one worker, which ends with the gateway."""

    def startup(self, *args: Any) -> None:
        """Starts the worker; no thread before the fork."""
        super().startup(*args)  # type: ignore[no-untyped-call]
        threading.Thread(target=end_with_parent, daemon=True).start()


def main() -> None:
    """Serves until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m sluicegate.admin")
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    multiprocessing.set_start_method("fork", force=True)
    os.environ[CONFIG_VARIABLE] = str(options.config.absolute())
    os.environ[HOST_VARIABLE] = options.host
    server = Server(
        "sluicegate.admin.listener:create_app",
        address=options.host,
        port=options.port,
        interface=Interfaces.ASGI,
        factory=True,
        workers=1,
        loop=Loops.uvloop,
        http=HTTPModes.http1,
        websockets=False,
        backpressure=256,
        log_access=False,
        log_level=LogLevels.warning,
        http1_settings=HTTP1Settings(header_read_timeout=10_000),
        respawn_failed_workers=True,
        workers_kill_timeout=3,
    )
    server.serve()


if __name__ == "__main__":
    main()
