"""YAML as a tree with lines. A safe loader; no tag makes an object."""

import re
from pathlib import Path as File
from typing import Final, cast

import yaml

from sluicegate.config.node import Node
from sluicegate.config.problems import ConfigError, Path, Problem

MAX_DEPTH: Final = 32
MAX_NODES: Final = 200_000
"""Aliases of aliases grow without bound in a few lines; ten thousand keys need a tenth of this."""

_TAG: Final = "tag:yaml.org,2002:"
_GUESSED: Final = {_TAG + kind for kind in ("null", "bool", "int", "float")}
_TEXT: Final = {_TAG + kind for kind in ("str", "timestamp", "value")}


_QUOTED: Final = re.compile(r"""\"[^\"]*\"|'[^']*'""")
_VARIABLE: Final = re.compile(r"\$\{\w+\}")


def _hint(text: str, line: int) -> str:
    """`${NAME}` without quotes inside braces: YAML reads its brace as one of its own."""
    lines = text.splitlines()
    bare = _QUOTED.sub("", lines[line - 1]) if 0 < line <= len(lines) else ""
    variable = _VARIABLE.search(bare)
    return f'; write "{variable.group()}", in quotes' if variable else ""


def read_yaml(file: File, text: str, problems: list[Problem]) -> Node:
    """The tree of a YAML document; duplicate keys and foreign tags are noted.

    Raises:
        ConfigError: it is not YAML.
    """
    try:
        return _read(text, problems)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 0
        reason = Problem(line, (), f"not YAML: {error.problem}{_hint(text, line)}")
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        wrong = f"not YAML: the character U+{ord(text[error.position]):04X} is not allowed"
        reason = Problem(line, (), wrong)
    except RecursionError:
        reason = Problem(0, (), f"nests more than {MAX_DEPTH} levels deep")
    except _TooManyNodesError:
        reason = Problem(0, (), f"has more than {MAX_NODES} values once its aliases are resolved")
    raise ConfigError(str(file), [reason])


def _read(text: str, problems: list[Problem]) -> Node:
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        return Node({}) if node is None else _Reader(loader, problems).node(node, (), 0)
    finally:
        loader.dispose()


class _TooManyNodesError(Exception):
    """Aliases that multiply."""


class _Reader:
    """Turns composed YAML nodes into ours."""

    def __init__(self, loader: yaml.SafeLoader, problems: list[Problem]) -> None:
        self._loader = loader
        self._problems = problems
        self._left = MAX_NODES

    def node(self, node: yaml.Node, path: Path, depth: int) -> Node:
        line = node.start_mark.line + 1
        self._left -= 1
        if self._left < 0:
            raise _TooManyNodesError
        if depth > MAX_DEPTH:
            return self._broken(line, path, f"nests more than {MAX_DEPTH} levels deep")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, depth)
        if isinstance(node, yaml.SequenceNode):
            items = (self.node(item, (*path, i), depth + 1) for i, item in enumerate(node.value))
            return Node(list(items), line)
        return self._scalar(cast("yaml.ScalarNode", node), path, line)

    def _mapping(self, node: yaml.MappingNode, path: Path, depth: int) -> Node:
        out = Node({}, node.start_mark.line + 1)
        merged: list[yaml.Node] = []
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self._broken(line, path, "a key must be plain text")
            elif key_node.tag == _TAG + "merge":
                several = isinstance(value_node, yaml.SequenceNode)
                merged += value_node.value if several else [value_node]
            elif key_node.value in out.value:
                self._broken(line, (*path, key_node.value), "stands twice")
            else:
                # As it is written: `no:` and `5.0:` are names here, not false and a number.
                key = key_node.value
                out.key_lines[key] = line
                out.value[key] = self.node(value_node, (*path, key), depth + 1)
        for source in merged:
            below = self.node(source, path, depth + 1)
            if not isinstance(below.value, dict):
                self._broken(below.line, path, "`<<` takes a mapping")
                continue
            for key, item in below.value.items():
                if out.value.setdefault(key, item) is item:
                    out.key_lines[key] = below.key_lines[key]
        return out

    def _scalar(self, node: yaml.ScalarNode, path: Path, line: int) -> Node:
        text, plain = node.value, node.style is None
        if node.tag in _TEXT:
            return Node(text, line, text=text, plain=plain)
        if node.tag not in _GUESSED:
            return self._broken(line, path, f"the tag {node.tag.removeprefix(_TAG)!r} is unknown")
        try:
            value = self._loader.construct_object(node)
        except ValueError:
            return self._broken(line, path, "is not a number that can be read")
        if isinstance(value, int) and not isinstance(value, bool) and _is_odd(text):
            value = text
        return Node(value, line, text=text, plain=plain)

    def _broken(self, line: int, path: Path, message: str) -> Node:
        self._problems.append(Problem(line, path, message))
        return Node(None, line, broken=True)


def _is_odd(text: str) -> bool:
    """Integers that YAML 1.1 reads in base 8 or 60, and people do not."""
    digits = text.lstrip("+-")
    return ":" in text or (len(digits) > 1 and digits[0] == "0" and digits[1] not in "xXbB")
