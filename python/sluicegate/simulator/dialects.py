"""The simulator's answers in the words of OpenAI and Anthropic."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from .prompt import Json, Prompt
from .reply import Reply

CREATED = 1_700_000_000
SIGNATURE = "c2ltdWxhdGVk"
FINISH = {
    "end": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "tools": "tool_calls",
}
_ANTHROPIC_FINISH = {
    "end": "end_turn",
    "stop_sequence": "stop_sequence",
    "length": "max_tokens",
    "tools": "tool_use",
}


@dataclass(frozen=True, slots=True)
class Event:
    """One streamed event; `token` says that a token is in it, so that the pace can be kept."""

    data: bytes
    token: bool = False


def dumps(value: object) -> bytes:
    """Compact JSON."""
    return msgspec.json.encode(value)


# OpenAI.  Source: platform.openai.com/docs/api-reference/chat


def openai_whole(prompt: Prompt, replies: list[Reply]) -> bytes:
    """`chat.completion`."""
    choices = [_openai_choice(index, reply) for index, reply in enumerate(replies)]
    body = openai_head(prompt, replies, "chat.completion")
    return dumps(body | {"choices": choices, "usage": openai_usage(replies)})


def _openai_choice(index: int, reply: Reply) -> Json:
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
    finish = FINISH[reply.finish]
    return {"index": index, "message": message, "logprobs": None, "finish_reason": finish}


def openai_events(prompt: Prompt, replies: list[Reply]) -> Iterator[Event]:
    """`chat.completion.chunk`, one choice after the other, usage if asked for, `[DONE]`."""
    head = openai_head(prompt, replies, "chat.completion.chunk")
    for choice, reply in enumerate(replies):
        for delta, finish, token in _openai_deltas(reply):
            said = {"index": choice, "delta": delta, "logprobs": None, "finish_reason": finish}
            yield Event(b"data: %b\n\n" % dumps(head | {"choices": [said]}), token)
    if prompt.include_usage:
        last = head | {"choices": [], "usage": openai_usage(replies)}
        yield Event(b"data: %b\n\n" % dumps(last))
    yield Event(b"data: [DONE]\n\n")


def _openai_deltas(reply: Reply) -> Iterator[tuple[Json, str | None, bool]]:
    """Each delta, the finish reason beside it, and whether a token is in it."""
    yield {"role": "assistant", "content": ""}, None, False
    for text in reply.text:
        yield {"content": text}, None, True
    for index, call in enumerate(reply.calls):
        function = {"name": call.name, "arguments": ""}
        first = {"index": index, "id": f"call_{call.id}", "type": "function", "function": function}
        yield {"tool_calls": [first]}, None, False
        for fragment in call.fragments:
            part = {"index": index, "function": {"arguments": fragment}}
            yield {"tool_calls": [part]}, None, True
    yield {}, FINISH[reply.finish], False


def openai_error(status: int, message: str) -> bytes:
    """`{"error": {message, type, param, code}}`."""
    kind = "rate_limit_error" if status == 429 else "server_error"
    kind = "invalid_request_error" if 400 <= status < 429 else kind
    return dumps({"error": {"message": message, "type": kind, "param": None, "code": None}})


def openai_head(prompt: Prompt, replies: list[Reply], kind: str) -> Json:
    """What every answer and chunk begins with."""
    identity = f"chatcmpl-sim-{replies[0].id}"
    return {"id": identity, "object": kind, "created": CREATED, "model": prompt.model}


def openai_usage(replies: list[Reply]) -> Json:
    """What all choices together used."""
    read, written = replies[0].input_tokens, sum(reply.output_tokens for reply in replies)
    return {
        "prompt_tokens": read,
        "completion_tokens": written,
        "total_tokens": read + written,
    }


# Anthropic.  Source: docs.anthropic.com/en/docs/build-with-claude/streaming


def anthropic_whole(prompt: Prompt, replies: list[Reply]) -> bytes:
    """`type: message`."""
    [reply] = replies
    blocks: list[Json] = []
    if reply.thinking:
        thought = "".join(reply.thinking)
        blocks.append({"type": "thinking", "thinking": thought, "signature": SIGNATURE})
    if reply.text:
        blocks.append({"type": "text", "text": "".join(reply.text)})
    for call in reply.calls:
        tool = {"type": "tool_use", "id": f"toolu_{call.id}", "name": call.name}
        blocks.append(tool | {"input": call.arguments})
    return dumps(_message(prompt, reply, blocks, done=True))


def anthropic_events(prompt: Prompt, replies: list[Reply]) -> Iterator[Event]:
    """`message_start` to `message_stop`."""
    [reply] = replies
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
            yield _delta(index, "signature_delta", signature=SIGNATURE)
        yield _named("content_block_stop", index=index)
        index += 1
    for call in reply.calls:
        tool = {"type": "tool_use", "id": f"toolu_{call.id}", "name": call.name, "input": {}}
        yield _named("content_block_start", index=index, content_block=tool)
        for fragment in call.fragments:
            yield _delta(index, "input_json_delta", token=True, partial_json=fragment)
        yield _named("content_block_stop", index=index)
        index += 1
    finish = {"stop_reason": _ANTHROPIC_FINISH[reply.finish], "stop_sequence": reply.met}
    used = {"input_tokens": reply.input_tokens, "output_tokens": reply.output_tokens}
    yield _named("message_delta", delta=finish, usage=used)
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
        "stop_sequence": reply.met if done else None,
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
