"""A conversation as a Messages request."""

import re
from collections.abc import Callable
from typing import Any, Final

import msgspec
from msgspec import Raw

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
from sluicegate.dialects.carry import Carrier
from sluicegate.dialects.reasoning import MIN_BUDGET_TOKENS, budget_of
from sluicegate.errors import InvalidRequestError

HARMLESS: Final = frozenset(
    {
        "store",
        "metadata",
        "prompt_cache_key",
        "prompt_cache_retention",
        "prompt_cache_options",
        "safety_identifier",
        "verbosity",
        "include_obfuscation",
        "cache_control",
        "provider",
        "route",
        "transforms",
        "usage",
        "include_reasoning",
    }
)
"""OpenAI's (and OpenRouter's) top-level fields that tune their own side; leaving them out changes
no answer's meaning.
"""

_BUDGET_MODELS: Final = re.compile(r"claude-(3|(opus|sonnet|haiku)-4(-[0-5]\b|-\d{8}|$))")
"""Models that take a budget; newer ones think adaptively and take words of effort.
Source: https://docs.anthropic.com/en/docs/build-with-claude/adaptive-thinking"""

_EFFORTS: Final = {"minimal": "low"}
_CHOICES: Final = {"auto": "auto", "none": "none", "required": "any"}
_JSON_ONLY: Final = "Answer with one JSON object and nothing else."

Json = dict[str, Any]


def encode_request(
    conversation: Conversation, *, model: str, stream: bool, drop: bool, default_max_tokens: int
) -> tuple[bytes, list[str]]:
    """The request's bytes, and the paths of what was left out.

    Args:
        default_max_tokens: this dialect demands a bound; used where the client set none.

    Raises:
        UnsupportedFieldError: the first field that this dialect cannot express, unless `drop`.
        InvalidRequestError: tool arguments that are no JSON object.
    """
    return _Encoder(conversation, drop=drop).encode(model, stream, default_max_tokens)


class _Encoder:
    """One request on its way out."""

    def __init__(self, conversation: Conversation, *, drop: bool) -> None:
        self.c = conversation
        self.carry = Carrier("anthropic", conversation.dialect, drop=drop, harmless=HARMLESS)

    def encode(self, model: str, stream: bool, default_max_tokens: int) -> tuple[bytes, list[str]]:
        c = self.c
        max_tokens = c.max_output_tokens or default_max_tokens
        out: Json = {"model": model, "max_tokens": max_tokens}
        if c.system:
            out["system"] = self.blocks(list(c.system))
        out["messages"] = self.messages()
        if stream:
            out["stream"] = True
        self.sampling(out)
        self.refuse_foreign()
        if c.tools:
            out["tools"] = [tool for item in c.tools if (tool := self.tool(item)) is not None]
        choice = self.tool_choice()
        if choice is not None:
            out["tool_choice"] = choice
        self.reasoning(out, model, max_tokens)
        self.response_format(out)
        if c.user is not None:
            out["metadata"] = {"user_id": c.user}
        tier = self.service_tier()
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
        c = self.c
        if c.choices not in {None, 1}:
            self.carry.cannot("n", "Messages gives one answer")
        for name, value in (
            ("seed", c.seed),
            ("presence_penalty", c.presence_penalty or None),
            ("frequency_penalty", c.frequency_penalty or None),
            ("logprobs", c.logprobs or None),
            ("top_logprobs", c.top_logprobs or None),
        ):
            if value is not None:
                self.carry.cannot(name, f"Messages has no {name}")

    def service_tier(self) -> str | None:
        if self.carry.same_dialect or self.c.service_tier is None:
            return self.c.service_tier
        return {"auto": "auto", "default": "standard_only", "priority": "auto"}.get(
            self.c.service_tier
        )

    def reasoning(self, out: Json, model: str, max_tokens: int) -> None:
        reasoning = self.c.reasoning
        if reasoning is None:
            return
        effort = _EFFORTS.get(reasoning.effort or "", reasoning.effort)
        budget = reasoning.budget_tokens
        takes_budget = not self.carry.same_dialect and _BUDGET_MODELS.search(model) is not None
        if budget is None and effort is not None and takes_budget:
            budget, effort = budget_of(effort, max_tokens), None
        thinking: Json | None = None
        if budget is not None:
            thinking = {"type": "enabled", "budget_tokens": budget}
            if not self.carry.same_dialect and max_tokens <= budget:
                # The bound holds thinking and answer; the client's was meant for what it sees.
                out["max_tokens"] = budget + max(max_tokens, MIN_BUDGET_TOKENS)
        elif reasoning.enabled is False:
            thinking = {"type": "disabled"}
        elif reasoning.adaptive or (effort is not None and not self.carry.same_dialect):
            thinking = {"type": "adaptive"}
        if thinking is not None:
            if reasoning.display is not None:
                thinking["display"] = reasoning.display
            out["thinking"] = thinking
        if effort is not None:
            out.setdefault("output_config", {})["effort"] = effort

    def response_format(self, out: Json) -> None:
        form = self.c.response_format
        if form is None or form.kind == "text":
            return
        if form.kind == "json_object":
            # Messages has schemas only. An instruction is what the vendor's own guide gives for
            # plain JSON.
            out.setdefault("system", []).append({"type": "text", "text": _JSON_ONLY})
            return
        out.setdefault("output_config", {})["format"] = {
            "type": "json_schema",
            "schema": form.schema,
        }

    def tool(self, tool: Tool | VendorTool) -> Any:
        if isinstance(tool, VendorTool):
            if self.carry.same_dialect:
                return tool.raw
            self.carry.cannot(tool.path, f"the provider cannot run {tool.kind!r}")
            return None
        schema = tool.parameters
        if schema is None or not msgspec.json.decode(schema):
            schema = Raw(b'{"type":"object"}')  # the dialect demands a type
        out: Json = {"name": tool.name, "input_schema": schema}
        if tool.description is not None:
            out["description"] = tool.description
        if tool.strict is not None:
            out["strict"] = tool.strict
        _mark(out, tool.cache_control)
        self.carry.extras(tool.extras, out)
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

    def messages(self) -> list[Json]:
        """Turns of one role that follow each other become one, as the dialect wants tool results
        together.
        """
        out: list[Json] = []
        for turn in self.c.turns:
            blocks = self.turn(turn)
            merges = not self.carry.same_dialect and out and out[-1]["role"] == turn.role
            if merges:
                out[-1]["content"].extend(blocks)
            elif blocks or self.carry.same_dialect:
                out.append({"role": turn.role, "content": blocks})
            if out:
                self.carry.extras(turn.extras, out[-1])
        return out

    def turn(self, turn: Turn) -> list[Any]:
        if turn.name is not None:
            # A participant's name has no place of its own; in the text the model still reads it.
            texts = [part for part in turn.parts if isinstance(part, TextPart)]
            if texts and turn.role == "user":
                texts[0].text = f"{turn.name}: {texts[0].text}"
        return self.blocks(turn.parts)

    def blocks(self, parts: list[Part]) -> list[Any]:
        return [block for part in parts if (block := self.block(part)) is not None]

    def block(self, part: Part) -> Any:
        if isinstance(part, VendorPart):
            if self.carry.same_dialect:
                return part.raw
            self.carry.cannot(part.path, f"Messages has no {part.kind!r}")
            return None
        if (
            isinstance(part, ThinkingPart)
            and part.signature is None
            and not self.carry.same_dialect
        ):
            # Unsigned reasoning is refused by the vendor; what another model thought is not part
            # of the talk.
            return None
        if (
            isinstance(part, TextPart | RefusalPart)
            and not part.text
            and not self.carry.same_dialect
        ):
            return None  # empty text blocks are refused by the vendor and say nothing
        if isinstance(part, ToolResultPart):
            block: Json | None = self.tool_result(part)
        else:
            write = _PARTS.get(type(part))
            block = write(part) if write else None
        if block is None:
            self.carry.cannot(part.path)
            return None
        _mark(block, part.cache_control)
        self.carry.extras(part.extras, block)
        return block

    def tool_result(self, part: ToolResultPart) -> Json:
        block: Json = {"type": "tool_result", "tool_use_id": part.tool_call_id}
        content = self.blocks(part.parts)
        if content:
            block["content"] = content
        if part.is_error:
            block["is_error"] = True
        return block


