"""A conversation as another dialect can read it, before it is written there."""

import msgspec

from sluicegate.conversation import (
    Conversation,
    TextPart,
    Tool,
    ToolChoice,
    Turn,
    VendorPart,
    VendorTool,
)
from sluicegate.dialects import told
from sluicegate.dialects.carry import Carrier


def readable(c: Conversation, carry: Carrier) -> Conversation:
    """The conversation with the tools that may be called, and without what only the vendor's own
    tools did; in its own dialect without what that says elsewhere.
    """
    if carry.same_dialect:
        tools = [tool for tool in c.tools if not (isinstance(tool, Tool) and tool.is_derived)]
        return msgspec.structs.replace(c, tools=tools)
    for tool in c.tools:
        if isinstance(tool, VendorTool) and tool.is_resolved:
            for path in tool.lost:
                carry.leave_out(path)
    choice = c.tool_choice
    allowed = choice.allowed if choice is not None else None
    tools = [tool for tool in c.tools if _is_offered(tool, allowed)]
    turns = [left for turn in c.turns if (left := _without_past(turn, carry)) is not None]
    return msgspec.structs.replace(c, tools=tools, turns=turns)


def begun_by_user(c: Conversation, carry: Carrier) -> Conversation:
    """For an API whose conversations begin with the user: instructions that stand alone are what
    the user says, and a word of the user's stands before a greeting of the model's.
    """
    first = next((turn.role for turn in c.turns if turn.role != "system"), None)
    if carry.same_dialect or first == "user":
        return c
    if not c.turns:
        turns = [Turn(role="user", parts=list(c.system))] if c.system else []
        return msgspec.structs.replace(c, system=[], turns=turns)
    begin = Turn(role="user", parts=[TextPart(text=told.BEGIN)])
    return msgspec.structs.replace(c, turns=[begin, *c.turns])


def choice_in_words(c: Conversation, carry: Carrier) -> Conversation:
    """For an API that leaves the choice of tools to the model: says in words which one must be
    called, and offers no other.
    """
    choice = c.tool_choice
    functions = [tool for tool in c.tools if isinstance(tool, Tool)]
    if choice is None or choice.mode in {"auto", "none"} or not functions:
        return c
    carry.leave_out("tool_choice")
    if choice.mode == "named":
        functions = [tool for tool in functions if tool.name == choice.name]
    others = [tool for tool in c.tools if isinstance(tool, VendorTool)]
    said = _with_words(c, told.choice(choice))
    return msgspec.structs.replace(said, tools=[*others, *functions], tool_choice=None)


def one_call_in_words(c: Conversation, carry: Carrier) -> Conversation:
    """For an API that cannot be held to one call at once. Where one function must be called nothing
    needs to be said: clients that want an answer in its form always ask for it.
    """
    if carry.same_dialect or c.parallel_tool_calls is not False or not c.tools:
        return c
    carry.leave_out("parallel_tool_calls")
    choice = c.tool_choice or ToolChoice("auto")
    is_forced = choice.mode == "required" and len(c.tools) == 1
    silent = choice.mode in {"named", "none"} or is_forced
    said = c if silent else _with_words(c, told.ONE_CALL)
    return msgspec.structs.replace(said, parallel_tool_calls=None)


def _without_past(turn: Turn, carry: Carrier) -> Turn | None:
    """The turn without what tools of the vendor's did in it; None where nothing is left."""
    parts = []
    for part in turn.parts:
        if isinstance(part, VendorPart) and part.is_over:
            carry.leave_out(part.path)
        else:
            parts.append(part)
    if len(parts) == len(turn.parts):
        return turn
    return msgspec.structs.replace(turn, parts=parts) if parts else None


def _is_offered(tool: Tool | VendorTool, allowed: tuple[str, ...] | None) -> bool:
    if isinstance(tool, VendorTool):
        return not tool.is_resolved and (allowed is None or tool.kind in allowed)
    return allowed is None or tool.name in allowed


def _with_words(c: Conversation, words: str) -> Conversation:
    return msgspec.structs.replace(c, system=[*c.system, TextPart(text=words, path="system")])
