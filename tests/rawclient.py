"""A client made of a socket, for what no HTTP library would ever send."""

from __future__ import annotations

import socket
import struct
import time
from types import TracebackType
from typing import Self

from .client import Ask


class RawClient:
    """One TCP connection to the gateway."""

    def __init__(
        self,
        url: str,
        timeout_s: float = 10.0,
        receive_buffer: int | None = None,
        source: str | None = None,
    ) -> None:
        host, _, port = url.removeprefix("http://").partition(":")
        self.sock = socket.socket()
        if receive_buffer is not None:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(timeout_s)
        if source is not None:
            self.sock.bind((source, 0))
        self.sock.connect((host, int(port)))
        self.received = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.sock.close()

    def send(self, data: bytes) -> None:
        """Bytes as they are."""
        self.sock.sendall(data)

    def ask(self, what: Ask, key: str) -> None:
        """An ordinary request."""
        self.send(request_bytes(what, key))

    def until(self, mark: bytes) -> bytes:
        """Reads until `mark` has come or the connection ends; gives all that was ever read."""
        while mark not in self.received:
            try:
                data = self.sock.recv(1 << 16)
            except (ConnectionResetError, TimeoutError):
                break
            if not data:
                break
            self.received += data
        return self.received

    def rest(self, within_s: float = 5.0) -> bytes:
        """Reads to the end of the connection, or until nothing came for `within_s`."""
        self.sock.settimeout(within_s)
        return self.until(b"\x00never\x00")

    def closed_within(self, seconds: float) -> bool:
        """Whether the other side closes in time (what it says before that is kept)."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.sock.settimeout(left)
            try:
                data = self.sock.recv(1 << 16)
            except TimeoutError:
                return False
            except OSError:
                return True
            if not data:
                return True
            self.received += data
        return False

    def fin(self) -> None:
        """Leaves in order."""
        self.sock.close()

    def rst(self) -> None:
        """Leaves with a reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


def request_bytes(what: Ask, key: str, path: str = "/v1/chat/completions") -> bytes:
    """`what` as HTTP/1.1."""
    body = what.content()
    head = {"host": "gateway", "content-length": str(len(body))} | what.head(key)
    if what.dialect == "anthropic":
        path = "/v1/messages"
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