def _mark(block: Json, control: CacheControl | None) -> None:
    if control is not None:
        block["cache_control"] = {"type": "ephemeral"} | (
            {"ttl": control.ttl} if control.ttl else {}
        )


def _text(part: TextPart) -> Json:
    block: Json = {"type": "text", "text": part.text}
    return {**block, "citations": part.citations} if part.citations else block


def _refusal(part: RefusalPart) -> Json:
    return {"type": "text", "text": part.text}


def _thinking(part: ThinkingPart) -> Json:
    return {"type": "thinking", "thinking": part.text, "signature": part.signature or ""}


def _redacted(part: RedactedThinkingPart) -> Json:
    return {"type": "redacted_thinking", "data": part.data}


def _tool_use(part: ToolCallPart) -> Json:
    arguments = part.arguments.strip() or "{}"
    try:
        msgspec.json.decode(arguments, type=dict[str, Raw])
    except (msgspec.DecodeError, RecursionError):
        path = f"{part.path}.function.arguments"
        raise InvalidRequestError(f"`{path}` must be a JSON object in text", param=path) from None
    return {"type": "tool_use", "id": part.id, "name": part.name, "input": Raw(arguments.encode())}


def _image(part: ImagePart) -> Json | None:
    source = _source(part.url, part.data, part.media_type or "image/png", part.file_id)
    return None if source is None else {"type": "image", "source": source}


def _document(part: DocumentPart) -> Json | None:
    if part.text is not None:
        source: Json | None = {"type": "text", "media_type": "text/plain", "data": part.text}
    else:
        source = _source(part.url, part.data, part.media_type or "application/pdf", part.file_id)
    if source is None:
        return None
    block: Json = {"type": "document", "source": source}
    if part.title is not None:
        block["title"] = part.title
    if part.context is not None:
        block["context"] = part.context
    if part.citations is not None:
        block["citations"] = {"enabled": part.citations}
    return block


def _source(url: str | None, data: str | None, media_type: str, file_id: str | None) -> Json | None:
    if data is not None:
        return {"type": "base64", "media_type": media_type, "data": data}
    if url is not None:
        return {"type": "url", "url": url}
    return None if file_id is None else {"type": "file", "file_id": file_id}


_PARTS: Final[dict[type[Part], Callable[[Any], Json | None]]] = {
    TextPart: _text,
    RefusalPart: _refusal,
    ThinkingPart: _thinking,
    RedactedThinkingPart: _redacted,
    ToolCallPart: _tool_use,
    ImagePart: _image,
    DocumentPart: _document,
}
