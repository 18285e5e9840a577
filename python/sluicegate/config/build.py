"""Turns a tree into the Structs of the schema, and finds every mistake on the way.

The Structs are the one description of the format: their fields, types, bounds and defaults are
what is checked. A field that is wrong takes its default, so that the rest can still be checked.
"""

import math
import re
import types
import typing
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Final, Literal, get_args, get_origin

import msgspec

from sluicegate.config.node import Node
from sluicegate.config.problems import Path, Problem, suggestion
from sluicegate.config.values import ByteSize, Secret

MISSING: Final[Any] = object()
"""Stands for a value that could not be built; in a list it keeps its neighbours' indexes."""

MAX_NUMBER: Final = 10**15
LONGEST_SHOWN: Final = 15
"""Characters of a wrong text that a message repeats; any key is longer."""

_NAMES: Final[dict[Any, str]] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    Decimal: "a number",
    Secret: "text",
    ByteSize: "a size such as 256MiB",
}


class Builder:
    """Builds values and collects problems."""

    def __init__(self, problems: list[Problem]) -> None:
        """Args: problems: found so far; more are added."""
        self.problems = problems
        self.has_inline_secrets = False

    def fail(self, node: Node, path: Path, message: str) -> Any:
        """Notes a problem, unless the node's is noted; gives what stands for "no value"."""
        if not node.broken:
            self.problems.append(Problem(node.line, path, message))
        return MISSING

    def build(self, node: Node, kind: Any, path: Path) -> Any:
        """`node` as a value of `kind`, or `MISSING` with the reason noted."""
        if node.broken:
            return MISSING
        origin = get_origin(kind)
        if origin is Annotated:
            base, *meta = get_args(kind)
            value = self.build(node, base, path)
            return value if value is MISSING else self._bounded(node, value, meta, path)
        if origin in {typing.Union, types.UnionType}:
            return self._union(node, get_args(kind), path)
        if origin is Literal:
            return self._literal(node, get_args(kind), path)
        if origin is list:
            return self._list(node, get_args(kind)[0], path)
        if origin is dict:
            return self._dict(node, get_args(kind)[1], path)
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            return self._struct(node, kind, path)
        return self._scalar(node, kind, path)

    def _struct(self, node: Node, kind: type[msgspec.Struct], path: Path) -> Any:
        if not isinstance(node.value, dict):
            return self.fail(node, path, f"must be a mapping, not {shape_of(node)}")
        hints = typing.get_type_hints(kind, include_extras=True)
        fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
        for key in node.value:
            if key not in fields:
                line = node.key_lines.get(key, node.line)
                hint = suggestion(key, fields)
                self.problems.append(Problem(line, (*path, key), f"is not a known field{hint}"))
        values: dict[str, Any] = {}
        whole = True
        for name, field in fields.items():
            value = MISSING
            if name in node.value:
                value = self.build(node.value[name], hints[field.name], (*path, name))
            elif field.required:
                self.fail(node, (*path, name), "is missing")
            if value is not MISSING:
                values[field.name] = value
            elif field.required:
                whole = False
        return kind(**values) if whole else MISSING

    def _dict(self, node: Node, kind: Any, path: Path) -> Any:
        if not isinstance(node.value, dict):
            return self.fail(node, path, f"must be a mapping, not {shape_of(node)}")
        built = {key: self.build(item, kind, (*path, key)) for key, item in node.value.items()}
        return {key: value for key, value in built.items() if value is not MISSING}

    def _list(self, node: Node, kind: Any, path: Path) -> Any:
        if not isinstance(node.value, list):
            return self.fail(node, path, f"must be a list, not {shape_of(node)}")
        return [self.build(item, kind, (*path, i)) for i, item in enumerate(node.value)]

    def _union(self, node: Node, kinds: tuple[Any, ...], path: Path) -> Any:
        if node.value is None and type(None) in kinds:
            return None
        # Neither is a value that can be written.
        kinds = tuple(kind for kind in kinds if kind not in {type(None), msgspec.UnsetType})
        for kind in kinds:
            if get_origin(kind) is Literal and _is_one_of(node, get_args(kind)):
                return node.text
            shape = get_origin(kind) or kind
            is_map = isinstance(shape, type) and issubclass(shape, msgspec.Struct | dict)
            if is_map and isinstance(node.value, dict):
                return self.build(node, kind, path)
        # A union's last kind that is no mapping is its widest: a wrong value is measured by it.
        plain = [kind for kind in kinds if not _is_struct(kind)] or kinds
        words = [word for kind in kinds if get_origin(kind) is Literal for word in get_args(kind)]
        if words and _base_of(plain[-1]) is float and not _is_number(node):
            known = ", ".join(map(str, words))
            return self.fail(node, path, f"must be {known} or a number, not {_shown(node)}")
        return self.build(node, plain[-1], path)

    def _literal(self, node: Node, words: tuple[Any, ...], path: Path) -> Any:
        if _is_one_of(node, words):
            return node.text
        known = ", ".join(str(word) for word in words)
        hint = suggestion(_spelling(node), words)
        return self.fail(node, path, f"must be one of {known}, not {_shown(node)}{hint}")

    def _scalar(self, node: Node, kind: Any, path: Path) -> Any:
        value = node.value
        if isinstance(value, dict | list) or value is None:
            return self.fail(node, path, f"must be {_NAMES[kind]}, not {shape_of(node)}")
        if kind is Secret and node.text is not None:
            return self._secret(node, node.text, path)
        if kind is str and node.text is not None:
            return node.text
        if (node.plain or node.expanded) and kind in {int, float, bool} and node.text is not None:
            value = _parsed(node.text, value)
        if kind is bool and isinstance(value, bool):
            return value
        if kind is ByteSize:
            value = ByteSize.parse(node.text if isinstance(value, str) else value)
            kind = int if value is not None else kind
        if kind is Decimal and isinstance(value, str):
            try:
                value = Decimal(value)
            except InvalidOperation:
                return self.fail(node, path, f"must be a number, not {_shown(node)}")
        if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
            return self._number(node, value, kind, path)
        return self.fail(node, path, f"must be {_NAMES[kind]}, not {_shown(node)}")

    def _secret(self, node: Node, text: str, path: Path) -> Any:
        if not text:
            return self.fail(node, path, "must not be empty")
        if not node.expanded and text != "none":
            self.has_inline_secrets = True
        return Secret(text)

    def _number(self, node: Node, value: int | float | Decimal, kind: Any, path: Path) -> Any:
        if not math.isfinite(value) or not -MAX_NUMBER <= value <= MAX_NUMBER:
            return self.fail(node, path, "is not a number up to 10^15")
        if kind is float:
            return float(value)
        if kind is Decimal:
            return value if isinstance(value, Decimal) else Decimal(str(value))
        if kind is int and value == int(value):
            return value if isinstance(value, int) else int(value)
        return self.fail(node, path, f"must be {_NAMES[kind]}, not {_shown(node)}")

    def _bounded(self, node: Node, value: Any, meta: list[Any], path: Path) -> Any:
        for bounds in meta:
            if bounds.ge is not None and value < bounds.ge:
                return self.fail(node, path, f"must be at least {bounds.ge}, not {_shown(node)}")
            if bounds.gt is not None and value <= bounds.gt:
                return self.fail(node, path, f"must be more than {bounds.gt}, not {_shown(node)}")
            if bounds.le is not None and value > bounds.le:
                return self.fail(node, path, f"must be at most {bounds.le}, not {_shown(node)}")
            if bounds.min_length is not None and len(value) < bounds.min_length:
                return self.fail(node, path, "must not be empty")
            if bounds.max_length is not None and len(value) > bounds.max_length:
                things = "characters" if isinstance(value, str) else "entries"
                most = f"must have at most {bounds.max_length} {things}"
                return self.fail(node, path, most)
            if bounds.pattern is not None and not re.search(bounds.pattern, value):
                return self.fail(node, path, f"must match {bounds.pattern}, not {_shown(node)}")
        return value


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _base_of(kind: Any) -> Any:
    """A kind without its bounds."""
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def _is_number(node: Node) -> bool:
    """Whether a field of numbers would take it."""
    value = node.value
    if (node.plain or node.expanded) and node.text is not None:
        value = _parsed(node.text, value)
    return isinstance(value, int | float) and not isinstance(value, bool)


def shape_of(node: Node) -> str:
    """What a value is, without its content: where a mapping belongs people put keys."""
    if isinstance(node.value, dict):
        return "a mapping"
    if isinstance(node.value, list):
        return "a list"
    return "nothing" if node.value is None else "a single value"


def _is_one_of(node: Node, words: tuple[Any, ...]) -> bool:
    return node.text is not None and node.text in words


def _spelling(node: Node) -> str:
    return node.text if node.text is not None else ""


def _shown(node: Node) -> str:
    """A scalar as a message may show it: no text from the environment, and none of a key's
    length.
    """
    value = node.text if node.text is not None else node.value
    if value is None or isinstance(value, dict | list):
        return shape_of(node)
    if node.expanded:
        return "text from the environment"
    text = str(value)
    if isinstance(node.value, int | float):
        return text
    return "text" if len(text) > LONGEST_SHOWN else f'"{text}"'


def _parsed(text: str, otherwise: Any) -> Any:
    """A scalar that is written as a number or a truth value, however YAML took it."""
    words = {"true": True, "false": False}
    if text.lower() in words:
        return words[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return otherwise
