"""The simulator as Bedrock's Converse: requests read, answers written, streams in AWS's binary
messages. The path names the model and says that it streams; both are put into the body before.

Source: docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html,
smithy.io/2.0/aws/amazon-eventstream.html
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from struct import pack
from typing import Any
from zlib import crc32

from .dialects import SIGNATURE, Event, anthropic_events, dumps
from .prompt import Json, Prompt, RefusedError, Tool, positive, words
from .reply import Reply

CONTENT_TYPE = "application/vnd.amazon.eventstream"
_FINISH = {
    "end": "end_turn",
    "stop_sequence": "stop_sequence",
    "length": "max_tokens",
    "tools": "tool_use",
}
_HEADER_TEXT = 7


def read_bedrock(body: Json) -> Prompt:
    """A `Converse` request."""
    prompt = Prompt(model=str(body.get("model", "")), stream=body.get("stream") is True)
    messages = body.get("messages")
    if not messages:
        raise RefusedError("messages: at least one is required")
    _read_message(prompt, {"role": "system", "content": body.get("system") or []})
    for message in messages:
        _read_message(prompt, message)
    inference = body.get("inferenceConfig") or {}
    prompt.max_tokens = positive(inference, "maxTokens")
    prompt.stop = list(inference.get("stopSequences") or [])
    _read_tools(prompt, body)
    more = body.get("additionalModelRequestFields") or {}
    prompt.thinking = (more.get("thinking") or {}).get("type") in ("enabled", "adaptive")
    form = ((body.get("outputConfig") or {}).get("textFormat")) or {}
    prompt.wants_json = form.get("type") == "json_schema"
    if prompt.wants_json:
        prompt.json_schema = json.loads(form["structure"]["jsonSchema"]["schema"])
    return prompt


def _read_tools(prompt: Prompt, body: Json) -> None:
    config = body.get("toolConfig") or {}
    for tool in config.get("tools") or []:
        if "toolSpec" in tool:
            spec = tool["toolSpec"]
            prompt.tools.append(Tool(spec["name"], (spec.get("inputSchema") or {}).get("json", {})))
    # Claude's own words, where one call at once is asked for.
    more = (body.get("additionalModelRequestFields") or {}).get("tool_choice") or {}
    choice = config.get("toolChoice") or {}
    prompt.must_call = bool(choice.keys() & {"any", "tool"}) or more.get("type") in ("any", "tool")
    prompt.wanted_tool = (choice.get("tool") or more).get("name")


def _read_message(prompt: Prompt, message: Json) -> None:
    texts: list[str] = []
    results: list[str] = []
    for block in message.get("content") or []:
        if "text" in block:
            texts.append(block["text"])
        elif "image" in block:
            _look(prompt, block["image"])
        elif "toolUse" in block:
            prompt.called.add(block["toolUse"]["toolUseId"])
        elif "toolResult" in block:
            prompt.take_result(block["toolResult"].get("toolUseId"))
            results.append(_result(prompt, block["toolResult"].get("content") or []))
    prompt.input_tokens += len(words("".join(results + texts)))
    prompt.after_tool = bool(results)
    if message.get("role") == "user":
        prompt.listen(texts, results)


def _result(prompt: Prompt, content: list[Json]) -> str:
    said = ""
    for part in content:
        if "image" in part:
            _look(prompt, part["image"])
        else:
            said += part.get("text") or json.dumps(part.get("json", ""))
    return said


def _look(prompt: Prompt, image: Json) -> None:
    prompt.see(f"image/{image.get('format')}", (image.get("source") or {}).get("bytes"))


def bedrock_whole(_: Prompt, replies: list[Reply]) -> bytes:
    """`ConverseResponse`."""
    [reply] = replies
    content: list[Json] = []
    if reply.thinking:
        thought = {"text": "".join(reply.thinking), "signature": SIGNATURE}
        content.append({"reasoningContent": {"reasoningText": thought}})
    if reply.text:
        content.append({"text": "".join(reply.text)})
    content += [
        {"toolUse": _call(call.id, call.name) | {"input": call.arguments}} for call in reply.calls
    ]
    return dumps(
        {
            "output": {"message": {"role": "assistant", "content": content}},
            "stopReason": _FINISH[reply.finish],
            "usage": _usage(reply),
            "metrics": {"latencyMs": 1},
        }
    )


def bedrock_events(_: Prompt, replies: list[Reply]) -> Iterator[Event]:
    """`messageStart` to `metadata`."""
    [reply] = replies
    yield _event("messageStart", role="assistant")
    index = 0
    if reply.thinking:
        for piece in reply.thinking:
            yield _delta(index, {"reasoningContent": {"text": piece}}, token=True)
        yield _delta(index, {"reasoningContent": {"signature": SIGNATURE}})
        yield _event("contentBlockStop", contentBlockIndex=index)
        index += 1
    if reply.text:
        for piece in reply.text:
            yield _delta(index, {"text": piece}, token=True)
        yield _event("contentBlockStop", contentBlockIndex=index)
        index += 1
    for call in reply.calls:
        start = {"toolUse": _call(call.id, call.name)}
        yield _event("contentBlockStart", contentBlockIndex=index, start=start)
        for fragment in call.fragments:
            yield _delta(index, {"toolUse": {"input": fragment}}, token=True)
        yield _event("contentBlockStop", contentBlockIndex=index)
        index += 1
    yield _event("messageStop", stopReason=_FINISH[reply.finish])
    yield _event("metadata", usage=_usage(reply), metrics={"latencyMs": 1})


def invoked_events(prompt: Prompt, replies: list[Reply]) -> Iterator[Event]:
    """Anthropic's own events, as `InvokeModelWithResponseStream` carries them."""
    for event in anthropic_events(prompt, replies):
        data = event.data.partition(b"data: ")[2].strip()
        chunk = dumps({"bytes": b64encode(data).decode()})
        yield Event(_message("event", "chunk", chunk), event.token)


def bedrock_error(_: int, message: str) -> bytes:
    """`{"message": ...}`."""
    return dumps({"message": message})


def bedrock_broken(status: int, message: str) -> bytes:
    """An error inside a stream."""
    return _message("exception", "modelStreamErrorException", bedrock_error(status, message))


def _call(identity: str, name: str) -> Json:
    return {"toolUseId": f"tooluse_{identity}", "name": name}


def _usage(reply: Reply) -> Json:
    read, written = reply.input_tokens, reply.output_tokens
    return {"inputTokens": read, "outputTokens": written, "totalTokens": read + written}


def _delta(index: int, delta: Json, *, token: bool = False) -> Event:
    return _event("contentBlockDelta", token=token, contentBlockIndex=index, delta=delta)


def _event(name: str, *, token: bool = False, **fields: Any) -> Event:
    return Event(_message("event", name, dumps(fields)), token)


def _message(kind: str, name: str, payload: bytes) -> bytes:
    """One binary message with its checksums."""
    headers = {f":{kind}-type": name, ":content-type": "application/json", ":message-type": kind}
    lines = b"".join(
        pack("!B", len(key)) + key.encode() + pack("!BH", _HEADER_TEXT, len(value)) + value.encode()
        for key, value in headers.items()
    )
    prelude = pack("!II", 16 + len(lines) + len(payload), len(lines))
    out = prelude + pack("!I", crc32(prelude)) + lines + payload
    return out + pack("!I", crc32(out))
