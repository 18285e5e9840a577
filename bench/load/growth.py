"""Memory of the worker over a long load: at rest, loaded, and whether it grows.

    python -m bench.load.growth [--minutes 1]                    # a look
    python -m bench.load.growth --minutes 30 --settle-minutes 10   # the figure

Small requests and paced streams at a steady rate (the upstream takes 20 ms), so that the ledger
grows by what a busy hour makes and not by what a saturated core can. Growth is the difference
between the medians of the first and the last tenth of the time that is left once it has settled.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.load import results
from bench.load.cells import EVENTS, PACED_10_MS, Cell, small, stream
from bench.load.instrument import Instrument, drive_beside
from bench.load.ledger import Asked, check
from bench.load.process import Session
from bench.load.run import chosen
from bench.load.serve import serving
from bench.load.targets import Target

#: The driver works for a minute at most; longer loads are made of several.
_ROUND_S = 30.0
_EVERY_S = 1.0
_CONNECTIONS = 8
_SLOW = "bench/mock.l20000"

Sample = tuple[float, float]


def growth_mib(samples: list[Sample], from_s: float) -> float | None:
    """By how much memory rose from `from_s` on; nothing where too little was seen of it."""
    settled = [mib for at_s, mib in samples if at_s >= from_s]
    tenth = len(settled) // 10
    if tenth == 0:
        return None
    return statistics.median(settled[-tenth:]) - statistics.median(settled[:tenth])


def _round(
    instrument: Instrument, target: Target, session: Session, seconds: float, begun: float
) -> tuple[list[Sample], list[tuple[str, dict[str, Any]]]]:
    """Both drivers for some seconds, and the worker's memory meanwhile."""
    cells = {
        _SLOW: Cell(small(_SLOW), _CONNECTIONS, seconds, least=1),
        PACED_10_MS: Cell(stream(PACED_10_MS), _CONNECTIONS, seconds, least=1, events=EVENTS),
    }
    drivers = {
        model: drive_beside(instrument.command(target.port, target.headers, cell))
        for model, cell in cells.items()
    }
    samples = []
    while any(driver.poll() is None for driver in drivers.values()):
        samples.append((time.monotonic() - begun, session.rss_mib()[0]))
        time.sleep(_EVERY_S)
    said = [(model, results.parsed(it.communicate()[0])) for model, it in drivers.items()]
    return samples, said


def grow(instrument: Instrument, target: Target, total_s: float, settle_s: float) -> dict[str, Any]:
    """The whole load."""
    target.forget()
    asked, samples = Asked(), list[Sample]()
    with serving(target, instrument.scratch) as served:
        assert served.session is not None
        asked.add("mock", {"issued": served.asked, "n": served.asked})
        time.sleep(1.0)
        idle_mib = served.session.rss_mib()[0]
        begun = time.monotonic()
        while (left_s := begun + total_s - time.monotonic()) > 1:
            seconds = min(_ROUND_S, left_s)
            more, said = _round(instrument, target, served.session, seconds, begun)
            samples += more
            for model, figures in said:
                asked.add(model, figures)
        time.sleep(1.0)
        after_mib = served.session.rss_mib()[0]
    assert target.config is not None
    return {
        "idle_mib": idle_mib,
        "peak_mib": max(mib for _, mib in samples),
        "after_mib": after_mib,
        "minutes": total_s / 60,
        "settle_minutes": settle_s / 60,
        "growth_mib": growth_mib(samples, settle_s),
        "ledger": check(target.config, asked),
        "samples": samples[:: max(1, len(samples) // 60)],
    }


def main() -> None:
    """Runs it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--targets", default="sluicegate")
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--settle-minutes", type=float, help="a third of the time")
    results.add_option(parser)
    args = parser.parse_args()
    settle_minutes = args.settle_minutes or args.minutes / 3
    with tempfile.TemporaryDirectory() as folder:
        instrument = Instrument(Path(folder))
        targets = chosen(args.targets, Path(folder))
        with results.Out(args.out, "growth") as out, instrument.mock():
            for name, target in targets.items():
                row = grow(instrument, target, args.minutes * 60, settle_minutes * 60)
                out.write({"target": name, **row})


if __name__ == "__main__":
    main()
