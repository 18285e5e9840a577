"""All parts of the load benchmark, one after the other, and their page.

    python -m bench.load [--reps 5] [--growth-minutes 1]

Where the instrument is missing nothing is measured, and that is said.
"""

import argparse
import subprocess
import sys
import time

from bench.load import results
from bench.load.instrument import MISSING, REPOSITORY, folder


def main() -> None:
    """Runs them; a part that fails does not keep the others from being measured."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--reps", default="5")
    parser.add_argument("--targets", default="all", help="of `bench.load.run`")
    parser.add_argument(
        "--growth-minutes", default="1", help="30 for the figure, with 10 to settle"
    )
    results.add_option(parser)
    args = parser.parse_args()
    if folder() is None:
        print(f"\n*** {MISSING} ***\n", file=sys.stderr)
        return
    parts = {
        "run": ["--reps", args.reps, "--targets", args.targets],
        "translate": ["--reps", args.reps],
        "streams": [],
        "start": ["--reps", args.reps],
        "growth": ["--minutes", args.growth_minutes],
        "report": [],
    }
    failed = []
    for part, options in parts.items():
        begun = time.monotonic()
        command = [sys.executable, "-m", f"bench.load.{part}", *options, "--out", str(args.out)]
        if subprocess.run(command, cwd=REPOSITORY, check=False).returncode:
            failed.append(part)
        print(f"{part}: {time.monotonic() - begun:.0f} s", file=sys.stderr)
    if failed:
        sys.exit(f"not measured, for they failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
