"""Turns a tree into the Structs of the schema, and finds every mistake on the way.

The Structs are the one description of the format: their fields, types, bounds and defaults are
what is checked.
"""

import math
import types
import typing
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec

from sluicegate.config.problems import Problem, suggestion
from sluicegate.config.tree import Node
from sluicegate.config.values import ByteSize, Secret

MISSING: Any = object()
MAX_NUMBER = 10**15


class Builder:
    """Builds values and collects problems."""

    def __init__(self, problems: list[Problem]) -> None:
        """Args: problems: found so far; more are added."""
        self.problems = problems

    def fail(self, node: Node, path: str, message: str) -> Any:
        """Notes a problem; gives what stands for "no value"."""
        self.problems.append(Problem(node.line, path, message))
        return MISSING

    def build(self, node: Node, kind: Any, path: str) -> Any:
        """`node` as a value of `kind`, or `MISSING` with the reason noted."""
        origin = get_origin(kind)
        if origin is Annotated:
            base, *meta = get_args(kind)
            value = self.build(node, base, path)
            return value if value is MISSING else self._bounded(node, value, meta, path)
        if origin in {typing.Union, types.UnionType}:
            return self._union(node, get_args(kind), path)
        if origin is Literal:
            return self._literal(node, get_args(kind), path)
        if origin in {list, tuple}:
            return self._list(node, get_args(kind)[0], path, origin)
        if origin is dict:
            return self._dict(node, get_args(kind)[1], path)
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            return self._struct(node, kind, path)
        return self._scalar(node, kind, path)

    def _struct(self, node: Node, kind: type[msgspec.Struct], path: str) -> Any:
        if not isinstance(node.value, dict):
            return self.fail(node, path, f"must be a mapping, not {_shown(node)}")
        hints = typing.get_type_hints(kind, include_extras=True)
        fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
        for key in node.value:
            if key not in fields:
                below = f"{path}.{key}" if path else key
                line = node.key_lines.get(key, node.line)
                hint = suggestion(key, fields)
                self.problems.append(Problem(line, below, f"is not a known field{hint}"))
        values: dict[str, Any] = {}
        whole = True
        for name, field in fields.items():
            below = f"{path}.{name}" if path else name
            if name not in node.value:
                if field.required:
                    self.fail(node, below, "is missing")
                    whole = False
                continue
            value = self.build(node.value[name], hints[field.name], below)
            if value is MISSING:
                whole = False
            else:
                values[field.name] = value
        return kind(**values) if whole else MISSING

    def _dict(self, node: Node, kind: Any, path: str) -> Any:
        if not isinstance(node.value, dict):
            return self.fail(node, path, f"must be a mapping, not {_shown(node)}")
        built = {
            key: self.build(item, kind, f"{path}.{key}" if path else key)
            for key, item in node.value.items()
        }
        return {key: value for key, value in built.items() if value is not MISSING}

    def _list(self, node: Node, kind: Any, path: str, origin: Any) -> Any:
        if not isinstance(node.value, list):
            return self.fail(node, path, f"must be a list, not {_shown(node)}")
        built = [self.build(item, kind, f"{path}[{i}]") for i, item in enumerate(node.value)]
        return origin(value for value in built if value is not MISSING)

    def _union(self, node: Node, kinds: tuple[Any, ...], path: str) -> Any:
        if node.value is None and type(None) in kinds:
            return None
        kinds = tuple(kind for kind in kinds if kind is not type(None))
        for kind in kinds:
            shape = get_origin(kind) or kind
            is_map = isinstance(shape, type) and issubclass(shape, msgspec.Struct | dict)
            if len(kinds) == 1 or isinstance(node.value, dict) == is_map:
                return self.build(node, kind, path)
        return self.fail(node, path, f"cannot be {_shown(node)}")

    def _literal(self, node: Node, words: tuple[Any, ...], path: str) -> Any:
        if node.value in words:
            return node.value
        known = ", ".join(str(word) for word in words)
        hint = suggestion(str(node.value), [str(word) for word in words])
        return self.fail(node, path, f"must be one of {known}, not {_shown(node)}{hint}")

    def _scalar(self, node: Node, kind: Any, path: str) -> Any:
        value = node.value
        if node.expanded and kind in {int, float, bool}:
            value = _parsed(value)
        if kind is str and isinstance(value, str):
            return value
        if kind is Secret and isinstance(value, str | int):
            return Secret(str(value))
        if kind is bool and isinstance(value, bool):
            return value
        if kind is ByteSize:
            size = ByteSize.parse(value)
            return (
                size
                if size is not None
                else self.fail(node, path, f"must be a size such as 256MiB, not {_shown(node)}")
            )
        if isinstance(value, int | float) and not isinstance(value, bool):
            return self._number(node, value, kind, path)
        if kind is Decimal and isinstance(value, str):
            try:
                return Decimal(value)
            except InvalidOperation:
                pass
        return self.fail(node, path, f"must be {_NAMES.get(kind, kind)}, not {_shown(node)}")

    def _number(self, node: Node, value: int | float, kind: Any, path: str) -> Any:
        if math.isnan(value) or abs(value) > MAX_NUMBER:
            return self.fail(node, path, "is not a number up to 10^15")
        if kind is float:
            return float(value)
        if kind is Decimal:
            return Decimal(str(value))
        if kind is int and isinstance(value, int):
            return value
        return self.fail(node, path, f"must be {_NAMES.get(kind, kind)}, not {_shown(node)}")

    def _bounded(self, node: Node, value: Any, meta: list[Any], path: str) -> Any:
        for bounds in meta:
            if not isinstance(bounds, msgspec.Meta):
                continue
            if bounds.ge is not None and value < bounds.ge:
                return self.fail(node, path, f"must be at least {bounds.ge}, not {value}")
            if bounds.gt is not None and value <= bounds.gt:
                return self.fail(node, path, f"must be more than {bounds.gt}, not {value}")
            if bounds.le is not None and value > bounds.le:
                return self.fail(node, path, f"must be at most {bounds.le}, not {value}")
            if bounds.min_length is not None and len(value) < bounds.min_length:
                return self.fail(node, path, "must not be empty")
        return value


_NAMES = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    Decimal: "a number",
}
_NAMES[Secret] = "text"


def _shown(node: Node) -> str:
    """A value as a message may show it: never one that came from the environment or could be a
    secret.
    """
    value = node.value
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "nothing"
    if isinstance(value, bool | int | float):
        return str(value).lower() if isinstance(value, bool) else str(value)
    return (
        "text from the environment"
        if node.expanded
        else "text"
        if len(value) > 32
        else f'"{value}"'
    )


def _parsed(text: str) -> Any:
    """A scalar out of the environment, where only text comes from."""
    words = {"true": True, "false": False}
    if text.lower() in words:
        return words[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
