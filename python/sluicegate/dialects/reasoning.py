"""Effort in words and budgets in tokens, one from the other.

Anthropic's newer models take words (`output_config.effort`) and think adaptively; older ones take
a budget. OpenAI's take words only. Budgets for words are LiteLLM's and OpenRouter's: low 1024,
medium 2048, high 4096 are too small for today's models, so the fractions of OpenRouter's
documentation are used: 20 %, 50 %, 80 % of the output bound.
Source: https://openrouter.ai/docs/use-cases/reasoning-tokens
"""

from typing import Final

MIN_BUDGET_TOKENS: Final = 1024
"""Anthropic's least budget. Source:
https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking
"""

_EFFORTS: Final = (("minimal", 0.1), ("low", 0.2), ("medium", 0.5), ("high", 0.8))


def effort_of(budget_tokens: int, max_output_tokens: int) -> str:
    """The word whose share of the output bound is nearest to a budget."""
    share = budget_tokens / max(max_output_tokens, budget_tokens, 1)
    return min(_EFFORTS[1:], key=lambda effort: abs(effort[1] - share))[0]


def budget_of(effort: str, max_output_tokens: int) -> int:
    """The budget that a word stands for; never more than leaves room for an answer."""
    share = dict(_EFFORTS).get(effort, 0.8)
    return max(MIN_BUDGET_TOKENS, int(max_output_tokens * share))
