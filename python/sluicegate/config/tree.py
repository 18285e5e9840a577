"""A configuration file as a tree whose nodes know their lines: YAML, or TOML by suffix."""

import os
import re
from collections.abc import Mapping
from pathlib import Path as File
from typing import Final

from sluicegate.config.node import Node
from sluicegate.config.problems import ConfigError, Path, Problem
from sluicegate.config.toml_tree import read_toml
from sluicegate.config.yaml_tree import read_yaml

_VARIABLE: Final = re.compile(r"\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)\}|\$\{")


def read_tree(
    file: File, environment: Mapping[str, str] = os.environ
) -> tuple[Node, list[Problem]]:
    """The file's tree, with `${NAME}` replaced in its scalars, and what is wrong with its text.

    Raises:
        ConfigError: the file cannot be read, or is not YAML or TOML at all.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ConfigError(str(file), [Problem(0, (), f"cannot be read: {reason}")]) from None
    problems: list[Problem] = []
    root = read_toml(file, text) if file.suffix == ".toml" else read_yaml(file, text, problems)
    expand(root, (), environment, problems)
    return root, problems


def expand(node: Node, path: Path, environment: Mapping[str, str], problems: list[Problem]) -> None:
    """Replaces `${NAME}` in every scalar; `$${` stands for the characters `${`."""
    if isinstance(node.value, dict):
        for key, item in node.value.items():
            expand(item, (*path, key), environment, problems)
    elif isinstance(node.value, list):
        for index, item in enumerate(node.value):
            expand(item, (*path, index), environment, problems)
    elif isinstance(node.value, str) and "${" in node.value and not node.expanded:

        def replace(match: re.Match[str]) -> str:
            name = match.group(1)
            if match.group() == "$${":
                return "${"
            if name and name in environment:
                node.expanded = True
                return environment[name]
            node.broken = True
            wrong = (
                f"the environment variable {name} is not set"
                if name
                else "`${` begins a variable, `${NAME}`; write `$${` for the characters themselves"
            )
            problems.append(Problem(node.line, path, wrong))
            return ""

        node.value = node.text = _VARIABLE.sub(replace, node.value)
