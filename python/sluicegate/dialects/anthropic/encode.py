"""A conversation as a Messages request."""

import re
from typing import Any, Final

import msgspec
from msgspec import Raw

from sluicegate.conversation import (
    Conversation,
    DocumentPart,
    ImagePart,
    Part,
    RedactedThinkingPart,
    RefusalPart,
    TextPart,
    ThinkingPart,
    Tool,
    ToolChoice,
    ToolResultPart,
    Turn,
    VendorPart,
    VendorTool,
)
from sluicegate.dialects.anthropic import thinking
from sluicegate.dialects.anthropic.blocks import block_of, tool_id
from sluicegate.dialects.anthropic.thinking import own_seal
from sluicegate.dialects.carry import Carrier, mark
from sluicegate.dialects.documents import PDF, in_own_part
from sluicegate.dialects.readable import begun_by_user, readable

HARMLESS: Final = frozenset(
    {
        "store",
        "context_management",
        "metadata",
        "prediction",
        "prompt_cache_key",
        "prompt_cache_retention",
        "prompt_cache_options",
        "reasoning",
        "reasoning_format",
        "safety_identifier",
        "stream_options",
        "verbosity",
        "include_obfuscation",
        "cache_control",
        "provider",
        "clear_thinking",
        "models",
        "random_seed",
        "route",
        "thinking",
        "transforms",
        "usage",
        "include_reasoning",
        "labels",
        "safetySettings",
        "include",
        "max_tool_calls",
        "text",
        "truncation",
    }
)
"""Top-level fields of OpenAI, of hosts of its dialect (Groq, OpenRouter, Z.ai) and of Gemini that
tune their own side; leaving them out changes no answer's meaning.
"""

HARMLESS_INSIDE: Final = frozenset(
    {
        "allowed_callers",
        "annotations",
        "audio_content",
        "behavior",
        "cache_control",
        "defer_loading",
        "executed_tools",
        "extra_content",
        "parsed",
        "parsed_arguments",
        "phase",
        "external_execution",
        "prefix",
        "prompt_cache_breakpoint",
        "provider_specific_fields",
        "requires_confirmation",
        "response",
        "responseJsonSchema",
    }
)
"""The same in messages, parts and tools. What hosts add to an answer comes back with it and says
nothing to another model: its sources (`annotations`), Groq's `executed_tools`, Gemini's signatures
in `extra_content`, LiteLLM's `provider_specific_fields`, MiniMax's `audio_content`.
`requires_confirmation` and `external_execution` are an agent framework's notes to itself (Agno's).
`prefix` says what here holds for any last turn of the assistant. Source:
https://docs.mistral.ai/capabilities/completion/
"""

_NO_LATE_SYSTEM: Final = re.compile(
    r"claude-(instant|2|3|(opus|sonnet|haiku)-4(?![.-]([89]|\d{2})(?!\d)))"
)
"""Models that take no system message among the turns. Source:
https://platform.claude.com/docs/en/build-with-claude/mid-conversation-system-messages
"""

_CHOICES: Final = {"auto": "auto", "none": "none", "required": "any"}
_TIERS: Final = {"auto": "auto", "default": "standard_only", "priority": "auto"}
JSON_ONLY: Final = "Answer with one JSON object and nothing else."

Json = dict[str, Any]


def encode_request(
    conversation: Conversation, *, model: str, stream: bool, drop: bool, default_max_tokens: int
) -> tuple[bytes, list[str]]:
    """The request's bytes, and the paths of what was left out.

    Args:
        default_max_tokens: this dialect demands a bound; used where the client set none.

    Raises:
        UnsupportedFieldError: the first field that this dialect cannot express, unless `drop`.
    """
    return _Encoder(conversation, model, drop=drop).encode(stream, default_max_tokens)


