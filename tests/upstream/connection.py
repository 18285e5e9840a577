"""One connection of the scripted upstream: strict HTTP/1.1 in, any bytes out."""

from __future__ import annotations

import array
import asyncio
import contextlib
import fcntl
import socket
import struct
import termios
import time
from collections.abc import Awaitable, Callable
from math import isinf
from typing import cast

from .exchange import Exchange, Log
from .steps import End, Pause, Raw

_HEAD_LIMIT = 1 << 20


class GoneError(Exception):
    """The other side has left while it was being answered."""


class BadRequestError(Exception):
    """The other side sent something that HTTP/1.1 does not allow."""


class Connection(asyncio.Protocol):
    """Reads requests, one after the other, and hands each to `answer`."""

    def __init__(
        self,
        number: int,
        log: Log,
        register: dict[int, Connection],
        answer: Callable[[Connection, Exchange], Awaitable[None]],
    ) -> None:
        self.number = number
        self.log = log
        self.register = register
        self.answer = answer
        self.reader = asyncio.StreamReader(limit=1 << 26)
        self.gone = asyncio.Event()
        self.writable = asyncio.Event()
        self.writable.set()
        self.exchange: Exchange | None = None
        self.kill_on_next_byte = False
        self.unread = 0
        self.served = False
        self.is_upgraded = False
        self.task: asyncio.Task[None] | None = None

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A new connection."""
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=0)
        self.register[self.number] = self
        sock = self.transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.task = asyncio.get_running_loop().create_task(self._serve())

    def data_received(self, data: bytes) -> None:
        """Request bytes; on a stale connection they are what it was waiting for."""
        if self.kill_on_next_byte:
            self.log.killed += 1
            self.reset()
            return
        if self.exchange is not None and not self.is_upgraded:
            self.log.anomalies.append(f"{len(data)} bytes while {self.exchange.model} is answered")
        self.unread += len(data)
        self.reader.feed_data(data)

    def eof_received(self) -> bool:
        """The other side has closed."""
        self._left()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Closed or reset."""
        self.register.pop(self.number, None)
        self._left()

    def pause_writing(self) -> None:
        """The socket's buffer is full."""
        self.writable.clear()

    def resume_writing(self) -> None:
        """The socket's buffer is empty again."""
        self.writable.set()

    def _left(self) -> None:
        if not self.gone.is_set():
            self.gone.set()
            self.reader.feed_eof()
            if self.exchange is not None and self.exchange.finished is None:
                self.exchange.cancelled = time.monotonic()

    # what an answer uses

    async def send(self, data: bytes, tokens: int = 0) -> None:
        """Writes `data`, waits until the kernel has taken it, and notes how long that was."""
        exchange = self.exchange
        assert exchange is not None
        if self.gone.is_set() or self.transport.is_closing():
            raise GoneError
        now = time.monotonic()
        self.transport.write(data)
        exchange.bytes_sent += len(data)
        exchange.token_times += [now] * tokens
        if self.writable.is_set():
            await asyncio.sleep(0)
            return
        await self._first_of(self.writable)
        exchange.write_blocked_ms += (time.monotonic() - now) * 1000

    async def pause(self, seconds: float) -> None:
        """Sleeps, or stops at once when the other side leaves."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(None if isinf(seconds) else seconds):
                await self.gone.wait()
        if self.gone.is_set():
            raise GoneError

    async def perform(self, step: Raw | Pause | End) -> bool:
        """One step; False when the connection is over."""
        match step:
            case Raw(data, tokens, kind, usage):
                await self.send(data, tokens)
                assert self.exchange is not None
                self.exchange.note(tokens, kind, usage)
            case Pause(seconds):
                await self.pause(seconds)
            case End.RESET:
                self.reset()
                return False
            case End.HOLD:
                await self.pause(float("inf"))
            case _:
                self.transport.close()
                return False
        return True

    def close_if_idle(self) -> None:
        """Ends the connection in order, unless a request has come meanwhile."""
        if self.exchange is not None or self.unread or self.transport.is_closing():
            return
        sock = self.transport.get_extra_info("socket")
        waiting = array.array("i", [0])
        fcntl.ioctl(sock.fileno(), termios.FIONREAD, waiting)
        if not waiting[0]:
            # Closing alone takes a turn of the loop, in which a request could still arrive.
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            self.transport.close()

    def reset(self) -> None:
        """Ends the connection with a RST."""
        sock = self.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    async def _first_of(self, event: asyncio.Event) -> None:
        waits = [asyncio.ensure_future(event.wait()), asyncio.ensure_future(self.gone.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if self.gone.is_set():
            raise GoneError

    # reading

    async def _serve(self) -> None:
        try:
            while not self.transport.is_closing():
                exchange = await self._read()
                if exchange is None:
                    break
                exchange.reused, self.served = self.served, True
                self.exchange, self.unread = exchange, 0
                with contextlib.suppress(GoneError):
                    await self.answer(self, exchange)
                self.exchange = None
        except BadRequestError as error:
            self.log.anomalies.append(str(error))
            if not self.transport.is_closing():
                self.transport.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        except Exception as error:  # a defect of ours must not look like a fault of the gateway
            self.log.anomalies.append(f"the upstream itself failed: {error!r}")
            raise
        finally:
            self.transport.close()

    async def _read(self) -> Exchange | None:
        try:
            block = await self.reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as error:
            if error.partial:
                self.log.anomalies.append(f"{len(error.partial)} bytes of a head, then the end")
            return None
        arrived = time.monotonic()
        if len(block) > _HEAD_LIMIT:
            raise BadRequestError("a head over 1 MiB")
        lines = block[:-4].decode("latin-1").split("\r\n")
        words = lines[0].split(" ")
        if len(words) != 3 or words[2] != "HTTP/1.1":
            raise BadRequestError(f"request line {lines[0]!r}")
        headers: list[tuple[str, str]] = []
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if not colon or not name or name != name.strip() or "\n" in line:
                raise BadRequestError(f"header line {line!r}")
            headers.append((name, value.strip()))
        body = await self._body(headers)
        return Exchange(self.number, words[0], words[1], headers, body, arrived)

    async def _body(self, headers: list[tuple[str, str]]) -> bytes:
        lengths = [value for name, value in headers if name.lower() == "content-length"]
        codings = [value for name, value in headers if name.lower() == "transfer-encoding"]
        if len(lengths) > 1 or (lengths and codings):
            raise BadRequestError("ambiguous framing")
        try:
            if codings:
                return await self._chunks()
            if lengths:
                if not lengths[0].isdigit():
                    raise BadRequestError(f"content-length {lengths[0]!r}")
                return await self.reader.readexactly(int(lengths[0]))
        except asyncio.IncompleteReadError as error:
            raise BadRequestError("the body ends early") from error
        return b""

    async def _chunks(self) -> bytes:
        out = b""
        while True:
            line = (await self.reader.readuntil(b"\r\n"))[:-2]
            try:
                size = int(line.partition(b";")[0], 16)
            except ValueError as error:
                raise BadRequestError(f"chunk size {line!r}") from error
            out += await self.reader.readexactly(size)
            if await self.reader.readexactly(2) != b"\r\n":
                raise BadRequestError("a chunk without its end")
            if size == 0:
                return out


def read_request(exchange: Exchange) -> None:
    """Fills `model` and `stream` from the body."""
    body = exchange.json
    exchange.model = str(body.get("model", ""))
    exchange.stream = body.get("stream") in (True, "true")
