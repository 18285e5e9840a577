"""`sluicegate organisations`, `teams`, `projects`, `users`."""

from typing import Any, Final

import click

from sluicegate.admin.forms import (
    ChangeIdentity,
    NewOrganisation,
    NewProject,
    NewTeam,
    NewUser,
    Redact,
)
from sluicegate.admin.views import IdentityView
from sluicegate.cli.desk import Clerk, administers, all_of, form_of, pairs_of

_FORMS: Final[dict[str, Any]] = {
    "organisation": NewOrganisation,
    "team": NewTeam,
    "project": NewProject,
    "user": NewUser,
}
_COLUMNS: Final = ("name", "organisation", "team", "project", "metadata", "id")


def _id(clerk: Clerk, kind: str, name: str) -> str:
    """The id of the one of a name, or the id itself."""
    found: list[IdentityView] = all_of(
        lambda at: clerk.service.identities.page(clerk.actor, kind, cursor=at, limit=500)
    )["data"]
    ids = [each.id for each in found if each.name == name]
    if len(ids) > 1:
        raise click.UsageError(f"several are called {name!r}: give an id, one of {', '.join(ids)}")
    return ids[0] if ids else name


def _group(kind: str) -> click.Group:
    """The commands of one kind."""
    form = _FORMS[kind]
    above = [each for each in ("organisation", "team", "project") if each in form.__struct_fields__]

    @click.group(f"{kind}s", help=f"{kind.capitalize()}s in the gateway's store.")
    def group() -> None:
        pass

    @group.command(help="Make one. What is above it is made where it is not there.")
    @click.argument("name")
    @click.option("--metadata", multiple=True, metavar="NAME=VALUE")
    @administers
    def create(clerk: Clerk, name: str, metadata: tuple[str, ...], **options: Any) -> None:
        made = form_of(form, name=name, metadata=pairs_of(metadata, "--metadata"), **options)
        clerk.show(clerk.service.identities.create(clerk.actor, kind, made), _COLUMNS)

    for option in above:
        create.params.append(click.Option([f"--{option}"]))

    @group.command("list", help="List all.")
    @administers
    def list_all(clerk: Clerk) -> None:
        identities, actor = clerk.service.identities, clerk.actor
        pages = all_of(lambda at: identities.page(actor, kind, cursor=at, limit=500))
        clerk.show(pages, _COLUMNS)

    @group.command(help="Show one, by its name or id.")
    @click.argument("name")
    @administers
    def show(clerk: Clerk, name: str) -> None:
        clerk.show(clerk.service.identities.get(clerk.actor, kind, _id(clerk, kind, name)))

    @group.command(help="Replace what is noted of one.")
    @click.argument("name")
    @click.option("--metadata", multiple=True, metavar="NAME=VALUE")
    @administers
    def update(clerk: Clerk, name: str, metadata: tuple[str, ...]) -> None:
        change = form_of(ChangeIdentity, metadata=pairs_of(metadata, "--metadata"))
        where = _id(clerk, kind, name)
        clerk.show(clerk.service.identities.change(clerk.actor, kind, where, change), _COLUMNS)

    @group.command(
        help="Delete one that is empty."
        if kind != "user"
        else "Delete one: its keys end, the ledger's lines stay without the name."
    )
    @click.argument("name")
    @administers
    def delete(clerk: Clerk, name: str) -> None:
        clerk.show(clerk.service.identities.delete(clerk.actor, kind, _id(clerk, kind, name)))

    return group


organisations = _group("organisation")
teams = _group("team")
projects = _group("project")
users = _group("user")


@users.command()
@click.argument("name")
@click.option("--organisation")
@click.option("--team")
@click.option("--project")
@administers
def redact(clerk: Clerk, name: str, **options: Any) -> None:
    """Take a person out of the ledger who is no user here, such as an end user."""
    clerk.show(clerk.service.identities.redact(clerk.actor, form_of(Redact, user=name, **options)))
