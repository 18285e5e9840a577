"""What caches saved, out of the ledger's rows."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from sluicegate.store.database import Database
from sluicegate.store.ledger import (
    GROUPS,
    chosen,
    grouped,
    halves,
    pico_of,
    whole_of,
)

_COUNTS: Final = (
    # A request that was answered from the cache after its attempts had failed has rows of both.
    "COUNT(DISTINCT CASE WHEN cache IN ('hit', 'semantic', 'miss') THEN request_id END)",
    "SUM(CASE WHEN outcome = 'cached' AND cache = 'hit' THEN 1 ELSE 0 END)",
    "SUM(CASE WHEN outcome = 'cached' AND cache = 'semantic' THEN 1 ELSE 0 END)",
    "COUNT(DISTINCT CASE WHEN cache = 'bypass' AND outcome <> 'refused' THEN request_id END)",
    "SUM(CASE WHEN outcome = 'cached' AND saved_usd IS NULL THEN 1 ELSE 0 END)",
)
_WHOLE: Final = (
    "saved_input_tokens",
    "saved_output_tokens",
    "saved_ms",
    "input_tokens",
    "cached_input_tokens",
    "cache_write_tokens",
)
_MONEY: Final = ("saved_usd", "prompt_cache_saved_usd")


class Savings(NamedTuple):
    """What caches did, exactly."""

    requests: int
    """That looked into the cache."""
    hits: int
    """Answered by the very same request's answer."""
    semantic_hits: int
    bypassed: int
    """That the cache was not for."""
    unpriced_hits: int
    """Hits whose price is not known: what they saved is not in the sum."""
    saved_input_tokens: int
    saved_output_tokens: int
    saved_ms: int
    input_tokens: int
    """Of all attempts; the next two are among them."""
    cached_input_tokens: int
    """Read from a provider's own cache."""
    cache_write_tokens: int
    """Written to it."""
    saved_pico_usd: int
    prompt_cache_saved_pico_usd: int
    """What providers' own caches saved; below 0 where writing cost more."""


class SavingsLedger:
    """Sums of a database's rows."""

    def __init__(self, database: Database) -> None:
        """Args: database: opened on first use."""
        self._database = database

    def by(
        self,
        groups: Sequence[str],
        *,
        since: str | None = None,
        until: str | None = None,
        where: Mapping[str, str] | None = None,
    ) -> dict[tuple[str | None, ...], Savings]:
        """Sums by values of `GROUPS`; one group, `()`, where there are none.

        Args:
            since, until: RFC 3339 in UTC with microseconds, as rows have it; `until` not included.
            where: values that rows must have, by names of `GROUPS`.
        """
        if self._database.is_empty:
            return {}
        conditions, values = chosen(since, until, where)
        money = (self._database.total(column) for column in _MONEY)
        columns = [*(GROUPS[name] for name in groups), *_COUNTS, *halves(_WHOLE), *money]
        rows = grouped(self._database, columns, len(groups), conditions, values)
        return {
            row[: len(groups)]: _read([int(part or 0) for part in row[len(groups) :]])
            for row in rows
        }


def _read(parts: Sequence[int]) -> Savings:
    counts, rest = parts[: len(_COUNTS)], parts[len(_COUNTS) :]
    whole, money = rest[: 2 * len(_WHOLE)], rest[2 * len(_WHOLE) :]
    return Savings._make([*counts, *whole_of(whole), pico_of(money[:3]), pico_of(money[3:])])
