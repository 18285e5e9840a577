"""Tools that take free text, for hosts that know functions only: each is one with a single text,
`input`. The core reads it back out of the answer (`rust/stream/free_text.rs`).
"""

from typing import Any, Final

import msgspec
from msgspec import Raw

from sluicegate.conversation import Tool, ToolForm, VendorTool
from sluicegate.dialects.fields import Fields

_KEY: Final = "input"


def free_text_tool(
    declared: Fields, tool: Fields, kind: str, namespace: str | None = None
) -> list[Tool | VendorTool]:
    """A tool that takes free text: as its own dialect declares it, and as a function.

    Args:
        declared: the entry of the tools.
        tool: the object in it that says what it is.
    """
    name = tool.need("name", str)
    wanted = tool.object("format")
    grammar = None if wanted is None else wanted.object("grammar") or wanted
    function = Tool(
        name=function_name(name, namespace),
        description=tool.take("description", str),
        parameters=_parameters(grammar),
        path=declared.path,
        form=ToolForm(name, namespace, is_free_text=True),
        is_derived=True,
    )
    # Its form is asked for in words alone.
    lost = [tool.at("format")] if grammar is not None and "definition" in grammar else []
    own = VendorTool(
        kind=kind, raw=Raw(declared.raw), path=declared.path, is_resolved=True, lost=lost
    )
    return [own, function]


def free_text_arguments(text: str) -> str:
    """A call's text as arguments."""
    return msgspec.json.encode({_KEY: text}).decode()


def function_name(name: str, namespace: str | None) -> str:
    """What the function is called."""
    if namespace is None:
        return name
    return f"{namespace}{name}" if namespace.endswith("__") else f"{namespace}__{name}"


def _parameters(grammar: Fields | None) -> Raw:
    given: dict[str, Any] = {"type": "string"}
    definition = grammar.raw_of("definition") if grammar is not None else None
    if grammar is not None and definition is not None:
        grammar.put_back("definition", definition)
        syntax = grammar.take("syntax", str) or "lark"
        words = msgspec.json.decode(definition, type=str)
        given["description"] = f"A text in this grammar ({syntax}):\n{words}"
    schema = {
        "type": "object",
        "properties": {_KEY: given},
        "required": [_KEY],
        "additionalProperties": False,
    }
    return Raw(msgspec.json.encode(schema))
