"""What a run of tests leaves on the disk, and what the next one finds there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .folders import sweep, thin

ROOT = Path(__file__).resolve().parents[1]
MiB = 1 << 20

RUN = """
import os
from pathlib import Path
import pytest

def taken(folder):
    with (folder / "map").open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, 8 << 20)
        file.write(b"told")

@pytest.fixture(scope="module")
def shared(module_path):
    taken(module_path)

@pytest.mark.parametrize("number", range(3))
def test_passes(tmp_path, shared, number):
    taken(tmp_path)
"""
FAILS = "    assert number != 1\n"


@pytest.mark.parametrize(("fails", "left"), [(False, 0), (True, 2)], ids=["passes", "fails"])
def test_only_the_folders_of_failures_stay_and_stay_thin(
    tmp_path: Path, fails: bool, left: int
) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "conftest.py").write_text("from tests.conftest import *\n")
    (inner / "test_inner.py").write_text(RUN + FAILS * fails)
    base = tmp_path / "base"
    run = [sys.executable, "-m", "pytest", "-q", "-n", "1", "-c", str(ROOT / "pyproject.toml")]
    run += ["--rootdir", str(inner), f"--basetemp={base}", str(inner)]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    environment["PYTHONPATH"] = str(ROOT)
    done = subprocess.run(
        run, cwd=inner, env=environment, capture_output=True, timeout=30, check=False
    )
    assert done.returncode == int(fails), done.stdout.decode()
    maps = list(base.glob("*/*/map"))
    assert len([path for path in maps if not path.parent.is_symlink()]) == left
    for path in maps:
        assert path.stat().st_size == 8 * MiB
        assert path.stat().st_blocks * 512 < MiB


def test_a_thin_file_reads_as_before(tmp_path: Path) -> None:
    content = b"head" + bytes(3 * MiB) + os.urandom(MiB + 7) + bytes(5)
    path = tmp_path / "deep" / "journal"
    path.parent.mkdir()
    path.write_bytes(content)
    thin(tmp_path)
    assert path.read_bytes() == content
    assert path.stat().st_blocks * 512 < 2 * MiB


def test_what_a_killed_run_left_is_swept(tmp_path: Path) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait(5)
    gone = tmp_path / f"sluicegate-x-{dead.pid}-abc"
    lives = tmp_path / f"sluicegate-x-{os.getpid()}-abc"
    other = tmp_path / f"sluicegate-y-{dead.pid}-abc"
    for folder in (gone, lives, other):
        folder.mkdir()
    sleep = [sys.executable, "-c", "import time; time.sleep(20)"]
    left = subprocess.Popen([*sleep, str(gone / "data")])
    mine = subprocess.Popen([*sleep, str(lives / "data")])
    try:
        sweep(tmp_path, "x")
        assert left.wait(5) != 0
        assert mine.poll() is None
        assert {path.name for path in tmp_path.iterdir()} == {lives.name, other.name}
    finally:
        left.kill()
        mine.kill()
        mine.wait(5)
