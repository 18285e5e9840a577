"""The instrument: a mock upstream and a closed-loop driver, two small C programs outside this tree.

Their folder is named by SLUICEGATE_BENCH, or is `../shared/bench` beside the checkout. The mock
answers as an OpenAI upstream and reads knobs from the model's name: `mock.n200.b16.d10000` streams
200 chunks of 16 bytes, 10 ms apart, each with the time of its writing; the driver tells how long
each took to arrive.
"""

import json
import os
import subprocess
import sys
import time
import urllib.request
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.load.cells import Cell
from bench.load.process import LOAD_CORE, Session, pinned

REPOSITORY = Path(__file__).resolve().parent.parent.parent
MOCK_PORT = 9100
CHAT = "/v1/chat/completions"
MISSING = "no instrument (SLUICEGATE_BENCH names its folder): the load was NOT measured"
#: Seconds that the driver waits for answers once it asks for no more.
_DRAIN_S = 20

Figures = dict[str, Any]


def folder() -> Path | None:
    """Where the two programs are."""
    named = os.environ.get("SLUICEGATE_BENCH")
    found = Path(named) if named else REPOSITORY.parent / "shared" / "bench"
    return found if (found / "drive.c").exists() and (found / "mock.c").exists() else None


def folder_or_exit() -> Path:
    """The folder, or the end of the command that cannot do without; 77 says `skipped`."""
    found = folder()
    if found is None:
        print(MISSING, file=sys.stderr)
        sys.exit(77)
    return found


class Instrument:
    """The two programs, built into `scratch`, and the bodies that the driver sends."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        source = folder_or_exit()
        for name in ("mock", "drive"):
            build = ["cc", "-O2", "-w", "-o", str(scratch / name), str(source / f"{name}.c")]
            subprocess.run(build, check=True)

    def mock(self) -> Session:
        """The mock, listening."""
        command = [str(self.scratch / "mock"), str(MOCK_PORT)]
        session = Session(command, self.scratch / "mock.log", core=LOAD_CORE)
        for _ in range(100):
            if session.has_ended():
                sys.exit("the mock could not start: is another run under way?")
            try:
                return_code = urllib.request.urlopen(f"http://127.0.0.1:{MOCK_PORT}/", timeout=2)
            except OSError:
                time.sleep(0.02)
            else:
                return_code.close()
                return session
        sys.exit("the mock does not answer")

    def command(
        self, port: int, headers: Sequence[str], cell: Cell, *, path: str = CHAT
    ) -> list[str]:
        """The driver's command line for one cell of one target."""
        text = json.dumps(cell.body, separators=(",", ":"))
        body = self.scratch / f"{zlib.crc32(text.encode())}.json"
        body.write_text(text)
        command = [str(self.scratch / "drive"), "--port", str(port), "--path", path]
        command += ["--c", str(cell.connections), "--t", str(cell.seconds), "--n", str(cell.most)]
        command += ["--min-n", str(cell.least), "--drain", str(_DRAIN_S), "--body", str(body)]
        for header in headers:
            command += ["--header", header]
        return [*command, "--expect-events", str(cell.events)] if cell.events else command


def drive(command: Sequence[str]) -> Figures:
    """One run of the driver: counts, and quantiles of answers, first bytes and events in us."""
    run = subprocess.run(
        pinned(command, LOAD_CORE), capture_output=True, text=True, check=False, timeout=150
    )
    if run.returncode:
        return {"error": run.stderr.strip()[-200:]}
    figures: Figures = json.loads(run.stdout)
    return figures


def drive_beside(command: Sequence[str]) -> subprocess.Popen[str]:
    """The driver at work; `communicate()` gives its line of JSON."""
    return subprocess.Popen(pinned(command, LOAD_CORE), stdout=subprocess.PIPE, text=True)
