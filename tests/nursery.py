"""Where gateways of the tests begin: a process that has imported the command, and forks.

A run starts some 500 gateways, and imports are two thirds of what a start takes. What is forked is
the command itself, with arguments, environment, session and log of its own; `tests/cli` starts it
as a user does.

`Nursery.start` gives a `Child`, which is waited for and asked like a `subprocess.Popen`.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

_MOST_BYTES = 1 << 17
_ROOT = Path(__file__).resolve().parent.parent


class Child:
    """A command that runs."""

    def __init__(self, pid: int, ended: int) -> None:
        """Args: ended: a pipe that its status comes through."""
        self.pid = pid
        self.returncode: int | None = None
        self._ended = ended

    def __del__(self) -> None:
        os.close(self._ended)

    def poll(self) -> int | None:
        """The exit status, or minus the signal's number, if it has ended."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The same, once it has ended."""
        if self.returncode is None:
            ready, _, _ = select.select([self._ended], [], [], timeout)
            if not ready:
                raise subprocess.TimeoutExpired("sluicegate", timeout or 0)
            self.returncode = int(os.read(self._ended, 16))
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Nothing, where it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)


class Nursery:
    """One for each process of the tests; it ends with it."""

    _only: Nursery | None = None
    _lock = threading.Lock()

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            arguments = [sys.executable, "-m", __name__, str(theirs.fileno())]
            self._process = subprocess.Popen(arguments, pass_fds=[theirs.fileno()], cwd=_ROOT)

    @classmethod
    def start(cls, arguments: list[str], log: Path, environment: Mapping[str, str]) -> Child:
        """`sluicegate ARGUMENTS` in a session of its own, with what it says behind `log`."""
        wanted = {
            "arguments": arguments,
            "log": str(log),
            "environment": dict(environment),
            "cwd": str(Path.cwd()),
        }
        ours, theirs = os.pipe()
        with cls._lock:
            if cls._only is None:
                cls._only = cls()
            control = cls._only._control
            socket.send_fds(control, [json.dumps(wanted).encode()], [theirs])
            os.close(theirs)
            return Child(int(control.recv(16)), ours)


def executed(
    arguments: list[str], log: Path, environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """The same, as a user starts it: for who looks at its command line, or hooks into its start."""
    with log.open("ab") as said:
        return subprocess.Popen(
            [sys.executable, "-m", "sluicegate", *arguments],
            stdout=said,
            stderr=said,
            env=dict(environment),
            start_new_session=True,
        )


def run(
    arguments: list[str],
    folder: Path,
    environment: Mapping[str, str] = os.environ,
    within_s: float = 20.0,
) -> tuple[int, str]:
    """`sluicegate ARGUMENTS` to its end: the exit status, and all that it said, kept in `folder`."""
    said = folder / f"said-{time.monotonic_ns()}"
    status = Nursery.start(arguments, said, environment).wait(within_s)
    return status, said.read_text(errors="replace")


def _serve(control: socket.socket) -> list[str]:
    """Forks whenever it is asked to. Returns in the child, with the command's arguments; ends with
    who asks, as do all that it forked.
    """
    children: dict[int, int] = {}  # the pipe of each, by its process id
    woken, wakes = socket.socketpair()
    wakes.setblocking(False)
    signal.set_wakeup_fd(wakes.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    while True:
        ready, _, _ = select.select([control, woken], [], [])
        if woken in ready:
            woken.recv(4096)
            _reap(children)
        if control not in ready:
            continue
        told, pipes, _, _ = socket.recv_fds(control, _MOST_BYTES, 1)
        if not told:
            for pid in children:
                with suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)
            sys.exit()
        pid = os.fork()
        if not pid:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for end in (control, woken, wakes):
                end.close()
            for pipe in (*pipes, *children.values()):
                os.close(pipe)
            return _become(json.loads(told))
        children[pid] = pipes[0]
        control.send(str(pid).encode())


def _reap(children: dict[int, int]) -> None:
    for pid in list(children):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            pipe = children.pop(pid)
            with suppress(BrokenPipeError):  # nobody asks any more
                os.write(pipe, str(os.waitstatus_to_exitcode(status)).encode())
            os.close(pipe)


def _become(wanted: dict[str, object]) -> list[str]:
    """What `subprocess.Popen` would have made of it."""
    os.setsid()
    os.chdir(str(wanted["cwd"]))
    log = os.open(str(wanted["log"]), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for standard in (1, 2):
        os.dup2(log, standard)
    os.close(log)
    os.environ.clear()
    os.environ.update(wanted["environment"])  # type: ignore[arg-type]  # strings, from JSON
    packages = os.environ.get("PYTHONPATH")
    if packages:
        sys.path[1:1] = packages.split(os.pathsep)
    arguments: list[str] = wanted["arguments"]  # type: ignore[assignment]  # as above
    sys.argv[1:] = arguments
    return arguments


if __name__ == "__main__":
    from sluicegate.cli import main

    main(_serve(socket.socket(fileno=int(sys.argv[1]))), prog_name="sluicegate")
