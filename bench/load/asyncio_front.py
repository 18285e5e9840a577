"""The other way to reach an upstream, for comparison: an asyncio protocol feeding Rust parsers.

    SLUICEGATE_BENCH_UPSTREAM=http://127.0.0.1:9100 granian --interface asgi asyncio_front:app

The same server, the same governed work for each request (key digest, body scan) and each event
(parse, count), but upstream bytes come through the event loop instead of a thread of the extension.
It has no journal, no deadlines, no failover: a lower bound of this design's cost.
"""

import asyncio
import hashlib
import os
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import msgspec

from sluicegate import _core

UPSTREAM = urlsplit(os.environ.get("SLUICEGATE_BENCH_UPSTREAM", "http://127.0.0.1:9100"))
KEYS = {hashlib.sha256(b"sk-bench-0123456789").digest()}
IDLE: deque["Upstream"] = deque()


class Delta(msgspec.Struct, frozen=True):
    content: str | None = None


class Choice(msgspec.Struct, frozen=True):
    delta: Delta = Delta()


class Chunk(msgspec.Struct, frozen=True):
    choices: list[Choice] = []


DECODE = msgspec.json.Decoder(Chunk).decode


class Upstream(asyncio.Protocol):
    """One HTTP/1.1 connection; answers have a length or are chunked, as the mock's are."""

    def __init__(self) -> None:
        self.transport: Any = None
        self.waiter: asyncio.Future[None] | None = None
        self.buffer = bytearray()
        self.ended = False

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)

    def connection_lost(self, _: Exception | None) -> None:
        self.ended = True
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)

    async def more(self) -> None:
        self.waiter = asyncio.get_running_loop().create_future()
        await self.waiter


async def connect() -> Upstream:
    while IDLE:
        upstream = IDLE.pop()
        if not upstream.ended:
            return upstream
    loop = asyncio.get_running_loop()
    _, upstream = await loop.create_connection(Upstream, UPSTREAM.hostname, UPSTREAM.port)
    return upstream


async def app(
    scope: dict[str, Any], receive: Callable[[], Awaitable[dict[str, Any]]], send: Any
) -> None:
    if scope["type"] != "http":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        return
    message = await receive()
    body = message.get("body", b"")
    while message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
    token = next((v for k, v in scope["headers"] if k == b"authorization"), b"")
    if hashlib.sha256(token.removeprefix(b"Bearer ")).digest() not in KEYS:
        raise PermissionError
    stream = _core.scan_body(body)["stream"]
    upstream = await connect()
    upstream.transport.write(
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: mock\r\ncontent-type: application/json\r\n"
        b"content-length: %d\r\n\r\n%s" % (len(body), body)
    )
    while (end := upstream.buffer.find(b"\r\n\r\n")) < 0:
        await upstream.more()
    head = bytes(upstream.buffer[:end]).lower()
    del upstream.buffer[: end + 4]
    kind = b"text/event-stream" if stream else b"application/json"
    start = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]}
    await send(start)
    if b"content-length:" in head:
        length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
        while len(upstream.buffer) < length:
            await upstream.more()
        whole = bytes(upstream.buffer[:length])
        del upstream.buffer[:length]
        await send({"type": "http.response.body", "body": whole})
    else:
        await relay(upstream, send)
    IDLE.append(upstream)


async def relay(upstream: Upstream, send: Any) -> None:
    parser, counter = _core.SseParser(), _core.StreamCounter("gpt-5")
    while True:
        data, last = unchunk(upstream.buffer)
        for _, event, _ in parser.feed(data):
            if event != b"[DONE]":
                for choice in DECODE(event).choices:
                    if choice.delta.content:
                        counter.push(choice.delta.content)
        if data or last:
            await send({"type": "http.response.body", "body": data, "more_body": not last})
        if last:
            return
        if not data:
            await upstream.more()


def unchunk(buffer: bytearray) -> tuple[bytes, bool]:
    """What is whole of a chunked body, and whether that was its end."""
    out = []
    at = 0
    while (line := buffer.find(b"\r\n", at)) >= 0:
        size = int(buffer[at:line], 16)
        end = line + 2 + size + 2
        if len(buffer) < end:
            break
        at = end
        if size == 0:
            del buffer[:at]
            return b"".join(out), True
        out.append(bytes(buffer[line + 2 : end - 2]))
    del buffer[:at]
    return b"".join(out), False