class _Encoder:
    """One request on its way out."""

    def __init__(self, conversation: Conversation, model: str, *, drop: bool) -> None:
        self.model = model
        self.carry = Carrier(
            "anthropic",
            conversation.dialect,
            drop=drop,
            harmless=HARMLESS,
            harmless_inside=HARMLESS_INSIDE,
        )
        self.c = begun_by_user(readable(conversation, self.carry), self.carry)

    def encode(self, stream: bool, default_max_tokens: int) -> tuple[bytes, list[str]]:
        c = self.c
        max_tokens = default_max_tokens if c.max_output_tokens is None else c.max_output_tokens
        system = self.blocks(list(c.system))
        messages = self.messages(system)
        out: Json = {"model": self.model, "max_tokens": max_tokens}
        self.response_format(out, system)
        if system:
            out["system"] = system
        out["messages"] = messages
        if stream:
            out["stream"] = True
        self.sampling(out)
        self.refuse_foreign()
        tools = [tool for item in c.tools if (tool := self.tool(item)) is not None]
        if tools:
            out["tools"] = tools
        choice = self.tool_choice()
        # A choice is void where every tool was left out.
        if choice is not None and (tools or not c.tools):
            out["tool_choice"] = choice
        self.reasoning(out)
        if c.user is not None:
            out["metadata"] = {"user_id": c.user}
        tier = self.carry.service_tier(c.service_tier, _TIERS)
        if tier is not None:
            out["service_tier"] = tier
        self.carry.extras(c.extras, out)
        return msgspec.json.encode(out), self.carry.dropped

    def sampling(self, out: Json) -> None:
        c = self.c
        if c.temperature is not None:
            if c.temperature > 1:
                self.carry.cannot("temperature", "Messages takes 0 to 1")
            out["temperature"] = min(c.temperature, 1.0)
        for name, value in (
            ("top_p", c.top_p),
            ("top_k", c.top_k),
            ("stop_sequences", c.stop or None),
        ):
            if value is not None:
                out[name] = value

    def refuse_foreign(self) -> None:
        """Parameters that Messages does not have; values that ask for nothing beyond the default
        pass.
        """
        self.carry.one_plain_answer(self.c, "Messages")

    def reasoning(self, out: Json) -> None:
        reasoning = self.c.reasoning
        if reasoning is None:
            return
        bound = out["max_tokens"]
        if self.carry.same_dialect:
            said = thinking.same(reasoning, bound)
        else:
            said = thinking.translated(self.c, reasoning, self.model, bound)
        if said.is_left_out:
            self.carry.leave_out(reasoning.path)
        out["max_tokens"] = said.max_tokens
        if said.field is not None:
            out["thinking"] = said.field
        if said.effort is not None:
            out.setdefault("output_config", {})["effort"] = said.effort

    def response_format(self, out: Json, system: list[Any]) -> None:
        form = self.c.response_format
        if form is None or form.kind == "text":
            return
        if form.kind == "json_object" or form.schema is None:
            # Messages has schemas only. An instruction is what the vendor's own guide gives for
            # plain JSON.
            system.append({"type": "text", "text": JSON_ONLY})
            return
        # Its name has no place here and is for logs only.
        if form.description is not None:
            self.carry.leave_out("response_format.json_schema.description")
        schema = {"type": "json_schema", "schema": form.schema}
        out.setdefault("output_config", {})["format"] = schema

    def tool(self, tool: Tool | VendorTool) -> Any:
        if isinstance(tool, VendorTool):
            if self.carry.same_dialect:
                return tool.raw
            self.carry.cannot(tool.path, f"the provider cannot run {tool.kind!r}")
            return None
        schema = typed(tool.parameters)
        out: Json = {"name": tool.name, "input_schema": schema}
        if tool.description is not None:
            out["description"] = tool.description
        if tool.strict is not None:
            out["strict"] = tool.strict
        mark(out, tool.cache_control)
        self.carry.extras(tool.extras, out, tool.path)
        return out

    def tool_choice(self) -> Json | None:
        c = self.c
        choice = c.tool_choice
        if choice is None and c.parallel_tool_calls is None:
            return None
        if not c.tools and choice is None:
            return None
        choice = choice or ToolChoice("auto")
        out: Json = {"type": _CHOICES.get(choice.mode, "tool")}
        if choice.mode == "named":
            out["name"] = choice.name
        if c.parallel_tool_calls is not None and choice.mode != "none":
            out["disable_parallel_tool_use"] = not c.parallel_tool_calls
        return out

    def messages(self, system: list[Any]) -> list[Json]:
        """Turns of one role that follow each other become one, as the dialect wants tool results
        together. System messages that cannot stand where they stood join `system`.
        """
        out: list[Json] = []
        for place, turn in enumerate(self.c.turns):
            blocks = self.turn(turn)
            role = out[-1]["role"] if out else None
            if self.carry.same_dialect:
                out.append({"role": turn.role, "content": blocks})
                self.carry.extras(turn.extras, out[-1], turn.path)
                continue
            if turn.role == "system" and not self.may_stand(place, role):
                system.extend(blocks)
            elif role == turn.role:
                out[-1]["content"].extend(blocks)
            elif blocks:
                out.append({"role": turn.role, "content": blocks})
            self.carry.extras(turn.extras, {}, turn.path)
        return out

    def may_stand(self, place: int, role_before: str | None) -> bool:
        """Whether a system message may stand here: behind a user's turn, before none or an
        assistant's.
        """
        if _NO_LATE_SYSTEM.search(self.model) or role_before not in {"user", "system"}:
            return False
        roles = (turn.role for turn in self.c.turns[place:] if turn.role != "system")
        return next(roles, "assistant") == "assistant"

    def turn(self, turn: Turn) -> list[Any]:
        parts = list(turn.parts)
        if turn.name not in {None, turn.role}:
            first = next((at for at, part in enumerate(parts) if isinstance(part, TextPart)), None)
            if first is not None and turn.role == "user":
                # A participant's name has no place of its own; in the text the model reads it.
                text = parts[first]
                assert isinstance(text, TextPart)  # noqa: S101  # sought as one
                parts[first] = msgspec.structs.replace(text, text=f"{turn.name}: {text.text}")
            else:
                self.carry.leave_out(f"{turn.path}.name")
        return self.blocks(parts)

    def blocks(self, parts: list[Part]) -> list[Any]:
        return [block for part in parts if (block := self.block(part)) is not None]

    def block(self, part: Part) -> Any:
        if isinstance(part, VendorPart):
            if self.carry.same_dialect:
                return part.raw
            self.carry.cannot(part.path, f"Messages has no {part.kind!r}")
            return None
        if self.carry.same_dialect and part.own is not None:
            return part.own
        if not self.carry.same_dialect and self.is_void(part):
            return None
        block = self.tool_result(part) if isinstance(part, ToolResultPart) else self.plain(part)
        if block is None:
            self.carry.cannot(part.path)
            return None
        mark(block, part.cache_control)
        self.carry.extras(part.extras, block, part.path)
        return block

    def plain(self, part: Part) -> Json | None:
        if isinstance(part, ThinkingPart) and not self.carry.same_dialect:
            part = msgspec.structs.replace(part, signature=own_seal(self.c, part))
        if isinstance(part, RedactedThinkingPart) and not self.carry.same_dialect:
            part = msgspec.structs.replace(part, data=own_seal(self.c, part) or "")
        if isinstance(part, DocumentPart) and not self.carry.same_dialect:
            file = in_own_part(part)
            is_foreign = isinstance(file, DocumentPart) and file.data is not None
            # Its documents are texts and PDF alone.
            return None if is_foreign and part.media_type not in {None, PDF} else block_of(file)
        return block_of(part)

    def is_void(self, part: Part) -> bool:
        """Whether another dialect's part would be refused and says nothing here."""
        if isinstance(part, ThinkingPart | RedactedThinkingPart):
            # Only the vendor's own thoughts are signed; another model's are not part of the talk.
            if own_seal(self.c, part) is not None:
                return False
            self.carry.leave_out(part.path)
            return True
        if isinstance(part, ImagePart) and part.detail not in {None, "auto"}:
            self.carry.leave_out(f"{part.path}.image_url.detail")
        if isinstance(part, ImagePart | DocumentPart) and part.file_id is not None:
            # The file is kept at another vendor's.
            self.carry.cannot(part.path, "files of one vendor are unknown to the other")
            return True
        # Blank text is refused by the vendor.
        return isinstance(part, TextPart | RefusalPart) and not part.text.strip()

    def tool_result(self, part: ToolResultPart) -> Json:
        block: Json = {"type": "tool_result", "tool_use_id": tool_id(part.tool_call_id)}
        content = self.blocks(part.parts)
        if content:
            block["content"] = content
        if part.is_error:
            block["is_error"] = True
        return block


def typed(schema: Raw | None) -> Raw:
    """A tool's schema, in which the dialect demands a type."""
    try:
        fields = msgspec.json.decode(schema or b"{}", type=dict[str, Raw])
    except msgspec.DecodeError:
        return schema or Raw(b"{}")
    if schema is not None and "type" in fields:
        return schema
    return Raw(msgspec.json.encode({"type": "object", **fields}))
