"""An upstream for a TLS server: a chat completion that says which protocol carried it.

Asked for `together N` it answers when N such requests are there, asked for a `flood` with 16 MiB.
"""

import asyncio
import json
from typing import Any

_WAITING: dict[int, asyncio.Barrier] = {}


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    message = await receive()
    body = message.get("body", b"")
    while message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
    request = json.loads(body)
    said = f"HTTP/{scope['http_version']}"
    asked = (request.get("messages") or [{"content": ""}])[0]["content"]
    if asked.startswith("together"):
        count = int(asked.split()[1])
        await _WAITING.setdefault(count, asyncio.Barrier(count)).wait()
    if request.get("stream"):
        events = [
            {"choices": [{"index": 0, "delta": {"content": said}, "finish_reason": None}]},
            {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        ]
        text = "".join(f"data: {json.dumps({'id': 'c', 'model': 'm', **e})}\n\n" for e in events)
        if asked == "flood":
            first, rest = text.split("\n\n", 1)
            text = f"{first}\n\n" * (16 * 2**20 // len(first)) + rest
        answer, kind = (text + "data: [DONE]\n\n").encode(), b"text/event-stream"
    else:
        message = {"role": "assistant", "content": said}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        answer = json.dumps({"id": "c", "model": "m", "choices": [choice], "usage": usage}).encode()
        kind = b"application/json"
    headers = [(b"content-type", kind)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})
