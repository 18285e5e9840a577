"""What a recorded answer means, in plain Python: the reference for the product's decoders.

It shares no code with the product; `test_decode.py` holds it against the vendors' own SDKs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from botocore.eventstream import EventStreamBuffer

from ..client import parse_events
from .records import Record

#: Finish reasons by meaning.  Sources: platform.openai.com/docs/api-reference/chat/object,
#: docs.anthropic.com/en/api/messages (`stop_reason`), ai.google.dev/api/generate-content#FinishReason.
FINISHES = {
    "stop": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "eos": "stop",
    "length": "length",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_calls": "tools",
    "function_call": "tools",
    "tool_use": "tools",
    "content_filter": "filter",
    "refusal": "filter",
    "STOP": "stop",
    "1": "stop",
    "MAX_TOKENS": "length",
    "SAFETY": "filter",
    "MODEL_ARMOR": "filter",
    "UNEXPECTED_TOOL_CALL": "stop",
    "guardrail_intervened": "filter",
    "content_filtered": "filter",
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "TOOL_CALL": "tools",
}


@dataclass(slots=True)
class Meaning:
    """What must be the same through any dialect."""

    text: str = ""
    tools: list[tuple[str, Any]] = field(default_factory=list)
    finish: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    # what only one dialect can say, so that it is kept apart
    reasoning: str = ""
    refusal: str = ""
    choices: int = 1
    error: Any = None
    terminated: bool = False

    @property
    def fails(self) -> bool:
        """Whether the answer broke: an error inside it, or an end that came too early."""
        return bool(self.error) or not (self.terminated or self.finish is not None)


def decode(record: Record) -> Meaning:
    """The meaning of a record.  Raises ValueError where the body is no answer at all."""
    return FOLDS[record.dialect](list(_payloads(record)), record.stream)


def _payloads(record: Record) -> Iterator[Any]:
    if record.dialect == "bedrock" and record.stream:
        yield from _messages(record.body)
        return
    if record.dialect == "ollama" and record.stream:
        yield from (json.loads(line) for line in record.body.splitlines() if line.strip())
        return
    if not record.stream:
        whole = json.loads(record.body)
        yield from whole if record.is_array else [whole]
        return
    text = record.body
    if not text.endswith((b"\n\n", b"\r\n\r\n")):
        text += b"\n\n"
    for _, data in parse_events(text):
        if data.strip() == "[DONE]":
            yield {"done": True}
            return
        try:
            yield json.loads(data)
        except ValueError:
            return  # cut inside an event: what came before it counts


def arguments(text: str) -> Any:
    """Tool arguments as JSON; nothing is an empty object, broken text stays text."""
    try:
        return json.loads(text) if text.strip() else {}
    except ValueError:
        return text


def fold_openai(payloads: list[Any], stream: bool) -> Meaning:
    """Chat completions, whole or in chunks, as one meaning."""
    made = Meaning(terminated=not stream)
    calls: dict[int, list[str]] = {}
    indexes: set[int] = set()
    for payload in payloads:
        if payload.get("done"):
            made.terminated = True
            continue
        made.error = payload.get("error") or made.error
        _openai_usage(made, payload.get("usage") or (payload.get("x_groq") or {}).get("usage"))
        for choice in payload.get("choices") or []:
            indexes.add(choice.get("index", 0))
            if choice.get("index", 0) != 0:
                continue
            message = choice.get("delta" if stream else "message") or {}
            made.text += _text_of(message.get("content"))
            made.refusal += message.get("refusal") or ""
            made.reasoning += _reasoning_of(message)
            made.finish = choice.get("finish_reason") or made.finish
            for position, call in enumerate(message.get("tool_calls") or []):
                function = call.get("function") or call.get("custom") or {}
                _add_call(calls, call, position, function, stream)
            legacy = message.get("function_call")
            if legacy and legacy.get("name"):  # Snowflake sends an empty one with every message
                _add_call(calls, {}, 0, legacy, stream)
    made.choices = max(1, len(indexes))
    made.tools = [(name, arguments(given)) for _, name, given in sorted_calls(calls)]
    made.finish = FINISHES.get(made.finish, made.finish) if made.finish else None
    return made


def _add_call(
    calls: dict[int, list[str]],
    call: dict[str, Any],
    position: int,
    function: dict[str, Any],
    stream: bool,
) -> None:
    index = call.get("index") if stream else None
    if index is None:
        index = _place(calls, call, position, stream)
    slot = calls.setdefault(index, ["", "", ""])
    slot[0] = call.get("id") or slot[0]
    slot[1] = slot[1] or function.get("name") or ""
    given = function.get("arguments", function.get("input"))
    slot[2] += given if isinstance(given, str) else json.dumps(given) if given else ""


def _place(calls: dict[int, list[str]], call: dict[str, Any], position: int, stream: bool) -> int:
    """Some hosts leave `index` out: a known id continues, a new id opens the next place."""
    if not stream:
        return position
    for index, slot in calls.items():
        if call.get("id") in (None, "", slot[0]) and index == max(calls):
            return index
    return len(calls)


def sorted_calls(calls: dict[int, list[str]]) -> list[list[str]]:
    """The calls in the order of their index."""
    return [calls[index] for index in sorted(calls)]


def _openai_usage(made: Meaning, usage: dict[str, Any] | None) -> None:
    if not usage:
        return
    made.input_tokens = usage.get("prompt_tokens", made.input_tokens)
    made.output_tokens = usage.get("completion_tokens", made.output_tokens)


def _text_of(content: Any) -> str:
    """Text, or the text parts of a list (Mistral streams lists)."""
    if isinstance(content, list):
        return "".join(part.get("text", "") for part in content if part.get("type") == "text")
    if isinstance(content, dict):
        # Cloudflare's JSON mode gives the object itself.
        return json.dumps(content, separators=(",", ":"), ensure_ascii=False)
    return content or ""


def _reasoning_of(message: dict[str, Any]) -> str:
    return str(message.get("reasoning_content") or message.get("reasoning") or "")


def _anthropic(payloads: list[Any], stream: bool) -> Meaning:
    made = Meaning()
    calls: dict[int, list[str]] = {}
    for payload in payloads:
        if payload.get("type") == "error":
            made.error = payload["error"]
        elif not stream:
            for index, block in enumerate(payload.get("content") or []):
                _block(made, calls, index, block)
            made.finish = payload.get("stop_reason")
            made.terminated = True
            _anthropic_usage(made, payload.get("usage"))
        else:
            _anthropic_event(made, calls, payload)
    made.tools = [(name, arguments(given)) for _, name, given in sorted_calls(calls)]
    made.finish = FINISHES.get(made.finish, made.finish) if made.finish else None
    return made


def _anthropic_event(made: Meaning, calls: dict[int, list[str]], payload: dict[str, Any]) -> None:
    match payload.get("type"):
        case "message_start":
            _anthropic_usage(made, payload["message"].get("usage"))
        case "content_block_start":
            _block(made, calls, payload["index"], payload["content_block"])
        case "content_block_delta":
            delta = payload["delta"]
            made.text += delta.get("text") or ""
            made.reasoning += delta.get("thinking") or ""
            if payload["index"] in calls:
                calls[payload["index"]][2] += delta.get("partial_json") or ""
        case "message_delta":
            made.finish = payload["delta"].get("stop_reason") or made.finish
            _anthropic_usage(made, payload.get("usage"))
        case "message_stop":
            made.terminated = True


def _block(made: Meaning, calls: dict[int, list[str]], index: int, block: dict[str, Any]) -> None:
    match block.get("type"):
        case "text":
            made.text += block.get("text") or ""
        case "thinking":
            made.reasoning += block.get("thinking") or ""
        case "tool_use":
            given = block.get("input")
            calls[index] = [block["id"], block["name"], json.dumps(given) if given else ""]


def fold_responses(payloads: list[Any], stream: bool) -> Meaning:
    """A response, whole or in events, as one meaning: what its last event repeats is not read."""
    made = Meaning()
    calls: dict[int, list[str]] = {}
    for payload in payloads:
        if not stream:
            for index, item in enumerate(payload.get("output") or []):
                _item(made, calls, index, item)
            _responses_end(made, payload, bool(calls))
            continue
        if payload.get("done"):
            continue
        index = payload.get("output_index", 0)
        match payload.get("type"):
            case "error":
                made.error = payload.get("error") or payload
            case "response.output_text.delta":
                made.text += payload["delta"]
            case "response.refusal.delta":
                made.refusal += payload["delta"]
            case "response.reasoning_text.delta" | "response.reasoning_summary_text.delta":
                made.reasoning += payload["delta"]
            case "response.output_item.added" if payload["item"]["type"] in _CALLS:
                _item(made, calls, index, payload["item"])
            case "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta":
                calls[index][2] += payload["delta"]
            case "response.function_call_arguments.done" if not calls[index][2]:
                calls[index][2] = payload["arguments"]  # LM Studio sends no pieces
            case "response.completed" | "response.incomplete" | "response.failed":
                _responses_end(made, payload["response"], bool(calls))
                break
    made.tools = [(name, arguments(given)) for _, name, given in sorted_calls(calls)]
    return made


_CALLS = ("function_call", "custom_tool_call")


def _item(made: Meaning, calls: dict[int, list[str]], index: int, item: dict[str, Any]) -> None:
    if item["type"] in _CALLS:
        calls[index] = [item["call_id"], item["name"], item.get("arguments", item.get("input", ""))]
    for part in item.get("content") or [] if item["type"] == "message" else []:
        made.text += part.get("text") or ""
        made.refusal += part.get("refusal") or ""


def _responses_end(made: Meaning, response: dict[str, Any], called: bool) -> None:
    made.error = response.get("error") or made.error
    made.terminated = True
    reason = (response.get("incomplete_details") or {}).get("reason")
    whole = "tools" if called else "stop"
    if response.get("status") == "incomplete":
        whole = "length"
    made.finish = {"max_output_tokens": "length", "content_filter": "filter"}.get(reason, whole)
    usage = response.get("usage") or {}
    made.input_tokens = usage.get("input_tokens", made.input_tokens)
    made.output_tokens = usage.get("output_tokens", made.output_tokens)


def _anthropic_usage(made: Meaning, usage: dict[str, Any] | None) -> None:
    """`input_tokens` leaves cached tokens out; the meaning counts them."""
    if not usage:
        return
    if usage.get("input_tokens") is not None:
        names = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
        made.input_tokens = sum(usage.get(name) or 0 for name in names)
    made.output_tokens = usage.get("output_tokens", made.output_tokens)


def fold_gemini(payloads: list[Any], stream: bool) -> Meaning:
    """Chunks of Gemini's, or one whole answer, as one meaning. There is no terminator."""
    made = Meaning(terminated=not stream)
    indexes: set[int] = set()
    for payload in payloads:
        made.error = payload.get("error") or made.error
        _gemini_usage(made, payload.get("usageMetadata") or {})
        if (payload.get("promptFeedback") or {}).get("blockReason"):
            made.finish = "filter"
        for candidate in payload.get("candidates") or []:
            indexes.add(candidate.get("index", 0))
            if candidate.get("index", 0) != 0:
                continue
            for part in (candidate.get("content") or {}).get("parts") or []:
                if part.get("thought"):
                    made.reasoning += part.get("text") or ""
                else:
                    made.text += part.get("text") or ""
                if "functionCall" in part:
                    _gemini_call(made, part["functionCall"])
            made.finish = str(candidate.get("finishReason") or made.finish or "") or None
    made.choices = max(1, len(indexes))
    if made.tools and made.finish in ("STOP", "1"):
        made.finish = "tool_calls"
    made.finish = FINISHES.get(made.finish, made.finish) if made.finish else None
    return made


