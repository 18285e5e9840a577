"""`sluicegate keys`."""

import functools
import sys
from collections.abc import Callable
from typing import Any, Final

import click

from sluicegate.accounting.keys import form_of as form_of_key
from sluicegate.accounting.keys import mint
from sluicegate.admin.body import form_from
from sluicegate.admin.forms import ChangeKey, NewKey, RotateKey
from sluicegate.admin.views import MintedKeyView
from sluicegate.cli.desk import Clerk, administers, all_of, form_of, key_id, pairs_of

_VERDICTS: Final = {
    "minted": "a key as this gateway makes them; only the store knows whether it is in force",
    "mistyped": "not a key: it has a slip in it, or a part is missing",
    "foreign": "not a key that this gateway made",
}
_COLUMNS: Final = ("name", "state", "role", "organisation", "team", "user", "expires_at", "id")
_PERIODS: Final = click.Choice(["minute", "hour", "day", "week", "month", "total"])


_CACHE_OPTIONS: Final = (
    click.option("--cache", type=click.Choice(["on", "off"]), help="Whether it is for this key."),
    click.option("--cache-ttl-s", type=float, help="How long answers of its requests are good."),
    click.option("--cache-namespace", help="Whose entries it reads and writes."),
)


def _caches(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command the options of a key's cache, as one field."""

    @functools.wraps(command)
    def run(
        clerk: Clerk,
        name: str,
        cache: str | None,
        cache_ttl_s: float | None,
        cache_namespace: str | None,
        **options: Any,
    ) -> None:
        enabled = None if cache is None else cache == "on"
        given = {"enabled": enabled, "ttl_s": cache_ttl_s, "namespace": cache_namespace}
        given = {field: value for field, value in given.items() if value is not None}
        command(clerk, name, cache=given or None, **options)

    for option in reversed(_CACHE_OPTIONS):
        run = option(run)
    return run


@click.group()
def keys() -> None:
    """Keys of the gateway: those in its store, not those in the configuration."""


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
    form = form_of_key(sys.stdin.readline().strip())
    click.echo(_VERDICTS[form])
    sys.exit(0 if form == "minted" else 1)


@keys.command()
@click.argument("name")
@click.option("--organisation", help="Made where it is not there; so are the next three.")
@click.option("--team")
@click.option("--project")
@click.option("--user")
@click.option("--role", type=click.Choice(["team_admin", "organisation_admin"]))
@click.option("--model", "models", multiple=True, help="A model it may ask for; all if none.")
@click.option("--provider", "providers", multiple=True, help="A provider; all if none.")
@click.option("--route", "routes", multiple=True, help="A path like /v1/embeddings; all if none.")
@click.option("--metadata", multiple=True, metavar="NAME=VALUE")
@click.option("--expires-at", help="Such as 2027-01-01T00:00:00Z.")
@click.option("--budget-usd")
@click.option("--budget-period", type=_PERIODS)
@click.option("--tpm", type=int, help="Tokens a minute.")
@click.option("--rpm", type=int, help="Requests a minute.")
@click.option("--max-parallel", type=int, help="Requests at once.")
@administers
@_caches
def create(clerk: Clerk, name: str, **options: Any) -> None:
    """Make a key. Its secret is printed once and cannot be seen again."""
    options["models"] = list(options["models"]) or None
    options["providers"] = list(options["providers"]) or None
    options["routes"] = list(options["routes"]) or None
    options["metadata"] = pairs_of(options["metadata"], "--metadata")
    _show_secret(
        clerk, clerk.service.keys.create(clerk.actor, form_of(NewKey, name=name, **options))
    )


@keys.command("list")
@administers
def list_keys(clerk: Clerk) -> None:
    """List all keys."""
    service, actor = clerk.service, clerk.actor
    clerk.show(all_of(lambda at: service.keys.page(actor, cursor=at, limit=500)), _COLUMNS)


@keys.command()
@click.argument("name")
@administers
def show(clerk: Clerk, name: str) -> None:
    """Show a key, by its name or id."""
    clerk.show(clerk.service.keys.get(clerk.actor, key_id(clerk, name)))


@keys.command()
@click.argument("name")
@click.option("--model", "models", multiple=True, help="The models it may ask for from now on.")
@click.option("--provider", "providers", multiple=True)
@click.option("--route", "routes", multiple=True)
@click.option("--metadata", multiple=True, metavar="NAME=VALUE", help="Replaces all of it.")
@click.option("--expires-at")
@click.option("--budget-usd")
@click.option("--budget-period", type=_PERIODS)
@click.option("--tpm", type=int)
@click.option("--rpm", type=int)
@click.option("--max-parallel", type=int)
@click.option(
    "--without",
    multiple=True,
    type=click.Choice(
        [
            *("models", "providers", "routes", "expires_at", "budget_usd", "tpm", "rpm"),
            *("max_parallel", "cache"),
        ]
    ),
    help="A bound to take away.",
)
@administers
@_caches
def update(clerk: Clerk, name: str, without: tuple[str, ...], **options: Any) -> None:
    """Change a key; what is left out stays."""
    options["metadata"] = pairs_of(options["metadata"], "--metadata")
    given = {field: value for field, value in options.items() if value not in (None, (), {})}
    given = {
        field: list(value) if isinstance(value, tuple) else value for field, value in given.items()
    }
    changes = {**given, **dict.fromkeys(without)}
    if not changes:
        raise click.UsageError("nothing to change: name a field, or a bound --without which it is")
    form = form_from(changes, ChangeKey)
    clerk.show(clerk.service.keys.change(clerk.actor, key_id(clerk, name), form))


@keys.command()
@click.argument("name")
@click.option(
    "--overlap-s", type=int, help="How long the old secret still works; a day if omitted."
)
@administers
def rotate(clerk: Clerk, name: str, overlap_s: int | None) -> None:
    """Give a key a new secret, which is printed once."""
    form = form_of(RotateKey, overlap_s=overlap_s)
    _show_secret(clerk, clerk.service.keys.rotate(clerk.actor, key_id(clerk, name), form))


@keys.command()
@click.argument("name")
@administers
def revoke(clerk: Clerk, name: str) -> None:
    """End a key for good, within a second on this host."""
    clerk.show(clerk.service.keys.revoke(clerk.actor, key_id(clerk, name)), _COLUMNS)


@keys.command()
@click.argument("name")
@administers
def delete(clerk: Clerk, name: str) -> None:
    """End a key and take its name out of the ledger, whose lines stay."""
    clerk.show(clerk.service.keys.delete(clerk.actor, key_id(clerk, name)))


def _show_secret(clerk: Clerk, minted: MintedKeyView) -> None:
    """Standard output is the secret alone, so that it can be piped."""
    if clerk.as_json:
        clerk.show(minted)
        return
    click.echo(minted.key)
    click.echo(f"{minted.record.name} ({minted.record.id}): shown once, keep it", err=True)
