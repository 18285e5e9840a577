"""The simulator as Ollama's own chat, in lines of JSON: requests read, answers written.

Source: docs.ollama.com/api/chat
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .dialects import Event, dumps
from .prompt import Json, Prompt, offer, positive, read_messages
from .reply import Call, Reply

CONTENT_TYPE = "application/x-ndjson"
_CREATED_AT = "2023-11-14T22:13:20Z"


def read_ollama(body: Json) -> Prompt:
    """A chat request; it streams unless it says not to."""
    streams = body.get("stream") is not False
    prompt = read_messages(body | {"messages": _numbered(body), "stream": streams})
    for message in body.get("messages") or []:
        for picture in message.get("images") or []:
            prompt.see("image", picture)
    options = body.get("options") or {}
    prompt.max_tokens = positive(options, "num_predict")
    prompt.stop = list(options.get("stop") or [])
    offer(prompt, body)
    prompt.thinking = bool(body.get("think"))
    wanted = body.get("format")
    prompt.wants_json = bool(wanted)
    prompt.json_schema = wanted if isinstance(wanted, dict) else None
    return prompt


def _numbered(body: Json) -> list[Json]:
    """The messages with ids: calls have none here, and results come in the calls' order."""
    messages = []
    made = met = 0
    for message in body.get("messages") or []:
        calls = message.get("tool_calls") or []
        ids = [{"id": str(made + number)} for number in range(len(calls))]
        made += len(calls)
        numbered: Json = message | {"tool_calls": ids}
        if message.get("role") == "tool":
            numbered["tool_call_id"] = str(met)
            met += 1
        messages.append(numbered)
    return messages


def ollama_whole(prompt: Prompt, replies: list[Reply]) -> bytes:
    """One object."""
    [reply] = replies
    message = _message("".join(reply.text), thinking="".join(reply.thinking), calls=reply.calls)
    return dumps(_head(prompt, message) | _end(reply))


def ollama_events(prompt: Prompt, replies: list[Reply]) -> Iterator[Event]:
    """A line a piece; the last one says why it ends, and what was used."""
    [reply] = replies
    pieces = [_message("", thinking=piece) for piece in reply.thinking]
    pieces += [_message(piece) for piece in reply.text]
    pieces += [_message("", calls=[call]) for call in reply.calls]
    for message in pieces:
        yield _line(_head(prompt, message) | {"done": False}, token=True)
    yield _line(_head(prompt, _message("")) | _end(reply))


def ollama_error(_: int, message: str) -> bytes:
    """`{"error": "..."}`."""
    return dumps({"error": message})


def ollama_broken(status: int, message: str) -> bytes:
    """The same as a line of a stream."""
    return ollama_error(status, message) + b"\n"


def _message(text: str, *, thinking: str = "", calls: list[Call] | None = None) -> Json:
    message: Json = {"role": "assistant", "content": text}
    if thinking:
        message["thinking"] = thinking
    if calls:
        functions = [{"name": call.name, "arguments": call.arguments} for call in calls]
        message["tool_calls"] = [{"function": function} for function in functions]
    return message


def _head(prompt: Prompt, message: Json) -> Json:
    return {"model": prompt.model, "created_at": _CREATED_AT, "message": message}


def _end(reply: Reply) -> Json:
    return {
        "done": True,
        "done_reason": "length" if reply.finish == "length" else "stop",
        "total_duration": 1_000_000,
        "prompt_eval_count": reply.input_tokens,
        "eval_count": reply.output_tokens,
    }


def _line(body: Any, *, token: bool = False) -> Event:
    return Event(dumps(body) + b"\n", token)
