"""Where figures are kept: lines of JSON, each of one part of the benchmarks."""

import argparse
import datetime
import json
import os
import platform
import subprocess
from pathlib import Path
from typing import Any, Self

from bench.load.instrument import REPOSITORY

Row = dict[str, Any]

RESULTS = REPOSITORY / "bench" / "results"


def add_option(parser: argparse.ArgumentParser) -> None:
    """`--out`, which all parts have."""
    parser.add_argument("--out", type=Path, default=RESULTS / "load.jsonl")


def circumstances() -> Row:
    """On what, and of what, the figures were taken."""
    from sluicegate import _core  # noqa: PLC0415  # the peers' parts run without it

    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    models = [it for it in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in it]
    return {
        "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": commit.stdout.strip(),
        "processor": models[0].partition(":")[2].strip() if models else platform.machine(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "build_profile": _core.build_profile,
    }


def parsed(line: str) -> Row:
    """What a driver printed; of one that failed, nothing."""
    row: Row = json.loads(line) if line.strip() else {}
    return row


def read(path: Path) -> list[Row]:
    """All rows."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines() if line]


class Out:
    """Rows of one `part`; those of an earlier run of the same part give way to them."""

    def __init__(self, path: Path, part: str) -> None:
        self._path, self._part = path, part

    def __enter__(self) -> Self:
        others = [row for row in read(self._path) if row["part"] != self._part]
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text("".join(json.dumps(row) + "\n" for row in others))
        self.write({"circumstances": circumstances()})
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def write(self, row: Row) -> None:
        """One row, on disk at once: a run that is cut keeps what it has."""
        with self._path.open("a") as file:
            file.write(json.dumps({"part": self._part, **row}) + "\n")