def _gemini_call(made: Meaning, call: dict[str, Any]) -> None:
    """A call, or a bit more of the last one's arguments."""
    if call.get("name"):
        made.tools.append((call["name"], call.get("args") or {}))
    for bit in call.get("partialArgs") or []:
        place: Any = made.tools[-1][1]
        *way, last = [int(n) if n.isdigit() else n for n in re.findall(r"\w+", bit["jsonPath"])]
        for key, following in zip(way, [*way, last][1:], strict=True):
            empty: Any = [] if isinstance(following, int) else {}
            place = _inside(place, key, empty)
        value = next((v for k, v in bit.items() if k.endswith("Value")), None)
        old = _inside(place, last, "")
        is_text = isinstance(value, str) and isinstance(old, str)
        place[last] = old + value if is_text else value


def _inside(place: Any, key: Any, empty: Any) -> Any:
    if isinstance(place, list):
        place.extend([empty] * (key + 1 - len(place)))
        return place[key]
    return place.setdefault(key, empty)


def _gemini_usage(made: Meaning, usage: dict[str, Any]) -> None:
    """Thoughts stand beside the candidates, and what tools brought in beside the prompt."""
    if "promptTokenCount" not in usage:
        return
    made.input_tokens = (usage["promptTokenCount"] or 0) + (
        usage.get("toolUsePromptTokenCount") or 0
    )
    made.output_tokens = (usage.get("candidatesTokenCount") or 0) + (
        usage.get("thoughtsTokenCount") or 0
    )


