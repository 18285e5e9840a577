"""Requests that go on while a test breaks something, and what must be true of them afterwards."""

from __future__ import annotations

import asyncio
import statistics
import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import httpx

from ..client import Ask, Got, ask
from ..gateway import Gateway, Row
from ..upstream import Exchange
from .checks import cost

#: Words of a load's prompt: so many tokens, for the upstream and for us.
PROMPT = 3


@dataclass
class Load:
    """A few clients, each with one request after the other, in a thread. A context manager.

    `answers` has those that were answered, `broken` the names of those that were not.
    """

    gateway: Gateway
    model: str = "u/ok-3"
    clients: int = 4
    pause_s: float = 0.0
    stream: bool = False
    metadata: str | None = None
    answers: list[Got] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._names = f"load-{time.monotonic_ns()}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends it; what runs is waited for."""
        self._stop.set()
        self._thread.join(30)

    def statuses(self, since: float = 0.0) -> Counter[int]:
        """How many got which, of those that began then or later."""
        return Counter(got.status for got in list(self.answers) if got.started >= since)

    def p99_s(self, since: float, until: float) -> float:
        """What 99 of 100 took, of those that began in between."""
        took = [x.elapsed_s for x in list(self.answers) if since <= x.started < until]
        assert len(took) >= 50, f"only {len(took)} requests"
        return statistics.quantiles(took, n=100)[98]

    async def _run(self) -> None:
        async with httpx.AsyncClient(timeout=20, trust_env=False, verify=False) as client:
            await asyncio.gather(*(self._one_client(client, n) for n in range(self.clients)))

    async def _one_client(self, client: httpx.AsyncClient, number: int) -> None:
        count = 0
        while not self._stop.is_set():
            count += 1
            name = f"{self._names}-{number}-{count}"
            what = Ask(self.model, stream=self.stream, ref=name, fields={"user": name})
            if self.metadata is not None:
                what.headers["x-sluicegate-metadata"] = self.metadata
            try:
                self.answers.append(await ask(client, self.gateway.url, self.gateway.key, what))
            except httpx.HTTPError:
                self.broken.append(name)
                await asyncio.sleep(0.02)
            if self.pause_s:
                await asyncio.sleep(self.pause_s)


def assert_every_start_has_its_row(starts: list[Exchange], rows: list[Row]) -> None:
    """Nothing missing, nothing twice. A crash may leave rows of what was about to be sent."""
    seen: Counter[str] = Counter(str(start.json.get("user")) for start in starts)
    kept: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row["attempt"]:
            kept[row["client_ref"]].append(row)
    missing = {name: count for name, count in seen.items() if len(kept[name]) < count}
    assert not missing, f"{len(missing)} starts without a row: {list(missing)[:5]}"
    for name, of_one in kept.items():
        surplus = of_one[seen[name] :]
        assert all(row["outcome"] in {"unknown", "cancelled", "error"} for row in surplus), surplus
        assert all(row["error_code"] != "ok" for row in surplus)
    names = Counter((row["request_id"], row["attempt"]) for row in rows)
    assert max(names.values(), default=1) == 1, "a row came twice"


def assert_answers_are_exact(answers: list[Got], rows: list[Row], tokens: int) -> None:
    """Each good answer has a settled row with the upstream's figures and their price."""
    kept = {row["client_ref"]: row for row in rows if row["outcome"] == "ok"}
    good = [got for got in answers if got.status == 200 and got.broken is None]
    assert good
    for got in good:
        row = kept.get(got.ref)
        assert row is not None, f"{got.ref} was answered and has no settled row"
        figures = (row["basis"], row["input_tokens"], row["output_tokens"])
        assert figures == ("reported", PROMPT, tokens), row
        assert float(row["cost_usd"]) == float(cost(PROMPT, tokens))
