"""A client's function as hosts of Chat Completions' form of tools take it, without what only some
know of it.
"""

from typing import Any

from sluicegate.conversation import Tool, VendorTool
from sluicegate.dialects.anthropic.encode import typed
from sluicegate.dialects.carry import Carrier
from sluicegate.dialects.openai_chat.parts import function_of


def function_tool(tool: Tool | VendorTool, carry: Carrier) -> dict[str, Any] | None:
    """The tool; None where only its vendor can run it."""
    if isinstance(tool, VendorTool):
        carry.cannot(tool.path, f"the provider cannot run {tool.kind!r}")
        return None
    function = {**function_of(tool), "parameters": typed(tool.parameters)}
    out = {"type": "function", "function": function}
    carry.unmarked(tool.cache_control, tool.path)
    carry.extras(tool.extras, out, tool.path)
    return out
