"""An upstream that answers with what it was asked, so that a mix-up of two requests shows; model
names say how badly it behaves: `echo`, `echo-surplus`, `echo-stale`, `echo-reset`, `echo-fail`,
`echo-cut`.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from ..upstream.connection import Connection, read_request
from ..upstream.exchange import Exchange
from ..upstream.framing import chunk, head
from ..upstream.loopback import LoopbackServer
from ..upstream.steps import End

PIECES = 4


class Echo(LoopbackServer):
    """Speaks both dialects, whole and streamed."""

    async def answer(self, connection: Connection, exchange: Exchange) -> None:
        """The prompt, in some pieces, then what the name says."""
        read_request(exchange)
        self.log.requests.append(exchange)
        said = str(exchange.json["messages"][-1]["content"])
        if isinstance(exchange.json["messages"][-1]["content"], list):
            said = str(exchange.json["messages"][-1]["content"][0]["text"])
        is_anthropic = exchange.path.endswith("/messages")
        way = exchange.model.partition("@")[0]
        # In one write with the answer's end: what comes behind the next request is its answer to
        # every client of HTTP/1.1.
        surplus = _surplus(said) if way == "echo-surplus" else b""
        if way == "echo-fail":
            error = {"type": "invalid_request_error", "message": f"no {said}", "code": "no"}
            await _whole(connection, 400, {"type": "error", "error": error})
        elif exchange.stream:
            events = _anthropic(said) if is_anthropic else _openai(said)
            await _stream(connection, events, surplus, cut=way == "echo-cut")
            if way == "echo-cut":
                return
        else:
            body = _message(said) if is_anthropic else _completion(said)
            await _whole(connection, 200, body, surplus)
        exchange.finished = asyncio.get_running_loop().time()
        if way == "echo-stale":
            asyncio.get_running_loop().call_later(0.02, connection.close_if_idle)
        elif way == "echo-reset":
            connection.kill_on_next_byte = True


def _usage(is_anthropic: bool) -> dict[str, int]:
    if is_anthropic:
        return {"input_tokens": 5, "output_tokens": PIECES}
    return {"prompt_tokens": 5, "completion_tokens": PIECES, "total_tokens": 5 + PIECES}


def _completion(said: str) -> dict[str, Any]:
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": said},
        "finish_reason": "stop",
    }
    return {"id": "c", "object": "chat.completion", "model": "m", "choices": [choice]} | {
        "usage": _usage(is_anthropic=False)
    }


def _message(said: str) -> dict[str, Any]:
    return {
        "id": "m",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [{"type": "text", "text": said}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": _usage(is_anthropic=True),
    }


def _pieces(said: str) -> list[str]:
    size = max(1, -(-len(said) // PIECES))
    return [said[at : at + size] for at in range(0, len(said), size)]


def _openai(said: str) -> list[bytes]:
    def event(delta: dict[str, Any], reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        body = {"id": "c", "object": "chat.completion.chunk", "model": "m", "choices": [choice]}
        return f"data: {json.dumps(body)}\n\n".encode()

    last = {"id": "c", "object": "chat.completion.chunk", "model": "m", "choices": []}
    return [
        event({"role": "assistant"}),
        *(event({"content": piece}) for piece in _pieces(said)),
        event({}, "stop"),
        f"data: {json.dumps(last | {'usage': _usage(is_anthropic=False)})}\n\n".encode(),
        b"data: [DONE]\n\n",
    ]


def _anthropic(said: str) -> list[bytes]:
    def event(name: str, **fields: Any) -> bytes:
        return f"event: {name}\ndata: {json.dumps({'type': name, **fields})}\n\n".encode()

    start = _message("") | {"content": [], "stop_reason": None}
    return [
        event("message_start", message=start),
        event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
        *(
            event("content_block_delta", index=0, delta={"type": "text_delta", "text": piece})
            for piece in _pieces(said)
        ),
        event("content_block_stop", index=0),
        event(
            "message_delta",
            delta={"stop_reason": "end_turn", "stop_sequence": None},
            usage={"output_tokens": PIECES},
        ),
        event("message_stop"),
    ]


def _surplus(said: str) -> bytes:
    poison = json.dumps(_completion(f"POISON {said}")).encode()
    return head(200, "OK", [("Content-Length", str(len(poison)))]) + poison


async def _whole(connection: Connection, status: int, body: Any, surplus: bytes = b"") -> None:
    data = json.dumps(body).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(data)))]
    await connection.send(head(status, "Echo", headers) + data + surplus)


async def _stream(
    connection: Connection, events: list[bytes], surplus: bytes, *, cut: bool
) -> None:
    headers = [("Content-Type", "text/event-stream"), ("Transfer-Encoding", "chunked")]
    await connection.send(head(200, "Echo", headers))
    for event in events[:3] if cut else events:
        await connection.send(chunk(event))
        await asyncio.sleep(0.001)
    if cut:
        await connection.perform(End.FIN)
    else:
        await connection.send(b"0\r\n\r\n" + surplus)
