"""Parts that change what the upstream says about its own usage."""

import re
from collections.abc import Callable
from typing import Any

from .plan import PartFunction, Plan

Usage = dict[str, Any]


def _numbers(change: Callable[[int], object]) -> PartFunction:
    """Every number at the top level of the usage object goes through `change`."""

    def part(plan: Plan, _found: re.Match[str]) -> None:
        plan.usage_edit = lambda usage: {
            name: change(value) if isinstance(value, int) else value
            for name, value in usage.items()
        }

    return part


def _missing(plan: Plan, _found: re.Match[str]) -> None:
    plan.usage_edit = lambda _usage: None


def _cached(plan: Plan, _found: re.Match[str]) -> None:
    plan.cached = 600


def _reasoning(plan: Plan, _found: re.Match[str]) -> None:
    plan.reasoning = 4


def _set(name: str, value: object) -> PartFunction:
    def part(plan: Plan, _found: re.Match[str]) -> None:
        setattr(plan, name, value)

    return part


PARTS: list[tuple[str, PartFunction]] = [
    (r"fault-usage-missing", _missing),
    (r"fault-lies-usage", _numbers(lambda n: n * 10)),
    (r"fault-lies-usage-low", _numbers(lambda n: n // 3)),
    (r"fault-usage-negative", _numbers(lambda n: -n - 1)),
    (r"fault-usage-huge", _numbers(lambda n: n + 10**30)),
    (r"fault-usage-string", _numbers(lambda n: f"{n} tokens")),
    (r"fault-usage-float", _numbers(lambda n: n + 0.5)),
    (r"fault-usage-null", _numbers(lambda _: None)),
    (r"fault-usage-cached", _cached),
    (r"fault-usage-reasoning", _reasoning),
    (r"fault-usage-twice", _set("usage_twice", True)),
    (r"fault-usage-each", _set("usage_each", True)),
    (r"fault-dup-id", _set("answer_id", "chatcmpl-always-the-same")),
    (r"fault-model-mismatch", _set("answer_model", "some-other-model")),
]
