"""What a request held is given back when it is over, whoever decided about it."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
import pytest

from ..gateway import KEY, Gateway
from ..rawclient import RawClient
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


def test_a_body_is_given_back_where_its_client_leaves_before_anything_is_decided(
    tmp_path: Path,
) -> None:
    def leave(gateway: Gateway, times: int) -> int:
        for number in range(times):
            response = f"resp_{number:08x}-0000-7000-8000-000000000000"
            body = f'{{"model":"u/ok-1","previous_response_id":"{response}","input":"'
            body += "x" * BODY_BYTES + '"}'
            head = f"POST /v1/responses HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\n"
            head += f"content-length: {len(body)}\r\n\r\n"
            client = RawClient(gateway.url)
            client.send((head + body).encode())
            time.sleep(0.1)  # whose response that is, is looked for by now
            client.rst()
        time.sleep(2)  # and not any longer
        return gateway.rss_bytes()

    with ScriptedUpstream() as upstream, Gateway(upstream.url, tmp_path) as gateway:
        before = leave(gateway, ASKED // 2)
        # Some wait at a time, so that an allocator keeps more of them.
        assert leave(gateway, ASKED) - before < ASKED * BODY_BYTES / 3
