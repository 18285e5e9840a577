"""Both stores: a test that asks for `store` runs on each."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sluicegate.store import Store, postgres_store, sqlite_store

from ..postgres import Server

Opener = Callable[[], Store]


@pytest.fixture(scope="session")
def server(postgres: Server) -> Server:
    """One PostgreSQL for all tests."""
    return postgres


@pytest.fixture(params=["sqlite", "postgres"])
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """Opens one and the same store, as often as it is called."""
    opened: list[Store] = []
    if request.param == "postgres":
        url = request.getfixturevalue("server").database()

    def open_one() -> Store:
        path = tmp_path / "data" / "s.sqlite"
        store = postgres_store(url) if request.param == "postgres" else sqlite_store(path)
        opened.append(store)
        return store

    yield open_one
    for store in opened:
        store.close()


@pytest.fixture
def store(opener: Opener) -> Store:
    """An empty store."""
    return opener()
