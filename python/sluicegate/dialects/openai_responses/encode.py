"""A conversation as a Responses request."""

import re
from typing import Any, Final

import msgspec

from sluicegate.conversation import (
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
    ToolReferencePart,
    ToolResultPart,
    Turn,
    VendorPart,
    VendorTool,
)
from sluicegate.dialects import told
from sluicegate.dialects.carry import Carrier
from sluicegate.dialects.data_url import data_url
from sluicegate.dialects.openai_responses.sealed import seal
from sluicegate.dialects.readable import readable
from sluicegate.dialects.reasoning import effort_of

HARMLESS: Final = frozenset(
    {
        "betas",
        "cache_control",
        "clear_thinking",
        "container",
        "context_management",
        "diagnostics",
        "include_reasoning",
        "inference_geo",
        "labels",
        "metadata",
        "prediction",
        "models",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "provider",
        "random_seed",
        "reasoning",
        "reasoning_format",
        "route",
        "safetySettings",
        "safety_identifier",
        "speed",
        "store",
        "stream_options",
        "thinking",
        "thread",
        "transforms",
        "usage",
        "user_profile_id",
        "verbosity",
        "workspace_id",
    }
)
"""Other dialects' top-level fields that tune their own side; leaving them out changes no answer's
meaning.
"""

HARMLESS_INSIDE: Final = frozenset(
    {
        "allowed_callers",
        "annotations",
        "audio_content",
        "behavior",
        "cache_control",
        "caller",
        "defer_loading",
        "eager_input_streaming",
        "executed_tools",
        "external_execution",
        "extra_content",
        "input_examples",
        "prefix",
        "prompt_cache_breakpoint",
        "provider_specific_fields",
        "requires_confirmation",
        "response",
        "responseJsonSchema",
        "toolset_name",
    }
)
"""The same in messages, parts and tools."""

_NO_REASONING: Final = re.compile(r"(^|/)(gpt-3\.5|gpt-4|chatgpt-4o)")
"""Models that refuse `reasoning` and have none to encrypt. Source:
https://developers.openai.com/api/docs/guides/reasoning
"""

_TIERS: Final = {
    "auto": "auto",
    "default": "default",
    "flex": "flex",
    "priority": "priority",
    "standard_only": "default",
}

