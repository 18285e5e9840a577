"""The simulator as Cohere's chat, version 2: requests read, answers written.

Source: docs.cohere.com/reference/chat, docs.cohere.com/reference/chat-stream
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .dialects import Event, dumps
from .prompt import Json, Prompt, offer, positive, read_messages
from .reply import Call, Reply

_FINISH = {
    "end": "COMPLETE",
    "stop_sequence": "STOP_SEQUENCE",
    "length": "MAX_TOKENS",
    "tools": "TOOL_CALL",
}


def read_cohere(body: Json) -> Prompt:
    """A chat request."""
    messages = [_plain(message) for message in body.get("messages") or []]
    prompt = read_messages(body | {"messages": messages})
    prompt.max_tokens = positive(body, "max_tokens")
    prompt.stop = list(body.get("stop_sequences") or [])
    offer(prompt, body)
    prompt.must_call = body.get("tool_choice") == "REQUIRED"
    prompt.may_call = body.get("tool_choice") != "NONE"
    prompt.thinking = (body.get("thinking") or {}).get("type") == "enabled"
    wanted = body.get("response_format") or {}
    prompt.wants_json = wanted.get("type") == "json_object"
    prompt.json_schema = wanted.get("json_schema") or wanted.get("schema")
    return prompt


def _plain(message: Json) -> Json:
    """A message whose documents are texts."""
    content = message.get("content")
    if not isinstance(content, list):
        return message
    parts = []
    for part in content:
        document = part.get("document") or {}
        data = document.get("data", document)
        said = data if isinstance(data, str) else dumps(data).decode()
        parts.append({"type": "text", "text": said} if document else part)
    return message | {"content": parts}


def cohere_whole(_: Prompt, replies: list[Reply]) -> bytes:
    """One message."""
    [reply] = replies
    content = [{"type": kind, kind: "".join(pieces)} for kind, pieces in _blocks(reply)]
    message: Json = {"role": "assistant", "content": content}
    if reply.calls:
        message["tool_calls"] = [_call(call, "".join(call.fragments)) for call in reply.calls]
    return dumps({"id": reply.id, "message": message, **_end(reply)})


def cohere_events(_: Prompt, replies: list[Reply]) -> Iterator[Event]:
    """`message-start` to `message-end`."""
    [reply] = replies
    empty: Json = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": []}
    yield _event("message-start", id=reply.id, delta={"message": empty | {"citations": []}})
    for index, (kind, pieces) in enumerate(_blocks(reply)):
        yield _delta("content-start", index, content={"type": kind, kind: ""})
        for piece in pieces:
            yield _delta("content-delta", index, token=True, content={kind: piece})
        yield _event("content-end", index=index)
    for index, call in enumerate(reply.calls):
        yield _delta("tool-call-start", index, tool_calls=_call(call, ""))
        for fragment in call.fragments:
            more = {"function": {"arguments": fragment}}
            yield _delta("tool-call-delta", index, token=True, tool_calls=more)
        yield _event("tool-call-end", index=index)
    yield _event("message-end", delta=_end(reply))


def cohere_error(_: int, message: str) -> bytes:
    """`{"id", "message"}`."""
    return dumps({"id": "sim-error", "message": message})


def _blocks(reply: Reply) -> list[tuple[str, list[str]]]:
    both = (("thinking", reply.thinking), ("text", reply.text))
    return [(kind, pieces) for kind, pieces in both if pieces]


def _call(call: Call, arguments: str) -> Json:
    function = {"name": call.name, "arguments": arguments}
    return {"id": f"call_{call.id}", "type": "function", "function": function}


def _end(reply: Reply) -> Json:
    used = {"input_tokens": reply.input_tokens, "output_tokens": reply.output_tokens}
    usage = {"billed_units": used, "tokens": used}
    return {"finish_reason": _FINISH[reply.finish], "usage": usage}


def _delta(kind: str, index: int, *, token: bool = False, **message: Any) -> Event:
    return _event(kind, token=token, index=index, delta={"message": message})


def _event(kind: str, *, token: bool = False, **fields: Any) -> Event:
    data = dumps({"type": kind} | fields)
    return Event(b"event: %b\ndata: %b\n\n" % (kind.encode(), data), token)
