"""Packages with plugins: the example of the documentation as pip installs it, and small ones that
are written for a test.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "plugins.md"
GROUPS = {"hooks": "sluicegate.hooks", "dialects": "sluicegate.dialects"}
GROUPS |= {"providers": "sluicegate.providers"}


def example_files() -> dict[str, str]:
    """The example's files, by name, as the page has them."""
    blocks = re.findall(r"```(?:toml|python)\n# (\S+)\n(.*?)```", PAGE.read_text(), re.DOTALL)
    found = dict(blocks)
    # A file's only line may be its docstring.
    return {name: text for name, text in found.items() if "." in name}


def install_example(folder: Path) -> Path:
    """Builds the example and installs it; gives where it is."""
    source, target = folder / "acme", folder / "site"
    for name, text in example_files().items():
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    pip = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    offline = ["--no-index", "--no-deps", "--no-build-isolation", "--target", str(target)]
    done = subprocess.run([*pip, *offline, str(source)], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return target


def write_package(folder: Path, name: str, code: str, **entries: dict[str, str]) -> Path:
    """A package as pip leaves it, with entry points by group (`hooks={"name": "attribute"}`)."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.py").write_text(code)
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines: list[str] = []
    for group, points in entries.items():
        lines.append(f"[{GROUPS[group]}]")
        lines += [f"{point} = {name}:{attribute}" for point, attribute in points.items()]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    return folder
