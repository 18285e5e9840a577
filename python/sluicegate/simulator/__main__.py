"""Starts the simulated provider; the package's docstring says what it does."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sys

import msgspec

from .http import listen
from .provider import Pace, Provider

#: How often an orphan looks for its parent.  The kernel's parent-death signal is not used: it fires
#: when the *thread* that started us ends.
_PARENT_POLL_S = 0.5


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m sluicegate.simulator", description="A simulated model provider."
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--first-token-ms", type=float, default=200.0)
    parser.add_argument("--token-ms", type=float, default=20.0)
    parser.add_argument(
        "--die-with-parent", action="store_true", help="end when the starting process does"
    )
    return parser.parse_args()


async def _orphaned(parent: int) -> None:
    while os.getppid() == parent:
        await asyncio.sleep(_PARENT_POLL_S)


async def _run(options: argparse.Namespace) -> None:
    parent = os.getppid()
    provider = Provider(Pace(options.first_token_ms / 1000, options.token_ms / 1000))
    server = await listen(provider, options.host, options.port)
    port = server.sockets[0].getsockname()[1]
    sys.stdout.write(msgspec.json.encode({"url": f"http://{options.host}:{port}"}).decode() + "\n")
    sys.stdout.flush()
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    if options.die_with_parent:
        watch = asyncio.create_task(_orphaned(parent))
        watch.add_done_callback(lambda _: stopped.set())
    await stopped.wait()
    server.close()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run(_arguments()))
