"""`sluicegate provider-keys`."""

import os
import sys
from collections.abc import Callable
from typing import Final

import click

from sluicegate.admin.forms import NewProviderKey, ReplaceProviderKey
from sluicegate.admin.views import ProviderKeyView
from sluicegate.cli.desk import Clerk, administers, all_of, form_of

_COLUMNS: Final = ("provider", "key", "team", "organisation", "hint", "updated_at", "id")
_MOST: Final = 8192
"""Characters read of a credential; the form takes fewer."""
_OWNER: Final = {
    "key": "The gateway's key whose it is, by its name.",
    "team": "The team whose it is.",
    "organisation": "The organisation whose it is; with --team, the team's.",
}


def _owner(command: Callable[..., None]) -> Callable[..., None]:
    for name, says in reversed(_OWNER.items()):
        command = click.option(f"--{name}", default="", help=says)(command)
    return command


def _credential(command: Callable[..., None]) -> Callable[..., None]:
    return click.option(
        "--from-env",
        "variable",
        metavar="NAME",
        help="The environment variable that has it; else it is read from standard input.",
    )(command)


@click.group("provider-keys")
def provider_keys() -> None:
    """Tenants' own credentials for providers: those in the store, not those in the configuration.

    A credential is never an argument, since arguments are seen by all users of a machine, and is
    shown nowhere again but for its last four characters.
    """


@provider_keys.command()
@click.argument("provider")
@_owner
@_credential
@administers
def create(clerk: Clerk, provider: str, variable: str | None, **owner: str) -> None:
    """Give a key, a team or an organisation its own credential for a provider."""
    form = form_of(NewProviderKey, provider=provider, api_key=_read(variable), **owner)
    clerk.show(clerk.service.provider_keys.create(clerk.actor, form), _COLUMNS)


@provider_keys.command("list")
@click.option("--provider", help="Only those for this one.")
@administers
def list_keys(clerk: Clerk, provider: str | None) -> None:
    """List them: whose they are, and their last four characters."""
    found = [each for each in _all(clerk) if provider in {None, each.provider}]
    clerk.show({"data": found, "next_cursor": None}, _COLUMNS)


@provider_keys.command()
@click.argument("which", metavar="PROVIDER|ID")
@_owner
@_credential
@administers
def rotate(clerk: Clerk, which: str, variable: str | None, **owner: str) -> None:
    """Put another credential in the place of one, by its provider and owner or by its id."""
    key_id = _id(clerk, which, owner)
    form = form_of(ReplaceProviderKey, api_key=_read(variable))
    clerk.show(clerk.service.provider_keys.replace(clerk.actor, key_id, form), _COLUMNS)


@provider_keys.command()
@click.argument("which", metavar="PROVIDER|ID")
@_owner
@administers
def delete(clerk: Clerk, which: str, **owner: str) -> None:
    """Take one out: its owner's requests go with the operator's credential again."""
    clerk.show(clerk.service.provider_keys.delete(clerk.actor, _id(clerk, which, owner)))


def _all(clerk: Clerk) -> list[ProviderKeyView]:
    page = clerk.service.provider_keys.page
    found: list[ProviderKeyView] = all_of(lambda at: page(clerk.actor, cursor=at, limit=500))[
        "data"
    ]
    return found


def _id(clerk: Clerk, which: str, owner: dict[str, str]) -> str:
    """The id of what was meant; an owner has one credential for a provider."""
    if not any(owner.values()):
        if any(each.id == which for each in _all(clerk)):
            return which
        raise click.UsageError(f"{which!r} is no id: say whose, with --key, --team, --organisation")
    for each in _all(clerk):
        if each.provider == which and all(getattr(each, name) == owner[name] for name in owner):
            return each.id
    whose = ", ".join(f"{name} {value!r}" for name, value in owner.items() if value)
    raise click.ClickException(f"{whose} has no credential of its own for {which!r}")


def _read(variable: str | None) -> str:
    """A credential, without the end of its line; typed ones are not shown."""
    if variable is not None:
        found = os.environ.get(variable)
        if not found:
            raise click.UsageError(f"the environment variable {variable} is not set or empty")
        return found
    if sys.stdin.isatty():
        typed: str = click.prompt("credential", hide_input=True, err=True)
        return typed
    text = sys.stdin.read(_MOST).removesuffix("\n").removesuffix("\r")
    if not text:
        raise click.UsageError("no credential came on standard input; --from-env NAME reads one")
    return text
