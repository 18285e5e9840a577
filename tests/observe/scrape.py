"""What a scrape says, exactly: parsers make floating-point numbers of it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx

from ..gateway import Gateway

Labels = dict[str, str]

_SAMPLE = re.compile(r"([a-z_]+)(?:\{(.*)\})? (\S+)")
_LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"(?:,|$)')


class Scraped:
    """The samples of one text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.samples: list[tuple[str, Labels, Decimal]] = []
        for line in text.splitlines():
            if line.startswith("#") or not line:
                continue
            found = _SAMPLE.fullmatch(line)
            assert found, line
            name, labels, value = found.groups()
            pairs = _LABEL.findall(labels or "")
            unescaped = {key: re.sub(r"\\(.)", r"\1", text) for key, text in pairs}
            self.samples.append((name, unescaped, Decimal(value)))

    def of(self, name: str, **labels: str) -> Decimal:
        """The sum of all samples that have these labels."""
        return sum(
            (
                value
                for at, have, value in self.samples
                if at == name and labels.items() <= have.items()
            ),
            Decimal(),
        )

    def by(self, name: str, *labels: str) -> dict[tuple[str, ...], Decimal]:
        """Sums by the values of labels; those of 0 are left out."""
        sums: dict[tuple[str, ...], Decimal] = defaultdict(Decimal)
        for at, have, value in self.samples:
            if at == name:
                sums[tuple(have.get(label, "") for label in labels)] += value
        return {key: value for key, value in sums.items() if value}


def scrape(gateway: Gateway, **headers: str) -> Scraped:
    """One scrape, over a connection of its own: any worker may answer."""
    answer = httpx.get(f"{gateway.url}/metrics", headers=headers, timeout=5)
    assert answer.status_code == 200, answer.text
    return Scraped(answer.text)


def sums_by(
    rows: list[dict[str, Any]], key: Callable[[dict[str, Any]], tuple[str, ...]], column: str = ""
) -> dict[tuple[str, ...], Decimal]:
    """The same of ledger rows: of a column, or how many they are."""
    sums: dict[tuple[str, ...], Decimal] = defaultdict(Decimal)
    for row in rows:
        sums[key(row)] += Decimal(str(row.get(column) or 0)) if column else 1
    return {at: value for at, value in sums.items() if value}
