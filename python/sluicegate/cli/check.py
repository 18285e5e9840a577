"""`sluicegate check`."""

from collections.abc import Sized
from pathlib import Path

import click

from sluicegate.cli.common import CONFIG_FILE, load_or_exit, warn


@click.command()
@click.argument("file", type=CONFIG_FILE, envvar="SLUICEGATE_CONFIG")
def check(file: Path) -> None:
    """Check a configuration file: prints every mistake with its line and field.

    Exit code 1 if there is any; nothing is started and no provider is called.
    """
    settings = load_or_exit(file)
    warn(settings)
    for plugin in settings.plugins.listed:
        click.echo(f"plugin {plugin.name} of {plugin.package}: {plugin.gives}")
    click.echo(
        f"{file}: ok ({_count(settings.upstreams, 'provider')}, "
        f"{_count(settings.routes, 'model')}, {_count(settings.keys, 'key')})"
    )


def _count(things: Sized, word: str) -> str:
    number = len(things)
    return f"{number} {word}{'' if number == 1 else 's'}"
