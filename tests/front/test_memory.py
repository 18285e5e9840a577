"""What a request held is given back when it is over, whoever decided about it."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from ..gateway import KEY, Gateway
from ..upstream import ScriptedUpstream

BODY_BYTES = 1 << 20
ASKED = 40
#: What each request may leave behind: a tenth of its body.
LEFT_BYTES = BODY_BYTES / 10


@pytest.mark.parametrize("model", ["u/ok-1", "a/ok-1", "both"])
def test_a_requests_body_is_given_back(tmp_path: Path, model: str) -> None:
    text = "x " * (BODY_BYTES // 2)
    body = {"model": model, "messages": [{"role": "user", "content": text}]}
    headers = {"authorization": f"Bearer {KEY}"}
    models = {"both": {"targets": ["u/fault-500", "a/ok-1"]}}
    with (
        ScriptedUpstream() as upstream,
        Gateway(upstream.url, tmp_path, models=models) as gateway,
        httpx.Client(base_url=gateway.url, headers=headers, timeout=20) as client,
    ):

        def ask(times: int) -> int:
            for _ in range(times):
                assert client.post("/v1/chat/completions", json=body).status_code == 200
            return gateway.rss_bytes()

        before = ask(ASKED // 2)
        assert ask(ASKED) - before < ASKED * LEFT_BYTES
