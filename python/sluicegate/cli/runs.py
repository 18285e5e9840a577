"""`sluicegate runs`."""

from typing import Final

import click

from sluicegate.admin.forms import KillRun
from sluicegate.cli.desk import Clerk, administers, all_of, form_of

_COLUMNS: Final = (
    "run",
    "parent_run",
    "last_at",
    "killed_at",
    "sums.requests",
    "sums.total_tokens",
    "sums.cost_usd",
)


@click.group()
def runs() -> None:
    """Runs of agents."""


@runs.command("list")
@administers
def list_runs(clerk: Clerk) -> None:
    """List runs with what they used."""
    service, actor = clerk.service, clerk.actor
    clerk.show(all_of(lambda at: service.runs.page(actor, cursor=at, limit=500)), _COLUMNS)


@runs.command()
@click.argument("run")
@administers
def show(clerk: Clerk, run: str) -> None:
    """Show a run."""
    clerk.show(clerk.service.runs.get(clerk.actor, run))


@runs.command()
@click.argument("run")
@click.option("--reason")
@administers
def kill(clerk: Clerk, run: str, reason: str | None) -> None:
    """End a run: its streams, and all of its requests to come."""
    clerk.show(clerk.service.runs.kill(clerk.actor, run, form_of(KillRun, reason=reason)), _COLUMNS)


@runs.command()
@click.argument("run")
@administers
def revive(clerk: Clerk, run: str) -> None:
    """Take a run's end back."""
    clerk.show(clerk.service.runs.revive(clerk.actor, run), _COLUMNS)
