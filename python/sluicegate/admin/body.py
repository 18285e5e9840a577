"""Turns a request's body into a form, and finds every mistake on the way: the same builder that
reads the configuration, so the same words.
"""

import unicodedata
from decimal import Decimal
from typing import Any, Final, TypeVar

import msgspec

from sluicegate.admin.errors import InvalidInputError, Problem
from sluicegate.config import problems
from sluicegate.config.build import MISSING, Builder
from sluicegate.config.node import Node
from sluicegate.config.problems import dotted

Form = TypeVar("Form", bound=msgspec.Struct)

MAX_DEPTH: Final = 8
_decode: Final = msgspec.json.Decoder(Any, float_hook=Decimal).decode
_SPACES: Final = frozenset("\n\r\t")


def form_of(body: bytes, kind: type[Form]) -> Form:
    """A body as a form.

    Raises:
        InvalidInputError: it is no JSON, or fields are wrong, unknown or missing.
    """
    try:
        content = _decode(body or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInputError([Problem("", f"the body is not JSON: {error}")]) from None
    return form_from(content, kind)


def form_from(content: Any, kind: type[Form]) -> Form:
    """A form of values that are plain JSON."""
    found: list[problems.Problem] = []
    node = _node(content, (), found)
    form = Builder(found).build(node, kind, ())
    if found or form is MISSING:
        raise InvalidInputError([Problem(dotted(each.path), each.message) for each in found])
    built: Form = form
    return built


def _node(value: Any, path: problems.Path, found: list[problems.Problem]) -> Node:
    """A value with its place. Only texts are texts here: the file's leniency is for YAML."""
    if len(path) > MAX_DEPTH:
        found.append(problems.Problem(0, path[:2], "is nested too deeply"))
        return Node(None, broken=True)
    if isinstance(value, dict):
        wrong = problems.Problem(0, path, "has a name with a control character")
        found.extend(wrong for key in value if not is_clean(key))
        return Node({key: _node(item, (*path, key), found) for key, item in value.items()})
    if isinstance(value, list):
        return Node([_node(item, (*path, place), found) for place, item in enumerate(value)])
    if isinstance(value, str):
        if not is_clean(value):
            found.append(problems.Problem(0, path, "has a control character"))
            return Node(value, text=value, broken=True)
        return Node(value, text=value)
    return Node(value)


def is_clean(text: str) -> bool:
    """Whether a text has no characters that terminals or databases take for more than text."""
    return not any(
        unicodedata.category(each) in {"Cc", "Cs"} and each not in _SPACES for each in text
    )
