"""The simulator as Gemini: requests read, answers written. The path names the model and says that
it streams; both are put into the body before.

Source: ai.google.dev/api/generate-content
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from .dialects import SIGNATURE, Event, dumps
from .prompt import MAX_CHOICES, Json, Prompt, RefusedError, Tool, positive, words
from .reply import Call, Reply

_FINISH = {"end": "STOP", "stop_sequence": "STOP", "length": "MAX_TOKENS", "tools": "STOP"}
_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
}


def read_gemini(body: Json) -> Prompt:
    """A `generateContent` request."""
    prompt = Prompt(model=str(body.get("model", "")), stream=body.get("stream") is True)
    contents = body.get("contents")
    if not contents:
        raise RefusedError("contents is not specified")
    for content in [_of(body, "systemInstruction") or {}, *contents]:
        _read_content(prompt, content)
    config = _of(body, "generationConfig") or {}
    prompt.max_tokens = positive(config, "maxOutputTokens") or positive(config, "max_output_tokens")
    prompt.stop = list(_of(config, "stopSequences") or [])
    prompt.choices = min(positive(config, "candidateCount") or 1, MAX_CHOICES)
    for tool in body.get("tools") or []:
        for function in _of(tool, "functionDeclarations") or []:
            schema = _of(function, "parametersJsonSchema") or function.get("parameters") or {}
            prompt.tools.append(Tool(function.get("name", ""), _lower_types(schema)))
    calling = _of(_of(body, "toolConfig") or {}, "functionCallingConfig") or {}
    prompt.must_call = calling.get("mode") == "ANY"
    prompt.may_call = calling.get("mode") != "NONE"
    prompt.wanted_tool = next(iter(_of(calling, "allowedFunctionNames") or []), None)
    prompt.thinking = bool(_of(_of(config, "thinkingConfig") or {}, "includeThoughts"))
    prompt.wants_json = _of(config, "responseMimeType") == "application/json"
    schema = _of(config, "responseJsonSchema") or _of(config, "responseSchema")
    prompt.json_schema = _lower_types(schema) if schema else None
    return prompt


def _of(fields: Json, name: str) -> Any:
    """A field, written as in JSON or as in protocol buffers: Google's own SDK does both."""
    older = re.sub(r"[A-Z]", lambda found: f"_{found[0].lower()}", name)
    return fields.get(name, fields.get(older))


def _read_content(prompt: Prompt, content: Json) -> None:
    texts: list[str] = []
    results: list[str] = []
    for part in content.get("parts") or []:
        inline, named = _of(part, "inlineData"), _of(part, "fileData")
        if inline:
            # Google's SDKs write the alphabet of URLs.
            data = str(inline.get("data")).replace("-", "+").replace("_", "/")
            prompt.see(str(_of(inline, "mimeType")), data)
        elif named:
            prompt.see_url(str(_of(named, "fileUri")))
        call, result = _of(part, "functionCall"), _of(part, "functionResponse")
        if call:
            prompt.called.add(call["name"])
        if result:
            prompt.take_result(result.get("name"))
            given = result.get("response") or {}
            results.append(str(given.get("output", given)))
        texts.append(part.get("text") or "")
    prompt.input_tokens += len(words("".join(results + texts)))
    prompt.after_tool = bool(results)
    if content.get("role") != "model":
        prompt.listen(texts, results)


def _lower_types(schema: Any) -> Any:
    """Gemini's own schemas write types in capitals."""
    if isinstance(schema, list):
        return [_lower_types(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: value.lower() if key == "type" and isinstance(value, str) else _lower_types(value)
        for key, value in schema.items()
    }


def gemini_whole(prompt: Prompt, replies: list[Reply]) -> bytes:
    """`GenerateContentResponse`."""
    candidates = []
    for index, reply in enumerate(replies):
        parts: list[Json] = []
        if reply.thinking:
            parts.append({"text": "".join(reply.thinking), "thought": True})
        if reply.text:
            parts.append({"text": "".join(reply.text)})
        parts += map(_call, reply.calls)
        candidates.append(_candidate(index, parts, _FINISH[reply.finish]))
    return dumps(_chunk(prompt, replies, candidates, done=True))


def gemini_events(prompt: Prompt, replies: list[Reply]) -> Iterator[Event]:
    """Chunks; the last one says why it ends, and what was used."""
    for index, reply in enumerate(replies):
        pieces: list[Json] = [{"text": text, "thought": True} for text in reply.thinking]
        pieces += [{"text": text} for text in reply.text]
        pieces += map(_call, reply.calls)
        for piece in pieces:
            yield _event(prompt, replies, [_candidate(index, [piece])], done=False)
    last = [
        _candidate(index, [{"text": ""}], _FINISH[reply.finish])
        for index, reply in enumerate(replies)
    ]
    yield _event(prompt, replies, last, done=True)


def gemini_error(status: int, message: str) -> bytes:
    """`{"error": {code, message, status}}`."""
    word = _STATUSES.get(status, "UNAVAILABLE")
    return dumps({"error": {"code": status, "message": message, "status": word}})


def _event(prompt: Prompt, replies: list[Reply], candidates: list[Json], *, done: bool) -> Event:
    data = dumps(_chunk(prompt, replies, candidates, done=done))
    return Event(b"data: %b\r\n\r\n" % data, token=not done)


def _call(call: Call) -> Json:
    named = {"id": f"call_{call.id}", "name": call.name, "args": call.arguments}
    return {"functionCall": named, "thoughtSignature": SIGNATURE}


def _candidate(index: int, parts: list[Json], finish: str | None = None) -> Json:
    said: Json = {"content": {"parts": parts, "role": "model"}, "index": index}
    return said if finish is None else {**said, "finishReason": finish}


def _chunk(prompt: Prompt, replies: list[Reply], candidates: list[Json], *, done: bool) -> Json:
    usage = {"promptTokenCount": replies[0].input_tokens}
    if done:
        thoughts = sum(len(reply.thinking) for reply in replies)
        written = sum(reply.output_tokens for reply in replies)
        usage |= {"candidatesTokenCount": written - thoughts, "thoughtsTokenCount": thoughts}
    usage["totalTokenCount"] = sum(usage.values())
    return {
        "candidates": candidates,
        "usageMetadata": usage,
        "modelVersion": prompt.model,
        "responseId": f"sim-{replies[0].id}",
    }
