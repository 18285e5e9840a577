"""Figures out of rows: medians over the repetitions, and what was added to asking directly."""

import statistics
from collections.abc import Callable, Iterable
from typing import Any

Row = dict[str, Any]
Reading = Callable[[Row], float]

#: What no row can give: it was not asked, it failed, or a part of it is missing.
_ABSENT = (KeyError, TypeError, ZeroDivisionError, IndexError)


def cpu_us_per_request(row: Row) -> float:
    """On-CPU time of the whole process tree, divided by what it answered."""
    return float(row["cpu_s"] / row["n"] * 1e6)


def cpu_us_per_event(row: Row) -> float:
    """The same by events that arrived."""
    return float(row["cpu_s"] / row["event_us"]["n"] * 1e6)


def quantile(of: str, which: str) -> Reading:
    """`quantile("lat_us", "p99")` of a row."""
    return lambda row: float(row[of][which])


class Rows:
    """All rows of one results file."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = list(rows)

    def of(self, part: str, **fields: Any) -> list[Row]:
        """Those of a part whose fields are as given, circumstances left out."""
        wanted = {"part": part, **fields}.items()
        rows = (row for row in self._rows if "circumstances" not in row)
        return [row for row in rows if all(row.get(name) == value for name, value in wanted)]

    def circumstances(self) -> dict[str, Row]:
        """Part -> where and of what it was measured."""
        return {row["part"]: row["circumstances"] for row in self._rows if "circumstances" in row}

    def values(self, reading: Reading, part: str, **fields: Any) -> list[float]:
        """A reading of each row that has it."""
        values = []
        for row in self.of(part, **fields):
            try:
                values.append(reading(row))
            except _ABSENT:
                continue
        return values

    def median(self, reading: Reading, part: str, **fields: Any) -> float | None:
        """Over the repetitions."""
        values = self.values(reading, part, **fields)
        return statistics.median(values) if values else None

    def cell(self, reading: Reading, target: str, cell: str) -> float | None:
        """The median of one cell of one target."""
        return self.median(reading, "cells", target=target, cell=cell)

    def added(self, reading: Reading, target: str, cell: str) -> float | None:
        """What a target adds to the same question put to the upstream itself."""
        through, direct = self.cell(reading, target, cell), self.cell(reading, "direct", cell)
        return None if through is None or direct is None else through - direct
