"""Load on this gateway and on others in turn: CPU per request, latency, memory, and the ledger.

    python -m bench.load.run [--reps 5] [--targets direct,envoy,sluicegate] [--cells small_c32,...]

Each repetition starts every target anew, in turn, so that what the machine does besides meets all
of them; figures are medians over the repetitions, and ratios are taken inside one run. After each
load the ledger of this gateway is compared with what the driver asked: every request has a row,
every row its cost and its count. Rows go to `results/load.jsonl`; `report.py` makes the page.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from bench.load import results
from bench.load.cells import CELLS, Cell
from bench.load.instrument import Figures, Instrument, drive
from bench.load.ledger import Asked, check
from bench.load.peers import PEER_TARGETS, is_installed
from bench.load.process import Session, machine_cpu_s, spent_s
from bench.load.serve import NeverServedError, serving
from bench.load.targets import OURS, Target

TARGETS = {**OURS, **PEER_TARGETS}
#: The bare proxies stand beside ours; what is slow to measure comes last.
DEFAULT = "direct,nginx,envoy,sluicegate,asgi,ungoverned,two-workers"


class Visit:
    """One repetition of one target, from its start to its end."""

    def __init__(self, instrument: Instrument, mock: Session, target: Target) -> None:
        self._instrument, self._mock, self._target = instrument, mock, target
        self.asked = Asked()

    def _drive(self, cell: Cell) -> Figures:
        to = self._target
        figures = drive(self._instrument.command(to.port, to.headers, cell))
        self.asked.add(cell.body["model"], figures)
        return figures

    def _measure(self, cell: Cell, session: Session | None) -> Figures:
        """A cell's figures, with what everybody's processors did meanwhile."""
        zero = (0.0, 0.0)
        before = session.cpu_s() if session else zero
        mock_before, machine_before = self._mock.cpu_s(), machine_cpu_s()
        figures = self._drive(cell)
        cpu_s = spent_s(before, session.cpu_s() if session else zero)
        mock_cpu_s = spent_s(mock_before, self._mock.cpu_s())
        known = cpu_s + mock_cpu_s + figures.get("drive_cpu_s", 0)
        other_s = max(0.0, machine_cpu_s() - machine_before - known)
        sample = figures.pop("sample", "")
        if figures.get("errors"):
            print(f"  {figures['errors']} errors, one answer was: {sample[:200]}", file=sys.stderr)
        rss = session.rss_mib() if session else []
        return {**figures, "cpu_s": cpu_s, "other_s": other_s, "rss_mib": rss}

    def rows(self, cells: Iterable[str], warm_s: float) -> Iterator[Figures]:
        """Those of its cells that are asked for; or what it said instead of serving."""
        wanted = [cell for cell in cells if cell in self._target.cells]
        try:
            yield from self._cells(wanted, warm_s) if wanted else ()
        except NeverServedError as error:
            print(f"NOT measured: {error}", file=sys.stderr)
            yield {"error": str(error)}

    def _cells(self, names: Iterable[str], warm_s: float) -> Iterator[Figures]:
        """Starts it, warms it, measures each cell."""
        self._target.forget()
        with serving(self._target, self._instrument.scratch) as served:
            session, start = served.session, {"start_s": served.start_s}
            idle = session.rss_mib() if session else []
            self.asked.add("mock", {"issued": served.asked, "n": served.asked})
            self._drive(replace(CELLS["small_c32"], seconds=warm_s))
            self._drive(replace(CELLS["burst_c1"], seconds=warm_s, connections=8))
            for name in names:
                figures = self._measure(CELLS[name], session)
                yield {"cell": name, **start, "idle_rss_mib": idle, **figures}
        if self._target.config is not None:
            yield {"ledger": check(self._target.config, self.asked)}


def chosen(names: str, scratch: Path) -> dict[str, Target]:
    """The named targets that can be started here; what is missing is said."""
    targets = {name: TARGETS[name](scratch) for name in names.split(",")}
    for name in [it for it, target in targets.items() if target.command]:
        if not is_installed(targets[name]):
            print(f"{name} is not installed: it is NOT measured", file=sys.stderr)
            del targets[name]
    return targets


def main() -> None:
    """Runs it, and writes a row for each cell."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--reps", type=int, default=5)
    parser.add_argument("--targets", default=DEFAULT, help=f"of {', '.join(TARGETS)}, or `all`")
    parser.add_argument("--cells", default=",".join(CELLS))
    parser.add_argument("--warm-s", type=float, default=1.0, help="load before it counts, twice")
    results.add_option(parser)
    args = parser.parse_args()
    names = ",".join(TARGETS) if args.targets == "all" else args.targets
    cells = args.cells.split(",")
    with tempfile.TemporaryDirectory() as folder:
        instrument = Instrument(Path(folder))
        targets = chosen(names, Path(folder))
        with results.Out(args.out, "cells") as out, instrument.mock() as mock:
            for rep in range(args.reps):
                for name, target in targets.items():
                    visit = Visit(instrument, mock, target)
                    for row in visit.rows(cells, args.warm_s):
                        out.write({"rep": rep, "target": name, **row})
                    print(f"rep {rep} {name}: {json.dumps(visit.asked.issued)}", file=sys.stderr)


if __name__ == "__main__":
    main()
