"""A conversation as a Chat Completions request."""

import re
from typing import Any, Final

import msgspec

from sluicegate.conversation import (
    AudioPart,
    CacheControl,
    Conversation,
    DocumentPart,
    ImagePart,
    Part,
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
from sluicegate.dialects import told
from sluicegate.dialects.base import Host
from sluicegate.dialects.carry import Carrier, mark
from sluicegate.dialects.documents import in_own_part
from sluicegate.dialects.openai_chat.parts import function_of, part_of, thinking_block
from sluicegate.dialects.openai_chat.reasoning import reasoning_fields
from sluicegate.dialects.readable import choice_in_words, one_call_in_words, readable
from sluicegate.dialects.reasoning import effort_of
from sluicegate.dialects.seal import own_signature

HARMLESS: Final = frozenset(
    {
        "cache_control",
        "context_management",
        "betas",
        "container",
        "diagnostics",
        "include",
        "inference_geo",
        "labels",
        "max_tool_calls",
        "metadata",
        "models",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "provider",
        "reasoning",
        "safetySettings",
        "safety_identifier",
        "speed",
        "store",
        "stream_options",
        "text",
        "thread",
        "truncation",
        "user_profile_id",
        "workspace_id",
    }
)
"""Top-level fields of Anthropic, of Gemini and of Responses that tune their own side; leaving them
out cannot change what the answer means.
"""

HARMLESS_INSIDE: Final = frozenset(
    {
        "allowed_callers",
        "behavior",
        "cache_control",
        "caller",
        "defer_loading",
        "eager_input_streaming",
        "input_examples",
        "parsed",
        "parsed_arguments",
        "phase",
        "prompt_cache_breakpoint",
        "response",
        "responseJsonSchema",
        "toolset_name",
    }
)
"""The same in messages, parts and tools: what only serves tools of the vendor's own, which are
refused where they stand.
"""

_EFFORTS: Final = {"xhigh": "high", "max": "high"}
"""Words of Anthropic's that most OpenAI-compatible hosts do not know."""

_NO_EFFORT: Final = re.compile(r"(^|/)(gpt-3\.5|gpt-4|chatgpt-4o)")
"""Models that do not reason and refuse `reasoning_effort`. Source:
https://developers.openai.com/api/docs/guides/reasoning
"""

_TIERS: Final = {
    "auto": "auto",
    "default": "default",
    "flex": "flex",
    "priority": "priority",
    "standard_only": "default",
}

_TUNING: Final = frozenset({"reasoning_effort", "seed", "service_tier", "user"})
"""What changes no answer's meaning where a host lacks it."""

_SAID_AS: Final[dict[str, dict[str, str]]] = {
    "anthropic": {
        "parallel_tool_calls": "tool_choice.disable_parallel_tool_use",
        "stop": "stop_sequences",
        "user": "metadata.user_id",
    },
    "gemini": {"stop": "stop_sequences"},
    "openai_completions": {"max_completion_tokens": "max_tokens"},
    "openai_responses": {
        "max_completion_tokens": "max_output_tokens",
        "response_format": "text.format",
    },
}
"""How a client of another dialect names a field."""

Json = dict[str, Any]


def encode_request(
    conversation: Conversation, *, model: str, stream: bool, drop: bool, host: Host
) -> tuple[bytes, list[str]]:
    """The request's bytes, and the paths of what was left out.

    Args:
        host: hosts that do not know a field refuse the whole request for it. A client of this
        dialect knows its host: what it sent stays.

    Raises:
        UnsupportedFieldError: the first field that this dialect, or this host, cannot express,
        unless `drop`.
    """
    return _Encoder(conversation, drop=drop, host=host).encode(model, stream)


class _Encoder:
    """One request on its way out."""

    def __init__(self, conversation: Conversation, *, drop: bool, host: Host) -> None:
        self.host = host
        self.carry = Carrier(
            "openai",
            conversation.dialect,
            drop=drop,
            harmless=HARMLESS,
            harmless_inside=HARMLESS_INSIDE,
        )
        self.c = readable(conversation, self.carry)
        lacks = frozenset[str]() if self.carry.same_dialect else host.lacks
        if "parallel_tool_calls" in lacks:
            self.c = one_call_in_words(self.c, self.carry)
        if "tool_choice" in lacks:
            self.c = choice_in_words(self.c, self.carry)

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
            "user": c.user,
            "service_tier": self.carry.service_tier(c.service_tier, _TIERS),
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
        self.tools(out)
        if c.response_format is not None:
            out["response_format"] = self.response_format()
        self.reasoning(out, model)
        if not self.carry.same_dialect:
            self.leave_out_what_the_host_lacks(out)
        self.carry.extras(c.extras, out)
        return msgspec.json.encode(out), self.carry.dropped

    def leave_out_what_the_host_lacks(self, out: Json) -> None:
        for name in sorted(self.host.lacks & out.keys()):
            value = out.pop(name)
            if name == "max_completion_tokens":
                out["max_tokens"] = value  # its older name, which every host knows
            elif name in _TUNING:
                self.carry.leave_out(self.name_at_the_client(name))
            elif name != "stream_options":  # ours; without them the gateway counts by itself
                self.carry.cannot(self.name_at_the_client(name), "the provider does not take it")

    def name_at_the_client(self, name: str) -> str:
        if name == "reasoning_effort" and self.c.reasoning is not None:
            return self.c.reasoning.path
        return _SAID_AS.get(self.c.dialect, {}).get(name, name)

    def reasoning(self, out: Json, model: str) -> None:
        reasoning = self.c.reasoning
        if reasoning is None:
            return
        if self.carry.same_dialect:
            reasoning_fields(reasoning, out)
            return
        if reasoning.display is not None:
            self.carry.leave_out(f"{reasoning.path}.display")
        effort = reasoning.effort and _EFFORTS.get(reasoning.effort, reasoning.effort)
        if effort is None and reasoning.budget_tokens is not None:
            bound = self.c.max_output_tokens or reasoning.budget_tokens
            effort = effort_of(reasoning.budget_tokens, bound)
        # A model that may not think and one that thinks as it likes need no word: hosts disagree
        # on the word for the first, and the second is what reasoning models do by themselves.
        silent = reasoning.enabled is False or effort is None
        if silent or _NO_EFFORT.search(model):
            self.carry.leave_out(reasoning.path)
        else:
            out["reasoning_effort"] = effort

    def response_format(self) -> Json:
        form = self.c.response_format
        assert form is not None  # noqa: S101  # the caller looked
        if form.kind != "json_schema":
            return {"type": form.kind}
        schema: Json = {"name": form.name or "answer", "schema": form.schema}
        # Anthropic's formats are always held to; OpenAI's only where asked.
        strict = True if self.c.dialect == "anthropic" else form.strict
        if strict is not None:
            schema["strict"] = strict
        if form.description is not None:
            schema["description"] = form.description
        return {"type": "json_schema", "json_schema": schema}

    def tools(self, out: Json) -> None:
        """The tools and what is said of them, which is void where every tool was left out."""
        c = self.c
        tools = [tool for item in c.tools if (tool := self.tool(item)) is not None]
        if tools:
            out["tools"] = tools
            if c.parallel_tool_calls is not None:
                out["parallel_tool_calls"] = c.parallel_tool_calls
        if c.tool_choice is not None and (tools or not c.tools):
            named = {"type": "function", "function": {"name": c.tool_choice.name}}
            said = named if c.tool_choice.mode == "named" else c.tool_choice.mode
            own = c.tool_choice.own if self.carry.same_dialect else None
            out["tool_choice"] = own or said

    def tool(self, tool: Tool | VendorTool) -> Any:
        if isinstance(tool, VendorTool):
            if self.carry.same_dialect:
                return tool.raw
            self.carry.cannot(tool.path, f"the provider cannot run {tool.kind!r}")
            return None
        function = function_of(tool)
        if tool.strict is not None:
            function["strict"] = tool.strict
        out: Json = {"type": "function", "function": function}
        self.mark(out, tool.cache_control, tool.path)
        self.carry.extras(tool.extras, out, tool.path)
        return out

    def messages(self) -> list[Json]:
        out: list[Json] = []
        if self.c.system:
            out.append({"role": "system", "content": self.content(list(self.c.system))})
        for turn in self.c.turns:
            out.extend(self.turn(turn))
        return out

    def turn(self, turn: Turn) -> list[Json]:
        messages = [self.assistant(turn)] if turn.role == "assistant" else self.spoken(turn)
        if not self.carry.same_dialect and messages[-1] == _NOTHING:
            messages = []  # only thoughts that are left out
        if turn.name is not None and messages:
            messages[-1]["name"] = turn.name
        self.carry.extras(turn.extras, messages[-1] if messages else {}, turn.path)
        return messages

    def spoken(self, turn: Turn) -> list[Json]:
        """A turn of the user's side. OpenAI wants all results of tools first, each in a message of
        its own; they hold text only, so what a tool showed follows in the user's message.
        """
        shown: list[Any] = []
        results = [part for part in turn.parts if isinstance(part, ToolResultPart)]
        messages = [self.tool_result(result, shown) for result in results]
        rest = [part for part in turn.parts if not isinstance(part, ToolResultPart)]
        if shown:
            items = [item for part in rest if (item := self.part(part)) is not None]
            messages.append({"role": turn.role, "content": [*shown, *items]})
        elif rest or not messages:
            messages.append({"role": turn.role, "content": self.content(rest)})
        return messages

    def tool_result(self, result: ToolResultPart, shown: list[Any]) -> Json:
        texts: list[Any] = []
        media: list[Any] = []
        for part in result.parts:
            item = self.part(part)
            if item is not None:
                is_text = isinstance(item, dict) and item["type"] == "text"
                (texts if is_text else media).append(item)
        if result.is_error:
            first, *rest = texts or [{"type": "text", "text": ""}]
            texts = [{**first, "text": told.failed(first["text"])}, *rest]
        if media:
            note = f"Shown by the tool call {result.tool_call_id}:"
            shown.extend([{"type": "text", "text": note}, *media])
        message: Json = {
            "role": "tool",
            "tool_call_id": result.tool_call_id,
            "content": _plain(texts) if texts else "",
        }
        self.mark(message, result.cache_control, result.path)
        self.carry.extras(result.extras, message, result.path)
        return message

    def assistant(self, turn: Turn) -> Json:
        message: Json = {"role": "assistant"}
        for part in turn.parts:
            if not isinstance(part, (*_SAID, *_BESIDE)):
                self.carry.cannot(part.path, "it has no place in an assistant's turn")
        said: list[Part] = [part for part in turn.parts if self.is_said(part)]
        message["content"] = self.content(said, joined=True) if said else None
        calls = [part for part in turn.parts if isinstance(part, ToolCallPart)]
        if calls:
            message["tool_calls"] = [self.tool_call(call) for call in calls]
        self.seals(turn, message)
        refusals = [part.text for part in turn.parts if isinstance(part, RefusalPart)]
        if refusals:
            message["refusal"] = "".join(refusals)
        self.thoughts(turn, message)
        return message

    def is_said(self, part: Part) -> bool:
        """Whether a part of an assistant's turn is content; some clients' thoughts are."""
        is_own = self.carry.same_dialect and part.own is not None
        return isinstance(part, _SAID) or (is_own and isinstance(part, ThinkingPart))

    def seal(self, part: Part) -> str | None:
        """Gemini's signature, which stands in a thought without words where a client's dialect has
        no other place for it.
        """
        if not isinstance(part, ThinkingPart) or part.text:
            return None
        return own_signature(self.c, part.signature, "gemini")

    def seals(self, turn: Turn, message: Json) -> None:
        """Gemini's signatures, each beside the call that follows it, else beside the text."""
        calls = iter(message.get("tool_calls", ()))
        waiting: tuple[str, str] | None = None
        for part in turn.parts:
            signature = self.seal(part)
            place = next(calls) if isinstance(part, ToolCallPart) else message
            if waiting is not None and (signature is not None or place is not message):
                self.sealed(place, *waiting)
                waiting = None
            if signature is not None:
                waiting = (signature, f"{part.path}.signature")
        if waiting is not None:
            self.sealed(message, *waiting)

    def sealed(self, place: Json, signature: str, path: str) -> None:
        if self.takes("thought_signature"):
            place["extra_content"] = {"google": {"thought_signature": signature}}
        else:
            self.carry.leave_out(path)

    def thoughts(self, turn: Turn, message: Json) -> None:
        """Earlier thoughts, in extensions of the dialect: it has no field for them itself."""
        beside = (part for part in turn.parts if not self.is_said(part))
        thoughts = [part for part in beside if isinstance(part, _THOUGHTS)]
        thoughts = [part for part in thoughts if self.seal(part) is None]
        text = "".join(part.text for part in thoughts if isinstance(part, ThinkingPart))
        if text and self.takes("reasoning_content"):
            message["reasoning_content"] = text
        blocks = [thinking_block(part) for part in thoughts]
        for part, block in zip(thoughts, blocks, strict=True):
            self.carry.extras(part.extras, block, part.path)
        are_signed = any("signature" in block or "data" in block for block in blocks)
        if are_signed and self.takes("thinking_blocks"):
            message["thinking_blocks"] = blocks
            return
        for part, block in zip(thoughts, blocks, strict=True):
            if "data" in block or "reasoning_content" not in message:
                self.carry.leave_out(part.path)
            elif "signature" in block:
                self.carry.leave_out(f"{part.path}.signature")

    def takes(self, extension: str) -> bool:
        return self.carry.same_dialect or extension in self.host.extensions

    def mark(self, item: Json, control: CacheControl | None, path: str) -> None:
        if control is not None and not self.takes("cache_control"):
            self.carry.leave_out(f"{path}.cache_control")
            return
        mark(item, control)

    def tool_call(self, call: ToolCallPart) -> Any:
        if self.carry.same_dialect and call.own is not None:
            return call.own
        function: Json = {"name": call.name, "arguments": call.arguments}
        out: Json = {"id": call.id, "type": "function", "function": function}
        self.mark(out, call.cache_control, call.path)
        self.carry.extras(call.extras, out, call.path)
        return out

    def content(self, parts: list[Part], *, joined: bool = False) -> str | list[Any]:
        """A text where one will do, which every host reads.

        Args:
            joined: several texts of another dialect are one.
        """
        items = [item for part in parts if (item := self.part(part)) is not None]
        if not items:
            return ""
        bare = all(isinstance(item, dict) and item.keys() == {"type", "text"} for item in items)
        if joined and bare and not self.carry.same_dialect:
            return "".join(item["text"] for item in items)
        return _plain(items)

    def part(self, part: Part) -> Any:
        if isinstance(part, VendorPart):
            if self.carry.same_dialect:
                return part.raw
            self.carry.cannot(part.path, f"Chat Completions has no {part.kind!r}")
            return None
        if self.carry.same_dialect and part.own is not None:
            return part.own
        if not self.carry.same_dialect and self.is_void(part):
            return None
        item = part_of(part if self.carry.same_dialect else in_own_part(part))
        if item is None:
            self.carry.cannot(part.path)
            return None
        self.mark(item, part.cache_control, part.path)
        self.carry.extras(part.extras, item, part.path)
        return item

    def is_void(self, part: Part) -> bool:
        """Whether another dialect's part has no form here; tells what of it is lost."""
        if isinstance(part, TextPart) and part.citations:
            self.carry.leave_out(f"{part.path}.citations")
        if isinstance(part, DocumentPart):
            if part.citations:
                self.carry.leave_out(f"{part.path}.citations")
            if part.context is not None and part.text is None:
                self.carry.leave_out(f"{part.path}.context")
            if part.url is not None:
                self.carry.cannot(part.path, "Chat Completions takes documents inline only")
                return True
        if isinstance(part, ImagePart | DocumentPart) and part.file_id is not None:
            self.carry.cannot(part.path, "files of one vendor are unknown to the other")
            return True
        return False


_SAID: Final = (TextPart, ImagePart, DocumentPart, AudioPart, VendorPart)
"""What of an assistant's turn is content."""

_THOUGHTS: Final = (ThinkingPart, RedactedThinkingPart)
_BESIDE: Final = (ToolCallPart, RefusalPart, *_THOUGHTS)
"""What of it has fields of its own."""


_NOTHING: Final = {"role": "assistant", "content": None}


def _plain(items: list[Any]) -> str | list[Any]:
    if len(items) == 1 and isinstance(items[0], dict) and items[0].keys() == {"type", "text"}:
        text: str = items[0]["text"]
        return text
    return items
