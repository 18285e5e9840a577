"""Sums of ledger rows, and those of runs with all that is below them."""

import operator
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

OF_RUNS: Final = ("key_name", "run", "parent_run")
"""What rows are summed by before their runs' parents get their share. Runs are their key's."""
MAX_DEPTH: Final = 32
"""Runs above a run, as the core has them."""

Group = tuple[str | None, ...]
Parents = Mapping[tuple[str | None, str], str]


class Sums(NamedTuple):
    """What rows add up to, exactly."""

    requests: int
    attempts: int
    unpriced: int
    """Answered attempts whose price was not known: their cost is not in the sum."""
    input_tokens: int
    cached_input_tokens: int
    cache_write_tokens: int
    output_tokens: int
    reasoning_tokens: int
    cost_pico_usd: int
    saved_pico_usd: int

    @property
    def total_tokens(self) -> int:
        """Both directions; cached and reasoning ones are among them."""
        return self.input_tokens + self.output_tokens


def with_runs_below(found: Mapping[Group, Sums], place: int | None, run: str) -> dict[Group, Sums]:
    """What runs used, each with all runs below it.

    Args:
        found: sums by groups that end in `OF_RUNS`.
        place: which of the groups is the run; None where only `run` is asked for.
    """
    parents: dict[tuple[str | None, str], str] = {}
    for *_, key, of, parent in found:
        if of and parent:
            parents.setdefault((key, of), parent)
    totals: dict[Group, Sums] = {}
    for (*group, key, of, _), sums in found.items():
        for each in _with_those_above(parents, key, of or ""):
            if place is not None:
                group[place] = each
            elif each != run:
                continue
            known = totals.get(tuple(group))
            totals[tuple(group)] = sums if known is None else _added(known, sums)
    return totals


def _with_those_above(parents: Parents, key: str | None, run: str) -> Iterator[str]:
    seen = [run]
    yield run
    while len(seen) <= MAX_DEPTH:
        above = parents.get((key, seen[-1]))
        if above is None or above in seen:
            return
        seen.append(above)
        yield above


def _added(one: Sums, other: Sums) -> Sums:
    return Sums._make(map(operator.add, one, other))