_EFFORTS: Final = {"default": "medium", "max": "xhigh"}
"""Words of Groq's and Anthropic's that most models of this dialect do not know."""

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
        self.carry = Carrier(
            "openai_responses",
            conversation.dialect,
            drop=drop,
            harmless=HARMLESS,
            harmless_inside=HARMLESS_INSIDE,
        )
        self.c = readable(conversation, self.carry)

    def encode(self, model: str, stream: bool) -> tuple[bytes, list[str]]:
        c = self.c
        out: Json = {"model": model, "input": self.items()}
        if c.system:
            self.instructions(out)
        scalars = {
            "max_output_tokens": c.max_output_tokens,
            "temperature": c.temperature,
            "top_p": c.top_p,
            "top_logprobs": c.top_logprobs if self.carry.same_dialect else None,
            "user": c.user,
            "service_tier": self.carry.service_tier(c.service_tier, _TIERS),
        }
        out.update({name: value for name, value in scalars.items() if value is not None})
        if stream:
            out["stream"] = True
        self.refuse_foreign()
        self.tools(out)
        if c.response_format is not None:
            out["text"] = {"format": self.response_format()}
        self.reasoning(out, model)
        if not self.carry.same_dialect:
            # The client keeps its conversation itself, thoughts and all.
            out["store"] = False
            if not _NO_REASONING.search(model):
                out["include"] = ["reasoning.encrypted_content"]
        self.carry.extras(c.extras, out)
        return msgspec.json.encode(out), self.carry.dropped

    def instructions(self, out: Json) -> None:
        for part in self.c.system:
            self.mark(part)
            self.carry.extras(part.extras, {}, part.path)
        out["instructions"] = "\n\n".join(part.text for part in self.c.system)

    def refuse_foreign(self) -> None:
        """Parameters that Responses does not have; values that ask for nothing beyond the default
        pass.
        """
        c = self.c
        if c.choices not in {None, 1}:
            self.carry.cannot("n", "Responses gives one answer")
        self.carry.unseeded(c)
        top_logprobs = None if self.carry.same_dialect else c.top_logprobs or None
        for name, value in (
            ("stop", c.stop or None),
            ("top_k", c.top_k),
            ("presence_penalty", c.presence_penalty or None),
            ("frequency_penalty", c.frequency_penalty or None),
            ("logprobs", c.logprobs or None),
            ("top_logprobs", top_logprobs),
        ):
            if value is not None:
                is_chat = c.dialect == "openai"
                said_as = "stop_sequences" if name == "stop" and not is_chat else name
                self.carry.cannot(said_as, f"Responses has no {name}")

    def reasoning(self, out: Json, model: str) -> None:
        reasoning = self.c.reasoning
        if reasoning is None:
            return
        said = self.wish(reasoning)
        if not said or (_NO_REASONING.search(model) and not self.carry.same_dialect):
            self.carry.leave_out(reasoning.path)
        else:
            out["reasoning"] = said

    def wish(self, reasoning: Reasoning) -> Json:
        if self.carry.same_dialect:
            return {"effort": "none" if reasoning.enabled is False else reasoning.effort}
        effort = reasoning.effort
        if effort is None and reasoning.budget_tokens is not None:
            bound = self.c.max_output_tokens or reasoning.budget_tokens
            effort = effort_of(reasoning.budget_tokens, bound)
        said: Json = {}
        if effort is not None and reasoning.enabled is not False:
            said["effort"] = _EFFORTS.get(effort, effort)
        if reasoning.display == "summarized":
            said["summary"] = "auto"  # only who asks: the vendor wants to know its readers
        return said

    def response_format(self) -> Json:
        form = self.c.response_format
        assert form is not None  # noqa: S101  # the caller looked
        if form.kind != "json_schema":
            return {"type": form.kind}
        out: Json = {"type": "json_schema", "name": form.name or "answer", "schema": form.schema}
        # Anthropic's formats are always held to; OpenAI's only where asked.
        strict = True if self.c.dialect == "anthropic" else form.strict
        if strict is not None:
            out["strict"] = strict
        if form.description is not None:
            out["description"] = form.description
        return out

    def tools(self, out: Json) -> None:
        """The tools and what is said of them, which is void where every tool was left out."""
        c = self.c
        tools = [tool for item in c.tools if (tool := self.tool(item)) is not None]
        if tools:
            out["tools"] = tools
            if c.parallel_tool_calls is not None:
                out["parallel_tool_calls"] = c.parallel_tool_calls
        if c.tool_choice is not None and (tools or not c.tools):
            named = {"type": "function", "name": c.tool_choice.name}
            said = named if c.tool_choice.mode == "named" else c.tool_choice.mode
            own = c.tool_choice.own if self.carry.same_dialect else None
            out["tool_choice"] = own or said

    def tool(self, tool: Tool | VendorTool) -> Any:
        if isinstance(tool, VendorTool):
            if self.carry.same_dialect:
                return tool.raw
            self.carry.cannot(tool.path, f"the provider cannot run {tool.kind!r}")
            return None
        out: Json = {"type": "function", "name": tool.name}
        if tool.description is not None:
            out["description"] = tool.description
        out["parameters"] = tool.parameters
        # Here a schema is strict unless it says not, elsewhere the other way round.
        out["strict"] = tool.strict if self.carry.same_dialect else bool(tool.strict)
        if tool.cache_control is not None:
            self.carry.leave_out(f"{tool.path}.cache_control")
        self.carry.extras(tool.extras, out, tool.path)
        return out

    def items(self) -> list[Any]:
        out: list[Any] = []
        for turn in self.c.turns:
            items = self.assistant(turn) if turn.role == "assistant" else self.spoken(turn)
            if turn.name is not None:
                self.carry.leave_out(f"{turn.path}.name")
            place = next((item for item in reversed(items) if isinstance(item, dict)), {})
            self.carry.extras(turn.extras, place, turn.path)
            out.extend(items)
        return out

    def spoken(self, turn: Turn) -> list[Any]:
        """A turn of the user's side: results of tools are items of their own, ahead of the rest."""
        if self.carry.same_dialect and any(part.own is not None for part in turn.parts):
            return [part.own for part in turn.parts if part.own is not None]
        results = [part for part in turn.parts if isinstance(part, ToolResultPart)]
        items: list[Any] = [self.tool_result(part) for part in results]
        rest = [part for part in turn.parts if not isinstance(part, ToolResultPart)]
        content = [item for part in rest if (item := self.part(part, "input_text")) is not None]
        if content or not items:
            items.append({"type": "message", "role": turn.role, "content": content})
        return items

    def tool_result(self, result: ToolResultPart) -> Json:
        self.mark(result)
        items = [i for part in result.parts if (i := self.part(part, "input_text")) is not None]
        if result.is_error:
            # Responses has no mark for a failed tool; models read it in the text.
            items.insert(0, {"type": "input_text", "text": "Error:"})
        is_plain = len(items) == 1 and isinstance(items[0], dict) and "text" in items[0]
        out: Json = {
            "type": "function_call_output",
            "call_id": result.tool_call_id,
            "output": items[0]["text"] if is_plain else items or "",
        }
        self.carry.extras(result.extras, out, result.path)
        return out

    def assistant(self, turn: Turn) -> list[Any]:
        """Thoughts, words and calls in their order; words that follow one another are one item."""
        items: list[Any] = []
        for part in turn.parts:
            if isinstance(part, VendorPart):
                if self.carry.same_dialect:
                    items.append(part.raw)
                else:
                    self.carry.cannot(part.path, f"Responses has no {part.kind!r}")
            elif isinstance(part, ThinkingPart | RedactedThinkingPart):
                items.extend(self.thought(part))
            elif self.carry.same_dialect and part.own is not None:
                items.append(part.own)
            elif isinstance(part, ToolCallPart):
                items.append(self.tool_call(part))
            elif (item := self.part(part, "output_text")) is not None:
                _say(item, items, same_dialect=self.carry.same_dialect)
        return items

    def thought(self, part: ThinkingPart | RedactedThinkingPart) -> list[Json]:
        """Only the vendor's own thoughts are sealed; another model's are not part of the talk."""
        sealed = seal(part)
        if sealed is None:
            self.carry.leave_out(part.path)
            return []
        text = part.text if isinstance(part, ThinkingPart) else ""
        summary = [{"type": "summary_text", "text": text}] if text else []
        item: Json = {"type": "reasoning", "id": sealed.id, "summary": summary}
        item["encrypted_content"] = sealed.encrypted_content
        self.carry.extras(part.extras, item, part.path)
        return [item]

    def tool_call(self, call: ToolCallPart) -> Json:
        self.mark(call)
        item: Json = {"type": "function_call", "call_id": call.id, "name": call.name}
        item["arguments"] = call.arguments
        self.carry.extras(call.extras, item, call.path)
        return item

    def mark(self, part: Part) -> None:
        """The vendor finds the longest known beginning by itself."""
        if part.cache_control is not None:
            self.carry.leave_out(f"{part.path}.cache_control")

    def part(self, part: Part, text: str) -> Any:
        """A content part; `text` is what texts are called on this side."""
        if isinstance(part, VendorPart):
            if self.carry.same_dialect:
                return part.raw
            self.carry.cannot(part.path, f"Responses has no {part.kind!r}")
            return None
        is_file = isinstance(part, ImagePart | DocumentPart) and part.file_id is not None
        if is_file and not self.carry.same_dialect:
            self.carry.cannot(part.path, "files of one vendor are unknown to the other")
            return None
        item = _part_of(part, text)
        if item is None:
            self.carry.cannot(part.path)
            return None
        if isinstance(part, TextPart) and part.citations:
            self.carry.leave_out(f"{part.path}.citations")
        self.mark(part)
        self.carry.extras(part.extras, item, part.path)
        return item


