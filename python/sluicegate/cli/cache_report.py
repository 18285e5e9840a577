"""`sluicegate cache report`."""

from typing import Any

import click

from sluicegate.admin.views import plain
from sluicegate.cli.desk import Clerk, administers, pairs_of
from sluicegate.store.ledger import GROUPS

_SHOWN = ("requests", "hits", "semantic_hits", "hit_rate", "saved_usd", "saved_s")
_OF_SHADOW = (
    "model",
    "tenant",
    "embedder",
    "threshold",
    "judged",
    "would_be_hits",
    "disagreements",
    "false_hit_rate",
    "false_hit_rate_low",
    "false_hit_rate_high",
)
_OF_PROMPTS = {"prompt_cached_tokens": "cached_input_tokens", "prompt_saved_usd": "saved_usd"}


@click.command()
@click.option("--by", multiple=True, type=click.Choice(list(GROUPS)), help="Up to four of these.")
@click.option("--since", help="A day, or a time such as 2026-11-23T12:00:00Z.")
@click.option("--until", help="The first day or time that is not counted.")
@click.option("--where", multiple=True, metavar="NAME=VALUE", help="Only these rows.")
@administers
def report(
    clerk: Clerk,
    by: tuple[str, ...],
    since: str | None,
    until: str | None,
    where: tuple[str, ...],
) -> None:
    """Show what the cache saved, and in its last columns what providers' own caches did. Rows that
    still wait in the journal are not in it. What the shadow mode found follows, where it found
    something.
    """
    found = clerk.service.cache_reports.report(
        clerk.actor, by, since=since, until=until, where=pairs_of(where, "--where")
    )
    if clerk.as_json:
        clerk.show(found)
        return
    lines = [_line(row["group"], row["sums"]) for row in plain(found.data)]
    lines.append(_line(dict.fromkeys(by[:1], "all"), plain(found.total)))
    clerk.show({"data": lines}, [*by, *_SHOWN, *_OF_PROMPTS])
    if found.shadow:
        click.echo()
        clerk.show({"data": plain(found.shadow)}, _OF_SHADOW)


def _line(group: dict[str, Any], sums: dict[str, Any]) -> dict[str, Any]:
    """A group's figures side by side."""
    own = {name: sums[name] for name in _SHOWN}
    return {**group, **own, **{name: sums["prompt_cache"][of] for name, of in _OF_PROMPTS.items()}}
