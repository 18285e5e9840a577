"""UP-12: bytes that come behind an answer."""

import asyncio
import json
import time
from dataclasses import replace

import pytest

from ..client import Ask
from ..gateway import OTHER_KEY, Gateway
from ..upstream.connection import Connection
from ..upstream.exchange import Exchange
from ..upstream.framing import head
from ..upstream.loopback import LoopbackServer
from .checks import NATIVE, SCALE, ask, asks, assert_good
from .conftest import Start


@pytest.mark.parametrize("provider", ["u", "a"])
def test_up_12_surplus_bytes_poison_nobody(gateway: Gateway, provider: str) -> None:
    poison = Ask(f"{provider}/fault-extra-response", dialect=NATIVE[provider])
    first = asks(gateway, [replace(poison) for _ in range(8)])
    for got in first:
        assert_good(got)
    other = Ask(f"{provider}/ok-3", dialect=NATIVE[provider], key=OTHER_KEY)
    for got in asks(gateway, [replace(other) for _ in range(500 * SCALE)], concurrency=8):
        assert b"POISONED" not in got.raw
        assert_good(got, 3)


class Late(LoopbackServer):
    """An upstream that answers with the model's name; behind `late-MS` it sends, so many
    milliseconds later, an answer that nobody asked for.
    """

    async def answer(self, connection: Connection, exchange: Exchange) -> None:
        """Answers after a while in which more could come."""
        model = exchange.json["model"]
        await connection.pause(0.003)
        await connection.send(_plain(model))
        _, _, wait_ms = model.partition("late-")
        if wait_ms:
            poison = _plain("POISONED")
            loop = asyncio.get_running_loop()
            loop.call_later(int(wait_ms) / 1000, connection.transport.write, poison)


def _plain(said: str) -> bytes:
    message = {"role": "assistant", "content": said}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    body = json.dumps({"id": "x", "model": said, "choices": [choice]}).encode()
    return head(200, "OK", [("Content-Length", str(len(body)))]) + body


@pytest.mark.parametrize("wait_ms", [0, 5, 20, 100, 500])
def test_up_12_surplus_bytes_that_come_late_poison_nobody(own_gateway: Start, wait_ms: int) -> None:
    """One request after the other, at once, over the time in which the surplus comes."""
    with Late() as late:
        provider = {"dialect": "openai", "base_url": f"{late.url}/v1", "api_key": "none"}
        gateway = own_gateway(providers={"late": provider})
        for _ in range(2):
            assert ask(gateway, f"late/late-{wait_ms}").text == f"late-{wait_ms}"
            until = time.monotonic() + wait_ms / 1000 + 0.2
            while time.monotonic() < until:
                got = ask(gateway, "late/clean", key=OTHER_KEY)
                assert (got.status, got.text) == (200, "clean"), got.raw
        assert late.log.anomalies == []
