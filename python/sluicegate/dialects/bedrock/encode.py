"""A conversation as a Converse request."""

import base64
from typing import Any, Final

import msgspec

from sluicegate.conversation import (
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
    ToolChoice,
    ToolResultPart,
    Turn,
    VendorPart,
    VendorTool,
)
from sluicegate.dialects.anthropic import encode as anthropic
from sluicegate.dialects.anthropic.thinking import own_seal
from sluicegate.dialects.bedrock import models
from sluicegate.dialects.bedrock.parts import block_of, document_name, tool_id
from sluicegate.dialects.carry import Carrier
from sluicegate.dialects.harmless import HARMLESS, HARMLESS_INSIDE
from sluicegate.dialects.readable import begun_by_user, one_call_in_words, readable

_FIELDS: Final = "additionalModelRequestFields"
_OWN: Final = frozenset(
    {
        _FIELDS,
        "additionalModelResponseFieldPaths",
        "guardrailConfig",
        "performanceConfig",
        "promptVariables",
        "requestMetadata",
    }
)
"""Fields of Converse that no other dialect has: a client of any may send them, and they go on."""

_TIERS: Final = {"default": "default", "flex": "flex", "priority": "priority"}

Json = dict[str, Any]


def encode_request(
    conversation: Conversation, *, model: str, drop: bool, default_max_tokens: int
) -> tuple[bytes, list[str]]:
    """The request's bytes, and the paths of what was left out. The path names the model.

    Args:
        default_max_tokens: what an answer may have beside a budget for thoughts, where the client
        set no bound.

    Raises:
        UnsupportedFieldError: the first field that this dialect cannot express, unless `drop`.
    """
    return _Encoder(conversation, model, drop=drop).encode(default_max_tokens)


