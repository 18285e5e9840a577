"""A Messages request as a conversation."""

from collections.abc import Callable
from typing import Final, Literal

from msgspec import Raw

from sluicegate.conversation import (
    Conversation,
    DocumentPart,
    ImagePart,
    Part,
    Reasoning,
    RedactedThinkingPart,
    ResponseFormat,
    TextPart,
    ThinkingPart,
    Tool,
    ToolCallPart,
    ToolChoice,
    ToolReferencePart,
    ToolResultPart,
    Turn,
    VendorPart,
    VendorTool,
)
from sluicegate.dialects.fields import Fields, is_object
from sluicegate.errors import ThreadNotFoundError

_OVER: Final = frozenset({"server_tool_use", "mcp_tool_use", "tool_addition"})
"""Blocks of what tools of the vendor's did; their results follow them. An added tool is among the
tools from the start.
"""

_MODES: Final[dict[str, Literal["auto", "none", "required"]]] = {
    "auto": "auto",
    "none": "none",
    "any": "required",
}


def decode_request(body: bytes) -> Conversation:
    """The conversation.

    Raises:
        InvalidRequestError: names the field that cannot be read.
    """
    top = Fields(body)
    top.take("model", str)
    top.take("stream", bool)
    conversation = Conversation(dialect="anthropic", include_usage=True)
    _system(top, conversation)
    if "messages" not in top:
        raise top.fail("messages", "is missing")
    conversation.turns = [_turn(message) for message in top.objects("messages")]
    conversation.max_output_tokens = top.take("max_tokens", int)
    conversation.temperature = top.take("temperature", float)
    conversation.top_p = top.take("top_p", float)
    conversation.top_k = top.take("top_k", int)
    conversation.stop = top.take("stop_sequences", list[str]) or []
    conversation.tools = [_tool(tool) for tool in top.objects("tools")]
    _tool_choice(top.object("tool_choice"), conversation)
    _reasoning_and_format(top, conversation)
    metadata = top.object("metadata")
    if metadata is not None:
        conversation.user = metadata.take("user_id", str)
    conversation.service_tier = top.take("service_tier", str)
    _refuse_to_go_on(top)
    conversation.extras.extend(top.rest())
    return conversation


def _refuse_to_go_on(top: Fields) -> None:
    """Only Anthropic keeps the threads of messages that it begins; to begin one asks nothing of an
    answer. Source: the SDK's `lib/threads`.

    Raises:
        ThreadNotFoundError: the conversation stands in a thread.
    """
    thread = top.object("thread")
    if thread is None:
        return
    if thread.need("type", str) == "continue":
        raise ThreadNotFoundError(thread.need("previous_message_id", str))
    top.put_back("thread", Raw(thread.raw))


def _system(top: Fields, conversation: Conversation) -> None:
    system = top.text_or_objects("system")
    if isinstance(system, str):
        conversation.system = [TextPart(text=system, path="system")]
        return
    for block in system or []:
        part = _part(block)
        if not isinstance(part, TextPart):
            raise block.fail("type", "must be text")
        conversation.system.append(part)


def _reasoning_and_format(top: Fields, conversation: Conversation) -> None:
    thinking = top.object("thinking")
    output = top.object("output_config")
    effort = output.take("effort", str) if output is not None else None
    form = output.object("format") if output is not None else None
    form = form or top.object("output_format")
    if thinking is not None:
        kind = thinking.need("type", str)
        conversation.reasoning = Reasoning(
            effort=effort,
            budget_tokens=thinking.take("budget_tokens", int),
            enabled=kind != "disabled",
            adaptive=kind == "adaptive",
            display=thinking.take("display", str),
        )
    elif effort is not None:
        conversation.reasoning = Reasoning(effort=effort, path="output_config.effort")
    if form is not None:
        if form.need("type", str) != "json_schema":
            raise form.fail("type", "must be json_schema")
        conversation.response_format = ResponseFormat("json_schema", schema=form.raw_of("schema"))


def _tool(tool: Fields) -> Tool | VendorTool:
    kind = tool.take("type", str)
    if kind not in {None, "custom"}:
        # What such a tool would find is among the tools from the start.
        finds = (kind or "").startswith("tool_search_tool")
        return VendorTool(
            kind=kind or "",
            raw=Raw(tool.raw),
            path=tool.path,
            is_resolved=finds,
            lost=[tool.path] if finds else [],
        )
    return Tool(
        name=tool.need("name", str),
        description=tool.take("description", str),
        parameters=tool.raw_of("input_schema"),
        strict=tool.take("strict", bool),
        cache_control=tool.cache_control(),
        path=tool.path,
        extras=tool.rest(),
    )


