"""Effort in words and budgets in tokens, one from the other.

Anthropic's newer models take words (`output_config.effort`) and think adaptively; older ones take
a budget. OpenAI's take words only. A word stands for a share of the output bound, as OpenRouter
documents it: fixed numbers (LiteLLM's 1024, 2048, 4096) are too small for today's models.
Source: https://openrouter.ai/docs/use-cases/reasoning-tokens
"""

from typing import Final

from sluicegate.conversation import Reasoning

MIN_BUDGET_TOKENS: Final = 1024
"""Anthropic's least budget. Source:
https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking
"""

_SHARES: Final = {
    "minimal": 0.1,
    "low": 0.2,
    "medium": 0.5,
    "high": 0.8,
    "xhigh": 0.95,
    "max": 0.95,
}
_WORDS_FOR_ALL: Final = ("low", "medium", "high")
"""The words that every reasoning model takes."""
_NEAREST: Final = {"minimal": "low", "default": "medium", "xhigh": "high", "max": "high"}
"""Other vendors' words in those."""


def effort_of(budget_tokens: int, max_output_tokens: int) -> str:
    """The word whose share of the output bound is nearest to a budget."""
    share = budget_tokens / max(max_output_tokens, budget_tokens, 1)
    return min(_WORDS_FOR_ALL, key=lambda word: abs(_SHARES[word] - share))


def word_of(reasoning: Reasoning, max_output_tokens: int) -> str:
    """A wish in a word that every reasoning model takes; `medium` where it says no more."""
    effort = reasoning.effort or "medium"
    if reasoning.effort is None and reasoning.budget_tokens is not None:
        effort = effort_of(reasoning.budget_tokens, max_output_tokens)
    return _NEAREST.get(effort, effort)


def budget_of(effort: str, max_output_tokens: int) -> int:
    """The budget that a word stands for, at least the vendor's least."""
    share = _SHARES.get(effort, _SHARES["high"])
    return max(MIN_BUDGET_TOKENS, int(max_output_tokens * share))
