"""The limits of a configuration: its own, those of its keys' short fields, those of runs."""

from collections.abc import Callable
from typing import Final

from sluicegate.accounting.limits import Limit, key_limits, problems_of, run_limits
from sluicegate.config.build import MISSING
from sluicegate.config.problems import Path
from sluicegate.config.schema import Config

Fail = Callable[[Path, str], None]
"""Notes what is wrong with the field at a path."""

_SHORT: Final = {"cost_usd": "budget_usd"}


def checked_limits(config: Config, fail: Fail) -> list[Limit]:
    """All of them, each name once; `fail` is told what is wrong."""
    limits: list[Limit] = []
    names: set[str] = set()
    for index, limit in enumerate(config.limits):
        if limit is MISSING:
            continue
        for field, wrong in problems_of(limit):
            fail(("limits", index, field) if field else ("limits", index), wrong)
        if limit.name in names:
            fail(("limits", index, "name"), f'"{limit.name}" stands twice')
        names.add(limit.name)
        limits.append(limit)
    for path, limit in [*_of_keys(config, fail), *_of_runs(config)]:
        for field, wrong in problems_of(limit):
            fail((*path, _SHORT.get(field, field) if path[0] == "keys" else field), wrong)
        if limit.name in names:
            at = (*path, "name") if path[0] == "keys" else path
            fail(at, f'a limit is named "{limit.name}" too')
        limits.append(limit)
    return limits


def _of_keys(config: Config, fail: Fail) -> list[tuple[Path, Limit]]:
    found: list[tuple[Path, Limit]] = []
    for index, key in enumerate(config.keys):
        if key is MISSING:
            continue
        if key.budget_period is not None and key.budget_usd is None:
            fail(("keys", index, "budget_period"), "has no meaning without budget_usd")
        own = key_limits(
            key.name,
            budget_usd=key.budget_usd,
            budget_period=key.budget_period,
            tpm=key.tpm,
            rpm=key.rpm,
            max_parallel=key.max_parallel,
        )
        found += [(("keys", index), limit) for limit in own]
    return found


def _of_runs(config: Config) -> list[tuple[Path, Limit]]:
    runs = config.runs
    own = run_limits(cost_usd=runs.cost_usd, total_tokens=runs.total_tokens, steps=runs.steps)
    return [(("runs",), limit) for limit in own]
