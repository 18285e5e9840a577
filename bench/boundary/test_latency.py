"""What a request takes through the whole gateway, in units of a hello world; and a whole stream.

The hello world is Granian's, the server that the gateway runs under; its every cost is the
machine's. The gateway has a key, limits, a journal and an upstream of its own to ask.
"""

import json
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from bench.boundary.ratio import ratio
from bench.load.cells import BURST, small, stream
from bench.load.instrument import REPOSITORY
from bench.load.process import Session
from bench.load.serve import serving
from bench.load.targets import KEY, Target, gateway

_HERE = {"PYTHONPATH": str(REPOSITORY)}
#: Three processes must be left alone for a turn to be a good one, so there are many.
_TURNS = 1500
_TOLERANCE = 0.3


class Client:
    """One kept connection, and the least that can be done with it."""

    def __init__(self, port: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self._request = (
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Authorization: Bearer %b\r\nContent-Length: %d\r\n\r\n%b"
            % (KEY.encode(), len(content), content)
        )
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self) -> None:
        """Hangs up."""
        self._socket.close()

    def whole(self) -> None:
        """One answer with a length."""
        self._socket.sendall(self._request)
        got = b""
        while (end := got.find(b"\r\n\r\n")) < 0:
            got += self._socket.recv(65536)
        assert got.startswith(b"HTTP/1.1 200"), got
        head = got[:end].lower()
        length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
        while len(got) < end + 4 + length:
            got += self._socket.recv(65536)

    def stream(self) -> None:
        """One stream, to its end."""
        self._socket.sendall(self._request)
        got = b""
        while not got.endswith(b"\r\n0\r\n\r\n"):
            got += self._socket.recv(65536)
        assert got.startswith(b"HTTP/1.1 200"), got


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    """Ports of a hello world, of an upstream, and of the gateway in front of it."""
    folder: Path = tmp_path_factory.mktemp("latency")
    ports = {name: _free_port() for name in ("upstream", "hello", "gateway")}
    upstream = [sys.executable, "-m", "bench.load.upstream", str(ports["upstream"])]
    hello = [sys.executable, "-m", "granian", "--interface", "asgi", "--no-ws", "--host"]
    hello += ["127.0.0.1", "--port", str(ports["hello"]), "--loop", "uvloop"]
    hello += ["--log-level", "error", "bench.boundary.hello:app"]
    url = f"http://127.0.0.1:{ports['upstream']}/v1"
    providers = {"bench": {"dialect": "openai", "base_url": url, "api_key": "sk-upstream"}}
    with ExitStack() as stack:
        stack.enter_context(Session(upstream, folder / "upstream.log", environment=_HERE, core=0))
        for target in (
            Target(hello, ports["hello"], environment=_HERE),
            gateway(folder, "gateway", ports["gateway"], upstreams=providers),
        ):
            stack.enter_context(serving(target, folder, small("bench/mock")))
        yield ports


def test_a_request_against_hello_world(
    benchmark: Any, gate: Callable[..., None], ports: dict[str, int]
) -> None:
    with (
        closing(Client(ports["gateway"], small("bench/mock"))) as through,
        closing(Client(ports["hello"], small())) as hello,
    ):
        benchmark(through.whole)
        gate(ratio(through.whole, hello.whole, _TURNS), 3.5, _TOLERANCE)


def test_a_burst_of_events_against_the_upstream_itself(
    benchmark: Any, gate: Callable[..., None], ports: dict[str, int]
) -> None:
    asked = stream(f"bench/{BURST}")
    with (
        closing(Client(ports["gateway"], asked)) as through,
        closing(Client(ports["upstream"], asked)) as direct,
    ):
        benchmark(through.stream)
        gate(ratio(through.stream, direct.stream, _TURNS), 6.0, _TOLERANCE)
