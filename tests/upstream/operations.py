"""What the scripted upstream has beside models that write: any method on `/v1/echo/...` answers
what it was asked, `/v1/bytes/{pieces}` gives pieces of a recording, `/v1/said/{vendor}` reports
usage in a vendor's words.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

from .connection import Connection
from .exchange import Exchange
from .framing import chunk, head
from .wire import dumps

#: One piece of a recording; no text in any coding.
PIECE = bytes(range(256))

#: What vendors say of nine tokens in and four out.
SAID: dict[str, dict[str, Any]] = {
    "cohere": {"usage": {"tokens": {"input_tokens": 9, "output_tokens": 4}}},
    "bedrock": {"usage": {"inputTokens": 9, "outputTokens": 4, "totalTokens": 13}},
    "images": {"usage": {"input_tokens": 9, "output_tokens": 4, "total_tokens": 13}},
    "ollama": {"done": True, "prompt_eval_count": 9, "eval_count": 4},
    "nothing": {"object": "list"},
}


def _parts(path: str) -> tuple[str, str]:
    kind, _, rest = path.removeprefix("/v1beta/").removeprefix("/v1/").partition("/")
    return kind, rest


def is_one(path: str) -> bool:
    """Whether a path is one of these."""
    return _parts(path)[0] in {"echo", "bytes", "said"}


async def answer(connection: Connection, exchange: Exchange, path: str) -> None:
    """Answers a path of these."""
    kind, rest = _parts(path)
    if kind == "echo":
        await _echo(connection, exchange)
    elif kind == "bytes":
        await _bytes(connection, exchange, int(rest))
    else:
        await _json(connection, 200, SAID[rest] | {"model": exchange.path})


async def _echo(connection: Connection, exchange: Exchange) -> None:
    status = int(_query(exchange, "status", "200"))
    said = {
        "method": exchange.method,
        "path": exchange.path,
        "headers": [[name.lower(), value] for name, value in exchange.headers],
        "body": exchange.body.decode("latin-1"),
    }
    await _json(connection, status, said, is_head=exchange.method == "HEAD")


async def _bytes(connection: Connection, exchange: Exchange, pieces: int) -> None:
    headers = [("Content-Type", "audio/mpeg"), ("Transfer-Encoding", "chunked")]
    await connection.send(head(200, "OK", headers))
    gap_s = int(_query(exchange, "gap_ms", "0")) / 1000
    for _ in range(pieces):
        await connection.send(chunk(PIECE))
        if gap_s:
            await connection.pause(gap_s)
    if _query(exchange, "cut", ""):
        connection.reset()
        return
    await connection.send(b"0\r\n\r\n")


def _query(exchange: Exchange, name: str, default: str) -> str:
    return parse_qs(exchange.path.partition("?")[2]).get(name, [default])[0]


async def _json(
    connection: Connection, status: int, body: object, *, is_head: bool = False
) -> None:
    data = dumps(body).encode()
    headers = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(data))),
        ("Set-Cookie", "session=LEAK"),
        ("Server", "LEAK"),
        ("X-Vendor", "told"),
    ]
    await connection.send(head(status, "Scripted", headers) + (b"" if is_head else data))
