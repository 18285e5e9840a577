"""A program in a session of its own, pinned to one core, with what the system says of it."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

#: Mock and driver share the first core, what is measured has the second: each figure is per core.
LOAD_CORE, GATEWAY_CORE = 0, 1
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
#: Both clocks may differ by this much before the coarse one is believed: threads that ended took
#: their fine count with them.
_FINE_CLOCK_SLACK, _FINE_CLOCK_SLACK_S = 1.03, 0.03


def pinned(command: Sequence[str], core: int) -> list[str]:
    """The command, on one core; on a machine that has only one, as it is."""
    return ["taskset", "-c", str(core), *command] if (os.cpu_count() or 1) > 1 else [*command]


def machine_cpu_s() -> float:
    """Seconds that all cores together have worked since the machine started."""
    fields = [int(field) for field in Path("/proc/stat").read_text().split("\n")[0].split()[1:]]
    idle, waiting = fields[3], fields[4]
    return (sum(fields[:8]) - idle - waiting) / _TICKS_PER_S


class Session:
    """A program and every process that it started; `stop` ends them all."""

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        *,
        core: int = GATEWAY_CORE,
        environment: dict[str, str] | None = None,
    ) -> None:
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                pinned(command, core),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env={**os.environ, **(environment or {})},
                cwd=log.parent,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def has_ended(self) -> bool:
        """Whether the first process is gone."""
        return self._process.poll() is not None

    def _stats(self) -> dict[int, list[str]]:
        """Process id -> the fields of its `stat` behind the name."""
        stats = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    fields = (entry / "stat").read_text().rpartition(")")[2].split()
                    if int(fields[3]) == self._process.pid:
                        stats[int(entry.name)] = fields
        return stats

    def cpu_s(self) -> tuple[float, float]:
        """On-CPU seconds so far: by the scheduler, of threads that live; and in ticks, of all."""
        fine_ns, ticks = 0, 0
        for pid, fields in self._stats().items():
            ticks += sum(int(field) for field in fields[11:15])
            for task in Path(f"/proc/{pid}/task").glob("*/schedstat"):
                with contextlib.suppress(OSError):
                    fine_ns += int(task.read_text().split()[0])
        return fine_ns / 1e9, ticks / _TICKS_PER_S

    def rss_mib(self) -> list[float]:
        """Resident memory of each process, the largest first: in a gateway that is the worker."""
        sizes = []
        for pid in self._stats():
            with contextlib.suppress(OSError):
                lines = Path(f"/proc/{pid}/status").read_text().splitlines()
                sizes += [int(line.split()[1]) / 1024 for line in lines if line[:6] == "VmRSS:"]
        return sorted(sizes, reverse=True)

    def stop(self, within_s: float = 5.0) -> None:
        """SIGTERM to the first process, as an operator does; then SIGKILL to what is left."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        end = time.monotonic() + within_s
        while time.monotonic() < end and (self._process.poll() is None or self._stats()):
            time.sleep(0.02)
        for pid in self._stats():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()


def spent_s(before: tuple[float, float], after: tuple[float, float]) -> float:
    """On-CPU seconds between two readings of `cpu_s`."""
    fine, coarse = after[0] - before[0], after[1] - before[1]
    lost = coarse > fine * _FINE_CLOCK_SLACK + _FINE_CLOCK_SLACK_S
    return coarse if lost else fine
