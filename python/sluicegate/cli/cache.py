"""`sluicegate cache`."""

from typing import Final

import click

from sluicegate.admin.forms import PurgeCache
from sluicegate.cli.cache_report import report
from sluicegate.cli.desk import Clerk, administers, form_of

_COLUMNS: Final = ("kind", "value", "at", "epoch")


@click.group()
def cache() -> None:
    """Answers that are kept."""


cache.add_command(report)


@cache.command()
@click.option("--key", help="One entry: 64 hex digits, as `x-sluicegate-cache-key` tells them.")
@click.option("--tag", help="What requests with this tag brought.")
@click.option("--model", help="By the name that was asked for, or provider/model.")
@click.option("--tenant", help="`team ORGANISATION/TEAM`, `team TEAM` or `key NAME`.")
@click.option("--namespace", help="All of a namespace; '' is what has none.")
@click.option("--all", "everything", is_flag=True, help="All there is.")
@administers
def purge(clerk: Clerk, *, everything: bool, **named: str | None) -> None:
    """End what is kept, on all workers and hosts within a second."""
    form = form_of(PurgeCache, all=everything or None, **named)
    clerk.show(clerk.service.cache.purge(clerk.actor, form), _COLUMNS)


@cache.command()
@administers
def stats(clerk: Clerk) -> None:
    """Show how much there is in the store, and what was purged last."""
    clerk.show(clerk.service.cache.get())
