"""`sluicegate check`."""

from pathlib import Path

import click

from sluicegate.cli.common import CONFIG_FILE, load_or_exit


@click.command()
@click.argument("file", type=CONFIG_FILE)
def check(file: Path) -> None:
    """Check a configuration file: prints every mistake with its line and field."""
    settings = load_or_exit(file)
    click.echo(
        f"{file}: ok ({len(settings.upstreams)} providers, {len(settings.routes)} models, "
        f"{len(settings.keys)} keys)"
    )
