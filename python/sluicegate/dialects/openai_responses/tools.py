"""The tools of a Responses request, and which of them must be called."""

from collections.abc import Iterable
from typing import Final, Literal

import msgspec
from msgspec import Raw

from sluicegate.conversation import Conversation, Extra, Tool, ToolChoice, ToolForm, VendorTool
from sluicegate.dialects.fields import Fields, is_text
from sluicegate.dialects.free_text import free_text_tool, function_name

_MODES: Final[dict[str, Literal["auto", "none", "required"]]] = {
    "auto": "auto",
    "none": "none",
    "required": "required",
}


class Tools:
    """The tools that items of the input speak of: those that are declared, and those that come
    later in the conversation.
    """

    def __init__(self, conversation: Conversation) -> None:
        """None yet. Args: conversation: gets them."""
        self._tools = conversation.tools = []
        self._functions: dict[tuple[str, str | None], str] = {}

    def declare(self, tools: Iterable[Fields]) -> None:
        """Takes the request's own."""
        for tool in tools:
            self._put(_read(tool))

    def add(self, tools: Iterable[Fields]) -> None:
        """Takes those that an item brings. Other dialects have them from the start."""
        known = {tool.name for tool in self._tools if isinstance(tool, Tool)}
        for declared in tools:
            for tool in _read(declared):
                if isinstance(tool, Tool) and tool.name not in known:
                    tool.is_derived = True
                    self._put([tool])

    def function_name(self, name: str, namespace: str | None) -> str:
        """What the function behind a tool is called."""
        return self._functions.get((name, namespace), name)

    def _put(self, tools: list[Tool | VendorTool]) -> None:
        self._tools += tools
        for tool in tools:
            if isinstance(tool, Tool) and tool.form is not None:
                self._functions[tool.form.name, tool.form.namespace] = tool.name


def _read(tool: Fields, namespace: str | None = None) -> list[Tool | VendorTool]:
    """A tool as its own dialect has it, and as functions where it can be some."""
    kind = tool.need("type", str)
    if kind == "function":
        return [_function(tool, namespace)]
    if kind == "custom":
        return free_text_tool(tool, tool, kind, namespace)
    own = VendorTool(kind=kind, raw=Raw(tool.raw), path=tool.path)
    if kind == "namespace":
        name = tool.need("name", str)
        inner = [each for item in tool.objects("tools") for each in _read(item, name)]
        own.is_resolved, own.lost = True, [tool.at("description")]
        return [own, *(each for each in inner if isinstance(each, Tool))]
    # What it would find is among the tools from the start.
    own.is_resolved = kind == "tool_search"
    own.lost = [tool.path] if own.is_resolved else []
    return [own]


def _function(tool: Fields, namespace: str | None) -> Tool:
    name = tool.need("name", str)
    return Tool(
        name=function_name(name, namespace),
        description=tool.take("description", str),
        parameters=tool.raw_of("parameters"),
        strict=tool.take("strict", bool),
        path=tool.path,
        extras=tool.rest(),
        form=None if namespace is None else ToolForm(name, namespace),
        is_derived=namespace is not None,
    )


def tool_choice(top: Fields, conversation: Conversation, tools: Tools) -> ToolChoice | None:
    """Which must be called. A choice of the vendor's own tools stays raw: others have none such."""
    raw = top.raw_of("tool_choice")
    if raw is None:
        return None
    if is_text(raw):
        mode = _MODES.get(msgspec.json.decode(raw))
        if mode is None:
            raise top.fail("tool_choice", f"must be one of {', '.join(_MODES)} or name a function")
        return ToolChoice(mode)
    choice = Fields(raw, top.at("tool_choice"))
    kind = choice.need("type", str)
    if kind in {"function", "custom"}:
        name = tools.function_name(choice.need("name", str), choice.take("namespace", str))
        return ToolChoice("named", name, own=raw)
    if kind != "allowed_tools":
        conversation.extras.append(Extra("tool_choice", "tool_choice", raw))
        return None
    mode = _MODES.get(choice.take("mode", str) or "auto", "auto")
    allowed = tuple(_allowed(tool, tools) for tool in choice.objects("tools"))
    return ToolChoice(mode, allowed=allowed, own=raw)


def _allowed(tool: Fields, tools: Tools) -> str:
    kind, name = tool.take("type", str) or "function", tool.take("name", str)
    if name is None or kind not in {"function", "custom"}:
        return kind
    return tools.function_name(name, tool.take("namespace", str))