class _Encoder:
    """One request on its way out."""

    def __init__(self, conversation: Conversation, model: str, *, drop: bool) -> None:
        self.model = model
        self.documents = 0
        self.carry = Carrier(
            "bedrock",
            conversation.dialect,
            drop=drop,
            harmless=HARMLESS,
            harmless_inside=HARMLESS_INSIDE,
        )
        self.c = begun_by_user(readable(conversation, self.carry), self.carry)
        if not models.takes_one_call(model):
            self.c = one_call_in_words(self.c, self.carry)

    def encode(self, default_max_tokens: int) -> tuple[bytes, list[str]]:
        c = self.c
        system = self.blocks(list(c.system))
        messages = self.messages(system)
        thinking = models.thinking_of(c, self.model, default_max_tokens)
        if c.reasoning is not None and thinking.is_left_out:
            self.carry.leave_out(c.reasoning.path)
        fields = dict(thinking.fields)
        out: Json = {"messages": messages}
        self.response_format(out, system)
        if system:
            out["system"] = system
        inference = self.inference(fields, thinking.max_tokens)
        if inference:
            out["inferenceConfig"] = inference
        self.tools(out, fields)
        self.refuse_foreign()
        tier = self.carry.service_tier(c.service_tier, _TIERS)
        if tier not in {None, "default"}:
            out["serviceTier"] = {"type": tier}
        self.carry.own_extras(c.extras, _OWN, out, merged=(_FIELDS, fields))
        if fields:
            out[_FIELDS] = fields
        return msgspec.json.encode(out), self.carry.dropped

    def inference(self, fields: Json, max_tokens: int | None) -> Json:
        c = self.c
        if c.temperature is not None and c.temperature > 1:
            self.carry.cannot("temperature", "Converse takes 0 to 1")
        scalars = {
            "maxTokens": c.max_output_tokens if max_tokens is None else max_tokens,
            "temperature": None if c.temperature is None else min(c.temperature, 1.0),
            "topP": c.top_p,
            "stopSequences": c.stop or None,
        }
        if c.top_k is not None:
            said = models.top_k(self.model, c.top_k)
            if said is None:
                self.carry.cannot("top_k", "the model is not known to take it")
            fields.update(said or {})
        return {name: value for name, value in scalars.items() if value is not None}

    def refuse_foreign(self) -> None:
        """Parameters that Converse does not have; values that ask for nothing beyond the default
        pass.
        """
        self.carry.one_plain_answer(self.c, "Converse")
        if self.c.user is not None:
            self.carry.leave_out("user")

    def response_format(self, out: Json, system: list[Json]) -> None:
        form = self.c.response_format
        if form is None or form.kind == "text":
            return
        if form.kind == "json_object" or form.schema is None:
            system.append({"text": anthropic.JSON_ONLY})
            return
        if not models.takes_schemas(self.model):
            self.carry.cannot("response_format", "the model cannot be held to a schema")
            return
        # The schema is a text here.
        schema: Json = {"schema": bytes(form.schema).decode()}
        named = {"name": form.name, "description": form.description}
        schema.update({name: value for name, value in named.items() if value})
        structure = {"jsonSchema": schema}
        out["outputConfig"] = {"textFormat": {"type": "json_schema", "structure": structure}}

    def tools(self, out: Json, fields: Json) -> None:
        c = self.c
        tools = [block for tool in c.tools for block in self.tool(tool)]
        choice = c.tool_choice
        if choice is not None and choice.mode == "none" and tools:
            if self.talks_of_tools():
                self.carry.cannot("tool_choice", "Converse cannot forbid the tools of a talk")
            else:
                return  # without tools none can be called
        if not tools:
            return
        config: Json = {"tools": tools}
        out["toolConfig"] = config
        if c.parallel_tool_calls is False:
            fields["tool_choice"] = _one_call(choice)
            return
        match choice.mode if choice else "auto":
            case "required":
                config["toolChoice"] = {"any": {}}
            case "named" if choice is not None:
                config["toolChoice"] = {"tool": {"name": choice.name}}
            case "auto" if choice is not None:
                config["toolChoice"] = {"auto": {}}

    def talks_of_tools(self) -> bool:
        parts = (part for turn in self.c.turns for part in turn.parts)
        return any(isinstance(part, ToolCallPart | ToolResultPart) for part in parts)

    def tool(self, tool: Tool | VendorTool) -> list[Json]:
        if isinstance(tool, VendorTool):
            self.carry.cannot(tool.path, f"the provider cannot run {tool.kind!r}")
            return []
        schema = anthropic.typed(tool.parameters)
        spec: Json = {"name": tool.name, "inputSchema": {"json": schema}}
        if tool.description:
            spec["description"] = tool.description
        if tool.strict and models.takes_schemas(self.model):
            spec["strict"] = True
        elif tool.strict:
            self.carry.leave_out(f"{tool.path}.strict")
        self.carry.extras(tool.extras, spec, tool.path)
        return self.marked({"toolSpec": spec}, tool.cache_control, tool.path)

    def marked(self, block: Json, control: CacheControl | None, path: str) -> list[Json]:
        """A block, and the mark behind it where the prompt shall be cached up to it."""
        if control is None:
            return [block]
        if not models.takes_cache_points(self.model, next(iter(block))):
            self.carry.leave_out(f"{path}.cache_control")
            return [block]
        ttl = models.cache_ttl(self.model, control.ttl)
        if ttl != control.ttl:
            self.carry.leave_out(f"{path}.cache_control.ttl")
        return [block, {"cachePoint": {"type": "default", **({"ttl": ttl} if ttl else {})}}]

    def messages(self, system: list[Json]) -> list[Json]:
        """Turns of one role that follow each other become one, as the dialect wants them in turns.
        System messages among them join `system`.
        """
        out: list[Json] = []
        for turn in self.c.turns:
            blocks = self.turn(turn)
            if turn.role == "system":
                system.extend(blocks)
            elif blocks and out and out[-1]["role"] == turn.role:
                out[-1]["content"].extend(blocks)
            elif blocks:
                out.append({"role": turn.role, "content": blocks})
            self.carry.extras(turn.extras, {}, turn.path)
        return out

    def turn(self, turn: Turn) -> list[Json]:
        if turn.name not in {None, turn.role}:
            self.carry.leave_out(f"{turn.path}.name")
        return self.blocks(turn.parts)

    def blocks(self, parts: list[Part]) -> list[Json]:
        out: list[Json] = []
        for part in parts:
            block = self.block(part)
            if block is not None:
                out += self.marked(block, part.cache_control, part.path)
        return out

    def block(self, part: Part) -> Json | None:
        if isinstance(part, VendorPart):
            self.carry.cannot(part.path, f"Converse has no {part.kind!r}")
            return None
        if isinstance(part, TextPart | RefusalPart) and not part.text.strip():
            return None  # blank text is refused by the vendor
        if isinstance(part, ThinkingPart | RedactedThinkingPart):
            return self.thought(part)
        self.carry.tell_lost(part, cites=True)
        block = self.tool_result(part) if isinstance(part, ToolResultPart) else block_of(part)
        if block is None:
            self.carry.cannot(part.path, _why_not(part))
            return None
        if "document" in block:
            self.documents += 1
            title = part.title if isinstance(part, DocumentPart) else None
            block["document"]["name"] = document_name(title, self.documents)
        self.carry.extras(part.extras, block, part.path)
        return block

    def thought(self, part: ThinkingPart | RedactedThinkingPart) -> Json | None:
        """A thought of Anthropic's for a model of Anthropic's; others are not part of the talk."""
        seal = own_seal(self.c, part) if models.is_claude(self.model) else None
        if seal is None:
            self.carry.leave_out(part.path)
            return None
        if isinstance(part, RedactedThinkingPart):
            return {
                "reasoningContent": {"redactedContent": base64.b64encode(seal.encode()).decode()}
            }
        return {"reasoningContent": {"reasoningText": {"text": part.text, "signature": seal}}}

    def tool_result(self, part: ToolResultPart) -> Json:
        content = [block for inner in part.parts if (block := self.block(inner)) is not None]
        result: Json = {"toolUseId": tool_id(part.tool_call_id), "content": content}
        if part.is_error:
            result["status"] = "error"
        return {"toolResult": result}


def _one_call(choice: ToolChoice | None) -> Json:
    """The choice of a model of Anthropic's, which may call one tool at once."""
    kinds = {None: "auto", "auto": "auto", "required": "any", "named": "tool"}
    kind = kinds[choice.mode if choice else None]
    name = {"name": choice.name} if choice and choice.mode == "named" else {}
    return {"type": kind, **name, "disable_parallel_tool_use": True}


def _why_not(part: Part) -> str:
    if isinstance(part, ImagePart | DocumentPart) and part.url is not None:
        return "Converse takes inline data, and files of S3"
    return ""
