"""A Responses request as a conversation."""

from collections.abc import Callable
from typing import Final

from msgspec import Raw

from sluicegate.conversation import (
    AudioPart,
    Conversation,
    DocumentPart,
    ImagePart,
    Part,
    Reasoning,
    RefusalPart,
    ResponseFormat,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
    Turn,
    VendorPart,
)
from sluicegate.dialects.data_url import split_data_url
from sluicegate.dialects.fields import Fields
from sluicegate.dialects.free_text import free_text_arguments
from sluicegate.dialects.openai_responses.sealed import unseal
from sluicegate.dialects.openai_responses.tools import Tools, tool_choice
from sluicegate.errors import InvalidRequestError, UnsupportedFieldError

_KEPT: Final = ("conversation", "prompt")
"""Fields that stand for what only the vendor keeps. Without it the request is another one, so it is
never dropped.
"""

_OUTPUTS: Final = frozenset({"function_call_output", "custom_tool_call_output"})
_BRINGS_TOOLS: Final = frozenset({"additional_tools", "tool_search_output"})
_OVER: Final = _BRINGS_TOOLS | {
    "code_interpreter_call",
    "file_search_call",
    "mcp_list_tools",
    "tool_search_call",
    "web_search_call",
}
"""Items of what tools of the vendor's did before the model spoke of it."""

_ENCRYPTED: Final = "reasoning.encrypted_content"
_DEFAULTS: Final = {"truncation": b'"disabled"', "store": b"false"}


def decode_request(body: bytes) -> Conversation:
    """The conversation.

    Raises:
        InvalidRequestError: names the field that cannot be read.
    """
    top = Fields(body)
    top.take("model", str)
    top.take("stream", bool)
    _no_job(top)
    for name in _KEPT:
        if name in top:
            raise InvalidRequestError(
                f"`{name}` stands for what the model's provider does not keep: send the whole "
                "conversation as `input`, or choose a model of a provider with the Responses API",
                code=UnsupportedFieldError.default_code,
                param=name,
            )
    conversation = Conversation(dialect="openai_responses")
    instructions = top.take("instructions", str)
    if instructions:
        conversation.system.append(TextPart(text=instructions, path="instructions"))
    tools = Tools(conversation)
    tools.declare(top.objects("tools"))
    _input(top, conversation, tools)
    _sampling(top, conversation)
    conversation.tool_choice = tool_choice(top, conversation, tools)
    conversation.parallel_tool_calls = top.take("parallel_tool_calls", bool)
    conversation.response_format = _response_format(top.object("text"))
    conversation.reasoning = _reasoning(top.object("reasoning"))
    conversation.user = top.take("user", str)
    conversation.service_tier = top.take("service_tier", str)
    _say_nothing(top)
    conversation.extras.extend(top.rest())
    return conversation


def _no_job(top: Fields) -> None:
    """What the provider would have to keep: never dropped either."""
    if top.take("background", bool):
        raise InvalidRequestError(
            "`background` is for providers with the Responses API: leave it out and read the "
            "answer as a stream, or choose a model of such a provider",
            code=UnsupportedFieldError.default_code,
            param="background",
        )
    if "previous_response_id" in top:
        named = top.take("previous_response_id", str)
        raise InvalidRequestError(
            f"Previous response with id {named!r} not found.",
            code="previous_response_not_found",
            param="previous_response_id",
        )


def _say_nothing(top: Fields) -> None:
    """Takes what asks for no more than any answer is: thoughts are carried whole without a word."""
    for name, default in _DEFAULTS.items():
        raw = top.raw_of(name)
        if raw is not None and bytes(raw).strip() != default:
            top.put_back(name, raw)
    include = top.raw_of("include")
    if include is None:
        return
    top.put_back("include", include)
    wanted = top.take("include", list[str]) or []
    if set(wanted) - {_ENCRYPTED}:
        top.put_back("include", include)


