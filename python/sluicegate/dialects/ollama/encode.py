"""A conversation as a request of Ollama's own chat."""

import re
from typing import Any, Final

import msgspec

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
    ToolCallPart,
    ToolReferencePart,
    ToolResultPart,
    Turn,
)
from sluicegate.dialects import told
from sluicegate.dialects.carry import Carrier, given
from sluicegate.dialects.documents import in_own_part
from sluicegate.dialects.fields import arguments_object
from sluicegate.dialects.functions import function_tool
from sluicegate.dialects.harmless import HARMLESS, HARMLESS_INSIDE
from sluicegate.dialects.readable import choice_in_words, one_call_in_words, readable
from sluicegate.dialects.reasoning import word_of

_OWN: Final = frozenset({"keep_alive", "options", "shift", "think", "truncate"})
"""Fields that no other dialect has: a client of any may send them, and they go on."""

_LEVELS: Final = re.compile(r"gpt-oss")
"""Models whose thinking has levels; to all others it can only be forbidden. Source:
https://docs.ollama.com/capabilities/thinking
"""

Json = dict[str, Any]


def encode_request(
    conversation: Conversation, *, model: str, stream: bool, drop: bool, default_max_tokens: int
) -> tuple[bytes, list[str]]:
    """The request's bytes, and the paths of what was left out.

    Args:
        default_max_tokens: of which a budget for thoughts is a share, where the client set no
        bound.

    Raises:
        UnsupportedFieldError: the first field that this dialect cannot express, unless `drop`.
    """
    return _Encoder(conversation, model, drop=drop).encode(stream, default_max_tokens)


