"""An HTTP/2 client with prior knowledge, made of a socket and the `h2` state machine."""

from __future__ import annotations

import socket
from types import TracebackType
from typing import Self

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions

from .client import PATHS, Ask


class H2Client:
    """One connection, many streams."""

    def __init__(self, url: str, timeout_s: float = 5.0) -> None:
        host, _, port = url.removeprefix("http://").partition(":")
        self.authority = f"{host}:{port}"
        self.sock = socket.create_connection((host, int(port)), timeout=timeout_s)
        config = h2.config.H2Configuration(client_side=True, header_encoding="utf-8")
        self.state = h2.connection.H2Connection(config)
        self.state.initiate_connection()
        self.bodies: dict[int, bytes] = {}
        self.ended: set[int] = set()
        self.refused = False
        self._flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.sock.close()

    def ask(self, what: Ask, key: str) -> int:
        """Sends a request and gives its stream id."""
        body = what.content()
        stream_id = self.state.get_next_available_stream_id()
        headers = [
            (":method", "POST"),
            (":path", PATHS[what.dialect]),
            (":scheme", "http"),
            (":authority", self.authority),
            ("content-length", str(len(body))),
            *what.head(key).items(),
        ]
        self.state.send_headers(stream_id, headers)
        self.state.send_data(stream_id, body, end_stream=True)
        self._flush()
        return stream_id

    def until(self, stream_id: int, mark: bytes) -> bytes:
        """Reads until `mark` is in the stream's body, or the stream or connection ends."""
        while mark not in self.bodies.get(stream_id, b"") and stream_id not in self.ended:
            if not self._pump():
                break
        return self.bodies.get(stream_id, b"")

    def reset(self, stream_id: int) -> None:
        """RST_STREAM; the connection stays."""
        self.state.reset_stream(stream_id, h2.errors.ErrorCodes.CANCEL)
        self._flush()

    def ask_and_reset(self, what: list[Ask], key: str) -> None:
        """Opens and resets one stream after the other until the server has had enough."""
        for one in what:
            try:
                self.reset(self.ask(one, key))
                self.sock.settimeout(0.001)
                self._pump()
            except (OSError, h2.exceptions.ProtocolError):
                self.refused = True
                return

    def _flush(self) -> None:
        self.sock.sendall(self.state.data_to_send())

    def _pump(self) -> bool:
        try:
            data = self.sock.recv(1 << 16)
        except TimeoutError:
            return False
        if not data:
            return False
        for event in self.state.receive_data(data):
            match event:
                case h2.events.DataReceived():
                    assert event.stream_id is not None
                    old = self.bodies.get(event.stream_id, b"")
                    self.bodies[event.stream_id] = old + (event.data or b"")
                    self.state.acknowledge_received_data(
                        event.flow_controlled_length or 0, event.stream_id
                    )
                case h2.events.StreamEnded() | h2.events.StreamReset():
                    assert event.stream_id is not None
                    self.ended.add(event.stream_id)
                case h2.events.ConnectionTerminated():
                    self.refused = True
        self._flush()
        return True
