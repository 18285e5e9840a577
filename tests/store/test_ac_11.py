"""AC-11: sums of very many very small costs, exact, with the store's own sums."""

import sqlite3
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from sluicegate.store import Store, postgres_store, sqlite_store

from ..postgres import Server

#: What fits a test; the figure of the contract is ten times as many, which differ in nothing else.
ROWS = 1_000_000
COST = "0.0000001"

_COLUMNS = "request_id, attempt, time, team, basis, cost_usd, input_tokens, output_tokens"
_VALUES = f"1, '2026-11-23T00:00:00.000000Z', 't' || (n % 3), 'reported', {COST}, 3, 2"
_SQLITE = f"""
WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {ROWS})
INSERT INTO ledger ({_COLUMNS}) SELECT printf('%032x', n), {_VALUES.replace(COST, repr(COST))}
FROM numbers
"""
_POSTGRES = f"""
INSERT INTO ledger ({_COLUMNS}) SELECT lpad(to_hex(n), 32, '0'), {_VALUES}
FROM generate_series(1, {ROWS}) AS n
"""


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """A store with so many rows, put there by the database itself."""
    connection: Any
    if request.param == "postgres":
        server: Server = request.getfixturevalue("server")
        url = server.database()
        store = postgres_store(url)
        connection = psycopg.connect(url, autocommit=True)
    else:
        store = sqlite_store(tmp_path / "s.sqlite")
        connection = sqlite3.connect(tmp_path / "s.sqlite", isolation_level=None)
    store.changes()  # makes the tables
    connection.execute(_POSTGRES if request.param == "postgres" else _SQLITE)
    connection.close()
    return store


def test_ac_11_a_million_rows_of_a_tenth_of_a_millionth_are_a_tenth_of_a_dollar(
    store: Store,
) -> None:
    total = store.ledger.spend()[()]
    assert total.cost_pico_usd == int(Decimal(COST).scaleb(12)) * ROWS == 10**11
    assert (total.requests, total.attempts, total.unpriced) == (ROWS, ROWS, 0)
    assert (total.input_tokens, total.output_tokens) == (3 * ROWS, 2 * ROWS)
    by_team = store.ledger.spend(["team"])
    assert sum(sums.cost_pico_usd for sums in by_team.values()) == total.cost_pico_usd
    assert {team: sums.requests for (team,), sums in by_team.items()} == {
        "t0": ROWS // 3,
        "t1": ROWS // 3 + 1,
        "t2": ROWS // 3,
    }
    store.close()
