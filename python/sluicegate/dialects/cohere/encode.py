"""A conversation as a request of Cohere's chat, version 2."""

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
    ToolCallPart,
    ToolReferencePart,
    ToolResultPart,
    Turn,
)
from sluicegate.dialects import told
from sluicegate.dialects.carry import Carrier, given
from sluicegate.dialects.data_url import data_url
from sluicegate.dialects.documents import in_own_part
from sluicegate.dialects.functions import function_tool
from sluicegate.dialects.harmless import HARMLESS, HARMLESS_INSIDE
from sluicegate.dialects.readable import one_call_in_words, readable
from sluicegate.dialects.reasoning import budget_of

_OWN: Final = frozenset(
    {"citation_options", "documents", "priority", "safety_mode", "strict_tools"}
)
"""Fields that no other dialect has: a client of any may send them, and they go on."""

_THINKS: Final = re.compile(r"command-a-(reasoning|plus)")
"""Models that think aloud, which is theirs to do unless it is forbidden. Source:
https://docs.cohere.com/docs/reasoning
"""

_MIN_P: Final = 0.01
_MAX_P: Final = 0.99
_MAX_K: Final = 500
"""What `p` and `k` may be. Source: https://docs.cohere.com/reference/chat"""

_DETAILS: Final = ("auto", "low", "high")

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
        self.carry = Carrier(
            "cohere",
            conversation.dialect,
            drop=drop,
            harmless=HARMLESS,
            harmless_inside=HARMLESS_INSIDE,
        )
        self.c = one_call_in_words(readable(conversation, self.carry), self.carry)

    def encode(self, stream: bool, default_max_tokens: int) -> tuple[bytes, list[str]]:
        c = self.c
        out: Json = {"model": self.model, "messages": self.messages(), "stream": stream}
        out |= self.sampling()
        self.tools(out)
        form = c.response_format
        if form is not None and form.kind != "text":
            out["response_format"] = given(type="json_object", json_schema=form.schema)
        self.thinking(out, default_max_tokens)
        self.refuse_foreign()
        self.carry.own_extras(c.extras, _OWN, out)
        return msgspec.json.encode(out), self.carry.dropped

    def sampling(self) -> Json:
        c = self.c
        for name in ("presence_penalty", "frequency_penalty"):
            if not 0 <= (getattr(c, name) or 0) <= 1:
                self.carry.cannot(name, "Cohere takes 0 to 1")
        return given(
            max_tokens=c.max_output_tokens,
            temperature=c.temperature,
            p=None if c.top_p is None else min(max(c.top_p, _MIN_P), _MAX_P),
            k=None if c.top_k is None else min(c.top_k, _MAX_K),
            stop_sequences=c.stop or None,
            seed=c.seed,
            presence_penalty=_within_one(c.presence_penalty),
            frequency_penalty=_within_one(c.frequency_penalty),
        )

    def refuse_foreign(self) -> None:
        """Parameters that Cohere does not have; values that ask for nothing beyond the default
        pass.
        """
        c = self.c
        if c.choices not in {None, 1}:
            self.carry.cannot("n", "Cohere gives one answer")
        for name in ("logprobs", "top_logprobs"):
            if getattr(c, name):
                self.carry.cannot(name, "an answer of Cohere's has them in another form")
        if c.user is not None:
            self.carry.leave_out("user")
        self.carry.service_tier(c.service_tier, {})

    def thinking(self, out: Json, default_max_tokens: int) -> None:
        reasoning = self.c.reasoning
        if reasoning is None:
            return
        if not _THINKS.search(self.model):
            if reasoning.enabled is not False:
                self.carry.leave_out(reasoning.path)
            return
        if reasoning.enabled is False:
            out["thinking"] = {"type": "disabled"}
            return
        budget = reasoning.budget_tokens
        if budget is None and reasoning.effort is not None:
            budget = budget_of(reasoning.effort, self.c.max_output_tokens or default_max_tokens)
        out["thinking"] = given(type="enabled", token_budget=budget)

    def tools(self, out: Json) -> None:
        c = self.c
        choice = c.tool_choice
        tools = [tool for item in c.tools if (tool := function_tool(item, self.carry))]
        if choice is not None and choice.mode == "named":
            # One that must be called is the only one that can be.
            tools = [tool for tool in tools if tool["function"]["name"] == choice.name]
        if not tools:
            return
        out["tools"] = tools
        self.strict(out)
        if choice is not None and choice.mode != "auto":
            out["tool_choice"] = "NONE" if choice.mode == "none" else "REQUIRED"

    def strict(self, out: Json) -> None:
        """Calls can be held to the schemas of all tools or none, and each must demand something."""
        tools = [tool for tool in self.c.tools if isinstance(tool, Tool)]
        if all(tool.strict and _demands(tool) for tool in tools):
            out["strict_tools"] = True
            return
        for tool in tools:
            if tool.strict:
                self.carry.leave_out(f"{tool.path}.strict")

    def messages(self) -> list[Json]:
        out: list[Json] = []
        if self.c.system:
            out.append({"role": "system", "content": self.content(list(self.c.system))})
        for turn in self.c.turns:
            out.extend(self.turn(turn))
        return out

    def turn(self, turn: Turn) -> list[Json]:
        if turn.name is not None:
            self.carry.leave_out(f"{turn.path}.name")
        messages = [self.assistant(turn)] if turn.role == "assistant" else self.spoken(turn)
        self.carry.extras(turn.extras, messages[-1], turn.path)
        return messages

    def spoken(self, turn: Turn) -> list[Json]:
        """A turn of the user's side: results of tools first, each in a message of its own, which
        holds text only; what a tool showed follows.
        """
        results = [part for part in turn.parts if isinstance(part, ToolResultPart)]
        rest = [part for part in turn.parts if not isinstance(part, ToolResultPart)]
        messages = [self.tool_result(part) for part in results]
        shown = [part for result in results for part in result.parts if isinstance(part, ImagePart)]
        if shown or rest or not messages:
            messages.append({"role": turn.role, "content": self.content([*shown, *rest])})
        return messages

    def tool_result(self, part: ToolResultPart) -> Json:
        texts = [inner for inner in part.parts if not isinstance(inner, ImagePart)]
        content = self.content(texts)
        if part.is_error:
            said = content if isinstance(content, str) else "\n".join(i["text"] for i in content)
            content = told.failed(said)
        self.carry.unmarked(part.cache_control, part.path)
        message: Json = {"role": "tool", "tool_call_id": part.tool_call_id, "content": content}
        self.carry.extras(part.extras, message, part.path)
        return message

    def assistant(self, turn: Turn) -> Json:
        message: Json = {"role": "assistant"}
        beside = (ToolCallPart, ThinkingPart, RedactedThinkingPart)
        said = [part for part in turn.parts if not isinstance(part, beside)]
        calls = [part for part in turn.parts if isinstance(part, ToolCallPart)]
        thoughts = [text for part in turn.parts if (text := self.thought(part, bool(calls)))]
        content = self.content(said)
        if thoughts and _THINKS.search(self.model):
            texts = [{"type": "text", "text": content}] if isinstance(content, str) else content
            thinking = [{"type": "thinking", "thinking": "".join(thoughts)}]
            content = thinking + [item for item in texts if item.get("text") != ""]
        elif thoughts:
            message["tool_plan"] = "".join(thoughts)
        if content or not calls:
            message["content"] = content
        if calls:
            message["tool_calls"] = [self.tool_call(call) for call in calls]
        return message

    def thought(self, part: Part, has_calls: bool) -> str | None:
        """What a model of this vendor's may have thought: it signs nothing. One that does not think
        aloud has plans for its tools.
        """
        if not isinstance(part, ThinkingPart | RedactedThinkingPart):
            return None
        is_known = isinstance(part, ThinkingPart) and part.text and not part.signature
        if not is_known or not (has_calls or _THINKS.search(self.model)):
            self.carry.leave_out(part.path)
            return None
        return part.text if isinstance(part, ThinkingPart) else None

    def tool_call(self, call: ToolCallPart) -> Json:
        function: Json = {"name": call.name, "arguments": call.arguments}
        out: Json = {"id": call.id, "type": "function", "function": function}
        self.carry.unmarked(call.cache_control, call.path)
        self.carry.extras(call.extras, out, call.path)
        return out

    def content(self, parts: list[Part]) -> str | list[Json]:
        """A text where one will do."""
        items = [item for part in parts if (item := self.part(part)) is not None]
        if not items:
            return ""
        text: str | None = items[0].get("text") if len(items) == 1 else None
        return items if text is None else text

    def part(self, part: Part) -> Json | None:
        part = in_own_part(part)
        item = _item_of(part)
        if item is None:
            self.carry.cannot(part.path, "Cohere takes text and images")
            return None
        if not isinstance(part, ImagePart) or part.detail not in _DETAILS:
            self.carry.tell_lost(part)
        self.carry.unmarked(part.cache_control, part.path)
        self.carry.extras(part.extras, item, part.path)
        return item


def _within_one(penalty: float | None) -> float | None:
    return None if penalty is None else min(max(penalty, 0.0), 1.0)


def _demands(tool: Tool) -> bool:
    """Whether a tool has a parameter that must be given."""
    try:
        schema = msgspec.json.decode(tool.parameters or b"{}", type=dict[str, Raw])
        return bool(msgspec.json.decode(schema.get("required", b"[]")))
    except msgspec.DecodeError:
        return False


def _item_of(part: Part) -> Json | None:
    match part:
        case TextPart() | RefusalPart():
            return {"type": "text", "text": part.text}
        case ToolReferencePart():
            return {"type": "text", "text": told.tool_reference(part)}
        case DocumentPart(text=str()):
            return {"type": "text", "text": told.document(part)}
        case ImagePart():
            return _image(part)
        case _:
            return None


def _image(part: ImagePart) -> Json | None:
    url = part.url
    if part.data is not None:
        url = data_url(part.media_type or "image/png", part.data)
    if url is None:
        return None  # kept at another vendor's
    detail = part.detail if part.detail in _DETAILS else None
    return {"type": "image_url", "image_url": given(url=url, detail=detail)}
