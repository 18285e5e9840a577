"""A configuration file as a tree whose nodes know their lines. YAML by a safe loader; TOML by
suffix.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from sluicegate.config.problems import ConfigError, Problem

MAX_DEPTH: Final = 32
_VARIABLE: Final = re.compile(r"\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass(slots=True)
class Node:
    """One value.

    Args:
        value: a scalar, a dict of nodes by key, or a list of nodes.
        line: counted from 1; 0 if unknown.
        key_lines: the line of each key of a dict.
        expanded: a variable of the environment stands in the scalar.
    """

    value: Any
    line: int = 0
    key_lines: dict[str, int] = field(default_factory=dict)
    expanded: bool = False


def read_tree(
    path: Path, environment: Mapping[str, str] = os.environ
) -> tuple[Node, list[Problem]]:
    """The file's tree, with `${NAME}` replaced in its scalars, and what is wrong with its text.

    Raises:
        ConfigError: the file cannot be read, or is not YAML or TOML at all.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ConfigError(str(path), [Problem(0, "", f"cannot be read: {reason}")]) from None
    problems: list[Problem] = []
    root = _toml(path, text) if path.suffix == ".toml" else _yaml(path, text, problems)
    _expand(root, "", environment, problems)
    return root, problems


def _yaml(path: Path, text: str, problems: list[Problem]) -> Node:
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        return Node({}) if node is None else _from_yaml(loader, node, "", problems, 0)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise ConfigError(str(path), [Problem(line, "", f"not YAML: {error.problem}")]) from None
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError(str(path), [Problem(0, "", f"not YAML: {error}")]) from None
    finally:
        loader.dispose()


def _from_yaml(
    loader: yaml.SafeLoader, node: yaml.Node, path: str, problems: list[Problem], depth: int
) -> Node:
    line = node.start_mark.line + 1
    if depth > MAX_DEPTH:
        problems.append(Problem(line, path, f"nests more than {MAX_DEPTH} levels deep"))
        return Node(None, line)
    if isinstance(node, yaml.MappingNode):
        loader.flatten_mapping(node)
        out = Node({}, line)
        for key_node, value_node in node.value:
            key = str(loader.construct_object(key_node, deep=True))
            key_line = key_node.start_mark.line + 1
            below = f"{path}.{key}" if path else key
            if key in out.value:
                problems.append(Problem(key_line, below, "stands twice"))
                continue
            out.key_lines[key] = key_line
            out.value[key] = _from_yaml(loader, value_node, below, problems, depth + 1)
        return out
    if isinstance(node, yaml.SequenceNode):
        items = [
            _from_yaml(loader, item, f"{path}[{index}]", problems, depth + 1)
            for index, item in enumerate(node.value)
        ]
        return Node(items, line)
    try:
        return Node(loader.construct_object(node, deep=True), line)
    except (yaml.YAMLError, ValueError):
        problems.append(Problem(line, path, f"the YAML tag {node.tag!r} is not allowed"))
        return Node(None, line)


def _toml(path: Path, text: str) -> Node:
    try:
        return _from_plain(tomllib.loads(text), text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(str(path), [Problem(0, "", f"not TOML: {error}")]) from None


def _from_plain(value: Any, text: str) -> Node:
    """TOML's reader keeps no lines; the first line that sets a key of that name is near enough."""
    if isinstance(value, dict):
        lines = {key: _line_of(key, text) for key in value}
        return Node({key: _from_plain(item, text) for key, item in value.items()}, 0, lines)
    if isinstance(value, list):
        return Node([_from_plain(item, text) for item in value])
    return Node(value)


def _line_of(key: str, text: str) -> int:
    found = re.search(rf"^.*?\b{re.escape(key)}\b", text, re.MULTILINE)
    return text.count("\n", 0, found.end()) + 1 if found else 0


def _expand(node: Node, path: str, environment: Mapping[str, str], problems: list[Problem]) -> None:
    if isinstance(node.value, dict):
        for key, item in node.value.items():
            _expand(item, f"{path}.{key}" if path else key, environment, problems)
    elif isinstance(node.value, list):
        for index, item in enumerate(node.value):
            _expand(item, f"{path}[{index}]", environment, problems)
    elif isinstance(node.value, str) and "${" in node.value:
        missing = [
            name for name in _VARIABLE.findall(node.value) if name and name not in environment
        ]
        problems.extend(
            Problem(node.line, path, f"the environment variable {name} is not set")
            for name in missing
        )

        def replace(match: re.Match[str]) -> str:
            name = match.group(1)
            return "${" if name is None else environment.get(name, "")

        node.value = _VARIABLE.sub(replace, node.value)
        node.expanded = True
