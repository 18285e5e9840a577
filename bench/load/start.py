"""From the command to the first answered request: on an empty folder, again, and after a load.

    python -m bench.load.start [--reps 5]

The time holds the interpreter, the configuration, the store, the supervisor, the worker and one
request to the upstream. `loaded` is a start on a ledger that a load of some thousand requests left.
"""

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

from bench.load import results
from bench.load.cells import CELLS
from bench.load.instrument import Instrument, drive
from bench.load.run import chosen
from bench.load.serve import serving


def main() -> None:
    """Runs it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--reps", type=int, default=5)
    parser.add_argument("--targets", default="sluicegate,asgi")
    parser.add_argument("--load-s", type=float, default=2.0)
    results.add_option(parser)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        instrument = Instrument(Path(folder))
        targets = chosen(args.targets, Path(folder))
        with results.Out(args.out, "start") as out, instrument.mock():
            for rep in range(args.reps):
                for name, target in targets.items():
                    target.forget()
                    row = {"rep": rep, "target": name}
                    with serving(target, instrument.scratch) as served:
                        out.write({**row, "case": "empty", "start_s": served.start_s})
                    with serving(target, instrument.scratch) as served:
                        out.write({**row, "case": "again", "start_s": served.start_s})
                        load = replace(CELLS["small_c32"], seconds=args.load_s)
                        command = instrument.command(target.port, target.headers, load)
                        requests = drive(command).get("n")
                    with serving(target, instrument.scratch) as served:
                        loaded = {"case": "loaded", "requests": requests}
                        out.write({**row, **loaded, "start_s": served.start_s})


if __name__ == "__main__":
    main()
