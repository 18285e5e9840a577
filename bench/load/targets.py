"""Who is measured: this gateway in its several settings. `peers.py` has the others."""

import json
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.load.cells import CELLS, MODELS
from bench.load.instrument import MOCK_PORT, REPOSITORY

KEY = "sk-bench-0123456789"
UPSTREAM = f"http://127.0.0.1:{MOCK_PORT}"
#: USD per million tokens: easy to check in the ledger.
INPUT_USD, OUTPUT_USD = 1.0, 2.0
ALL_CELLS = tuple(CELLS)
#: Seven limits on each request, at three levels: money, tokens, requests, parallel requests.
GOVERNED: dict[str, Any] = {
    "keys": [
        {
            "name": "bench",
            "key": KEY,
            "team": "core",
            "organisation": "acme",
            "budget_usd": 100_000,
            "budget_period": "day",
            "tpm": 100_000_000_000,
            "rpm": 100_000_000,
            "max_parallel": 10_000,
        }
    ],
    "limits": [
        {"name": "acme", "scope": {"organisation": "acme"}, "cost_usd": 100_000, "per": "month"},
        {"name": "core", "scope": {"team": "core"}, "cost_usd": 100_000, "per": "day"},
        {
            "name": "core-tokens",
            "scope": {"team": "core"},
            "total_tokens": 100_000_000_000,
            "per": "hour",
        },
    ],
}

_CACHE = {"exact": {"enabled": True}}
_REPEATED = ("small_c1", "small_c32", "agent_c32", "burst_c32")


@dataclass(frozen=True)
class Target:
    """A program that listens on `port`; nothing to start where the mock itself is asked."""

    command: Sequence[str]
    port: int
    headers: Sequence[str] = (f"Authorization: Bearer {KEY}",)
    environment: dict[str, str] = field(default_factory=dict)
    cells: Sequence[str] = ALL_CELLS
    #: Where it is this gateway: its configuration, and where it keeps what it knows.
    config: Path | None = None

    def forget(self) -> None:
        """An empty ledger, so that each start is a first one."""
        if self.config is not None:
            shutil.rmtree(self.config.with_suffix(".data"), ignore_errors=True)


def gateway(
    scratch: Path,
    name: str,
    port: int,
    *,
    cells: Sequence[str] = ALL_CELLS,
    upstreams: dict[str, Any] | None = None,
    governed: bool = True,
    cache: dict[str, Any] | None = None,
    **server: Any,
) -> Target:
    """This gateway, with a configuration as users have it: providers, prices, aliases, a key."""
    bench = {"dialect": "openai", "base_url": f"{UPSTREAM}/v1", "api_key": "sk-upstream"}
    providers = upstreams or {"bench": bench}
    path = scratch / f"{name}.yaml"
    config: dict[str, Any] = {
        "server": {"port": port, **server},
        "data_dir": str(path.with_suffix(".data")),
        "providers": providers,
        "prices": {f"{it}/*": {"input": INPUT_USD, "output": OUTPUT_USD} for it in providers},
        "models": {model: {"targets": [f"bench/{model}"]} for model in MODELS if not upstreams},
        "cache": cache or {},
        **(GOVERNED if governed else {"auth": "none"}),
    }
    path.write_text(json.dumps(config, indent=1))
    path.chmod(0o600)
    command = [sys.executable, "-m", "sluicegate", "serve", "--config", str(path)]
    return Target(command, port, cells=cells, config=path)


def direct(scratch: Path) -> Target:
    """The mock with nobody between."""
    del scratch
    return Target((), MOCK_PORT)


def native(scratch: Path) -> Target:
    """One worker, seven limits, the core's own listener: what is shipped."""
    return gateway(scratch, "sluicegate", 4090)


def asgi(scratch: Path) -> Target:
    """The same behind Granian's listener."""
    return gateway(scratch, "asgi", 4091, front="asgi")


def ungoverned(scratch: Path) -> Target:
    """No key and no limit: what governing costs is the difference."""
    return gateway(scratch, "ungoverned", 4092, governed=False)


def two_workers(scratch: Path) -> Target:
    """Two processes that share their limits, on one core: what the sharing costs a request."""
    cells = ("small_c32", "agent_c32", "burst_c32", "paced_c32")
    return gateway(scratch, "two-workers", 4093, cells=cells, workers=2)


def cached(scratch: Path) -> Target:
    """Seven limits, and every answer but the first out of the cache."""
    return gateway(scratch, "cached", 4094, cells=_REPEATED, cache=_CACHE)


def cached_asgi(scratch: Path) -> Target:
    """The same behind Granian's listener."""
    return gateway(scratch, "cached-asgi", 4095, cells=_REPEATED, cache=_CACHE, front="asgi")


def hello(scratch: Path) -> Target:
    """Granian, and an application that reads the request and says hello."""
    del scratch
    command = [sys.executable, "-m", "granian", "--interface", "asgi", "--no-ws"]
    command += ["--port", "4096", "--loop", "uvloop", "--log-level", "error"]
    cells = ("small_c1", "small_c32", "agent_c32")
    here = {"PYTHONPATH": str(REPOSITORY)}
    return Target([*command, "bench.boundary.hello:app"], 4096, cells=cells, environment=here)


OURS: dict[str, Callable[[Path], Target]] = {
    "direct": direct,
    "sluicegate": native,
    "asgi": asgi,
    "ungoverned": ungoverned,
    "two-workers": two_workers,
    "cached": cached,
    "cached-asgi": cached_asgi,
    "hello": hello,
}
