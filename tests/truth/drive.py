"""Sends a mixture through the gateway."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

import httpx

from ..client import PATHS, Got, ask
from .mix import Sending


@dataclass(slots=True)
class Sent:
    """A request and what its client got of the answer."""

    sending: Sending
    got: Got

    @property
    def ref(self) -> str:
        """Its name."""
        return self.sending.ask.ref

    @property
    def has_left(self) -> bool:
        """Whether the client went before the end."""
        return self.sending.leave is not None

    @property
    def tokens(self) -> int:
        """Words of the scripted upstream that came."""
        return len(self.got.text.split()) if self.got.is_stream else 0


def drive(url: str, key: str, what: list[Sending], *, concurrency: int = 24) -> list[Sent]:
    """All of them, some at once."""
    return asyncio.run(_drive(url, key, what, concurrency))


async def _drive(url: str, key: str, what: list[Sending], concurrency: int) -> list[Sent]:
    limits = httpx.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
    gate = asyncio.Semaphore(concurrency)
    async with httpx.AsyncClient(
        limits=limits, timeout=30, trust_env=False, verify=False
    ) as client:

        async def one(sending: Sending) -> Sent:
            async with gate:
                if sending.leave is None:
                    return Sent(sending, await ask(client, url, key, sending.ask))
                return Sent(sending, await _leave(client, url, key, sending))

        return await asyncio.gather(*(one(sending) for sending in what))


async def _leave(client: httpx.AsyncClient, url: str, key: str, sending: Sending) -> Got:
    """Reads some of the answer, then closes the connection."""
    leave, what = sending.leave, sending.ask
    assert leave is not None
    got = Got(what, what.ref, time.monotonic())

    async def some() -> None:
        request = client.stream(
            "POST", url + PATHS[what.dialect], content=what.content(), headers=what.head(key)
        )
        async with request as response:
            got.status, got.headers = response.status_code, response.headers
            reads = 0
            async for data in response.aiter_raw():
                got.raw += data
                reads += 1
                if reads == leave.reads:
                    return

    try:
        async with asyncio.timeout(leave.seconds):
            await some()
    except TimeoutError:
        got.broken = "left"
    return got
