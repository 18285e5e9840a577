"""Where the ledger, the keys and the limits are kept."""

from pathlib import Path

from sluicegate.config import Settings
from sluicegate.store.errors import (
    ConflictError,
    SchemaError,
    StoreError,
    StoreUnavailableError,
)
from sluicegate.store.sqlite import SqliteDatabase
from sluicegate.store.store import Governance, Store, StoredKey

__all__ = [
    "ConflictError",
    "Governance",
    "SchemaError",
    "Store",
    "StoreError",
    "StoreUnavailableError",
    "StoredKey",
    "open_store",
    "postgres_store",
    "sqlite_store",
]


def open_store(settings: Settings, host: str | None = None) -> Store:
    """The store of a configuration; it is made and brought to the present schema on first use.

    Args: host: whose rows are written to its ledger.
    """
    if settings.store_url is None:
        return sqlite_store(settings.store_path, host)
    return postgres_store(settings.store_url.reveal(), host)


def sqlite_store(path: Path, host: str | None = None) -> Store:
    """A store in a file."""
    return Store(SqliteDatabase(path), host)


def postgres_store(url: str, host: str | None = None) -> Store:
    """A store at a PostgreSQL server."""
    # psycopg is an optional dependency, and takes a tenth of a second to import.
    from sluicegate.store.postgres import PostgresDatabase  # noqa: PLC0415

    return Store(PostgresDatabase(url), host)
