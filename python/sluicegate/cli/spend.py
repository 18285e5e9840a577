"""`sluicegate spend`."""

import click

from sluicegate.admin.views import plain
from sluicegate.cli.desk import Clerk, administers, pairs_of
from sluicegate.store.ledger import GROUPS

_SHOWN = ("requests", "input_tokens", "output_tokens", "cost_usd", "unpriced")


@click.command()
@click.option("--by", multiple=True, type=click.Choice(list(GROUPS)), help="Up to four of these.")
@click.option("--from", "since", help="A day, or a time such as 2026-11-23T12:00:00Z.")
@click.option("--to", "until", help="The first day or time that is not counted.")
@click.option("--where", multiple=True, metavar="NAME=VALUE", help="Only these rows.")
@administers
def spend(
    clerk: Clerk,
    by: tuple[str, ...],
    since: str | None,
    until: str | None,
    where: tuple[str, ...],
) -> None:
    """Show what was spent, exactly. Rows that still wait in the journal are not in it."""
    report = clerk.service.reports.spend(
        clerk.actor, by, since=since, until=until, where=pairs_of(where, "--where")
    )
    if clerk.as_json:
        clerk.show(report)
        return
    total = {"group": dict.fromkeys(by, ""), "sums": plain(report.total)}
    if by:
        total["group"][by[0]] = "all"
    columns = [*(f"group.{name}" for name in by), *(f"sums.{name}" for name in _SHOWN)]
    clerk.show({"data": [*plain(report.data), total] if by else [total]}, columns)
