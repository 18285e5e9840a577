"""What several commands share."""

import sys
from pathlib import Path

import click

from sluicegate.config import ConfigError, Settings, load

CONFIG_FILE = click.Path(dir_okay=False, path_type=Path)
CONFIG = click.option(
    "--config",
    "config",
    type=CONFIG_FILE,
    required=True,
    envvar="SLUICEGATE_CONFIG",
    help="The configuration file; SLUICEGATE_CONFIG where omitted.",
)
"""For every command that works on a configuration."""


def load_or_exit(path: Path) -> Settings:
    """The settings of a file; every mistake on standard error and exit code 1 if any."""
    try:
        return load(path)
    except ConfigError as error:
        click.echo(str(error), err=True)
        count = len(error.problems)
        click.echo(f"{count} mistake{'s' if count > 1 else ''} in {path}", err=True)
        sys.exit(1)


def warn(settings: Settings) -> None:
    """What is allowed and probably not meant, on standard error."""
    for warning in settings.warnings:
        click.echo(f"{settings.path}: warning: {warning}", err=True)