def _tool_choice(choice: Fields | None, conversation: Conversation) -> None:
    if choice is None:
        return
    kind = choice.need("type", str)
    serial = choice.take("disable_parallel_tool_use", bool)
    if serial is not None:
        conversation.parallel_tool_calls = not serial
    if kind == "tool":
        conversation.tool_choice = ToolChoice("named", choice.need("name", str))
    elif kind in _MODES:
        conversation.tool_choice = ToolChoice(_MODES[kind])
    else:
        raise choice.fail("type", "must be auto, any, tool or none")


def _turn(message: Fields) -> Turn:
    role = message.need("role", str)
    if role not in {"user", "assistant", "system"}:
        raise message.fail("role", "must be user, assistant or system")
    content = message.text_or_objects("content")
    if isinstance(content, str):
        parts: list[Part] = [TextPart(text=content, path=message.at("content"))]
    else:
        parts = [_part(block) for block in content or []]
    return Turn(role=role, parts=parts, path=message.path, extras=message.rest())  # type: ignore[arg-type]


def _part(block: Fields) -> Part:
    kind = block.need("type", str)
    read = _KINDS.get(kind)
    part = read(block) if read is not None else None
    if part is None:
        is_over = kind in _OVER or kind.endswith("_tool_result")
        return VendorPart(kind=kind, raw=Raw(block.raw), path=block.path, is_over=is_over)
    part.path = block.path
    part.cache_control = block.cache_control()
    part.extras = block.rest()
    return part


def _text(block: Fields) -> Part:
    return TextPart(
        text=block.need("text", str), citations=block.take("citations", list[Raw]) or []
    )


def _image(block: Fields) -> Part | None:
    source = block.object("source")
    if source is None:
        raise block.fail("source", "is missing")
    kind = source.need("type", str)
    part = ImagePart()
    if kind == "url":
        part.url = source.need("url", str)
    elif kind == "base64":
        part.data = source.need("data", str)
        part.media_type = source.need("media_type", str)
    elif kind == "file":
        part.file_id = source.need("file_id", str)
    else:
        return None
    return part


def _document(block: Fields) -> Part | None:
    source = block.object("source")
    if source is None:
        raise block.fail("source", "is missing")
    kind = source.need("type", str)
    citations = block.object("citations")
    part = DocumentPart(
        title=block.take("title", str),
        context=block.take("context", str),
        citations=citations.take("enabled", bool) if citations is not None else None,
    )
    if kind == "url":
        part.url = source.need("url", str)
    elif kind == "base64":
        part.data = source.need("data", str)
        part.media_type = source.take("media_type", str)
    elif kind == "text":
        part.text = source.need("data", str)
        part.media_type = source.take("media_type", str)
    elif kind == "file":
        part.file_id = source.need("file_id", str)
    else:
        return None
    return part


def _search_result(block: Fields) -> Part:
    """A text and where it was found, which others read as a document."""
    texts = (item.take("text", str) or "" for item in block.objects("content"))
    citations = block.object("citations")
    return DocumentPart(
        text="\n\n".join(texts),
        title=block.take("title", str),
        context=block.take("source", str),
        citations=citations.take("enabled", bool) if citations is not None else None,
        own=Raw(block.raw),
    )


def _thinking(block: Fields) -> Part:
    return ThinkingPart(text=block.need("thinking", str), signature=block.take("signature", str))


def _redacted(block: Fields) -> Part:
    return RedactedThinkingPart(data=block.need("data", str))


def _tool_use(block: Fields) -> Part:
    arguments = block.raw_of("input")
    if arguments is not None and not is_object(arguments):
        raise block.fail("input", "must be an object")
    return ToolCallPart(
        id=block.need("id", str),
        name=block.need("name", str),
        arguments="{}" if arguments is None else bytes(arguments).decode(),
    )


def _tool_result(block: Fields) -> Part:
    content = block.text_or_objects("content")
    if isinstance(content, str):
        parts: list[Part] = [TextPart(text=content, path=block.at("content"))]
    else:
        parts = [_part(item) for item in content or []]
    return ToolResultPart(
        tool_call_id=block.need("tool_use_id", str),
        parts=parts,
        is_error=block.take("is_error", bool) or False,
    )


def _tool_reference(block: Fields) -> Part:
    return ToolReferencePart(name=block.need("tool_name", str))


_KINDS: Final[dict[str, Callable[[Fields], Part | None]]] = {
    "text": _text,
    "image": _image,
    "document": _document,
    "thinking": _thinking,
    "redacted_thinking": _redacted,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
    "tool_reference": _tool_reference,
    "search_result": _search_result,
}
