"""The others, each configured to do as little as it can; those that are not installed are named.

Their programs are searched in PEERS_DIR (`/tmp/peers`), laid out as the instrument's
`setup_peers.sh` does it. nginx and Envoy are bare proxies: no key, no limit, no ledger.
"""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.load.cells import CELLS, MODELS
from bench.load.targets import KEY, UPSTREAM, Target

PEERS = Path(os.environ.get("PEERS_DIR", "/tmp/peers"))
_WHOLE = tuple(name for name, cell in CELLS.items() if not cell.events)
_STREAMED = tuple(name for name, cell in CELLS.items() if cell.events)
#: Of the slow ones only what the table needs.
_TABLE = tuple(name for name in CELLS if name not in {"small_c128", "agent_c1"})


def _file(scratch: Path, name: str, text: str) -> str:
    path = scratch / name
    path.write_text(text)
    return str(path)


def nginx(scratch: Path) -> Target:
    """One worker, connections kept, nothing buffered."""
    temporary = "".join(
        f" {it}_temp_path {scratch}/nginx-{it};"
        for it in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = f"""
daemon off; worker_processes 1; pid {scratch}/nginx.pid; error_log {scratch}/nginx.err error;
events {{ worker_connections 8192; }}
http {{
  access_log off; keepalive_requests 100000000; client_body_buffer_size 256k;{temporary}
  upstream mock {{
    server {UPSTREAM.removeprefix("http://")}; keepalive 512; keepalive_requests 100000000;
  }}
  server {{
    listen 127.0.0.1:9201;
    location / {{
      proxy_pass http://mock; proxy_http_version 1.1; proxy_buffering off;
      proxy_set_header Connection "";
    }}
  }}
}}
"""
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin") or "nginx"
    return Target([program, "-c", _file(scratch, "nginx.conf", config)], 9201)


def _any(kind: str, package: str, **fields: Any) -> dict[str, Any]:
    return {
        "name": package,
        "typed_config": {"@type": f"type.googleapis.com/{kind}", **fields},
    }


def envoy(scratch: Path) -> Target:
    """One thread, one route, no time-out."""
    extensions = "envoy.extensions.filters"
    router = _any(f"{extensions}.http.router.v3.Router", "envoy.filters.http.router")
    route = {"match": {"prefix": "/"}, "route": {"cluster": "mock", "timeout": "0s"}}
    hosts = [{"name": "any", "domains": ["*"], "routes": [route]}]
    manager = _any(
        f"{extensions}.network.http_connection_manager.v3.HttpConnectionManager",
        "envoy.filters.network.http_connection_manager",
        stat_prefix="in",
        route_config={"virtual_hosts": hosts},
        http_filters=[router],
    )

    def address(port: int) -> dict[str, Any]:
        return {"socket_address": {"address": "127.0.0.1", "port_value": port}}

    upstream_port = int(UPSTREAM.rpartition(":")[2])
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": address(upstream_port)}}]}]
    many = {"max_connections": 8192, "max_pending_requests": 8192, "max_requests": 8192}
    cluster = {
        "name": "mock",
        "type": "STATIC",
        "circuit_breakers": {"thresholds": [many]},
        "load_assignment": {"cluster_name": "mock", "endpoints": endpoints},
    }
    listener = {"address": address(9202), "filter_chains": [{"filters": [manager]}]}
    config = {"static_resources": {"listeners": [listener], "clusters": [cluster]}}
    command = [str(PEERS / "rs/bin/envoy"), "-c", _file(scratch, "envoy.json", json.dumps(config))]
    command += ["--concurrency", "1", "--log-level", "error", "--disable-hot-restart"]
    return Target(command, 9202)


def vllm_router(scratch: Path) -> Target:
    """A router in Rust that reads and writes each body again."""
    del scratch
    command = [str(PEERS / "rs/bin/vllm-router"), "--host", "127.0.0.1", "--port", "9205"]
    command += ["--worker-urls", UPSTREAM, "--policy", "round_robin", "--log-level", "error"]
    command += ["--prometheus-host", "127.0.0.1", "--prometheus-port", "9295"]
    return Target(command, 9205, headers=(), cells=_TABLE)


def _portkey(port: int, cells: tuple[str, ...], *node: str) -> Target:
    server = PEERS / "npm/node_modules/@portkey-ai/gateway/build/start-server.js"
    headers = ("Authorization: Bearer sk-upstream", "x-portkey-provider: openai")
    return Target(
        ["node", *node, str(server), f"--port={port}", "--headless"],
        port,
        headers=(*headers, f"x-portkey-custom-host: {UPSTREAM}/v1"),
        environment={"NODE_ENV": "production", "PORT": str(port)},
        cells=[name for name in cells if name in _TABLE],
    )


def portkey(scratch: Path) -> Target:
    """As it is, for whole answers."""
    del scratch
    return _portkey(9206, _WHOLE)


def portkey_streams(scratch: Path) -> Target:
    """For streams: on Node 20 it fails to write to the headers of a response that `fetch` made."""
    shim = """const ask = globalThis.fetch;
globalThis.fetch = async (...asked) => {
  const { body, status, statusText, headers } = await ask(...asked);
  return new Response(body, { status, statusText, headers: new Headers(headers) });
};
"""
    return _portkey(9210, _STREAMED, "--require", _file(scratch, "shim.cjs", shim))


def litellm(scratch: Path) -> Target:
    """Its proxy as its own advice for production has it: one worker, logs at `ERROR`."""
    model_list = [
        {
            "model_name": model,
            "litellm_params": {
                "model": f"openai/{model}",
                "api_base": f"{UPSTREAM}/v1",
                "api_key": "sk-upstream",
            },
        }
        for model in MODELS
    ]
    config = {
        "model_list": model_list,
        "general_settings": {"master_key": KEY},
        "litellm_settings": {"request_timeout": 600, "num_retries": 0, "telemetry": False},
    }
    command = [str(PEERS / "ll/bin/litellm"), "--host", "127.0.0.1", "--port", "9207"]
    command += ["--config", _file(scratch, "litellm.yaml", json.dumps(config))]
    environment = {
        "LITELLM_MODE": "PRODUCTION",
        "LITELLM_LOG": "ERROR",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "NO_DOCS": "True",
        "DISABLE_ADMIN_UI": "True",
    }
    command += ["--num_workers", "1", "--telemetry", "False"]
    return Target(command, 9207, environment=environment, cells=_TABLE)


PEER_TARGETS: dict[str, Callable[[Path], Target]] = {
    "nginx": nginx,
    "envoy": envoy,
    "vllm-router": vllm_router,
    "portkey": portkey,
    "portkey-streams": portkey_streams,
    "litellm": litellm,
}


def is_installed(target: Target) -> bool:
    """Whether its program, and the script that it runs, are here."""
    program, *arguments = target.command
    scripts = [Path(it) for it in arguments if it.endswith(".js")]
    return shutil.which(program) is not None and all(it.exists() for it in scripts)
