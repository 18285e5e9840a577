"""Hosts that speak the script's language themselves, and what each of them believes."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

SCRIPT = (Path(__file__).parents[2] / "rust" / "share" / "script.lua").read_text()
HOSTS, WANTED = "{sluicegate}hosts", "{sluicegate}wanted"
FOREVER = 4_102_444_800_000

_numbers = itertools.count(1)


@dataclass
class Counter:
    """A shared counter: a window's, or one of parallel requests."""

    name: str
    amount: int
    kind: Literal["w", "p"] = "w"
    grain: int = 1

    @property
    def key(self) -> str:
        return f"{{sluicegate}}counter:{self.name}"

    @property
    def mark(self) -> str:
        return f"{{sluicegate}}ledger:{self.name}"


@dataclass
class Rate:
    """A shared rate."""

    name: str
    units: int
    period_us: int
    burst: int

    @property
    def key(self) -> str:
        return f"{{sluicegate}}counter:{self.name}"


@dataclass
class Batch:
    """Keys and words of one call."""

    keys: list[str]
    words: list[Any]

    def place(self, key: str) -> int:
        if key not in self.keys:
            self.keys.append(key)
        return self.keys.index(key) + 1

    def charge(self, counter: Counter | Rate) -> None:
        if isinstance(counter, Rate):
            self.words += ["r", self.place(counter.key)]
            self.words += [counter.units, counter.period_us, counter.burst]
            return
        self.words += [counter.kind, self.place(counter.key), self.place(counter.mark)]
        self.words += [counter.amount, counter.grain, 0, FOREVER]


@dataclass
class Host:
    """What one host knows of its leases."""

    name: str
    client: Any
    life: str = "1"
    kept: int = 1
    knows: int = 1
    allowance: dict[str, int] = field(default_factory=dict)
    spent: dict[str, int] = field(default_factory=dict)
    held: dict[str, int] = field(default_factory=dict)

    def batch(self) -> Batch:
        key = f"{{sluicegate}}worker:{self.name}"
        words = [self.name, self.life, f"s{next(_numbers)}", self.kept, self.knows]
        return Batch([HOSTS, WANTED, key], words)

    def call(self, batch: Batch) -> list[Any]:
        """The operations' answers."""
        self.generation, self.hosts, self.wanted, answers = self.client.eval(
            SCRIPT, len(batch.keys), *batch.keys, *batch.words
        )
        return list(answers)

    def free(self, counter: Counter) -> int:
        name = counter.name
        used = self.spent.get(name, 0) + self.held.get(name, 0)
        return max(0, self.allowance.get(name, 0) - used)

    def state(self, counter: Counter) -> list[int]:
        name = counter.name
        return [each.get(name, 0) for each in (self.allowance, self.spent, self.held)]

    # what it asks

    def decision(self, *wants: tuple[Counter | Rate, int, int]) -> Batch:
        """A batch with one decision: `(counter, need, want)` each."""
        batch = self.batch()
        batch.words += ["D", len(wants)]
        for counter, need, want in wants:
            batch.charge(counter)
            if isinstance(counter, Rate):
                batch.words += [need, want, 0]
            else:
                batch.words += [*self.state(counter), need, want, self.free(counter)]
        return batch

    def learn(self, wants: tuple[tuple[Counter | Rate, int, int], ...], answer: list[Any]) -> bool:
        """Puts grants into the leases; whether there were any."""
        if answer[0] != "1":
            return False
        for (counter, _, _), granted in zip(wants, answer[1::2], strict=True):
            self.allowance[counter.name] = self.allowance.get(counter.name, 0) + int(granted)
        return True

    def ask(self, *wants: tuple[Counter | Rate, int, int]) -> list[Any]:
        """Asks, and holds what it needs of what it is granted."""
        [answer] = self.call(self.decision(*wants))
        if self.learn(wants, answer):
            for counter, need, _ in wants:
                self.held[counter.name] = self.held.get(counter.name, 0) + need
        return list(answer)

    def spend(self, counter: Counter, units: int) -> None:
        """All that it holds ends, and so much of it was used."""
        self.held[counter.name] = 0
        self.spent[counter.name] = units

    def give_back(self, counter: Counter) -> Batch:
        """A batch that gives back what is not used; the lease has it no more."""
        batch = self.batch()
        batch.words.append("T")
        batch.charge(counter)
        back = self.free(counter)
        batch.words += [*self.state(counter), back, 0]
        self.allowance[counter.name] = self.allowance.get(counter.name, 0) - back
        return batch

    def kin(self, since: int, *told: str) -> tuple[int, list[str]]:
        """Tells which runs have which parents; how much was told by now, and what came since."""
        batch = self.batch()
        batch.words += ["N", batch.place("{sluicegate}kin"), since, len(told), *told]
        [[last, *news]] = self.call(batch)
        return int(last), list(news)

    def seed(self, counter: Counter, rows: dict[str, int]) -> None:
        """Tells what a ledger knows."""
        batch = self.batch()
        batch.words += ["S", batch.place(counter.mark), FOREVER, len(rows)]
        for host, units in rows.items():
            batch.words += [batch.place(counter.key), host, units]
        self.call(batch)
