"""The embedders, as matrices of vectors of length one."""

from functools import cache
from typing import Any

import numpy as np

from sluicegate._core import NGRAM_MODEL_ID, ngram_vector
from sluicegate.semantic.minilm import MODEL_ID
from sluicegate.semantic.network import Network

Matrix = np.ndarray[Any, np.dtype[np.float32]]

NAMES = ("ngram", "minilm")


def matrix(name: str, texts: list[str]) -> Matrix:
    """A row for each text; zeros where it has no vector, which is near to nothing."""
    made = [ngram_vector(text) for text in texts] if name == "ngram" else _minilm(texts)
    width = max(len(vector) for vector in made if vector) // 4
    rows = [np.frombuffer(vector, "<f4") if vector else np.zeros(width, "f4") for vector in made]
    return np.vstack(rows)


def model_id(name: str) -> str:
    """Which version was measured."""
    if name == "ngram":
        return NGRAM_MODEL_ID
    return MODEL_ID


@cache
def _network() -> Network:
    """Loaded once."""
    return Network()


#: Several sets are made of the same texts.
_MADE: dict[str, bytes | None] = {}


def _minilm(texts: list[str]) -> list[bytes | None]:
    new = [text for text in dict.fromkeys(texts) if text not in _MADE]
    # Texts of one length go together without waste.
    new.sort(key=len)
    for at in range(0, len(new), 4):
        batch = new[at : at + 4]
        _MADE.update(zip(batch, _network().vectors(batch), strict=True))
    return [_MADE[text] for text in texts]
