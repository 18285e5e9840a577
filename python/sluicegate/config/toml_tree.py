"""TOML as a tree with lines, which its reader in the standard library does not keep."""

import re
import tomllib
from pathlib import Path as File
from typing import Any, Final

from sluicegate.config.node import Node
from sluicegate.config.problems import ConfigError, Path, Problem

_HEADER: Final = re.compile(r"\s*(\[\[?)\s*([^\]]+?)\s*\]")
_PART: Final = re.compile(r"""[\w-]+|"[^"]*"|'[^']*'""")
_KEY: Final = re.compile(rf"\s*((?:{_PART.pattern})(?:\s*\.\s*(?:{_PART.pattern}))*)\s*=")


def read_toml(file: File, text: str) -> Node:
    """The tree of a TOML document.

    Raises:
        ConfigError: it is not TOML.
    """
    try:
        value = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"at line (\d+)", str(error))
        problem = Problem(int(at.group(1)) if at else 0, (), f"not TOML: {error}")
        raise ConfigError(str(file), [problem]) from None
    except RecursionError:
        raise ConfigError(str(file), [Problem(0, (), "nests too deep")]) from None
    return _node(value, (), _lines(text), 0)


def _node(value: Any, path: Path, lines: dict[Path, int], around: int) -> Node:
    line = lines.get(path, around)
    if isinstance(value, dict):
        items = {key: _node(item, (*path, key), lines, line) for key, item in value.items()}
        return Node(items, line, {key: lines.get((*path, key), line) for key in value})
    if isinstance(value, list):
        return Node([_node(item, (*path, i), lines, line) for i, item in enumerate(value)], line)
    is_known = isinstance(value, str | bool | int | float)
    shown = value if is_known else str(value)
    return Node(shown, line, text=shown if isinstance(shown, str) else None)


def _lines(text: str) -> dict[Path, int]:
    """The line of each key, from headers and `key =` at the start of lines. What stands deeper in
    an inline table or in text of several lines has its table's line.
    """
    lines: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    table: Path = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            table = _parts(header.group(2))
            if header.group(1) == "[[":
                index = counts[table] = counts.get(table, -1) + 1
                lines.setdefault(table, number)
                table = (*table, index)
            else:
                table = _within(table, counts)
            for depth in range(1, len(table) + 1):  # `[a.b]` makes `a` too
                lines.setdefault(table[:depth], number)
        elif key := _KEY.match(line):
            lines.setdefault((*table, *_parts(key.group(1))), number)
    return lines


def _within(table: Path, counts: dict[Path, int]) -> Path:
    """`[keys.x]` behind `[[keys]]` belongs to the last of the keys."""
    out: Path = ()
    for part in table:
        out = (*out, part)
        if out in counts:
            out = (*out, counts[out])
    return out


def _parts(dotted: str) -> Path:
    return tuple(part.strip("\"'") for part in _PART.findall(dotted))
