"""What the cache, and providers' own caches, saved."""

from collections.abc import Mapping, Sequence

import msgspec

from sluicegate.admin.actor import Actor
from sluicegate.admin.desk import Desk
from sluicegate.admin.reports import check_groups, moment_of
from sluicegate.admin.views import usd_of
from sluicegate.semantic.report import ShadowView, report
from sluicegate.store.savings import Savings

_NOTHING = Savings._make([0] * len(Savings._fields))


class PromptCacheView(msgspec.Struct, frozen=True, kw_only=True):
    """What providers' own caches of prompts did."""

    input_tokens: int
    """Of all attempts; the next two are among them."""
    cached_input_tokens: int
    cache_write_tokens: int
    saved_usd: str
    """What the same tokens had cost as plain input, less what they cost, at each row's own price;
    below 0 where writing cost more than reading saved.
    """


class SavingsView(msgspec.Struct, frozen=True, kw_only=True):
    """What the cache did."""

    requests: int
    """That looked into it."""
    hits: int
    """Answered by the very same request's answer."""
    semantic_hits: int
    """Answered by that of one that means the same."""
    misses: int
    bypassed: int
    """That it was not for: it is off for their model or key, or they said so."""
    hit_rate: float | None
    """Hits of either kind of all requests that looked; null where none did."""
    saved_input_tokens: int
    saved_output_tokens: int
    saved_usd: str
    unpriced_hits: int
    """What they saved is not in the sum."""
    saved_s: float
    """What providers had taken for the answers that were given again."""
    prompt_cache: PromptCacheView


class SavingsRow(msgspec.Struct, frozen=True, kw_only=True):
    """One group of a report."""

    group: dict[str, str | None]
    sums: SavingsView


class CacheReportView(msgspec.Struct, frozen=True, kw_only=True):
    """A report."""

    by: list[str]
    since: str | None
    until: str | None
    data: list[SavingsRow]
    total: SavingsView
    shadow: list[ShadowView]
    """What the shadow mode found since it was first on, whatever is asked for."""


class CacheReports:
    """Reads only."""

    def __init__(self, desk: Desk) -> None:
        """Args: desk: the store and the clock."""
        self._desk = desk

    def report(
        self,
        actor: Actor,
        by: Sequence[str],
        *,
        since: str | None = None,
        until: str | None = None,
        where: Mapping[str, str] | None = None,
    ) -> CacheReportView:
        """What the actor's requests got from caches.

        Args:
            by: names of `GROUPS`. where: values that rows must have, by such names.
            since, until: RFC 3339, or a day of UTC's; `until` is not included.
        Raises:
            InvalidInputError: a name or a time that is none.
        """
        check_groups(by, where or {})
        chosen = {
            "since": moment_of("since", since),
            "until": moment_of("until", until),
        }
        rows = {**(where or {}), **actor.scope}
        ledger = self._desk.store.savings
        # A request may have rows in several groups, so that the groups' sum may be more than all.
        total = ledger.by((), where=rows, **chosen).get((), _NOTHING)
        found = ledger.by(by, where=rows, **chosen) if by else {}
        return CacheReportView(
            by=list(by),
            since=since,
            until=until,
            data=[
                SavingsRow(group=dict(zip(by, group, strict=True)), sums=savings_view(savings))
                for group, savings in found.items()
            ],
            total=savings_view(total),
            shadow=report(
                self._desk.settings,
                self._desk.store.judged.all(),
                lambda tenant: _sees(actor, tenant),
            ),
        )


def _sees(actor: Actor, tenant: str) -> bool:
    """Whether a tenant is an actor's own. Of keys without a team nobody but root is sure."""
    if not actor.scope:
        return True
    organisation = actor.organisation.replace("%", "%25").replace("/", "%2F")
    team = f"team {organisation}/{actor.team}"
    return tenant.startswith(team) if not actor.scope.get("team") else tenant == team


def savings_view(savings: Savings) -> SavingsView:
    """Savings as they are shown."""
    hits = savings.hits + savings.semantic_hits
    return SavingsView(
        requests=savings.requests,
        hits=savings.hits,
        semantic_hits=savings.semantic_hits,
        misses=savings.requests - hits,
        bypassed=savings.bypassed,
        hit_rate=round(hits / savings.requests, 6) if savings.requests else None,
        saved_input_tokens=savings.saved_input_tokens,
        saved_output_tokens=savings.saved_output_tokens,
        saved_usd=usd_of(savings.saved_pico_usd),
        unpriced_hits=savings.unpriced_hits,
        saved_s=savings.saved_ms / 1000,
        prompt_cache=PromptCacheView(
            input_tokens=savings.input_tokens,
            cached_input_tokens=savings.cached_input_tokens,
            cache_write_tokens=savings.cache_write_tokens,
            saved_usd=usd_of(savings.prompt_cache_saved_pico_usd),
        ),
    )
