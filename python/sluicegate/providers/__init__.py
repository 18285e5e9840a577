"""Hosts that the gateway knows by name: rows of data, no code."""

import re
import tomllib
from collections.abc import Mapping
from importlib.resources import files
from typing import Final
from urllib.parse import urlsplit

import msgspec

from sluicegate.providers.rows import (
    OWN,
    DataUse,
    EmbeddingsForm,
    Extension,
    Lack,
    ProviderRow,
    RerankForm,
)

__all__ = [
    "ALIASES",
    "CATALOGUE",
    "OWN",
    "DataUse",
    "EmbeddingsForm",
    "Extension",
    "Lack",
    "ProviderRow",
    "RerankForm",
    "add_rows",
    "name_at",
    "name_of",
    "price_provider_of",
    "row_at",
    "row_named",
]


def _read() -> dict[str, ProviderRow]:
    rows: dict[str, ProviderRow] = {}
    texts = (path for path in files(__package__).joinpath("hosts").iterdir())
    for path in sorted(texts, key=lambda path: path.name):
        if path.name.endswith(".toml"):
            found = tomllib.loads(path.read_text(encoding="utf-8"))
            rows.update(msgspec.convert(found, dict[str, ProviderRow]))
    return rows


CATALOGUE: Final = _read()
ALIASES: Final = {alias: name for name, row in CATALOGUE.items() for alias in row.aliases}


_ADDED: Final[set[str]] = set()
"""Names of plugins' rows, aliases among them."""


def add_rows(rows: Mapping[str, ProviderRow]) -> list[str]:
    """Adds the rows of plugins, in place of those that were added before; gives the names that the
    catalogue has already, which stay what they are.
    """
    for name in _ADDED:
        CATALOGUE.pop(name, None)
        ALIASES.pop(name, None)
    _ADDED.clear()
    taken = []
    for name, row in rows.items():
        names = (name, *row.aliases)
        if any(each in CATALOGUE or each in ALIASES for each in names):
            taken.append(name)
            continue
        CATALOGUE[name] = row
        ALIASES.update(dict.fromkeys(row.aliases, name))
        _ADDED.update(names)
    return taken


def name_of(name: str) -> str:
    """The catalogue's own name for a host that others call so."""
    return name if name in CATALOGUE else ALIASES.get(name, name)


def row_named(name: str) -> ProviderRow | None:
    """The row of a name, or of one that other gateways have for it."""
    return CATALOGUE.get(name_of(name))


def name_at(base_url: str | None, dialect: str | None) -> str | None:
    """The catalogue's name for a public host, whatever a configuration calls it; a host of one's
    own is known by its name alone.
    """
    try:
        host = urlsplit(base_url or "").netloc.lower()
    except ValueError:
        return None
    at_host = (
        name
        for name, row in CATALOGUE.items()
        if row.needs_key and row.dialect == dialect and _is_host_of(host, row)
    )
    return next(at_host, None)


def row_at(base_url: str | None, dialect: str | None) -> ProviderRow | None:
    """Its row."""
    name = name_at(base_url, dialect)
    return CATALOGUE[name] if name else None


def price_provider_of(name: str) -> str:
    """The price book's name for a host, by the catalogue's or another gateway's."""
    row = row_named(name)
    return (row.price_provider if row else "") or name_of(name)


def _is_host_of(host: str, row: ProviderRow) -> bool:
    pattern = urlsplit(row.base_url).netloc
    if pattern.startswith("{") and pattern.endswith("}"):
        return False  # all of it is the user's
    exact = re.escape(re.sub(r"\{\w+\}", "\0", pattern))
    return re.fullmatch(exact.replace(re.escape("\0"), r"[\w-]+"), host) is not None
