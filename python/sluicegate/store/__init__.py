"""Where the ledger is kept."""

from sluicegate.config import Settings
from sluicegate.store.sqlite import SqliteStore

__all__ = ["SqliteStore", "open_store"]


def open_store(settings: Settings) -> SqliteStore:
    """The store of a configuration; its file is made and brought to the present schema on first
    use.
    """
    return SqliteStore(settings.store_path)
