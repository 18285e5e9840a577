"""A wish for reasoning in the words of Chat Completions and of the hosts that extend it."""

from typing import Any

from sluicegate.conversation import Reasoning

Json = dict[str, Any]


def reasoning_fields(reasoning: Reasoning, out: Json) -> None:
    """The wish of a client of this dialect, in the spelling that it chose."""
    if reasoning.path == "reasoning":
        said = {
            "effort": reasoning.effort,
            "max_tokens": reasoning.budget_tokens,
            "enabled": reasoning.enabled,
        }
        out["reasoning"] = {name: value for name, value in said.items() if value is not None}
        return
    if reasoning.effort is not None:
        out["reasoning_effort"] = reasoning.effort
    if reasoning.path == "thinking":
        kind = "adaptive" if reasoning.adaptive else "enabled"
        field: Json = {"type": kind if reasoning.enabled else "disabled"}
        if reasoning.budget_tokens is not None:
            field["budget_tokens"] = reasoning.budget_tokens
        if reasoning.display is not None:
            field["display"] = reasoning.display
        out["thinking"] = field
    elif reasoning.enabled is False:
        out["reasoning_effort"] = "none"
