"""`sluicegate models`."""

import sys
from collections.abc import Iterator
from itertools import chain
from typing import Any, Final

import click

from sluicegate.cli.table import print_json, show, show_one, shown_as
from sluicegate.models import ModelFacts, facts_of, listed, version
from sluicegate.providers import CATALOGUE, price_provider_of

_COLUMNS: Final = ("model", "context", "output", "sees", "can", "does", "ends")


@click.group()
def models() -> None:
    """Models that the catalogue knows, by the provider that serves them. Dated: see `version`."""


@models.command("version")
def version_() -> None:
    """Say which data the catalogue was built from, and when."""
    click.echo(version())


@models.command("list")
@click.argument("provider", required=False)
@shown_as
def list_(provider: str | None, form: str) -> None:
    """List all models, or those of one provider."""
    found = _found(_book_names(provider) if provider else None)
    _show(found, form)


@models.command()
@click.argument("words", nargs=-1, required=True)
@shown_as
def search(words: tuple[str, ...], form: str) -> None:
    """List models whose `provider/model` or title has all the words."""
    lower = [word.lower() for word in words]
    all_of = (
        (name, facts)
        for name, facts in _found(None)
        if all(word in f"{name} {facts.name}".lower() for word in lower)
    )
    _show(all_of, form)


@models.command("show")
@click.argument("name", metavar="PROVIDER/MODEL")
@shown_as
def show_(name: str, form: str) -> None:
    """Show what is known of one model."""
    provider, slash, model = name.partition("/")
    if not (slash and model):
        raise click.ClickException(f'"{name}" is not provider/model')
    books = _book_names(provider)
    found = facts_of({(book, model) for book in books})
    facts = next(iter(found.values()), None)
    if facts is None:
        raise click.ClickException(f'the catalogue does not know "{name}"')
    show_one({**_fields(name, facts), "title": facts.name, "known_as": facts.id}, form)


def _book_names(provider: str) -> set[str]:
    """The price book's name of a provider of the catalogue; a name of the book is one itself."""
    return {price_provider_of(provider)}


def _found(books: set[str] | None) -> Iterator[tuple[str, ModelFacts]]:
    own = _names_of_books()
    return ((f"{own.get(book, book)}/{facts.id}", facts) for book, facts in listed(books))


def _names_of_books() -> dict[str, str]:
    """The catalogue's name for a provider of the price book: its own, else the first that has its
    prices and is nobody's second dialect.
    """
    names = {name: name for name in CATALOGUE}
    for name, row in sorted(CATALOGUE.items(), key=lambda item: not item[1].aliases):
        names.setdefault(row.price_provider or name, name)
    return names


def _show(found: Iterator[tuple[str, ModelFacts]], form: str) -> None:
    first = next(found, None)
    if first is None:
        if form == "json":
            print_json([])
        sys.exit(1)
    show([_fields(name, facts) for name, facts in chain([first], found)], _COLUMNS, form)


def _fields(name: str, facts: ModelFacts) -> dict[str, Any]:
    return {
        "model": name,
        "context": facts.context,
        "output": facts.output,
        "sees": list(facts.sees),
        "gives": list(facts.gives),
        "can": None if facts.can is None else list(facts.can),
        "does": facts.does,
        "deprecated": facts.deprecated,
        "ends": facts.ends,
    }
