"""A `generateContent` request as a conversation."""

from typing import Final, Literal

from msgspec import Raw

from sluicegate.conversation import (
    Conversation,
    Reasoning,
    ResponseFormat,
    TextPart,
    Tool,
    ToolChoice,
    Turn,
    VendorTool,
)
from sluicegate.dialects.calls import Calls
from sluicegate.dialects.gemini.fields import GeminiFields
from sluicegate.dialects.gemini.parts import read_parts
from sluicegate.dialects.gemini.schema import json_schema

_ROLES: Final[dict[str, Literal["user", "assistant"]]] = {
    "user": "user",
    "model": "assistant",
    "function": "user",  # older clients' word for who brings results
}
_MODES: Final[dict[str, Literal["auto", "none", "required"]]] = {
    "MODE_UNSPECIFIED": "auto",
    "AUTO": "auto",
    "VALIDATED": "auto",
    "ANY": "required",
    "NONE": "none",
}


def decode_request(body: bytes) -> Conversation:
    """The conversation.

    Raises:
        InvalidRequestError: names the field that cannot be read.
    """
    top = GeminiFields(body)
    counted = top.inside("generateContentRequest")  # of a count of tokens
    top = top if counted is None else counted
    top.take("model", str)
    conversation = Conversation(dialect="gemini", include_usage=True)
    calls = Calls()
    system = top.inside("systemInstruction")
    if system is not None:
        system.take("role", str)
        for part in read_parts(system, calls):
            if not isinstance(part, TextPart):
                raise system.fail("parts", "must be text")
            conversation.system.append(part)
    if "contents" not in top:
        raise top.fail("contents", "is missing")
    conversation.turns = [_turn(content, calls) for content in top.some("contents")]
    for tool in top.some("tools"):
        conversation.tools.extend(_tools(tool))
    _tool_config(top.inside("toolConfig"), conversation)
    _generation(top.inside("generationConfig"), conversation)
    conversation.service_tier = top.take("serviceTier", str)
    conversation.extras.extend(top.rest())
    return conversation


def _turn(content: GeminiFields, calls: Calls) -> Turn:
    role = _ROLES.get(content.take("role", str) or "user")
    if role is None:
        raise content.fail("role", "must be user or model")
    parts = read_parts(content, calls)
    return Turn(role=role, parts=parts, path=content.path, extras=content.rest())


def _tools(tool: GeminiFields) -> list[Tool | VendorTool]:
    tools: list[Tool | VendorTool] = [_function(f) for f in tool.some("functionDeclarations")]
    for extra in tool.rest():
        raw = Raw(b'{"%b":%b}' % (extra.name.encode(), bytes(extra.raw)))
        tools.append(VendorTool(kind=extra.name, raw=raw, path=extra.path))
    return tools


def _function(function: GeminiFields) -> Tool:
    parameters = function.raw_of("parametersJsonSchema")
    own = function.raw_of("parameters")
    if parameters is None and own is not None:
        parameters = json_schema(own)
    return Tool(
        name=function.need("name", str),
        description=function.take("description", str),
        parameters=parameters,
        path=function.path,
        extras=function.rest(),
    )


def _tool_config(config: GeminiFields | None, conversation: Conversation) -> None:
    calling = config.inside("functionCallingConfig") if config is not None else None
    if config is None or calling is None:
        conversation.extras.extend(config.rest() if config is not None else [])
        return
    word = calling.take("mode", str) or "AUTO"
    mode = _MODES.get(word)
    if mode is None:
        raise calling.fail("mode", f"must be one of {', '.join(_MODES)}")
    names = calling.take("allowedFunctionNames", list[str]) or []
    known = {tool.name for tool in conversation.tools if isinstance(tool, Tool)}
    if mode == "required" and len(names) == 1:
        conversation.tool_choice = ToolChoice("named", names[0])
    else:
        allowed = tuple(names) if names and set(names) != known else None
        conversation.tool_choice = ToolChoice(mode, allowed=allowed)
    conversation.extras.extend(config.rest())


def _generation(config: GeminiFields | None, conversation: Conversation) -> None:
    if config is None:
        return
    c = conversation
    c.max_output_tokens = config.integer("maxOutputTokens")
    c.temperature = config.take("temperature", float)
    c.top_p = config.take("topP", float)
    c.top_k = config.integer("topK")
    c.stop = config.take("stopSequences", list[str]) or []
    c.choices = config.integer("candidateCount")
    c.seed = config.integer("seed")
    c.presence_penalty = config.take("presencePenalty", float)
    c.frequency_penalty = config.take("frequencyPenalty", float)
    c.logprobs = config.take("responseLogprobs", bool)
    c.top_logprobs = config.integer("logprobs")
    c.response_format = _response_format(config)
    c.reasoning = _reasoning(config.inside("thinkingConfig"))
    modalities = config.raw_of("responseModalities")
    if modalities is not None and bytes(modalities).upper().split() not in (
        [b'["TEXT"]'],
        [b"[]"],
    ):
        config.put_back("responseModalities", modalities)
    c.extras.extend(config.rest())


def _response_format(config: GeminiFields) -> ResponseFormat | None:
    kind = config.take("responseMimeType", str) or "text/plain"
    schema = config.raw_of("responseJsonSchema")
    own = config.raw_of("responseSchema")
    if schema is None and own is not None:
        schema = json_schema(own)
    if kind == "application/json":
        if schema is None:
            return ResponseFormat("json_object")
        # A schema of Gemini's is not in the strict form that others demand where they hold to it.
        return ResponseFormat("json_schema", schema=schema, strict=False)
    if kind != "text/plain" or schema is not None:
        raise config.fail("responseMimeType", "must be text/plain or application/json")
    return None


def _reasoning(config: GeminiFields | None) -> Reasoning | None:
    if config is None:
        return None
    path = config.path
    shows = config.take("includeThoughts", bool)
    budget = config.integer("thinkingBudget")
    level = config.take("thinkingLevel", str)
    if level is not None and level != "THINKING_LEVEL_UNSPECIFIED":
        return Reasoning(effort=level.lower(), enabled=True, path=path)
    if budget == 0:
        return Reasoning(enabled=False, path=path)
    if budget is not None and budget > 0:
        return Reasoning(budget_tokens=budget, enabled=True, path=path)
    if budget is not None or shows:
        return Reasoning(enabled=True, adaptive=True, path=path)
    return None
