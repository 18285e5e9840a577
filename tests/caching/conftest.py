"""Real servers: SQLite, PostgreSQL, Redis; and the fault tests' upstream and gateways."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from sluicegate.store import Store, postgres_store, sqlite_store

from ..faults.conftest import gateways, own_gateway, upstream
from ..postgres import Server as Postgres
from ..valkey import Server as Valkey

__all__ = [
    "gateways",
    "open_postgres",
    "open_sqlite",
    "own_gateway",
    "own_redis",
    "redis",
    "upstream",
]


@pytest.fixture(scope="session")
def redis() -> Iterator[Valkey]:
    """One for all tests that leave it running."""
    with Valkey() as server:
        yield server


@pytest.fixture
def own_redis() -> Iterator[Valkey]:
    """One to be ill-treated."""
    with Valkey() as server:
        yield server


@pytest.fixture
def open_sqlite(tmp_path: Path) -> Iterator[Callable[[], Store]]:
    """Opens one and the same file, as often as it is called."""
    with ExitStack() as opened:

        def one() -> Store:
            store = sqlite_store(tmp_path / "store.sqlite")
            opened.callback(store.close)
            return store

        yield one


@pytest.fixture
def open_postgres(postgres: Postgres) -> Iterator[Callable[[], Store]]:
    """Opens one and the same database, as often as it is called."""
    url = postgres.database()
    with ExitStack() as opened:

        def one() -> Store:
            store = postgres_store(url)
            opened.callback(store.close)
            return store

        yield one