def _sampling(top: Fields, conversation: Conversation) -> None:
    conversation.max_output_tokens = top.take("max_output_tokens", int)
    conversation.temperature = top.take("temperature", float)
    conversation.top_p = top.take("top_p", float)
    conversation.top_logprobs = top.take("top_logprobs", int) or None


def _reasoning(reasoning: Fields | None) -> Reasoning | None:
    """Its `summary` is left for `rest`: other dialects show what there is to show."""
    effort = reasoning.take("effort", str) if reasoning is not None else None
    if effort is None:
        return None
    if effort == "none":
        return Reasoning(enabled=False, path="reasoning")
    return Reasoning(effort=effort, enabled=True, path="reasoning")


def _response_format(text: Fields | None) -> ResponseFormat | None:
    form = text.object("format") if text is not None else None
    if form is None:
        return None
    kind = form.need("type", str)
    if kind in {"text", "json_object"}:
        return ResponseFormat(kind)  # type: ignore[arg-type]  # checked by the line above
    if kind != "json_schema":
        raise form.fail("type", "must be text, json_object or json_schema")
    return ResponseFormat(
        "json_schema",
        name=form.take("name", str),
        description=form.take("description", str),
        schema=form.raw_of("schema"),
        strict=form.take("strict", bool),
    )


def _input(top: Fields, conversation: Conversation, tools: Tools) -> None:
    given = top.text_or_objects("input")
    if given is None:
        raise top.fail("input", "is missing")
    if isinstance(given, str):
        text = TextPart(text=given, path="input")
        conversation.turns.append(Turn(role="user", parts=[text], path="input"))
        return
    for item in given:
        _item(item, conversation, tools)


def _item(item: Fields, conversation: Conversation, tools: Tools) -> None:
    kind = item.take("type", str) or "message"
    if kind == "message":
        _message(item, conversation)
        return
    item.take("status", str)
    if kind in _OUTPUTS:
        output = item.text_or_objects("output")
        parts = _content(output, item.at("output"))
        part: Part = ToolResultPart(
            tool_call_id=item.need("call_id", str), parts=parts, path=item.path
        )
        item.take("id", str)
        part.extras = item.rest()
        part.own = Raw(item.raw) if kind != "function_call_output" else None
        conversation.turns.append(Turn(role="user", parts=[part], path=item.path))
        return
    if kind in _BRINGS_TOOLS:
        tools.add(item.objects("tools"))
    read = _ITEMS.get(kind)
    if read:
        part = read(item, tools)
        part.extras = item.rest()
    else:
        part = VendorPart(kind=kind, raw=Raw(item.raw), is_over=kind in _OVER)
    part.path = item.path
    _model_did(part, conversation)


def _model_did(part: Part, conversation: Conversation) -> None:
    """What the model did between two turns of the user's is one turn, whatever items tell of it."""
    turns = conversation.turns
    if not turns or turns[-1].role != "assistant":
        turns.append(Turn(role="assistant", parts=[], path=part.path))
    turns[-1].parts.append(part)


def _message(item: Fields, conversation: Conversation) -> None:
    role = item.need("role", str)
    content = item.text_or_objects("content")
    parts = _content(content, item.at("content"))
    for label in ("id", "status"):
        item.take(label, str)
    extras = item.rest()
    if role == "assistant":
        for part in parts:
            _model_did(part, conversation)
        if extras and conversation.turns:
            conversation.turns[-1].extras.extend(extras)
    elif role in {"system", "developer"}:
        texts = [part for part in parts if isinstance(part, TextPart)]
        if not conversation.turns and len(texts) == len(parts) and not extras:
            conversation.system.extend(texts)
            return
        conversation.turns.append(Turn(role="system", parts=parts, path=item.path, extras=extras))
    elif role == "user":
        conversation.turns.append(Turn(role="user", parts=parts, path=item.path, extras=extras))
    else:
        raise item.fail("role", "must be system, developer, user or assistant")


