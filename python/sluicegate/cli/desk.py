"""What the administering commands share: the service on the store itself, with or without a gateway
that runs, and two ways to show things.
"""

import functools
import getpass
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final, NamedTuple

import click
import msgspec

from sluicegate.accounting.keys import MasterKeyError
from sluicegate.admin.actor import Actor
from sluicegate.admin.body import form_from
from sluicegate.admin.errors import InvalidInputError
from sluicegate.admin.service import Service, open_service
from sluicegate.admin.views import plain
from sluicegate.cli.common import CONFIG, load_or_exit
from sluicegate.errors import GatewayError
from sluicegate.store import StoreError

_EVERYTHING: Final = 10**6


class Clerk(NamedTuple):
    """Who works at the command line, on what, and how it is shown."""

    service: Service
    actor: Actor
    as_json: bool

    def show(self, view: Any, columns: Sequence[str] = ()) -> None:
        """A view on standard output: as JSON, or a line for each thing with some of its fields."""
        shown = plain(view)
        if self.as_json:
            click.echo(msgspec.json.format(msgspec.json.encode(shown), indent=2).decode())
            return
        if isinstance(shown, dict) and "data" in shown:
            _table(shown["data"], columns)
        elif columns:
            _table([shown], columns)
        else:
            for name, value in shown.items():
                click.echo(f"{name}: {_cell(value)}")


def administers(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command `--config`, `--json` and a clerk as its first argument; errors become one
    line on standard error and exit code 1.
    """

    @CONFIG
    @click.option("--json", "as_json", is_flag=True, help="Print JSON, as the admin API gives it.")
    @functools.wraps(command)
    def run(config: Path, *, as_json: bool, **options: Any) -> None:
        settings = load_or_exit(config)
        actor = Actor(name=f"cli:{_user()}", role="root")
        try:
            with closing(open_service(lambda: settings)) as service:
                command(Clerk(service, actor, as_json), **options)
        except InvalidInputError as error:
            for problem in error.problems:
                click.echo(f"{problem.field}: {problem.message}", err=True)
            sys.exit(1)
        except (GatewayError, StoreError, MasterKeyError, OSError) as error:
            raise click.ClickException(str(error)) from None

    return run


def form_of(kind: type[msgspec.Struct], **fields: Any) -> Any:
    """A form of what was given; checked as the admin API checks it."""
    return form_from({name: value for name, value in fields.items() if value is not None}, kind)


def pairs_of(texts: Iterable[str], what: str) -> dict[str, str]:
    """`NAME=VALUE` arguments as a mapping."""
    pairs = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise click.BadParameter(f"{text!r} is not NAME=VALUE", param_hint=what)
        pairs[name] = value
    return pairs


def key_id(clerk: Clerk, name: str) -> str:
    """The id of a key by its name, or the id itself."""
    found = clerk.service.keys.page(clerk.actor, cursor=None, limit=1, name=name).data
    return found[0].id if found else name


def all_of(page: Callable[[str | None], Any]) -> dict[str, Any]:
    """All pages as one."""
    data: list[Any] = []
    cursor: str | None = None
    while True:
        some = page(cursor)
        data += some.data
        cursor = some.next_cursor
        if cursor is None or len(data) > _EVERYTHING:
            return {"data": data, "next_cursor": None}


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def _table(things: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Columns as wide as they must be; a dot goes into a mapping."""
    rows = [[name.rpartition(".")[2] for name in columns]]
    rows += [[_cell(_field(thing, name)) for name in columns] for thing in things]
    widths = [max(len(row[place]) for row in rows) for place in range(len(columns))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def _field(thing: Any, name: str) -> Any:
    for part in name.split("."):
        thing = thing.get(part) if isinstance(thing, Mapping) else None
    return thing


def _cell(value: Any) -> str:
    if value is None or value in ("", [], {}):
        return "-"
    if isinstance(value, dict):
        return " ".join(f"{name}={_cell(item)}" for name, item in value.items())
    if isinstance(value, list):
        return ",".join(_cell(item) for item in value)
    # A name must not be able to move the cursor.
    return "".join(each if each.isprintable() else "\ufffd" for each in str(value))
