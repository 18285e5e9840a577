"""The app is plain ASGI: another server runs it, streams included."""

import os
import subprocess
import sys
import time
from pathlib import Path

import httpx
import openai

from tests.gateway import KEY, Gateway, free_port
from tests.upstream import ScriptedUpstream


def test_uvicorn_serves_streams_and_whole_answers(tmp_path: Path) -> None:
    with ScriptedUpstream() as upstream:
        gateway = Gateway(upstream.url, tmp_path)
        gateway.write_config()
        port = free_port()
        command = [sys.executable, "-m", "uvicorn", "--factory", "sluicegate.app:create_app"]
        process = subprocess.Popen(
            [*command, "--port", str(port), "--log-level", "error"],
            env={**os.environ, "SLUICEGATE_CONFIG": str(gateway.config_path)},
        )
        try:
            wait_until_ready(f"http://127.0.0.1:{port}/health/ready")
            client = openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key=KEY)
            for model in ("u/ok-5", "a/ok-5"):
                asked = [{"role": "user", "content": "hi"}]
                whole = client.chat.completions.create(model=model, messages=asked)  # type: ignore[arg-type]
                stream = client.chat.completions.create(model=model, messages=asked, stream=True)  # type: ignore[arg-type]
                pieces = [c.choices[0].delta.content or "" for c in stream if c.choices]
                assert "".join(pieces) == whole.choices[0].message.content
            client.close()
        finally:
            process.terminate()
            process.wait(20)
        rows = gateway.ledger()
        assert [row["outcome"] for row in rows] == ["ok"] * 4


def wait_until_ready(url: str) -> None:
    for _ in range(200):
        try:
            if httpx.get(url, timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.05)
    raise AssertionError("the server did not become ready")
