"""The documentation names every field of the format, with its default, and no other."""

import re
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import msgspec
import pytest

from sluicegate.config.cache import CacheOverride, ExactRules, SemanticRules
from sluicegate.config.schema import Config, ProviderKey, Target, Timeouts
from sluicegate.config.settings import Deadlines
from sluicegate.config.values import ByteSize

PAGE = Path(__file__).resolve().parents[2] / "docs" / "configuration.md"


def structs_in(kind: Any) -> Iterator[tuple[str, type[msgspec.Struct]]]:
    """Structs that a field may hold, with what stands between their names and the field's."""
    origin = get_origin(kind)
    if origin is Annotated:
        yield from structs_in(get_args(kind)[0])
    elif origin is dict:
        yield from ((".NAME" + way, inner) for way, inner in structs_in(get_args(kind)[1]))
    elif origin is list:
        yield from (("[]" + way, inner) for way, inner in structs_in(get_args(kind)[0]))
    elif origin is not None:
        for part in get_args(kind):
            yield from structs_in(part)
    elif isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield "", kind


def fields_of(struct: type[msgspec.Struct], above: str = "") -> Iterator[tuple[str, Any]]:
    """`(dotted name, default)` of every field, those of inner Structs in the place of their own."""
    hints = typing.get_type_hints(struct, include_extras=True)
    for field in msgspec.structs.fields(struct):
        name = above + field.encode_name
        inner = list(structs_in(hints[field.name]))
        # a provider's, a model's: one line
        inherited = (inner == [("", Timeouts)] and above) or inner == [("", CacheOverride)]
        if not inner or inherited or inner[0][1] in {ProviderKey, Target}:
            default = field.default if field.default_factory is msgspec.NODEFAULT else None
            yield name, None if inherited else default
        for way, kind in inner if not inherited else ():
            yield from fields_of(kind, f"{name}{way}.")


FIELDS = dict(fields_of(Config))
ROWS = dict(re.findall(r"^\| `([^`]+)` \| ([^|]+?) \|", PAGE.read_text(), re.MULTILINE))


def test_the_page_has_the_formats_fields() -> None:
    assert set(ROWS) == set(FIELDS)


RULES = {"cache.exact": ExactRules(), "cache.semantic": SemanticRules()}
"""Defaults of what a narrower scope may leave out."""


def _written(value: Any) -> str:
    if isinstance(value, ByteSize):
        return f"`{value // 2**20}MiB`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


@pytest.mark.parametrize("name", FIELDS)
def test_the_page_has_a_fields_default(name: str) -> None:
    default = FIELDS[name]
    if default is msgspec.UNSET:
        section, _, field = name.rpartition(".")
        default = getattr(RULES[section], field)
    if default is msgspec.NODEFAULT:
        assert ROWS[name] == "required"
    elif default is None and name.startswith("timeouts."):
        assert ROWS[name] == _written(getattr(Deadlines(), name.removeprefix("timeouts.")))
    elif default == ():
        assert ROWS[name] == "`[]`"
    elif default == "":
        assert ROWS[name] == "empty"
    elif default is not None:
        assert ROWS[name] == _written(default)
