"""A conversation as a Chat Completions request."""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from sluicegate.conversation import (
    AudioPart,
    CacheControl,
    Conversation,
    DocumentPart,
    ImagePart,
    Part,
    Reasoning,
    RedactedThinkingPart,
    RefusalPart,
    TextPart,
    ThinkingPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
    Turn,
    VendorPart,
    VendorTool,
)
from sluicegate.dialects.carry import Carrier
from sluicegate.dialects.data_url import data_url
from sluicegate.dialects.reasoning import effort_of

HARMLESS: Final = frozenset(
    {
        "cache_control",
        "context_management",
        "betas",
        "container",
        "diagnostics",
        "inference_geo",
        "speed",
        "user_profile_id",
        "workspace_id",
    }
)
"""Anthropic's top-level fields that tune its own side; leaving them out cannot change what the
answer means.
"""

_EFFORTS: Final = {"xhigh": "high", "max": "high"}
"""Words of Anthropic's that most OpenAI-compatible hosts do not know."""

Json = dict[str, Any]


def encode_request(
    conversation: Conversation, *, model: str, stream: bool, drop: bool
) -> tuple[bytes, list[str]]:
    """The request's bytes, and the paths of what was left out.

    Raises:
        UnsupportedFieldError: the first field that this dialect cannot express, unless `drop`.
    """
    return _Encoder(conversation, drop=drop).encode(model, stream)


class _Encoder:
    """One request on its way out."""

    def __init__(self, conversation: Conversation, *, drop: bool) -> None:
        self.c = conversation
        self.carry = Carrier("openai", conversation.dialect, drop=drop, harmless=HARMLESS)

    def encode(self, model: str, stream: bool) -> tuple[bytes, list[str]]:
        c = self.c
        out: Json = {"model": model, "messages": self.messages()}
        scalars = {
            "max_completion_tokens": c.max_output_tokens,
            "temperature": c.temperature,
            "top_p": c.top_p,
            "stop": c.stop or None,
            "n": c.choices,
            "seed": c.seed,
            "presence_penalty": c.presence_penalty,
            "frequency_penalty": c.frequency_penalty,
            "logprobs": c.logprobs,
            "top_logprobs": c.top_logprobs,
            "parallel_tool_calls": c.parallel_tool_calls if c.tools else None,
            "user": c.user,
            "service_tier": self.service_tier(),
        }
        out.update({name: value for name, value in scalars.items() if value is not None})
        if c.top_k is not None:
            if self.carry.same_dialect:
                out["top_k"] = c.top_k
            else:
                self.carry.cannot("top_k", "Chat Completions has no top_k")
        if stream:
            # Usage is what the answer's last event must say in the client's dialect.
            out["stream"] = True
            out["stream_options"] = {"include_usage": True}
        if c.tools:
            out["tools"] = [tool for item in c.tools if (tool := self.tool(item)) is not None]
        if c.tool_choice is not None:
            named = {"type": "function", "function": {"name": c.tool_choice.name}}
            out["tool_choice"] = named if c.tool_choice.mode == "named" else c.tool_choice.mode
        if c.response_format is not None:
            out["response_format"] = self.response_format()
        self.reasoning(out)
        self.carry.extras(c.extras, out)
        return msgspec.json.encode(out), self.carry.dropped

    def service_tier(self) -> str | None:
        if self.carry.same_dialect or self.c.service_tier is None:
            return self.c.service_tier
        return {"auto": "auto", "standard_only": "default"}.get(self.c.service_tier)

    def reasoning(self, out: Json) -> None:
        reasoning = self.c.reasoning
        if reasoning is None:
            return
        if self.carry.same_dialect:
            _thinking_field(reasoning, out)
            return
        if reasoning.effort is not None:
            out["reasoning_effort"] = _EFFORTS.get(reasoning.effort, reasoning.effort)
        elif reasoning.budget_tokens is not None:
            out["reasoning_effort"] = effort_of(
                reasoning.budget_tokens, self.c.max_output_tokens or reasoning.budget_tokens
            )

    def response_format(self) -> Json:
        form = self.c.response_format
        assert form is not None  # noqa: S101  # the caller looked
        if form.kind != "json_schema":
            return {"type": form.kind}
        schema: Json = {"name": form.name or "answer", "schema": form.schema}
        # Anthropic's formats are always held to; OpenAI's only where asked.
        strict = form.strict if self.carry.same_dialect else True
        if strict is not None:
            schema["strict"] = strict
        if form.description is not None:
            schema["description"] = form.description
        return {"type": "json_schema", "json_schema": schema}

    def tool(self, tool: Tool | VendorTool) -> Any:
        if isinstance(tool, VendorTool):
            if self.carry.same_dialect:
                return tool.raw
            self.carry.cannot(tool.path, f"the provider cannot run {tool.kind!r}")
            return None
        function: Json = {"name": tool.name}
        if tool.description is not None:
            function["description"] = tool.description
        if tool.parameters is not None:
            function["parameters"] = tool.parameters
        if tool.strict is not None:
            function["strict"] = tool.strict
        out: Json = {"type": "function", "function": function}
        _mark(out, tool.cache_control)
        self.carry.extras(tool.extras, function)
        return out

    def messages(self) -> list[Json]:
        out: list[Json] = []
        if self.c.system:
            out.append({"role": "system", "content": self.content(list(self.c.system))})
        for turn in self.c.turns:
            out.extend(self.turn(turn))
        return out

    def turn(self, turn: Turn) -> list[Json]:
        if turn.role == "assistant":
            messages = [self.assistant(turn)]
        else:
            results = [part for part in turn.parts if isinstance(part, ToolResultPart)]
            rest = [part for part in turn.parts if not isinstance(part, ToolResultPart)]
            # OpenAI wants the results first, each in a message of its own, before anything else is
            # said.
            messages = [message for result in results for message in self.tool_result(result)]
            if rest or not results:
                messages.append({"role": turn.role, "content": self.content(rest)})
        if turn.name is not None and messages:
            messages[-1]["name"] = turn.name
        if messages:
            self.carry.extras(turn.extras, messages[-1])
        return messages

    def tool_result(self, result: ToolResultPart) -> list[Json]:
        texts = [part for part in result.parts if isinstance(part, TextPart)]
        media = [part for part in result.parts if not isinstance(part, TextPart)]
        content = self.content(list(texts)) if texts else ""
        if result.is_error and isinstance(content, str):
            # Chat Completions has no mark for a failed tool; models read it in the text.
            content = f"Error: {content}"
        message: Json = {"role": "tool", "tool_call_id": result.tool_call_id, "content": content}
        self.carry.extras(result.extras, message)
        if not media:
            return [message]
        # Tool messages hold text only; what a tool showed follows as a user's message.
        note: Json = {"type": "text", "text": f"Shown by the tool call {result.tool_call_id}:"}
        shown = [item for part in media if (item := self.part(part)) is not None]
        return [message, {"role": "user", "content": [note, *shown]}]

    def assistant(self, turn: Turn) -> Json:
        message: Json = {"role": "assistant"}
        spoken: list[Part] = [
            part for part in turn.parts if isinstance(part, TextPart | VendorPart)
        ]
        message["content"] = self.content(spoken) if spoken else None
        calls = [part for part in turn.parts if isinstance(part, ToolCallPart)]
        if calls:
            message["tool_calls"] = [self.tool_call(call) for call in calls]
        refusals = [part.text for part in turn.parts if isinstance(part, RefusalPart)]
        if refusals:
            message["refusal"] = "".join(refusals)
        thoughts = [part for part in turn.parts if isinstance(part, ThinkingPart)]
        if thoughts:
            message["reasoning_content"] = "".join(thought.text for thought in thoughts)
        blocks = [block for part in turn.parts if (block := _thinking_block(part)) is not None]
        if any("signature" in block or "data" in block for block in blocks):
            message["thinking_blocks"] = blocks
        return message

    def tool_call(self, call: ToolCallPart) -> Json:
        function: Json = {"name": call.name, "arguments": call.arguments}
        out: Json = {"id": call.id, "type": "function", "function": function}
        _mark(out, call.cache_control)
        self.carry.extras(call.extras, out)
        return out

    def content(self, parts: list[Part]) -> str | list[Any]:
        plain = [part for part in parts if isinstance(part, TextPart)]
        if len(parts) == 1 and plain and plain[0].cache_control is None and not plain[0].extras:
            return plain[0].text
        return [item for part in parts if (item := self.part(part)) is not None]

    def part(self, part: Part) -> Any:
        if isinstance(part, VendorPart):
            if self.carry.same_dialect:
                return part.raw
            self.carry.cannot(part.path, f"Chat Completions has no {part.kind!r}")
            return None
        write = _PARTS.get(type(part))
        item = write(part) if write else None
        if item is None:
            self.carry.cannot(part.path)
            return None
        _mark(item, part.cache_control)
        self.carry.extras(part.extras, item)
        return item