def _messages(body: bytes) -> Iterator[Any]:
    """The messages as AWS's own SDK reads them."""
    buffer = EventStreamBuffer()
    buffer.add_data(body)
    for message in buffer:
        name = message.headers.get(":event-type") or message.headers.get(":exception-type")
        yield {name: json.loads(message.payload)}


def fold_bedrock(payloads: list[Any], stream: bool) -> Meaning:
    """Converse's events, or one whole answer, as one meaning. There is no terminator."""
    made = Meaning(terminated=not stream)
    calls: dict[int, list[str]] = {}
    for payload in payloads:
        if not stream:
            _converse(made, payload)
            continue
        ((name, told),) = payload.items()
        index = told.get("contentBlockIndex", 0)
        match name:
            case "contentBlockStart" if "toolUse" in told["start"]:
                call = told["start"]["toolUse"]
                if call.get("type") != "server_tool_use":
                    calls[index] = [call["toolUseId"], call["name"], ""]
            case "contentBlockDelta":
                delta = told["delta"]
                made.text += delta.get("text") or ""
                made.reasoning += (delta.get("reasoningContent") or {}).get("text") or ""
                if index in calls and "toolUse" in delta:
                    calls[index][2] += delta["toolUse"].get("input") or ""
            case "messageStop":
                made.finish = told["stopReason"]
            case "metadata":
                _converse_usage(made, told.get("usage"))
            case _ if name.endswith("Exception"):
                made.error = told
    if stream:
        made.tools = [(name, arguments(given)) for _, name, given in sorted_calls(calls)]
    made.finish = FINISHES.get(made.finish, made.finish) if made.finish else None
    return made


