"""Tables for people and JSON for programs."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click
import msgspec

_FORMAT = click.option(
    "--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True
)
_JSON = click.option("--json", "form", flag_value="json", help="The same as --format json.")


def shown_as(command: Callable[..., None]) -> Callable[..., None]:
    """How it is shown."""
    return _FORMAT(_JSON(command))


def show(things: Sequence[Mapping[str, Any]], columns: Sequence[str], form: str) -> None:
    """Things a line each, or all of them as one JSON array."""
    if form == "json":
        print_json(list(things))
        return
    rows = [list(columns), *([cell(thing.get(name)) for name in columns] for thing in things)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(columns))]
    for row in rows:
        cells = (text.ljust(width) for text, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def show_one(thing: Mapping[str, Any], form: str) -> None:
    """One thing, a field a line."""
    if form == "json":
        print_json(thing)
        return
    width = max(len(name) for name in thing)
    for name, value in thing.items():
        several = isinstance(value, list) and len(value) > 1 and any(" " in each for each in value)
        first, *rest = value if several else [value]
        click.echo(f"{name.ljust(width)}  {cell(first)}")
        for each in rest:
            click.echo(f"{' ' * width}  {cell(each)}")


def print_json(value: object) -> None:
    """Indented JSON."""
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def cell(value: Any) -> str:
    """A value in one line."""
    if value is None or value in ("", [], {}):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {cell(item)}" for name, item in value.items())
    if isinstance(value, list):
        return ", ".join(cell(item) for item in value)
    return "".join(each if each.isprintable() else "�" for each in str(value))
