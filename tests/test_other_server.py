"""The app is plain ASGI: another server runs it, streams included."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import openai
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.gateway import KEY, Gateway, free_port
from tests.upstream import ScriptedUpstream


@contextmanager
def served(gateway: Gateway) -> Iterator[str]:
    """The app under uvicorn, by its address without a scheme."""
    gateway.write_config()
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "--factory", "sluicegate.app:create_app"]
    process = subprocess.Popen(
        [*command, "--port", str(port), "--log-level", "error"],
        env={**os.environ, "SLUICEGATE_CONFIG": str(gateway.config_path)},
    )
    try:
        wait_until_ready(f"http://127.0.0.1:{port}/health/ready")
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def test_uvicorn_serves_streams_and_whole_answers(tmp_path: Path) -> None:
    with ScriptedUpstream() as upstream:
        gateway = Gateway(upstream.url, tmp_path)
        with served(gateway) as address:
            client = openai.OpenAI(base_url=f"http://{address}/v1", api_key=KEY)
            for model in ("u/ok-5", "a/ok-5"):
                asked = [{"role": "user", "content": "hi"}]
                whole = client.chat.completions.create(model=model, messages=asked)  # type: ignore[arg-type]
                stream = client.chat.completions.create(model=model, messages=asked, stream=True)  # type: ignore[arg-type]
                pieces = [c.choices[0].delta.content or "" for c in stream if c.choices]
                assert "".join(pieces) == whole.choices[0].message.content
            client.close()
        rows = gateway.ledger()
        assert [row["outcome"] for row in rows] == ["ok"] * 4


def test_uvicorn_serves_realtime_sessions(tmp_path: Path) -> None:
    with ScriptedUpstream() as upstream:
        gateway = Gateway(upstream.url, tmp_path)
        with served(gateway) as address:
            url, headers = f"ws://{address}/v1/realtime?model=u/rt", {"x-api-key": KEY}
            with connect(url, additional_headers=headers, proxy=None) as ws:
                assert ws.response is not None
                assert ws.response.headers["x-sluicegate-provider"] == "u"
                ws.send(json.dumps({"type": "response.create"}))
                while json.loads(ws.recv(timeout=10))["type"] != "response.done":
                    pass
            with pytest.raises(InvalidStatus) as told, connect(url, proxy=None):
                pass
            assert told.value.response.status_code == 401
        rows = gateway.ledger()
        assert [row["outcome"] for row in rows] == ["ok"] * 2


def wait_until_ready(url: str) -> None:
    for _ in range(200):
        try:
            if httpx.get(url, timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.05)
    raise AssertionError("the server did not become ready")
