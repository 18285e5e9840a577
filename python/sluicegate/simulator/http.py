"""The few lines of HTTP/1.1 that the simulator needs: requests in, whole or chunked answers out."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus

_MAX_HEAD_BYTES = 64 << 10
_MAX_BODY_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Request:
    """One request, read to its end."""

    method: str
    path: str
    body: bytes
    content_type: str = ""


class BadRequestError(Exception):
    """What came is no HTTP/1.1 request that this server can read."""


class Answer:
    """Where a handler writes its answer."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @property
    def abandoned(self) -> bool:
        """Whether the client has gone."""
        return self._reader.at_eof() or self._writer.is_closing()

    async def whole(
        self, status: int, body: bytes, kind: str = "application/json", **headers: str
    ) -> None:
        """A whole answer; `retry_after="1"` becomes `retry-after: 1`."""
        self._head(status, kind, f"content-length: {len(body)}", headers)
        self._writer.write(body)
        await self._writer.drain()

    async def start(self, content_type: str) -> None:
        """The head of a stream."""
        self._head(200, content_type, "transfer-encoding: chunked", {})
        await self._writer.drain()

    async def event(self, data: bytes) -> None:
        """One piece of the stream."""
        self._writer.write(b"%x\r\n%b\r\n" % (len(data), data))
        await self._writer.drain()

    async def end(self) -> None:
        """The stream's proper end."""
        self._writer.write(b"0\r\n\r\n")
        await self._writer.drain()

    def reset(self) -> None:
        """Drops the connection."""
        self._writer.transport.abort()

    def _head(self, status: int, kind: str, length: str, headers: dict[str, str]) -> None:
        try:
            phrase = HTTPStatus(status).phrase
        except ValueError:
            phrase = "Simulated"
        lines = [f"HTTP/1.1 {status} {phrase}", f"content-type: {kind}", length]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self._writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())


Handler = Callable[[Request, Answer], Awaitable[None]]


async def serve_connection(
    handler: Handler, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Answers the requests of one connection until either side has had enough."""
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, BadRequestError):
        while not writer.is_closing():
            request = await _read(reader, writer)
            await handler(request, Answer(reader, writer))
    writer.close()


async def _read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Request:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.LimitOverrunError as error:
        raise BadRequestError("head too large") from error
    first, *lines = head[:-4].split("\r\n")
    words = first.split(" ")
    if len(words) != 3:
        raise BadRequestError(first)
    headers = {name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
    if headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = await _chunked(reader)
    else:
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > _MAX_BODY_BYTES:
            raise BadRequestError(f"content-length {length}")
        body = await reader.readexactly(int(length))
    path, kind = words[1].partition("?")[0], headers.get("content-type", "")
    return Request(words[0], path, body, kind)


async def _chunked(reader: asyncio.StreamReader) -> bytes:
    out = bytearray()
    while True:
        line = await reader.readuntil(b"\r\n")
        try:
            size = int(line.partition(b";")[0], 16)
        except ValueError as error:
            raise BadRequestError("chunk size") from error
        if len(out) + size > _MAX_BODY_BYTES:
            raise BadRequestError("body too large")
        out += (await reader.readexactly(size + 2))[:-2]
        if size == 0:
            return bytes(out)


async def listen(handler: Handler, host: str, port: int) -> asyncio.Server:
    """A listening server; port 0 takes a free one."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await serve_connection(handler, reader, writer)

    return await asyncio.start_server(connected, host, port, limit=_MAX_HEAD_BYTES)
