"""The gate of `docs/benchmarks.md` runs as it stands there, and can fail."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway import KEY, Gateway, free_port

PAGE = (Path(__file__).resolve().parent.parent.parent / "docs" / "benchmarks.md").read_text()


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "sluicegate.simulator", "--port", str(port)]
    command += ["--first-token-ms", "0", "--token-ms", "0"]
    with (tmp_path / "simulator.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()


def documented(folder: Path, gateway: str, upstream: str, most: float) -> tuple[int, str]:
    """What pytest says of the page's test."""
    (folder / "test_latency.py").write_text(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)[0])
    # A worker of pytest-xdist would hand on that it is one, and then nothing is timed.
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment = ours | {
        "GATEWAY_URL": gateway,
        "GATEWAY_KEY": KEY,
        "UPSTREAM_URL": upstream,
        "MODEL": "u/sim-small",
        "MOST": str(most),
    }
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_latency.py"]
    command += ["--benchmark-json=figures.json", "--benchmark-max-time=0.2"]
    run = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    return run.returncode, run.stdout + run.stderr


def test_the_documented_gate_passes_and_fails(tmp_path: Path, simulator: str) -> None:
    with Gateway(simulator, tmp_path) as gateway:
        passed, said = documented(tmp_path, gateway.url, simulator, most=1000)
        assert passed == 0, said
        assert (tmp_path / "figures.json").exists()
        failed, said = documented(tmp_path, gateway.url, simulator, most=0.001)
        assert failed == 1, said
        assert re.search(r"\d+ us, directly \d+", said)
