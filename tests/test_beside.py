"""Long work on one request's body holds up no other request."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

import httpx
import pytest

from sluicegate import beside

from .gateway import KEY, Gateway
from .upstream import ScriptedUpstream


def test_a_large_bodys_work_is_done_while_the_loop_goes_on() -> None:
    async def both() -> bool:
        goes_on = threading.Event()
        asyncio.get_running_loop().call_later(0.01, goes_on.set)
        return await beside.done(lambda: goes_on.wait(10), beside.AT_ONCE_BYTES + 1)

    assert asyncio.run(both()), "the loop stood still"


def test_a_small_bodys_work_is_done_at_once_and_errors_are_the_works_own() -> None:
    async def where() -> threading.Thread:
        return await beside.done(threading.current_thread, beside.AT_ONCE_BYTES)

    assert asyncio.run(where()) is threading.main_thread()

    def fail() -> None:
        raise ValueError("the work's own")

    for size_bytes in (1, beside.AT_ONCE_BYTES + 1):
        with pytest.raises(ValueError, match="the work's own"):
            asyncio.run(beside.done(fail, size_bytes))


def test_ov_06_a_body_of_many_small_messages_holds_up_nobody(tmp_path: Path) -> None:
    messages = [{"role": ("user", "assistant")[n % 2], "content": "x"} for n in range(20_001)]
    took_s: list[float] = []
    with (
        ScriptedUpstream() as upstream,
        Gateway(upstream.url, tmp_path, timeouts={"first_byte_s": 20}) as gateway,
    ):

        def ask() -> None:
            headers = {"authorization": f"Bearer {KEY}"}
            body = {"model": "a/ok-1", "messages": messages}
            url = f"{gateway.url}/v1/chat/completions"
            began_s = time.monotonic()
            assert httpx.post(url, json=body, headers=headers, timeout=25).status_code == 200
            took_s.append(time.monotonic() - began_s)

        asking = threading.Thread(target=ask)
        asking.start()
        longest_s = 0.0
        with httpx.Client(base_url=gateway.url, timeout=25) as client:
            while asking.is_alive():
                began_s = time.monotonic()
                client.get("/health/live")
                longest_s = max(longest_s, time.monotonic() - began_s)
                time.sleep(0.01)
        asking.join()
    assert longest_s < took_s[0] / 3
