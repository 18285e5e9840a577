"""`sluicegate keys`."""

import sys

import click

from sluicegate.accounting.keys import form_of, mint

_VERDICTS = {
    "minted": "a key as this gateway makes them; only the store knows whether it is in force",
    "mistyped": "not a key: it has a slip in it, or a part is missing",
    "foreign": "not a key that this gateway made",
}


@click.group()
def keys() -> None:
    """Keys of the gateway."""


@keys.command()
@click.argument("name", default="default")
def generate(name: str) -> None:
    """Print a new random key and the lines of configuration that admit it."""
    click.echo(mint())
    click.echo(f'\nkeys:\n  - {{name: {name}, key: "${{SLUICEGATE_KEY}}"}}', err=True)


@keys.command()
def inspect() -> None:
    """Tell whether the key on standard input has a slip in it.

    Asks nobody. It is read from there since arguments are seen by all users of a machine.
    """
    form = form_of(sys.stdin.readline().strip())
    click.echo(_VERDICTS[form])
    sys.exit(0 if form == "minted" else 1)
