"""What of a wish for reasoning a Messages request says, by the model that shall read it.

Sources: https://platform.claude.com/docs/en/build-with-claude/extended-thinking,
https://platform.claude.com/docs/en/build-with-claude/adaptive-thinking
"""

import re
from typing import Any, Final, NamedTuple

from sluicegate.conversation import (
    Conversation,
    Reasoning,
    RedactedThinkingPart,
    ThinkingPart,
    ToolCallPart,
)
from sluicegate.dialects.reasoning import MIN_BUDGET_TOKENS, budget_of, effort_of
from sluicegate.dialects.seal import own_signature

_NO_THINKING: Final = re.compile(r"claude-(instant|2|3(?![.-]7))")
"""Models that cannot think aloud at all."""

_BUDGET_MODELS: Final = re.compile(
    r"claude-(3|(opus|sonnet|haiku)-4([-.@][0-5](?!\d)|[-@]\d{8}|$))"
)
"""Models that take a budget; newer ones think adaptively and take words of effort."""

_EFFORTS: Final = {"minimal": "low", "default": "medium"}  # `default` is Groq's
_ENABLED_EFFORT: Final = "medium"
"""What OpenRouter's bare `reasoning: {enabled: true}` means. Source:
https://openrouter.ai/docs/use-cases/reasoning-tokens"""

Json = dict[str, Any]


class Thinking(NamedTuple):
    """What the request says.

    Args:
        field: `thinking`.
        effort: `output_config.effort`.
        max_tokens: the bound, which counts thinking and answer together.
        is_left_out: the wish could not be said, wholly or in part.
    """

    field: Json | None
    effort: str | None
    max_tokens: int
    is_left_out: bool = False


def own_seal(c: Conversation, part: ThinkingPart | RedactedThinkingPart) -> str | None:
    """What a thought is signed with, or hides, if a model of this vendor's thought it."""
    sealed = part.data if isinstance(part, RedactedThinkingPart) else part.signature
    return own_signature(c, sealed, "anthropic")


def same(reasoning: Reasoning, max_tokens: int) -> Thinking:
    """The wish of a client of this dialect, as it was."""
    field: Json | None = None
    if reasoning.budget_tokens is not None:
        field = {"type": "enabled", "budget_tokens": reasoning.budget_tokens}
    elif reasoning.enabled is not None:
        kind = "adaptive" if reasoning.adaptive else "enabled"
        field = {"type": kind if reasoning.enabled else "disabled"}
    if field is not None and reasoning.display is not None:
        field["display"] = reasoning.display
    return Thinking(field, reasoning.effort, max_tokens)


def translated(c: Conversation, reasoning: Reasoning, model: str, max_tokens: int) -> Thinking:
    """The wish of another dialect's client, so that the model accepts it.

    What the vendor refuses is left out: thinking beside a forced tool call; a budget that leaves
    the answer no room; thinking in the middle of a tool loop whose earlier thoughts the client
    could not keep (models with budgets only).
    """
    if reasoning.enabled is False:
        if _NO_THINKING.search(model):
            return Thinking(None, None, max_tokens)
        return Thinking({"type": "disabled"}, None, max_tokens)
    effort = _EFFORTS.get(reasoning.effort or "", reasoning.effort)
    budget = reasoning.budget_tokens
    if effort is None and budget is None and not reasoning.adaptive:
        effort = _ENABLED_EFFORT
    nothing = Thinking(None, None, max_tokens, is_left_out=True)
    if _NO_THINKING.search(model):
        return nothing
    forced = c.tool_choice is not None and c.tool_choice.mode in {"required", "named"}
    if _BUDGET_MODELS.search(model):
        if forced or _in_unsigned_tool_loop(c):
            return nothing
        if budget is None:
            budget = budget_of(effort or _ENABLED_EFFORT, max_tokens)
            if budget >= max_tokens:
                return nothing
        return _with_budget(c, budget, None, max_tokens, reasoning.display)
    if budget is not None and "claude" in model:
        effort, budget = effort or effort_of(budget, max_tokens), None
    if forced:
        return Thinking(None, effort, max_tokens, is_left_out=True)
    if budget is not None:
        return _with_budget(c, budget, effort, max_tokens, reasoning.display)
    return Thinking(_shown({"type": "adaptive"}, reasoning.display), effort, max_tokens)


def _with_budget(
    c: Conversation, budget: int, effort: str | None, max_tokens: int, display: str | None
) -> Thinking:
    if c.max_output_tokens is None and max_tokens <= budget:
        # The bound is our default, which was meant for the answer alone; a client's own stays.
        max_tokens += max(budget, MIN_BUDGET_TOKENS)
    field = {"type": "enabled", "budget_tokens": budget}
    return Thinking(_shown(field, display), effort, max_tokens)


def _shown(field: Json, display: str | None) -> Json:
    return field if display is None else {**field, "display": display}


def _in_unsigned_tool_loop(c: Conversation) -> bool:
    """Whether tool results answer a turn that does not begin with a signed thought."""
    last = next((turn for turn in reversed(c.turns) if turn.role == "assistant"), None)
    if last is None or last is c.turns[-1]:
        return False
    if not any(isinstance(part, ToolCallPart) for part in last.parts):
        return False
    first = last.parts[0]
    if not isinstance(first, ThinkingPart | RedactedThinkingPart):
        return True
    return own_seal(c, first) is None
