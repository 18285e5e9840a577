"""A host that speaks the dialect of the documentation's example."""

from __future__ import annotations

import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Any, Self

KEY = "sk-parrot-0123456789abcdef"


class ParrotHost:
    """`polly` says each word back; a name may say otherwise: `fault-500`, `fault-squawk`, `cut`,
    `hang`, `slow`, `quote`.
    """

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.left = 0
        """Clients that left before the end."""
        host = self

        class Handler(_Handler):
            parrot = host

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    parrot: ParrotHost

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        key = self.headers.get("authorization") or ""
        self.parrot.asked.append({**asked, "path": self.path, "authorization": key})
        name = asked["parrot"].partition("@")[0]
        if name == "hang":
            time.sleep(20)
        if name in {"fault-500", "quote"}:
            self._small(500 if name == "fault-500" else 400, f"{key} broke")
            return
        words = " ".join(asked["lines"]).split()
        lines = [json.dumps({"say": f"{word} "}) for word in words]
        end = {"heard": len(words), "said": len(words), "most": asked["most"]}
        last = {"fault-squawk": {"squawk": "awk"}, "cut": {}}.get(name, end)
        self.send_response(200)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        try:
            for line in [*lines, json.dumps(last)]:
                self._chunk(f"{line}\n".encode())
                time.sleep(0.3 if name == "slow" else 0)
            self._chunk(b"")
        except OSError:
            self.parrot.left += 1

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))

    def _small(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *args: object) -> None:
        """Nothing."""
