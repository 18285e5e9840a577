"""The command `sluicegate`."""

import click

from sluicegate import __version__
from sluicegate.cli.check import check
from sluicegate.cli.demo import demo
from sluicegate.cli.keys import keys
from sluicegate.cli.ledger import ledger
from sluicegate.cli.serve import serve

__all__ = ["main"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="sluicegate")
def main() -> None:
    """A self-hosted AI gateway for agents."""


for command in (serve, check, demo, keys, ledger):
    main.add_command(command)
