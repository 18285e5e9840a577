"""Environments of their own for clients that the repository's does not have, made when first used."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from .table import HERE, Script

#: Where they are made; without it only what is installed anyway runs.
FOLDER = os.environ.get("SLUICEGATE_CLIENTS")
_INSTALL_S = 900


class InstallError(Exception):
    """What did not install; the text is the command, and what it said last."""

    def __init__(self, command: str, output: str) -> None:
        super().__init__(f"{command}\n{output[-2000:]}")
        self.command = command


def command_of(script: Script) -> list[str]:
    """What runs a script, in its environment.

    Raises:
        InstallError: its environment cannot be made.
    """
    if script.place is None:
        return [sys.executable, str(script.path)]
    folder = _made(script)
    if script.is_node:
        return ["node", str(folder / "client.mjs")]
    return [str(folder / "bin" / "python"), str(script.path)]


def versions_of(script: Script) -> dict[str, str]:
    """The versions of a script's packages, as installed."""
    program = "import importlib.metadata as m, sys; print(*map(m.version, sys.argv[1:]))"
    command = [*command_of(script)[:1], "-c", program, *script.packages]
    if script.is_node:
        program = (
            "for (const p of process.argv.slice(1))"
            "console.log(JSON.parse(require('fs').readFileSync(`node_modules/${p}/package.json`)).version)"
        )
        command = ["node", "-e", program, *script.packages]
    where = _made(script) if script.is_node else HERE
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=where)
    return dict(zip(script.packages, done.stdout.split(), strict=True))


def _made(script: Script) -> Path:
    """The folder with what the script needs; made once for each content of its list."""
    wanted = HERE / str(script.place)
    listed = wanted / "package.json" if script.is_node else wanted
    mark = hashlib.sha256(listed.read_bytes()).hexdigest()[:12]
    folder = Path(str(FOLDER)) / f"{script.name}-{mark}"
    if not (folder / ".done").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        if script.is_node:
            _install_node(listed, folder)
        else:
            _install_python(listed, folder)
        (folder / ".done").touch()
    if script.is_node:  # the program is read where its packages are
        for source in (*wanted.glob("*.mjs"), *wanted.parent.glob("*.mjs")):
            shutil.copy(source, folder)
        shutil.copy(HERE / "conversation.json", folder)
    return folder


def _install_python(listed: Path, folder: Path) -> None:
    tool = HERE.parent.parent / "tools" / "venv.sh"
    subprocess.run([str(tool), sys.executable, str(folder)], check=True, stdout=subprocess.DEVNULL)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "-q"]
    command = [*pip, "--disable-pip-version-check", "-r", str(listed)]
    _run(command, folder, f"pip install {' '.join(listed.read_text().split())}")


def _install_node(listed: Path, folder: Path) -> None:
    shutil.copy(listed, folder)
    npm = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock"]
    _run(npm, folder, " ".join(npm))


def _run(command: list[str], folder: Path, shown: str) -> None:
    done = subprocess.run(
        command,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_INSTALL_S,
        check=False,
    )
    if done.returncode != 0:
        raise InstallError(shown, done.stdout)
