"""The built wheel in an empty environment: `make wheel` sets SLUICEGATE_WHEELS."""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import httpx
import pytest

from ..config.cases import U

FOLDER = os.environ.get("SLUICEGATE_WHEELS")

pytestmark = [
    pytest.mark.skipif(FOLDER is None, reason="no wheel was built; `make wheel` builds and tests"),
    pytest.mark.timeout(300),
]


@pytest.fixture(scope="module")
def wheel() -> Path:
    """The only wheel in the folder."""
    [found] = Path(str(FOLDER)).glob("sluicegate-*.whl")
    return found


def test_the_wheel_has_what_it_needs_and_nothing_that_runs_by_itself(wheel: Path) -> None:
    assert re.fullmatch(r"sluicegate-[\d.]+-cp311-abi3-\w+\.whl", wheel.name)
    names = set(zipfile.ZipFile(wheel).namelist())
    package = {name for name in names if name.startswith("sluicegate/")}
    assert package >= {
        f"sluicegate/{name}"
        for name in (
            "_core.abi3.so",
            "_core.pyi",
            "py.typed",
            "providers/hosts/labs.toml",
            "store/migrations/0001_ledger.sql",
            "simulator/__main__.py",
        )
    }
    assert not [name for name in names if name.endswith((".pth", ".pyc", ".env"))]
    others = {name.split("/")[0] for name in names - package}
    assert all(".dist-info" in name for name in others)
    assert any(name.endswith("/LICENSE") for name in names)


def test_the_wheel_installs_into_an_empty_environment_and_serves(
    wheel: Path, tmp_path: Path
) -> None:
    environment = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    pip = [environment / "bin" / "python", "-m", "pip", "install", "-q"]
    subprocess.run([*pip, "--disable-pip-version-check", wheel], check=True)
    config = tmp_path / "c.yaml"
    config.write_text(U)
    # Not from the checkout, whose sources would be found first.
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with subprocess.Popen(
        [environment / "bin" / "sluicegate", "serve", "--config", config, "--port", "0"],
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=clean,
    ) as process:
        assert process.stderr is not None
        url = ""
        try:
            for line in process.stderr:
                if found := re.search(r"serves on (http://\S+)", line):
                    url = found.group(1)
                    break
            ready = httpx.get(f"{url}/health/ready", timeout=20).status_code
            models = httpx.get(f"{url}/v1/models", timeout=20).status_code
        finally:
            process.terminate()
        assert process.wait(10) == 0
    assert (ready, models) == (200, 401)
