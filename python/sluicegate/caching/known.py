"""The purges that a worker knows of."""

from collections.abc import Iterable

from sluicegate.store.cache import Kind, Label, Purge


class Known:
    """The newest purge of each kind and value. One thread adds; any may ask."""

    def __init__(self) -> None:
        """None is known."""
        self.epoch = 0
        """The highest that the store gave; 0 where none is known."""
        self._epochs: dict[tuple[Kind, str], int] = {}

    def add(self, purges: Iterable[Purge]) -> None:
        """Some that were made later."""
        for purge in purges:
            what = purge.kind, purge.value
            self._epochs[what] = max(purge.epoch, self._epochs.get(what, 0))
            self.epoch = max(self.epoch, purge.epoch)
            if purge.kind == "all":  # whatever those before it end, this does
                rest = self._epochs.items()
                self._epochs = {what: epoch for what, epoch in rest if epoch >= purge.epoch}

    def kills(self, label: Label) -> bool:
        """Whether an entry is dead."""
        return any(self._epochs.get(name, 0) > label.epoch for name in label.names())