def _converse(made: Meaning, answer: dict[str, Any]) -> None:
    for block in answer["output"]["message"]["content"]:
        made.text += block.get("text") or ""
        for words in (block.get("citationsContent") or {}).get("content") or []:
            made.text += words["text"]
        thought = (block.get("reasoningContent") or {}).get("reasoningText") or {}
        made.reasoning += thought.get("text") or ""
        call = block.get("toolUse")
        if call and call.get("type") != "server_tool_use":
            made.tools.append((call["name"], call["input"]))
    made.finish = answer["stopReason"]
    _converse_usage(made, answer["usage"])


def _converse_usage(made: Meaning, usage: dict[str, Any] | None) -> None:
    """`inputTokens` leaves cached tokens out; the meaning counts them."""
    if usage:
        names = ("inputTokens", "cacheReadInputTokens", "cacheWriteInputTokens")
        made.input_tokens = sum(usage.get(name) or 0 for name in names)
        made.output_tokens = usage["outputTokens"]


def fold_cohere(payloads: list[Any], stream: bool) -> Meaning:
    """Cohere's events, or one whole answer, as one meaning."""
    made = Meaning(terminated=not stream)
    calls: dict[int, list[str]] = {}
    for payload in payloads:
        if payload.get("done"):
            continue
        if not stream:
            _cohere_message(made, calls, payload["message"])
            _cohere_end(made, payload)
            continue
        index, delta = payload.get("index", 0), payload.get("delta") or {}
        message = delta.get("message") or {}
        match payload["type"]:
            case "content-start" | "content-delta":
                made.text += message["content"].get("text") or ""
                made.reasoning += message["content"].get("thinking") or ""
            case "tool-plan-delta":
                made.reasoning += message["tool_plan"]
            case "tool-call-start":
                call = message["tool_calls"]
                calls[index] = [call["id"], call["function"]["name"], ""]
            case "tool-call-delta":
                calls[index][2] += message["tool_calls"]["function"]["arguments"]
            case "message-end":
                _cohere_end(made, delta)
    made.tools = [(name, arguments(given) or {}) for _, name, given in sorted_calls(calls)]
    return made


