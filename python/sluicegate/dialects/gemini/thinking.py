"""What of a wish for reasoning a `generateContent` request says, by the model that shall read it.

Sources: https://ai.google.dev/gemini-api/docs/thinking, and for words of effort as budgets
https://ai.google.dev/gemini-api/docs/openai
"""

import re
from typing import Any, Final

from sluicegate.conversation import Reasoning

_BUDGET_MODELS: Final = re.compile(r"gemini-2\.5|robotics-er-1")
"""Models that take a budget; newer ones take a level."""

_NO_THINKING: Final = re.compile(r"gemini-(1|2\.0)|gemma|-image|-tts|learnlm")

_BUDGETS: Final = {"minimal": 1024, "low": 1024, "medium": 8192}
_MOST: Final = 24_576
_LEAST_OF_PRO: Final = 128
"""A model that cannot but think."""

_LEVELS: Final = {"none": "minimal", "default": "medium", "xhigh": "high", "max": "high"}

Json = dict[str, Any]


def thinking_config(reasoning: Reasoning, model: str) -> Json | None:
    """The field; None where the model does not think."""
    if _NO_THINKING.search(model):
        return None
    takes_budget = bool(_BUDGET_MODELS.search(model))
    is_pro = "-pro" in model
    if reasoning.enabled is False:
        if takes_budget:
            return {"thinkingBudget": _LEAST_OF_PRO if is_pro else 0}
        return {"thinkingLevel": "low" if is_pro else "minimal"}
    config: Json = {"includeThoughts": reasoning.display != "omitted"}
    if reasoning.budget_tokens is not None:
        config["thinkingBudget"] = min(reasoning.budget_tokens, _MOST)
    elif reasoning.effort is not None and takes_budget:
        config["thinkingBudget"] = _BUDGETS.get(reasoning.effort, _MOST)
    elif reasoning.effort is not None:
        level = _LEVELS.get(reasoning.effort, reasoning.effort)
        config["thinkingLevel"] = "low" if is_pro and level == "minimal" else level
    return config
