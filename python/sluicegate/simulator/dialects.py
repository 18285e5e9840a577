"""The simulator's answers in the words of the two vendors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from .prompt import Json, Prompt
from .reply import Reply

_CREATED = 1_700_000_000
_SIGNATURE = "c2ltdWxhdGVk"
_OPENAI_FINISH = {"stop": "stop", "length": "length", "tools": "tool_calls"}
_ANTHROPIC_FINISH = {"stop": "end_turn", "length": "max_tokens", "tools": "tool_use"}


@dataclass(frozen=True, slots=True)
class Event:
    """One streamed event; `token` says that a token is in it, so that the pace can be kept."""

    data: bytes
    token: bool = False


def dumps(value: object) -> bytes:
    """Compact JSON."""
    return msgspec.json.encode(value)


# OpenAI.  Source: platform.openai.com/docs/api-reference/chat


def openai_whole(prompt: Prompt, reply: Reply) -> bytes:
    """`chat.completion`."""
    message: Json = {"role": "assistant", "content": "".join(reply.text) or None, "refusal": None}
    if reply.calls:
        message["tool_calls"] = [
            {
                "id": f"call_{call.id}",
                "type": "function",
                "function": {"name": call.name, "arguments": "".join(call.fragments)},
            }
            for call in reply.calls
        ]
    finish = _OPENAI_FINISH[reply.finish]
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
    body = _openai_head(prompt, reply, "chat.completion")
    return dumps(body | {"choices": [choice], "usage": _openai_usage(reply)})


def openai_events(prompt: Prompt, reply: Reply) -> Iterator[Event]:
    """`chat.completion.chunk`, usage if asked for, `[DONE]`."""
    head = _openai_head(prompt, reply, "chat.completion.chunk")

    def event(delta: Json, finish: str | None = None, *, token: bool = False) -> Event:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return Event(b"data: %b\n\n" % dumps(head | {"choices": [choice]}), token)

    yield event({"role": "assistant", "content": ""})
    for text in reply.text:
        yield event({"content": text}, token=True)
    for index, call in enumerate(reply.calls):
        function = {"name": call.name, "arguments": ""}
        first = {"index": index, "id": f"call_{call.id}", "type": "function", "function": function}
        yield event({"tool_calls": [first]})
        for fragment in call.fragments:
            part = {"index": index, "function": {"arguments": fragment}}
            yield event({"tool_calls": [part]}, token=True)
    yield event({}, _OPENAI_FINISH[reply.finish])
    if prompt.include_usage:
        last = head | {"choices": [], "usage": _openai_usage(reply)}
        yield Event(b"data: %b\n\n" % dumps(last))
    yield Event(b"data: [DONE]\n\n")


def openai_error(status: int, message: str) -> bytes:
    """`{"error": {message, type, param, code}}`."""
    kind = "rate_limit_error" if status == 429 else "server_error"
    kind = "invalid_request_error" if 400 <= status < 429 else kind
    return dumps({"error": {"message": message, "type": kind, "param": None, "code": None}})


def _openai_head(prompt: Prompt, reply: Reply, kind: str) -> Json:
    identity = f"chatcmpl-sim-{reply.id}"
    return {"id": identity, "object": kind, "created": _CREATED, "model": prompt.model}


def _openai_usage(reply: Reply) -> Json:
    return {
        "prompt_tokens": reply.input_tokens,
        "completion_tokens": reply.output_tokens,
        "total_tokens": reply.input_tokens + reply.output_tokens,
    }


# Anthropic.  Source: docs.anthropic.com/en/docs/build-with-claude/streaming


def anthropic_whole(prompt: Prompt, reply: Reply) -> bytes:
    """`type: message`."""
    blocks: list[Json] = []
    if reply.thinking:
        thought = "".join(reply.thinking)
        blocks.append({"type": "thinking", "thinking": thought, "signature": _SIGNATURE})
    if reply.text:
        blocks.append({"type": "text", "text": "".join(reply.text)})
    for call in reply.calls:
        tool = {"type": "tool_use", "id": f"toolu_{call.id}", "name": call.name}
        blocks.append(tool | {"input": call.arguments})
    return dumps(_message(prompt, reply, blocks, done=True))


def anthropic_events(prompt: Prompt, reply: Reply) -> Iterator[Event]:
    """`message_start` to `message_stop`."""
    yield _named("message_start", message=_message(prompt, reply, [], done=False))
    yield _named("ping")
    index = 0
    for kind, field, pieces in (
        ("thinking", "thinking", reply.thinking),
        ("text", "text", reply.text),
    ):
        if not pieces:
            continue
        yield _named("content_block_start", index=index, content_block={"type": kind, field: ""})
        for piece in pieces:
            yield _delta(index, f"{kind}_delta", token=True, **{field: piece})
        if kind == "thinking":
            yield _delta(index, "signature_delta", signature=_SIGNATURE)
        yield _named("content_block_stop", index=index)
        index += 1
    for call in reply.calls:
        tool = {"type": "tool_use", "id": f"toolu_{call.id}", "name": call.name, "input": {}}
        yield _named("content_block_start", index=index, content_block=tool)
        for fragment in call.fragments:
            yield _delta(index, "input_json_delta", token=True, partial_json=fragment)
        yield _named("content_block_stop", index=index)
        index += 1
    finish = {"stop_reason": _ANTHROPIC_FINISH[reply.finish], "stop_sequence": None}
    yield _named("message_delta", delta=finish, usage={"output_tokens": reply.output_tokens})
    yield _named("message_stop")


def anthropic_error(status: int, message: str) -> bytes:
    """`{"type": "error", "error": {type, message}}`."""
    kinds = {
        400: "invalid_request_error",
        401: "authentication_error",
        403: "permission_error",
        404: "not_found_error",
        413: "request_too_large",
        429: "rate_limit_error",
        529: "overloaded_error",
    }
    error = {"type": kinds.get(status, "api_error"), "message": message}
    return dumps({"type": "error", "error": error})


def _message(prompt: Prompt, reply: Reply, blocks: list[Json], *, done: bool) -> Json:
    return {
        "id": f"msg_sim_{reply.id}",
        "type": "message",
        "role": "assistant",
        "model": prompt.model,
        "content": blocks,
        "stop_reason": _ANTHROPIC_FINISH[reply.finish] if done else None,
        "stop_sequence": None,
        "usage": {
            "input_tokens": reply.input_tokens,
            "output_tokens": reply.output_tokens if done else 1,
        },
    }


def _named(name: str, *, token: bool = False, **fields: Any) -> Event:
    data = dumps({"type": name} | fields)
    return Event(b"event: %b\ndata: %b\n\n" % (name.encode(), data), token)


def _delta(index: int, kind: str, *, token: bool = False, **fields: Any) -> Event:
    delta = {"type": kind} | fields
    return _named("content_block_delta", token=token, index=index, delta=delta)
