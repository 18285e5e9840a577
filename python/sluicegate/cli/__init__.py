"""The command `sluicegate`."""

import click

from sluicegate import __version__
from sluicegate.cli.cache import cache
from sluicegate.cli.check import check
from sluicegate.cli.demo import demo
from sluicegate.cli.identities import organisations, projects, teams, users
from sluicegate.cli.keys import keys
from sluicegate.cli.ledger import ledger
from sluicegate.cli.limits import budgets, limits
from sluicegate.cli.models import models
from sluicegate.cli.provider_keys import provider_keys
from sluicegate.cli.providers import providers
from sluicegate.cli.runs import runs
from sluicegate.cli.serve import serve
from sluicegate.cli.spend import spend

__all__ = ["main"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="sluicegate")
def main() -> None:
    """A self-hosted AI gateway for agents."""


_COMMANDS = (serve, check, demo, keys, organisations, teams, projects, users, limits, budgets)
for command in (*_COMMANDS, provider_keys, runs, cache, spend, ledger, providers, models):
    main.add_command(command)