def _thinking_field(reasoning: Reasoning, out: Json) -> None:
    if reasoning.effort is not None:
        out["reasoning_effort"] = reasoning.effort
    if reasoning.budget_tokens is not None:
        out["thinking"] = {"type": "enabled", "budget_tokens": reasoning.budget_tokens}
    elif reasoning.adaptive:
        out["thinking"] = {"type": "adaptive"}
    elif reasoning.enabled is False:
        out["reasoning_effort"] = "none"


def _thinking_block(part: Part) -> Json | None:
    if isinstance(part, RedactedThinkingPart):
        return {"type": "redacted_thinking", "data": part.data}
    if isinstance(part, ThinkingPart):
        block = {"type": "thinking", "thinking": part.text}
        return block if part.signature is None else {**block, "signature": part.signature}
    return None


def _mark(item: Json, control: CacheControl | None) -> None:
    """Prompt-cache marks go through as the extension that hosts of this dialect read."""
    if control is not None:
        item["cache_control"] = {"type": "ephemeral"} | (
            {"ttl": control.ttl} if control.ttl else {}
        )


def _text(part: TextPart) -> Json:
    return {"type": "text", "text": part.text}


def _refusal(part: RefusalPart) -> Json:
    return {"type": "refusal", "refusal": part.text}


def _image(part: ImagePart) -> Json | None:
    url = part.url
    if part.data is not None:
        url = data_url(part.media_type or "image/png", part.data)
    if url is None:
        return None
    image = {"url": url} if part.detail is None else {"url": url, "detail": part.detail}
    return {"type": "image_url", "image_url": image}


def _document(part: DocumentPart) -> Json | None:
    if part.text is not None:
        title = f"{part.title}:\n" if part.title else ""
        return {"type": "text", "text": title + part.text}
    file: Json = {}
    if part.file_id is not None:
        file["file_id"] = part.file_id
    if part.data is not None:
        file["file_data"] = data_url(part.media_type or "application/pdf", part.data)
    if not file:
        return None
    if part.title is not None or part.data is not None:
        file["filename"] = part.title or "document.pdf"
    return {"type": "file", "file": file}


def _audio(part: AudioPart) -> Json:
    return {"type": "input_audio", "input_audio": {"data": part.data, "format": part.format}}


_PARTS: Final[dict[type[Part], Callable[[Any], Json | None]]] = {
    TextPart: _text,
    RefusalPart: _refusal,
    ImagePart: _image,
    DocumentPart: _document,
    AudioPart: _audio,
}
