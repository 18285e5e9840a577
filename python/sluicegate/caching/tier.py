"""What keeps entries beside a worker's memory."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from sluicegate.store.cache import Entry, Purge


class Tier(Protocol):
    """One place of them. It may be slow and it may fail: `Guarded` stands before it.

    Any thread may use it. Each method raises `StoreError` or
    `OSError`, and then nothing, or some of it, was done.
    """

    def get(self, keys: Sequence[bytes]) -> Mapping[bytes, Entry]:
        """The entries of those keys that have one, dead ones too. What cannot be read as one, or
        was not written under this master key, is none.
        """

    def put(self, entries: Sequence[Entry]) -> None:
        """Keeps them for as long as they live, if there is room."""

    def forget(self, purges: Sequence[Purge]) -> Sequence[bytes]:
        """Deletes what is dead by these purges, and gives the keys. Only room depends on it:
        whoever reads checks.
        """

    def sweep(self) -> None:
        """Deletes what is over, and what there is no room for."""

    def ping(self) -> None:
        """Does nothing, and fails as the others would."""

    def close(self) -> None:
        """Ends the connections."""
