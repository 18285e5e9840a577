"""What happens to a field that the target cannot express: refused by name, or dropped where the
configuration says so.
"""

from collections.abc import Iterable, Set
from typing import Any

from sluicegate.conversation import Extra
from sluicegate.errors import UnsupportedFieldError


class Carrier:
    """Collects what was left out of one request.

    Args:
        target: the dialect that is written.
        source: the dialect that was read.
        drop: leave out instead of refusing.
        harmless: top-level fields that tune the source's own side and cannot change what the
        answer means.
    """

    def __init__(self, target: str, source: str, *, drop: bool, harmless: Set[str]) -> None:
        """Nothing was left out yet."""
        self.same_dialect = target == source
        self.dropped: list[str] = []
        self._drop = drop
        self._harmless = harmless

    def cannot(self, path: str, reason: str = "") -> None:
        """A field cannot be expressed.

        Raises:
            UnsupportedFieldError: unless such fields are dropped.
        """
        if not self._drop:
            raise UnsupportedFieldError(path, reason)
        self.dropped.append(path)

    def extras(self, extras: Iterable[Extra], out: dict[str, Any]) -> None:
        """Writes back unknown fields of the same dialect; refuses those of another."""
        for extra in extras:
            if self.same_dialect:
                out[extra.name] = extra.raw
            elif extra.path == extra.name and extra.name in self._harmless:
                self.dropped.append(extra.path)
            else:
                self.cannot(extra.path)
