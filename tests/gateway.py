"""The gateway under test: the real command, a real process, a configuration written for the test.

`Gateway(upstream_url, folder, **settings)` as a context manager; `settings` are merged into the
configuration, a mapping into a mapping.  Provider `u` speaks the OpenAI dialect, `a` the Anthropic
one, `g` Gemini's, `r` OpenAI's Responses alone, `b` Bedrock's, `c` Cohere's, `o` Ollama's own, `z`
is Azure's form of OpenAI's, `i` and `v` are Anthropic's on Bedrock and on Vertex AI, `dead` listens
nowhere.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import msgspec

from sluicegate.cli.ledger import rows_of
from sluicegate.config import Settings, load

from .nursery import Child, Nursery, executed, run
from .upstream.clouds import PUBLISHER

Row = dict[str, Any]

KEY = "sluicegate-test-key-of-tenant-one"
ADMIN_KEY = "sluicegate-test-key-of-the-operator"
OTHER_KEY = "sluicegate-test-key-of-tenant-two"
UPSTREAM_KEYS = {name: f"sk-upstream-{name}-0123456789" for name in "uagrbcoziv"}
#: Which front serves, where a test does not say it: the suite runs under each.
FRONT = os.environ.get("SLUICEGATE_FRONT", "native")
#: 1 and 2 dollars per million, so that money is easy to check.
PRICE = {"input": 1.0, "output": 2.0, "cached_input": 0.5, "cache_write": 1.25}
#: How long after a request's end its row may take to show, and an export on a busy machine.
_ROW_WITHIN_S = 1.0
_EXPORT_S = 4.0
_TOLD_WITHIN_S = 0.5


def free_port() -> int:
    """A loopback port that nobody uses now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`over` laid on `base`, mappings merged, all else replaced."""
    out = dict(base)
    for name, value in over.items():
        old = out.get(name)
        both = isinstance(old, dict) and isinstance(value, dict)
        out[name] = merge(old, value) if both else value  # type: ignore[arg-type]  # both are dicts
    return out


class Gateway:
    """One running `sluicegate serve`."""

    is_executed = False
    """Started as a user does, not forked."""

    def __init__(self, upstream_url: str, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.key = KEY
        self.config_path = folder / "sluicegate.yaml"
        self.log_path = folder / "gateway.log"
        base: dict[str, Any] = {
            "server": {"host": "127.0.0.1", "port": self.port, "workers": 1, "front": FRONT},
            "data_dir": str(folder / "data"),
            "providers": {
                "u": {
                    "dialect": "openai",
                    "base_url": f"{upstream_url}/v1",
                    "api_key": UPSTREAM_KEYS["u"],
                },
                "a": {
                    "dialect": "anthropic",
                    "base_url": upstream_url,
                    "api_key": UPSTREAM_KEYS["a"],
                },
                "g": {
                    "dialect": "gemini",
                    "base_url": upstream_url,
                    "api_key": UPSTREAM_KEYS["g"],
                },
                "r": {
                    "dialect": "openai_responses",
                    "base_url": f"{upstream_url}/v1",
                    "api_key": UPSTREAM_KEYS["r"],
                },
                "b": {
                    "dialect": "bedrock",
                    "base_url": upstream_url,
                    "aws": {
                        "region": "us-east-1",
                        "access_key_id": "AKIDEXAMPLE",
                        "secret_access_key": UPSTREAM_KEYS["b"],
                    },
                },
                "i": {
                    "dialect": "anthropic",
                    "envelope": "bedrock",
                    "base_url": upstream_url,
                    "aws": {
                        "region": "us-east-1",
                        "access_key_id": "AKIDEXAMPLE",
                        "secret_access_key": UPSTREAM_KEYS["i"],
                    },
                },
                "v": {
                    "dialect": "anthropic",
                    "base_url": f"{upstream_url}{PUBLISHER}",
                    "api_key": UPSTREAM_KEYS["v"],
                },
                "c": {
                    "dialect": "cohere",
                    "base_url": upstream_url,
                    "api_key": UPSTREAM_KEYS["c"],
                },
                "o": {
                    "dialect": "ollama",
                    "base_url": upstream_url,
                    "api_key": UPSTREAM_KEYS["o"],
                },
                "z": {
                    "dialect": "openai",
                    "base_url": upstream_url,
                    "api_key": UPSTREAM_KEYS["z"],
                    "auth": "api-key",
                    "api_version": "2024-10-21",
                },
                "dead": {
                    "dialect": "openai",
                    "base_url": f"http://127.0.0.1:{free_port()}/v1",
                    "api_key": "none",
                },
            },
            "prices": {f"{name}/*": PRICE for name in (*UPSTREAM_KEYS, "dead")},
            "keys": [{"name": "one", "key": KEY}, {"name": "two", "key": OTHER_KEY}],
            "admin_key": ADMIN_KEY,
            "timeouts": {"connect_s": 1, "first_byte_s": 2, "idle_s": 2, "total_s": 20},
        }
        self.config = merge(base, settings)
        self.environment: dict[str, str] = {}
        self.process: Child | subprocess.Popen[bytes] | None = None
        self._read: tuple[str, Settings] | None = None

    # life

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()

    def write_config(self, **settings: Any) -> None:
        """Writes the configuration (JSON is YAML), `settings` merged into it."""
        self.config = merge(self.config, settings)
        self.config_path.write_text(json.dumps(self.config, indent=1))
        self.config_path.chmod(0o600)

    def start(self, within_s: float = 20.0) -> None:
        """Starts the process and waits until it says that it is ready."""
        self.write_config()
        arguments = ["serve", "--config", str(self.config_path)]
        environment = os.environ | self.environment
        if self.is_executed:
            self.process = executed(arguments, self.log_path, environment)
        else:
            self.process = Nursery.start(arguments, self.log_path, environment)
        end = time.monotonic() + within_s
        while not (self._listens() and self.ready()):
            if self.process.poll() is not None or time.monotonic() > end:
                self.kill()
                raise AssertionError(f"the gateway did not start:\n{self.log()[-3000:]}")
            time.sleep(0.01)

    def _listens(self) -> bool:
        """Whether its port takes connections: costs less than asking, while it starts."""
        with socket.socket() as sock:
            return sock.connect_ex(("127.0.0.1", self.port)) == 0

    def ready(self) -> bool:
        """Whether `/health/ready` answers 200 now."""
        try:
            return self._http("GET", "/health/ready", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False

    def health(self) -> str:
        """What `/health/ready` says, whatever its status."""
        return self._http("GET", "/health/ready").text

    def signal(self, number: int) -> None:
        """A signal to the main process."""
        assert self.process is not None
        self.process.send_signal(number)

    def stop(self, within_s: float = 15.0) -> int:
        """SIGTERM, and the exit status."""
        assert self.process is not None
        self.signal(signal.SIGTERM)
        return self.process.wait(within_s)

    def kill(self) -> None:
        """SIGKILL for it and all that it started."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)

    def run(self, *arguments: str) -> tuple[int, str]:
        """`sluicegate ARGUMENTS --config` this one's, as another process: status, what it said."""
        with_config = [*arguments, "--config", str(self.config_path)]
        return run(with_config, self.folder, os.environ | self.environment)

    # administering

    def admin(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """One request to the admin API, as the operator."""
        headers = {"authorization": f"Bearer {ADMIN_KEY}"}
        if body is None:
            return self._http(method, path, headers=headers)
        return self._http(method, path, headers=headers, json=body)

    def _http(self, method: str, path: str, timeout: float = 5, **more: Any) -> httpx.Response:
        # A client that trusts somebody reads 150 certificates first: 24 ms of CPU.
        return httpx.request(method, self.url + path, timeout=timeout, verify=False, **more)

    # looking inside

    def log(self) -> str:
        """All that it has written to its standard streams."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def processes(self) -> list[int]:
        """The main process and its children."""
        assert self.process is not None
        return [self.process.pid, *_children(self.process.pid)]

    def rss_bytes(self) -> int:
        """Resident memory of all its processes."""
        return sum(_status(pid, "VmRSS") for pid in self.processes())

    def peak_rss_bytes(self) -> int:
        """The most that its processes ever had, summed."""
        return sum(_status(pid, "VmHWM") for pid in self.processes())

    def reset_peak(self) -> int:
        """Sets the peak to what is used now, and gives that."""
        for pid in self.processes():
            Path(f"/proc/{pid}/clear_refs").write_text("5")
        return self.rss_bytes()

    # the ledger

    def ledger(self) -> list[Row]:
        """All rows of `sluicegate ledger export`, in its order, by its own function in this process:
        the thousandth part of starting the command.
        """
        return [_as_exported(row) for row in rows_of(self._settings())]

    def exported(self) -> list[Row]:
        """The same by the command in its own process: while a load of this one is being timed."""
        done = subprocess.run(
            [*command(), *self._export()], capture_output=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr.decode(errors="replace")
        return _rows(done.stdout.decode())

    def _export(self) -> list[str]:
        return ["ledger", "export", "--format", "jsonl", "--config", str(self.config_path)]

    def _settings(self) -> Settings:
        """The configuration as the command reads it, read when it is another one."""
        text = self.config_path.read_text()
        if self._read is None or self._read[0] != text:
            self._read = (text, load(self.config_path))
        return self._read[1]

    def rows(self, ref: str, at_least: int = 1) -> list[Row]:
        """The settled rows of the request that was sent with `x-request-id: ref`, by attempt."""
        return self.rows_of([ref], at_least)[ref]

    def rows_of(self, refs: Iterable[str], at_least: int = 1) -> dict[str, list[Row]]:
        """`rows` for many requests with one export; waits as long as the contract allows."""
        wanted = list(refs)
        end = time.monotonic() + _ROW_WITHIN_S + _EXPORT_S
        while True:
            found: dict[str, list[Row]] = {ref: [] for ref in wanted}
            for row in rows_of(self._settings()):
                if row["client_ref"] in found:
                    found[row["client_ref"]].append(_as_exported(row))
            is_late = time.monotonic() > end - _ROW_WITHIN_S - _EXPORT_S + _TOLD_WITHIN_S
            settled = all(
                len(rows) >= at_least and all(_is_told(row, is_late=is_late) for row in rows)
                for rows in found.values()
            )
            if settled or time.monotonic() > end:
                missing = [ref for ref, rows in found.items() if len(rows) < at_least]
                assert not missing, f"{len(missing)} of {len(wanted)} requests lack rows"
                return {r: sorted(x, key=lambda row: row["attempt"]) for r, x in found.items()}
            time.sleep(0.03)


def _is_told(row: Row, *, is_late: bool) -> bool:
    """Whether a row will not be written again: that of a failure is, with what its client heard, if
    that heard anything.
    """
    is_whole = row["outcome"] != "error" or row["client_status"] is not None
    return row["outcome"] != "unknown" and (is_whole or is_late)


def command() -> list[str]:
    """How the command is started with this very Python."""
    return [sys.executable, "-m", "sluicegate"]


def _rows(text: str) -> list[Row]:
    return [msgspec.json.decode(line) for line in text.split("\n") if line]


def _as_exported(row: Row) -> Row:
    """What a row is once it was written and read."""
    read: Row = msgspec.json.decode(msgspec.json.encode(row))
    return read


def _children(pid: int) -> list[int]:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    out: list[int] = []
    if path.exists():
        for child in path.read_text().split():
            out += [int(child), *_children(int(child))]
    return out


def _status(pid: int, name: str) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(name)), 0)