def _content(content: str | list[Fields] | None, path: str) -> list[Part]:
    if content is None:
        return []
    if isinstance(content, str):
        return [TextPart(text=content, path=path)]
    return [_part(item) for item in content]


def _call(item: Fields, tools: Tools) -> Part:
    item.take("id", str)
    name, namespace = item.need("name", str), item.take("namespace", str)
    return ToolCallPart(
        id=item.need("call_id", str),
        name=tools.function_name(name, namespace),
        arguments=item.take("arguments", str) or "{}",
        own=Raw(item.raw) if namespace is not None else None,
    )


def _free_text_call(item: Fields, tools: Tools) -> Part:
    item.take("id", str)
    name = tools.function_name(item.need("name", str), item.take("namespace", str))
    return ToolCallPart(
        id=item.need("call_id", str),
        name=name,
        arguments=free_text_arguments(item.take("input", str) or ""),
        own=Raw(item.raw),
    )


def _thought(item: Fields, _tools: Tools) -> Part:
    """A summary says what its content says; parts of either are paragraphs."""
    item_id = item.take("id", str) or ""
    texts = [
        [part.take("text", str) or "" for part in item.objects(name)]
        for name in ("summary", "content")
    ]
    text = "\n\n".join(next(filter(None, texts), []))
    encrypted = item.take("encrypted_content", str)
    return unseal(item_id, text, encrypted) if encrypted else ThinkingPart(text=text)


def _reference(item: Fields, _tools: Tools) -> Part:
    """An item by its id. A thought that nobody repeats is one without words: it is no part of the
    talk with another model. What was said or called cannot be done without.
    """
    identity = item.need("id", str)
    if identity.startswith("rs_"):
        return ThinkingPart(text="")
    return VendorPart(kind="item_reference", raw=Raw(item.raw))


_ITEMS: Final[dict[str, Callable[[Fields, Tools], Part]]] = {
    "custom_tool_call": _free_text_call,
    "function_call": _call,
    "item_reference": _reference,
    "reasoning": _thought,
}


def _text(item: Fields) -> Part:
    return TextPart(text=item.need("text", str))


def _said(item: Fields) -> Part:
    """What the model wrote; its sources and probabilities say nothing to another model."""
    for label in ("annotations", "logprobs"):
        item.raw_of(label)
    return TextPart(text=item.need("text", str))


def _refusal(item: Fields) -> Part:
    return RefusalPart(text=item.need("refusal", str))


def _image(item: Fields) -> Part:
    part = ImagePart(detail=item.take("detail", str), file_id=item.take("file_id", str))
    url = item.take("image_url", str)
    inline = split_data_url(url) if url else None
    if inline is None:
        part.url = url
    else:
        part.media_type, part.data = inline
    if url is None and part.file_id is None:
        raise item.fail("image_url", "is missing")
    return part


def _file(item: Fields) -> Part:
    part = DocumentPart(
        file_id=item.take("file_id", str),
        title=item.take("filename", str),
        url=item.take("file_url", str),
    )
    data = item.take("file_data", str)
    if data is not None:
        part.media_type, part.data = split_data_url(data) or ("application/pdf", data)
    return part


def _audio(item: Fields) -> Part:
    audio = item.object("input_audio")
    if audio is None:
        raise item.fail("input_audio", "is missing")
    return AudioPart(data=audio.need("data", str), format=audio.need("format", str))


_PARTS: Final[dict[str, Callable[[Fields], Part]]] = {
    "input_text": _text,
    "text": _text,
    "output_text": _said,
    "refusal": _refusal,
    "input_image": _image,
    "input_file": _file,
    "input_audio": _audio,
}


def _part(item: Fields) -> Part:
    kind = item.need("type", str)
    read = _PARTS.get(kind)
    if read is None:
        return VendorPart(kind=kind, raw=Raw(item.raw), path=item.path)
    part = read(item)
    part.path = item.path
    part.extras = item.rest()
    return part