class _Encoder:
    """One request on its way out."""

    def __init__(self, conversation: Conversation, model: str, *, drop: bool) -> None:
        self.model = model
        self.names = conversation.called()
        self.carry = Carrier(
            "ollama",
            conversation.dialect,
            drop=drop,
            harmless=HARMLESS,
            harmless_inside=HARMLESS_INSIDE,
        )
        self.c = one_call_in_words(readable(conversation, self.carry), self.carry)
        self.c = choice_in_words(self.c, self.carry)

    def encode(self, stream: bool, default_max_tokens: int) -> tuple[bytes, list[str]]:
        c = self.c
        # Left out, `stream` would be true.
        out: Json = {"model": self.model, "messages": self.messages(), "stream": stream}
        self.tools(out)
        form = c.response_format
        if form is not None and form.kind != "text":
            out["format"] = "json" if form.schema is None else form.schema
        self.thinking(out, default_max_tokens)
        out |= given(logprobs=c.logprobs, top_logprobs=c.top_logprobs)
        if c.choices not in {None, 1}:
            self.carry.cannot("n", "Ollama gives one answer")
        if c.user is not None:
            self.carry.leave_out("user")
        self.carry.service_tier(c.service_tier, {})
        options = self.options()
        self.carry.own_extras(c.extras, _OWN, out, merged=("options", options))
        if options:
            out["options"] = options
        return msgspec.json.encode(out), self.carry.dropped

    def options(self) -> Json:
        c = self.c
        return given(
            num_predict=c.max_output_tokens,
            temperature=c.temperature,
            top_p=c.top_p,
            top_k=c.top_k,
            stop=c.stop or None,
            seed=c.seed,
            presence_penalty=c.presence_penalty,
            frequency_penalty=c.frequency_penalty,
        )

    def thinking(self, out: Json, default_max_tokens: int) -> None:
        """A model that can think does so by itself, and one that cannot refuses to be asked."""
        reasoning = self.c.reasoning
        if reasoning is None:
            return
        says_how_much = reasoning.effort is not None or reasoning.budget_tokens is not None
        if reasoning.enabled is False:
            out["think"] = False
        elif says_how_much and _LEVELS.search(self.model):
            bound = self.c.max_output_tokens or default_max_tokens
            out["think"] = word_of(reasoning, bound)
        elif says_how_much:
            self.carry.leave_out(reasoning.path)

    def tools(self, out: Json) -> None:
        c = self.c
        choice = c.tool_choice.mode if c.tool_choice else "auto"
        tools = [tool for item in c.tools if (tool := function_tool(item, self.carry))]
        if not tools or choice == "none":
            return  # without tools none can be called
        out["tools"] = tools
        for item in c.tools:
            if isinstance(item, Tool) and item.strict:
                self.carry.leave_out(f"{item.path}.strict")

    def messages(self) -> list[Json]:
        out: list[Json] = []
        if self.c.system:
            out.append(self.message("system", list(self.c.system)))
        for turn in self.c.turns:
            out.extend(self.turn(turn))
        return out

    def turn(self, turn: Turn) -> list[Json]:
        if turn.name is not None:
            self.carry.leave_out(f"{turn.path}.name")
        if turn.role == "assistant":
            messages = [self.assistant(turn)]
        else:
            results = [part for part in turn.parts if isinstance(part, ToolResultPart)]
            rest = [part for part in turn.parts if not isinstance(part, ToolResultPart)]
            messages = [self.tool_result(part) for part in results]
            if rest or not messages:
                messages.append(self.message(turn.role, rest))
        self.carry.extras(turn.extras, messages[-1], turn.path)
        return messages

    def message(self, role: str, parts: list[Part], between: str = "\n") -> Json:
        """Its content is one text, beside which its pictures stand."""
        parts = [in_own_part(part) for part in parts]
        texts = [text for part in parts if (text := self.text(part)) is not None]
        images = [image for part in parts if (image := self.image(part)) is not None]
        message: Json = {"role": role, "content": between.join(texts)}
        return {**message, "images": images} if images else message

    def assistant(self, turn: Turn) -> Json:
        beside = (ToolCallPart, ThinkingPart, RedactedThinkingPart)
        said = [part for part in turn.parts if not isinstance(part, beside)]
        message = self.message("assistant", said, "")
        thoughts = [part for part in turn.parts if isinstance(part, beside[1:])]
        thinking = "".join(map(self.thought, thoughts))
        if thinking:
            message["thinking"] = thinking
        calls = [part for part in turn.parts if isinstance(part, ToolCallPart)]
        if calls:
            message["tool_calls"] = [self.tool_call(call) for call in calls]
        return message

    def thought(self, part: Part) -> str:
        """Whoever thought it: its signature says nothing here."""
        if not isinstance(part, ThinkingPart) or not part.text:
            self.carry.leave_out(part.path)
            return ""
        if part.signature:
            self.carry.leave_out(f"{part.path}.signature")
        return part.text

    def tool_call(self, call: ToolCallPart) -> Json:
        function = {"name": call.name, "arguments": arguments_object(call.arguments)}
        out: Json = {"id": call.id, "function": function}
        self.carry.unmarked(call.cache_control, call.path)
        self.carry.extras(call.extras, out, call.path)
        return out

    def tool_result(self, part: ToolResultPart) -> Json:
        message = self.message("tool", part.parts)
        if part.is_error:
            message["content"] = told.failed(message["content"])
        self.carry.unmarked(part.cache_control, part.path)
        name = self.names.get(part.tool_call_id)
        message |= given(tool_name=name, tool_call_id=part.tool_call_id)
        self.carry.extras(part.extras, message, part.path)
        return message

    def text(self, part: Part) -> str | None:
        """The part as text; None where it is a picture, or has no place here."""
        if _image_data(part) is not None:
            return None
        text = _text_of(part)
        if text is None:
            self.carry.cannot(part.path, _why_not(part))
        else:
            self.tell_lost(part)
        return text

    def image(self, part: Part) -> str | None:
        data = _image_data(part)
        if data is not None:
            self.tell_lost(part)
        return data

    def tell_lost(self, part: Part) -> None:
        """What of a part has no place here, and says nothing that the answer depends on."""
        self.carry.tell_lost(part)
        self.carry.unmarked(part.cache_control, part.path)
        self.carry.extras(part.extras, {}, part.path)


def _image_data(part: Part) -> str | None:
    return part.data if isinstance(part, ImagePart) else None


def _text_of(part: Part) -> str | None:
    match part:
        case TextPart() | RefusalPart():
            return part.text
        case ToolReferencePart():
            return told.tool_reference(part)
        case DocumentPart(text=str()):
            return told.document(part)
        case _:
            return None


def _why_not(part: Part) -> str:
    if isinstance(part, ImagePart):
        return "Ollama takes inline images"
    return "Ollama takes text and images"
