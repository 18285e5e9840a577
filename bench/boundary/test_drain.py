"""What does a row of the journal cost on its way into the ledger, off the request path?

The subject takes rows as the journal hands them out and commits them; the baseline is the least
that the same rows can cost through the same module of Python's: ready values, one statement, the
same table and indices. Both in CPU time, in the same run, in alternation.
"""

import json
import sqlite3
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sluicegate import _core
from sluicegate.accounting.drainer import BATCH_ROWS
from sluicegate.store import sqlite_store
from sluicegate.store.migrate import statements_of, steps_of

ROUNDS = 15
BOUND = 2.5
COMMON = {
    "key_name": "bench",
    "organisation": "acme",
    "team": "core",
    "operation": "chat",
    "dialect": "openai",
    "requested_model": "mock",
    "stream": False,
    "provider": "bench",
    "routed_model": "mock",
    "upstream_dialect": "openai",
    "response_model": "mock",
    "status": 200,
    "client_status": 200,
    "outcome": "ok",
    "basis": "reported",
    "input_tokens": 17,
    "cached_input_tokens": 0,
    "cache_write_tokens": 0,
    "cache_write_1h_tokens": 0,
    "output_tokens": 9,
    "reasoning_tokens": 0,
    "audio_tokens": 0,
    "image_tokens": 0,
    "counted_output_tokens": 9,
    "cost_usd": "0.000035",
    "price_version": "config:0123456789abcdef",
    "latency_ms": 3,
    "first_token_ms": 3,
    "cache": "bypass",
}


def batch(number: int) -> list[tuple[str, int, str, bytes]]:
    """Rows as the core writes them: ids and times in order."""
    rows = []
    for place in range(number * BATCH_ROWS, (number + 1) * BATCH_ROWS):
        request_id = f"{place:08x}-0000-7000-8000-{place * 2654435761 % 2**48:012x}"
        fields = {
            "request_id": request_id,
            "attempt": 1,
            "time": f"2026-11-27T{place // 3600:02}:{place // 60 % 60:02}:{place % 60:02}.000000Z",
            "upstream_request_id": f"chatcmpl-{place:016x}",
            **COMMON,
        }
        payload = json.dumps(fields, separators=(",", ":")).encode()
        rows.append((request_id, 1, "settled", payload))
    return rows


class Bare:
    """Ready values into the ledger's table."""

    def __init__(self, path: Path, first: tuple[Any, ...]) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL"):
            self._connection.execute(f"PRAGMA {pragma}")
        for step in steps_of("sqlite"):
            for statement in statements_of(step.script):
                self._connection.execute(statement)
        columns = [name for name, _ in _core.LEDGER_COLUMNS]
        self._said = [place for place, value in enumerate(first) if value is not None]
        names = ", ".join(f'"{columns[place]}"' for place in self._said)
        self._sql = f"INSERT INTO ledger ({names}) VALUES ({', '.join('?' * len(self._said))})"

    def ready(self, rows: list[tuple[str, int, str, bytes]]) -> list[tuple[Any, ...]]:
        whole = [_core.ledger_values(row) for row in rows]
        return [tuple(values[place] for place in self._said) for values in whole]

    def write(self, values: list[tuple[Any, ...]]) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.executemany(self._sql, values)
        self._connection.execute("COMMIT")

    def close(self) -> None:
        self._connection.close()


def cpu_s(call: Callable[[], Any]) -> float:
    begin = time.process_time()
    call()
    return time.process_time() - begin


def test_draining_into_sqlite_against_bare_inserts(benchmark: Any, tmp_path: Path) -> None:
    store = sqlite_store(tmp_path / "store.sqlite", "bench-host")
    store.write(batch(0))
    bare = Bare(tmp_path / "bare.sqlite", _core.ledger_values(batch(0)[0]))
    drained, inserted = [], []
    for number in range(1, ROUNDS + 1):
        rows = batch(number)
        values = bare.ready(rows)
        drained.append(cpu_s(lambda rows=rows: store.write(rows)))
        inserted.append(cpu_s(lambda values=values: bare.write(values)))
    ratio = statistics.median(drained) / statistics.median(inserted)
    benchmark.extra_info["ratio_to_baseline"] = round(ratio, 3)
    benchmark.extra_info["bound"] = BOUND
    benchmark.extra_info["rows_per_cpu_s"] = round(BATCH_ROWS / statistics.median(drained))
    later = iter(range(ROUNDS + 1, 10**6))
    benchmark.pedantic(store.write, setup=lambda: ((batch(next(later)),), {}), rounds=5)
    store.close()
    bare.close()
    assert ratio <= BOUND, f"{ratio:.2f} times the baseline, the gate is {BOUND}"
