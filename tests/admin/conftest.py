"""An office for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ..postgres import Server
from .office import Office


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """On SQLite."""
    one = Office(tmp_path)
    yield one
    one.close()


@pytest.fixture(scope="session")
def server(postgres: Server) -> Server:
    """One PostgreSQL for all tests."""
    return postgres


@pytest.fixture(params=["sqlite", "postgres"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    """On each store."""
    more = ""
    if request.param == "postgres":
        more = f"store: {request.getfixturevalue('server').database()}"
    one = Office(tmp_path, more)
    yield one
    one.close()