def _say(item: Any, items: list[Any], *, same_dialect: bool) -> None:
    """Adds to what the assistant says last. Its parts have ids that only the vendor gives; without
    them the dialect wants one text.
    """
    is_open = bool(items) and isinstance(items[-1], dict) and items[-1]["type"] == "message"
    if not is_open:
        content: Any = [] if same_dialect else ""
        items.append({"type": "message", "role": "assistant", "content": content})
    if same_dialect:
        items[-1]["content"].append(item)
    else:
        items[-1]["content"] += item.get("text") or item.get("refusal") or ""


def _part_of(part: Part, text: str) -> Json | None:
    match part:
        case TextPart():
            said: Json = {"type": text, "text": part.text}
            return said if text == "input_text" else {**said, "annotations": []}
        case RefusalPart():
            return {"type": "refusal", "refusal": part.text}
        case ToolReferencePart():
            return {"type": text, "text": told.tool_reference(part)}
        case ImagePart():
            return _image(part)
        case DocumentPart():
            return _document(part, text)
        case _:
            return None


def _image(part: ImagePart) -> Json | None:
    url = part.url
    if part.data is not None:
        url = data_url(part.media_type or "image/png", part.data)
    said = {"image_url": url, "file_id": part.file_id, "detail": part.detail or "auto"}
    given = {name: value for name, value in said.items() if value is not None}
    return {"type": "input_image", **given} if url or part.file_id else None


def _document(part: DocumentPart, text: str) -> Json | None:
    if part.text is not None:
        return {"type": text, "text": told.document(part)}
    if part.data is not None:
        data = data_url(part.media_type or "application/pdf", part.data)
        return {"type": "input_file", "filename": part.title or "document.pdf", "file_data": data}
    said = {"file_url": part.url, "file_id": part.file_id, "filename": part.title}
    given = {name: value for name, value in said.items() if value is not None}
    return {"type": "input_file", **given} if part.url or part.file_id else None
