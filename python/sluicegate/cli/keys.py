"""`sluicegate keys`."""

import secrets
from typing import Final

import click

KEY_PREFIX: Final = "sk-sg-"


def new_key() -> str:
    """A random key of 256 bits with a recognisable prefix."""
    return KEY_PREFIX + secrets.token_urlsafe(32)


@click.group()
def keys() -> None:
    """Keys of the gateway."""


@keys.command()
@click.argument("name", default="default")
def generate(name: str) -> None:
    """Print a new random key and the lines of configuration that admit it."""
    click.echo(new_key())
    click.echo(f'\nkeys:\n  - {{name: {name}, key: "${{SLUICEGATE_KEY}}"}}', err=True)