def _cohere_message(made: Meaning, calls: dict[int, list[str]], message: dict[str, Any]) -> None:
    made.reasoning += message.get("tool_plan") or ""
    for part in message.get("content") or []:
        made.text += part.get("text") or ""
        made.reasoning += part.get("thinking") or ""
    for index, call in enumerate(message.get("tool_calls") or []):
        calls[index] = [call["id"], call["function"]["name"], call["function"]["arguments"]]


def _cohere_end(made: Meaning, end: dict[str, Any]) -> None:
    """What the model read and wrote; what is billed is a part of it."""
    made.terminated = True
    made.finish = FINISHES.get(end["finish_reason"])
    if end["finish_reason"] in ("ERROR", "TIMEOUT"):
        made.error = end.get("error") or end["finish_reason"]
    tokens = (end.get("usage") or {}).get("tokens") or {}
    made.input_tokens = tokens.get("input_tokens")
    made.output_tokens = tokens.get("output_tokens")


def fold_ollama(payloads: list[Any], _stream: bool) -> Meaning:
    """Ollama's lines, or one whole answer, as one meaning."""
    made = Meaning()
    for payload in payloads:
        made.error = payload.get("error") or made.error
        message = payload.get("message") or {}
        made.text += message.get("content") or ""
        made.reasoning += message.get("thinking") or ""
        for call in message.get("tool_calls") or []:
            made.tools.append((call["function"]["name"], call["function"]["arguments"]))
        if payload.get("done"):
            made.terminated = True
            whole = "tools" if made.tools else "stop"
            # Another word than these two says nothing that others have words for.
            reasons = {"stop": whole, "length": "length"}
            made.finish = reasons.get(payload.get("done_reason") or "stop")
            made.input_tokens = payload.get("prompt_eval_count")
            made.output_tokens = payload.get("eval_count")
    return made


FOLDS: dict[str, Callable[[list[Any], bool], Meaning]] = {
    "openai": fold_openai,
    "anthropic": _anthropic,
    "gemini": fold_gemini,
    "openai_responses": fold_responses,
    "bedrock": fold_bedrock,
    "cohere": fold_cohere,
    "ollama": fold_ollama,
}
