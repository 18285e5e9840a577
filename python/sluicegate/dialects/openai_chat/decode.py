"""A Chat Completions request as a conversation."""

from collections.abc import Callable
from typing import Final, Literal

import msgspec
from msgspec import Raw

from sluicegate.conversation import (
    AudioPart,
    Conversation,
    DocumentPart,
    Extra,
    ImagePart,
    Part,
    Reasoning,
    RedactedThinkingPart,
    RefusalPart,
    ResponseFormat,
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
from sluicegate.dialects.calls import Calls
from sluicegate.dialects.data_url import split_data_url
from sluicegate.dialects.fields import Fields, is_text
from sluicegate.dialects.free_text import free_text_arguments, free_text_tool
from sluicegate.errors import UnsupportedFieldError

_MODES: Final[dict[str, Literal["auto", "none", "required"]]] = {
    "auto": "auto",
    "none": "none",
    "required": "required",
    "any": "required",  # Mistral's word
}

_DEFAULTS: Final = {"modalities": b'["text"]', "logit_bias": b"{}"}
_ANTHROPIC_FORMAT: Final = "anthropic"


def decode_request(body: bytes) -> Conversation:
    """The conversation.

    Raises:
        InvalidRequestError: names the field that cannot be read.
    """
    top = Fields(body)
    top.take("model", str)
    top.take("stream", bool)
    conversation = Conversation(dialect="openai")
    options = top.object("stream_options")
    if options is not None:
        conversation.include_usage = options.take("include_usage", bool)
    if "messages" not in top:
        raise top.fail("messages", "is missing")
    _messages(top.objects("messages"), conversation)
    _sampling(top, conversation)
    conversation.tools = [each for tool in top.objects("tools") for each in _tool(tool)]
    conversation.tool_choice = _tool_choice(top, conversation)
    conversation.parallel_tool_calls = top.take("parallel_tool_calls", bool)
    conversation.response_format = _response_format(top.object("response_format"))
    conversation.reasoning = _reasoning(top)
    conversation.user = top.take("user", str)
    conversation.service_tier = top.take("service_tier", str)
    _say_nothing(top)
    conversation.extras.extend(top.rest())
    return conversation


def _say_nothing(top: Fields) -> None:
    """Takes what asks for no more than any answer is: a dialect without the field gives it too."""
    for name, default in _DEFAULTS.items():
        raw = top.raw_of(name)
        if raw is not None and bytes(raw).translate(None, b" \t\r\n") != default:
            top.put_back(name, raw)


def _sampling(top: Fields, conversation: Conversation) -> None:
    older = top.take("max_tokens", int)
    newer = top.take("max_completion_tokens", int)
    conversation.max_output_tokens = older if newer is None else newer
    conversation.top_k = top.take("top_k", int)
    take_sampling(top, conversation)
    conversation.logprobs = top.take("logprobs", bool)
    conversation.top_logprobs = top.take("top_logprobs", int)


def take_sampling(top: Fields, conversation: Conversation) -> None:
    """What the older completions say in the same words."""
    conversation.temperature = top.take("temperature", float)
    conversation.top_p = top.take("top_p", float)
    stop = top.take("stop", str | list[str])
    conversation.stop = [stop] if isinstance(stop, str) else stop or []
    conversation.choices = top.take("n", int)
    conversation.seed = top.take("seed", int)
    conversation.presence_penalty = top.take("presence_penalty", float)
    conversation.frequency_penalty = top.take("frequency_penalty", float)


def _reasoning(top: Fields) -> Reasoning | None:
    effort = top.take("reasoning_effort", str)
    # Not OpenAI's own: the field in which its clients reach hosts with budgets.
    thinking = top.object("thinking")
    if thinking is not None:
        kind = thinking.take("type", str) or "enabled"  # Cerebras' clients leave it out
        return Reasoning(
            effort=effort,
            budget_tokens=thinking.take("budget_tokens", int),
            enabled=kind != "disabled",
            adaptive=kind == "adaptive",
            display=thinking.take("display", str),
        )
    # OpenRouter's.
    nested = top.object("reasoning")
    if nested is not None:
        effort = effort or nested.take("effort", str)
        enabled = nested.take("enabled", bool)
        return Reasoning(
            effort=None if effort == "none" else effort,
            budget_tokens=nested.take("max_tokens", int),
            enabled=False if effort == "none" else enabled,
            path="reasoning",
        )
    if effort is None:
        return None
    if effort == "none":
        return Reasoning(enabled=False, path="reasoning_effort")
    return Reasoning(effort=effort, enabled=True, path="reasoning_effort")


def _response_format(form: Fields | None) -> ResponseFormat | None:
    if form is None:
        return None
    kind = form.need("type", str)
    if kind in {"text", "json_object"}:
        return ResponseFormat(kind)  # type: ignore[arg-type]  # checked by the line above
    if kind != "json_schema":
        raise form.fail("type", "must be text, json_object or json_schema")
    schema = form.object("json_schema")
    if schema is None:
        raise form.fail("json_schema", "is missing")
    return ResponseFormat(
        "json_schema",
        name=schema.take("name", str),
        description=schema.take("description", str),
        schema=schema.raw_of("schema"),
        strict=schema.take("strict", bool),
    )


def _tool(tool: Fields) -> list[Tool | VendorTool]:
    kind = tool.take("type", str) or "function"  # Mistral's clients leave it out
    custom = tool.object("custom") if kind == "custom" else None
    if custom is not None:
        return free_text_tool(tool, custom, kind)
    if kind != "function":
        return [VendorTool(kind=kind, raw=Raw(tool.raw), path=tool.path)]
    function = tool.object("function")
    if function is None:
        raise tool.fail("function", "is missing")
    cache_control = tool.cache_control() or function.cache_control()
    return [
        Tool(
            name=function.need("name", str),
            description=function.take("description", str),
            parameters=function.raw_of("parameters"),
            strict=function.take("strict", bool),
            cache_control=cache_control,
            path=tool.path,
            extras=tool.rest(),
        )
    ]


def _tool_choice(top: Fields, conversation: Conversation) -> ToolChoice | None:
    """Choices of a vendor's own tools stay raw: others have none such."""
    raw = top.raw_of("tool_choice")
    if raw is None:
        return None
    if is_text(raw):
        mode = _MODES.get(msgspec.json.decode(raw))
        if mode is None:
            raise top.fail("tool_choice", f"must be one of {', '.join(_MODES)} or name a function")
        return ToolChoice(mode)
    choice = Fields(raw, top.at("tool_choice"))
    kind = choice.take("type", str) or "function"
    if kind == "allowed_tools" and (allowed := choice.object("allowed_tools")) is not None:
        mode = _MODES.get(allowed.take("mode", str) or "auto", "auto")
        names = tuple(map(_allowed, allowed.objects("tools")))
        return ToolChoice(mode, allowed=names, own=raw)
    if kind not in {"function", "custom"}:
        conversation.extras.append(Extra("tool_choice", "tool_choice", raw))
        return None
    function = choice.object(kind)
    if function is None:
        raise choice.fail(kind, "is missing")
    return ToolChoice("named", function.need("name", str), own=raw)


def _allowed(tool: Fields) -> str:
    kind = tool.take("type", str) or "function"
    named = tool.object(kind)
    return named.need("name", str) if named is not None else kind


def _messages(messages: list[Fields], conversation: Conversation) -> None:
    calls = Calls()
    for message in messages:
        role = message.need("role", str)
        if role in {"system", "developer"}:
            parts = _parts(message)
            leading = not conversation.turns and all(isinstance(p, TextPart) for p in parts)
            if leading and "name" not in message:
                conversation.system.extend(p for p in parts if isinstance(p, TextPart))
                continue
            conversation.turns.append(_turn(message, "system", parts))
        elif role == "user":
            conversation.turns.append(_turn(message, "user", _parts(message)))
        elif role == "assistant":
            conversation.turns.append(_turn(message, "assistant", _assistant_parts(message, calls)))
        elif role == "tool":
            conversation.turns.append(_turn(message, "user", [_tool_result(message, calls)]))
        elif role == "function":
            raise UnsupportedFieldError(message.at("role"), "`tool` has taken its place")
        else:
            raise message.fail("role", "must be system, developer, user, assistant or tool")


def _turn(message: Fields, role: str, parts: list[Part]) -> Turn:
    name = message.take("name", str)
    cache_control = message.cache_control()
    if cache_control is not None and parts:
        parts[-1].cache_control = cache_control
    return Turn(role=role, parts=parts, path=message.path, name=name, extras=message.rest())  # type: ignore[arg-type]


def _parts(message: Fields) -> list[Part]:
    content = message.text_or_objects("content")
    if content is None:
        return []
    if isinstance(content, str):
        return [TextPart(text=content, path=message.at("content"))]
    return [_part(item) for item in content]


def _assistant_parts(message: Fields, calls: Calls) -> list[Part]:
    parts: list[Part] = _thinking(message)
    parts.extend(_parts(message))
    refusal = message.take("refusal", str)
    if refusal:
        parts.append(RefusalPart(text=refusal, path=message.at("refusal")))
    parts.extend(_call(call, calls) for call in message.objects("tool_calls"))
    annotations = message.raw_of("annotations")
    if annotations is not None and bytes(annotations) != b"[]":  # SDKs send the empty list back
        message.put_back("annotations", annotations)
    return parts


def _call(call: Fields, calls: Calls) -> Part:
    kind = call.take("type", str) or "function"
    function = call.object(kind) if kind in {"function", "custom"} else None
    if function is None:
        return VendorPart(kind=kind, raw=Raw(call.raw), path=call.path)
    name = function.need("name", str)
    if kind == "custom":
        arguments = free_text_arguments(function.take("input", str) or "")
    else:
        arguments = _arguments(function)
    part = ToolCallPart(
        id=calls.made(name, call.take("id", str)),
        name=name,
        arguments=arguments,
        path=call.path,
        cache_control=call.cache_control(),
        own=Raw(call.raw) if kind == "custom" else None,
    )
    call.raw_of("index")  # what streams had, and some clients send back
    part.extras = call.rest()
    return part


def _arguments(function: Fields) -> str:
    """JSON as text; some clients send the object itself."""
    raw = function.raw_of("arguments")
    if raw is None:
        return "{}"
    text = msgspec.json.decode(raw, type=str) if is_text(raw) else bytes(raw).decode()
    return text or "{}"


def _thinking(message: Fields) -> list[Part]:
    """`thinking_blocks` say all that `reasoning_content` says, and the signatures."""
    parts: list[Part] = []
    texts = [message.take(name, str) for name in ("reasoning_content", "reasoning")]
    text = next(filter(None, texts), None)
    details = [_reasoning_detail(detail) for detail in message.objects("reasoning_details")]
    for block in message.objects("thinking_blocks"):
        if block.need("type", str) == "redacted_thinking":
            parts.append(RedactedThinkingPart(data=block.need("data", str), path=block.path))
        else:
            parts.append(
                ThinkingPart(
                    text=block.take("thinking", str) or "",
                    signature=block.take("signature", str),
                    path=block.path,
                )
            )
    if not parts and details:
        return details
    if not parts and text:
        parts.append(ThinkingPart(text=text, path=message.at("reasoning_content")))
    return parts


def _reasoning_detail(detail: Fields) -> Part:
    """OpenRouter's form. Source: https://openrouter.ai/docs/use-cases/reasoning-tokens.

    What is encrypted or signed means something to the vendor of its `format` only; the other
    vendors' stays as a thought without text.
    """
    kind = detail.need("type", str)
    scheme = detail.take("format", str) or _ANTHROPIC_FORMAT
    is_anthropic = scheme.startswith(_ANTHROPIC_FORMAT)
    if kind == "reasoning.encrypted" and is_anthropic:
        return RedactedThinkingPart(data=detail.take("data", str) or "", path=detail.path)
    text = detail.take("text", str) or detail.take("summary", str) or ""
    signature = detail.take("signature", str) if is_anthropic else None
    return ThinkingPart(text=text, signature=signature, path=detail.path)


def _tool_result(message: Fields, calls: Calls) -> ToolResultPart:
    given, raw = message.take("tool_call_id", str), message.raw_of("name")
    name = ""
    if raw is not None:
        message.put_back("name", raw)  # it is the turn's
        name = msgspec.json.decode(raw, type=str) if is_text(raw) else ""
    return ToolResultPart(
        tool_call_id=calls.answered(name, given), parts=_parts(message), path=message.path
    )


def _text(item: Fields) -> Part:
    return TextPart(text=item.need("text", str))


def _refusal(item: Fields) -> Part:
    return RefusalPart(text=item.need("refusal", str))


def _image(item: Fields) -> Part:
    part = ImagePart()
    url = item.text_or_object("image_url")
    if isinstance(url, Fields):
        part.detail = url.take("detail", str)
        url = url.need("url", str)
    if url is None:
        raise item.fail("image_url", "is missing")
    inline = split_data_url(url)
    if inline is None:
        part.url = url
    else:
        part.media_type, part.data = inline
    return part


def _file(item: Fields) -> Part:
    file = item.object("file")
    if file is None:
        raise item.fail("file", "is missing")
    part = DocumentPart(
        file_id=file.take("file_id", str),
        title=file.take("filename", str),
    )
    data = file.take("file_data", str)
    if data is not None:
        inline = split_data_url(data)
        if inline is not None:
            part.media_type, part.data = inline
        elif data.startswith(("http://", "https://")):
            part.url = data
        else:
            part.media_type, part.data = "application/pdf", data
    return part


def _thought(item: Fields) -> Part:
    """Mistral's form of a thought, which stands in the content."""
    texts = item.text_or_objects("thinking")
    if isinstance(texts, list):
        texts = "".join(each.take("text", str) or "" for each in texts)
    return ThinkingPart(text=texts or "", own=Raw(item.raw))


def _linked(item: Fields) -> Part:
    """A document by its address: Mistral's form, and Z.ai's."""
    name = "document_url" if "document_url" in item else "file_url"
    url = item.text_or_object(name)
    if isinstance(url, Fields):
        url = url.need("url", str)
    if url is None:
        raise item.fail(name, "is missing")
    part = DocumentPart(title=item.take("document_name", str), own=Raw(item.raw))
    inline = split_data_url(url)
    if inline is None:
        part.url = url
    else:
        part.media_type, part.data = inline
    return part


def _audio(item: Fields) -> Part:
    audio = item.object("input_audio")
    if audio is None:
        raise item.fail("input_audio", "is missing")
    return AudioPart(data=audio.need("data", str), format=audio.need("format", str))


_KINDS: Final[dict[str, Callable[[Fields], Part]]] = {
    "text": _text,
    "refusal": _refusal,
    "image_url": _image,
    "file": _file,
    "input_audio": _audio,
    "thinking": _thought,
    "document_url": _linked,
    "file_url": _linked,
}


def _part(item: Fields) -> Part:
    kind = item.need("type", str)
    read = _KINDS.get(kind)
    if read is None:
        return VendorPart(kind=kind, raw=Raw(item.raw), path=item.path)
    part = read(item)
    part.path = item.path
    part.cache_control = item.cache_control()
    part.extras = item.rest()
    return part
