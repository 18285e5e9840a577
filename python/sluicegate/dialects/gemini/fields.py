"""JSON objects as Google reads them: a field may be written as in JSON (`maxOutputTokens`) or as in
its protocol buffers (`max_output_tokens`), a number as text, a list of one as the item itself.
"""

import re
from typing import Final

from msgspec import Raw

from sluicegate.dialects.fields import Fields, is_object

_UNDERSCORE: Final = re.compile(r"_([a-z0-9])")


def in_json_style(name: str) -> str:
    """`max_output_tokens` as `maxOutputTokens`."""
    return _UNDERSCORE.sub(lambda found: found[1].upper(), name)


class GeminiFields(Fields):
    """One object of Gemini's API. Its fields are named in JSON's style here."""

    def __init__(self, raw: bytes | Raw, path: str = "") -> None:
        """See `Fields`. Of a field that stands in both styles the one in JSON's counts."""
        super().__init__(raw, path)
        if "_" not in "".join(self._left):
            return
        styled = {in_json_style(name): value for name, value in self._left.items() if "_" in name}
        plain = {name: value for name, value in self._left.items() if "_" not in name}
        self._left = styled | plain

    def integer(self, name: str) -> int | None:
        """Takes a whole number, written in digits, as text, or as a float."""
        value = self.take(name, int | float | str)
        if value is None:
            return None
        try:
            number = float(value)
        except (ValueError, OverflowError):
            number = 0.5
        if not number.is_integer():  # nor are those that no float holds
            raise self.fail(name, "must be a whole number")
        return int(number)

    def some(self, name: str) -> list["GeminiFields"]:
        """Takes a list of objects, or one object."""
        raw = self.raw_of(name)
        if raw is None:
            return []
        if is_object(raw):
            return [GeminiFields(raw, self.at(name))]
        self.put_back(name, raw)
        return [GeminiFields(item.raw, item.path) for item in self.objects(name)]

    def inside(self, name: str) -> "GeminiFields | None":
        """Takes an object; what nobody takes of it belongs to the `rest` of this one."""
        raw = self.raw_of(name)
        if raw is None:
            return None
        inner = GeminiFields(raw, self.at(name))
        self._inner.append(inner)
        return inner
