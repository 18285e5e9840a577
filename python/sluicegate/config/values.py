"""Kinds of values that YAML does not have."""

import re
from typing import Final

_UNITS: Final = {
    "": 1,
    "B": 1,
    "KIB": 2**10,
    "MIB": 2**20,
    "GIB": 2**30,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
}


class Secret:
    """A text that prints as `***`."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        """Args: text: the secret itself."""
        self._text = text

    def reveal(self) -> str:
        """The secret itself; for the one place that sends or digests it."""
        return self._text

    def __repr__(self) -> str:
        """Nothing of it."""
        return "***"

    def __eq__(self, other: object) -> bool:
        """Equal texts."""
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        """By text."""
        return hash(self._text)

    def __len__(self) -> int:
        """Characters."""
        return len(self._text)


class ByteSize(int):
    """A number of bytes, written `256MiB`, `1GB` or plain."""

    @classmethod
    def parse(cls, value: object) -> "ByteSize | None":
        """None for what is no size."""
        if isinstance(value, bool):
            return None
        if isinstance(value, int):
            return cls(value) if value >= 0 else None
        match = (
            re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", value)
            if isinstance(value, str)
            else None
        )
        unit = _UNITS.get(match.group(2).upper()) if match else None
        return cls(float(match.group(1)) * unit) if match and unit else None
