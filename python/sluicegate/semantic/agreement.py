"""Whether two answers say the same, as far as a machine can tell without asking a model.

They do where they are equal but for capitals, white space and the sign at their end; else where
neither has a number, a unit, a date, a negation or a piece of code that the other lacks, and their
vectors lie near each other. Where in doubt they do not: a rate of wrong answers is rather shown too
high.
"""

import re
from array import array
from collections.abc import Callable
from math import sqrt
from typing import Final

from sluicegate import _core

Embed = Callable[[str], bytes | None]
"""The vector of a text; None of what has none."""

NEAR: Final = 0.80
"""By a model of sentences."""
NEAR_BY_LETTERS: Final = 0.60
"""By n-grams, which are also used for what is too long for the model. Two wordings of one answer
share fewer letters than two questions that mean the same.
"""
_DECIDING: Final = frozenset({"language", "code", "number", "unit", "date", "negation", "opposite"})
"""Differences between two answers that make them two; other words alone do not."""
_NEGATIVE: Final = re.compile(r"(?<![\w.])[-\u2212]\d[\d.,]*")
"""Of questions nobody minds the sign of a number, which may be a dash; of answers it decides."""


def agree(kept: str, real: str, embed: Embed | None = None) -> bool | None:
    """Whether a kept answer could have stood for the real one; None where one of them is empty, of
    which nothing can be told.

    Args: embed: makes a model's vectors; without it n-grams are compared.
    """
    if not kept.strip() or not real.strip():
        return None
    if _plain(kept) == _plain(real):
        return True
    if _NEGATIVE.findall(kept) != _NEGATIVE.findall(real):
        return False
    if _core.text_difference(kept, real) in _DECIDING:
        return False
    likeness = _likeness(kept, real, embed) if embed is not None else None
    if likeness is not None:
        return likeness >= NEAR
    by_letters = _likeness(kept, real, _core.ngram_vector)
    return by_letters is not None and by_letters >= NEAR_BY_LETTERS


def _plain(text: str) -> str:
    return " ".join(text.casefold().split()).rstrip(".!")


def _likeness(one: str, other: str, embed: Embed) -> float | None:
    first, second = embed(one), embed(other)
    if first is None or second is None:
        return None
    return cosine(first, second)


def cosine(one: bytes, other: bytes) -> float:
    """How near two vectors lie: 1 where they point the same way."""
    left, right = array("f", one), array("f", other)
    across = sum(a * b for a, b in zip(left, right, strict=True))
    length = sqrt(sum(a * a for a in left) * sum(b * b for b in right))
    return across / length if length else 0.0
