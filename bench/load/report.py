"""The page of figures, from the rows.

    python -m bench.load.report [--out bench/results/load.jsonl]

It says first what was met and what was not, then everything that was measured.
"""

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path

from bench.load import results
from bench.load.bars import Verdict, verdicts
from bench.load.cells import CELLS
from bench.load.figures import (
    Reading,
    Rows,
    cpu_us_per_event,
    cpu_us_per_request,
    quantile,
)
from bench.load.ledger import sentence

Column = tuple[str, Callable[[str], str]]


def number(value: float | None, digits: int = 0) -> str:
    """A figure, or a dash where there is none."""
    return "-" if value is None else f"{value:,.{digits}f}"


def precise(value: float | None) -> str:
    """Three digits of it, or all before the point."""
    if value is None:
        return "-"
    return number(value, 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2)


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    """Markdown: the first column is a name, the others are figures."""
    names = list(head)
    lines = [f"| {' | '.join(names)} |", f"|---|{'--:|' * (len(names) - 1)}"]
    return [*lines, *(f"| {' | '.join(row)} |" for row in rows), ""]


def _verdict(found: Verdict) -> list[str]:
    bar = found.bar
    said = {None: "not measured", True: "met", False: "**missed**"}[found.met]
    times, sign = ("x ", ">=" if bar.at_least else "<=") if bar.against else ("", "<=")
    limit = f"{sign} {bar.limit:g} {times}{bar.against or bar.unit}".strip()
    return [
        bar.work,
        found.front,
        precise(found.ours) if found.ours is None else f"{precise(found.ours)} {bar.unit}".strip(),
        precise(found.theirs) if bar.against else "",
        number(found.ratio, 2) if bar.against else "",
        limit,
        said,
    ]


def _targets(rows: Rows, cell: str) -> list[str]:
    return list(dict.fromkeys(row["target"] for row in rows.of("cells", cell=cell)))


def _spread(values: list[float]) -> str:
    return f"{precise(min(values))} to {precise(max(values))}" if values else "-"


def _cell(rows: Rows, cell: str) -> list[str]:
    """One cell: all targets."""
    per = cpu_us_per_event if cell.startswith("paced") else cpu_us_per_request
    columns: list[tuple[str, Reading]] = [("p50 µs", quantile("lat_us", "p50"))]
    columns.append(("p99 µs", quantile("lat_us", "p99")))
    if CELLS[cell].events:
        columns = [(f"first byte {it} µs", quantile("ttfb_us", it)) for it in ("p50", "p99")]
    if cell.startswith("paced"):
        columns += [(f"event late {it} µs", quantile("event_us", it)) for it in ("p50", "p99")]
    unit = "an event" if per is cpu_us_per_event else "a request"
    head = [
        cell,
        f"CPU µs {unit}",
        "least to most",
        "x envoy",
        "a second",
        *(it for it, _ in columns),
    ]
    envoy = rows.cell(per, "envoy", cell)
    lines = []
    for target in _targets(rows, cell):
        cpu = rows.cell(per, target, cell)
        ratio = number(cpu / envoy, 2) if cpu and envoy else "-"
        spread = _spread(rows.values(per, "cells", target=target, cell=cell))
        rate = number(rows.cell(lambda row: row["rps"], target, cell))
        figures = [precise(rows.cell(reading, target, cell)) for _, reading in columns]
        lines.append([target, precise(cpu), spread, ratio, rate, *figures])
    return table(head, lines)


def _crowds(rows: Rows) -> list[str]:
    fields = {"lost": "lost", "incomplete": "incomplete", "latest_ms": "latest ms"}
    fields |= {"idle_mib": "idle MiB", "loaded_mib": "loaded MiB", "kib_per_stream": "KiB each"}
    lines = [
        [
            f"{row['target']}: {row['streams']} streams, {row['interval_ms']} ms",
            *(precise(float(row[field])) for field in fields),
            precise(row["event_us"].get("p99")),
        ]
        for row in rows.of("streams")
    ]
    return table(["many slow streams", *fields.values(), "event late p99 µs"], lines)


def _machine(rows: Rows) -> list[str]:
    """What went wrong, and how much else the machine did: figures of a busy one are doubtful."""
    lines = []
    for target in dict.fromkeys(row["target"] for row in rows.of("cells")):
        mine = [row for row in rows.of("cells", target=target) if "cell" in row]
        counts = [sum(row.get(it) or 0 for row in mine) for it in ("errors", "short", "stuck")]
        seconds = sum(row.get("secs", 0) for row in mine)
        others = sum(row.get("other_s", 0) for row in mine) / seconds if seconds else None
        lines.append([target, *(str(it) for it in counts), number(others, 2)])
    silent = [row["target"] for row in rows.of("cells") if "cell" not in row and "error" in row]
    said = [f"Did not serve in a repetition: {', '.join(silent)}.", ""] if silent else []
    return table(["target", "errors", "short", "stuck", "other work, cores"], lines) + said


def _ledgers(rows: Rows) -> list[str]:
    parts = ("cells", "translate", "streams", "growth")
    found = [row for part in parts for row in rows.of(part) if "ledger" in row]
    return [f"- {row['part']}, {row['target']}: {sentence(row['ledger'])}" for row in found]


def _circumstances(rows: Rows) -> list[str]:
    return [
        f"- {part}: {it['time']}, {it['commit']}, {it['build_profile']} build, Python "
        f"{it['python']}, {it['processor']}, {it['cores']} cores"
        for part, it in rows.circumstances().items()
    ]


def page(rows: Rows, *, measured_only: bool = False) -> str:
    """All of it. `measured_only`: without the bars that need other figures than these."""
    found = [it for it in verdicts(rows) if it.met is not None or not measured_only]
    head = ["work", "front", "measured", "theirs", "ratio", "bar", ""]
    lines = ["# Under load", "", *_circumstances(rows), "", "## What was asked, what came", ""]
    lines += table(head, map(_verdict, found))
    lines += ["## All figures", "", "Medians over the repetitions.", ""]
    for cell in CELLS:
        lines += _cell(rows, cell) if rows.of("cells", cell=cell) else []
    lines += [*_crowds(rows), *_machine(rows), "## The ledger after each load", "", *_ledgers(rows)]
    return "\n".join(lines) + "\n"


def write(path: Path, *, measured_only: bool = False) -> str:
    """The page beside the rows."""
    text = page(Rows(results.read(path)), measured_only=measured_only)
    path.with_suffix(".md").write_text(text)
    return text


def main() -> None:
    """Writes and prints it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--measured-only", action="store_true", help="no bars that lack figures")
    results.add_option(parser)
    args = parser.parse_args()
    print(write(args.out, measured_only=args.measured_only))


if __name__ == "__main__":
    main()
