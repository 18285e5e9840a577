"""Many slow streams at once: does any stall, is any event lost, and what does each hold in memory?

    python -m bench.load.streams [--seconds 10] [--targets sluicegate,asgi,envoy]

512 streams with an event each 100 ms, then 2,000 with one each 250 ms; all begin at once, which is
what makes the latest event. Every event carries the time of its writing: one that arrives two
intervals late is a stall. Memory is that of all processes while the streams run, less what they had
after some requests.
"""

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

from bench.load import results
from bench.load.cells import BURST, EVENTS, Cell, stream
from bench.load.instrument import Figures, Instrument, drive, drive_beside
from bench.load.ledger import Asked, check
from bench.load.process import Session
from bench.load.run import chosen
from bench.load.serve import serving
from bench.load.targets import Target

DEFAULT = "sluicegate,asgi,envoy"
_SETTLE_S = 1.0
#: An event this many intervals late, and its reader has seen nothing for one more.
_STALL_INTERVALS = 2


@dataclass(frozen=True)
class Crowd:
    """So many streams, an event of each every so often."""

    streams: int
    interval_ms: int

    def model(self, seconds: float) -> tuple[str, int]:
        """The mock's name for it, and the events of each stream."""
        events = max(2, int(seconds * 1000 / self.interval_ms))
        return f"mock.n{events}.b16.d{self.interval_ms * 1000}", events


CROWDS = (Crowd(512, 100), Crowd(2000, 250))


def peak_mib(session: Session, driver: Popen[str]) -> float:
    """Most resident memory of the whole session while the driver runs."""
    peak = 0.0
    while driver.poll() is None:
        peak = max(peak, sum(session.rss_mib()))
        time.sleep(0.25)
    return peak


def verdict(crowd: Crowd, events: int, figures: Figures, idle_mib: float, mib: float) -> Figures:
    """What came of it. `stalls` is whether any event was two intervals late."""
    delays = figures.get("event_us") or {"n": 0, "max": 0.0}
    return {
        "streams": crowd.streams,
        "interval_ms": crowd.interval_ms,
        "events": delays["n"],
        "lost": crowd.streams * events - delays["n"],
        "incomplete": figures.get("short", 0) + figures.get("errors", 0) + figures.get("stuck", 0),
        "latest_ms": delays["max"] / 1000,
        "stalls": delays["max"] > _STALL_INTERVALS * crowd.interval_ms * 1000,
        "event_us": delays,
        "idle_mib": idle_mib,
        "loaded_mib": mib,
        "kib_per_stream": (mib - idle_mib) * 1024 / crowd.streams,
    }


def hold(instrument: Instrument, target: Target, crowd: Crowd, seconds: float) -> Figures:
    """One crowd in front of one target, started anew."""
    target.forget()
    asked = Asked()
    model, events = crowd.model(seconds)
    # Ours knows no alias of that name; `provider/model` always works.
    asked_model = model if target.config is None else f"bench/{model}"
    with serving(target, instrument.scratch) as served:
        assert served.session is not None
        asked.add("mock", {"issued": served.asked, "n": served.asked})
        warm = Cell(stream(BURST), 8, 0.5, least=8, events=EVENTS)
        asked.add(BURST, drive(instrument.command(target.port, target.headers, warm)))
        time.sleep(_SETTLE_S)
        idle_mib = sum(served.session.rss_mib())
        all_at_once = Cell(
            stream(asked_model), crowd.streams, 5, crowd.streams, most=crowd.streams, events=events
        )
        command = instrument.command(target.port, target.headers, all_at_once)
        with drive_beside(command) as driver:
            mib = peak_mib(served.session, driver)
            figures = results.parsed(driver.communicate()[0])
        asked.add(asked_model, figures)
    ledger = {} if target.config is None else {"ledger": check(target.config, asked)}
    return {**verdict(crowd, events, figures, idle_mib, mib), **ledger}


def main() -> None:
    """Runs it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--targets", default=DEFAULT)
    parser.add_argument("--seconds", type=float, default=10.0, help="how long each stream is")
    parser.add_argument("--reps", type=int, default=1)
    results.add_option(parser)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        instrument = Instrument(Path(folder))
        targets = chosen(args.targets, Path(folder))
        with results.Out(args.out, "streams") as out, instrument.mock():
            for rep in range(args.reps):
                for crowd in CROWDS:
                    for name, target in targets.items():
                        row = hold(instrument, target, crowd, args.seconds)
                        out.write({"rep": rep, "target": name, **row})


if __name__ == "__main__":
    main()
