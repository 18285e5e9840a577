"""One run of a script against all upstreams, and what it told, kept for the page."""

import json
import os
import subprocess
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .expected import problem
from .places import FOLDER, InstallError, command_of, versions_of
from .table import Script

_RUN_S = 600


@dataclass
class Run:
    """What came of a script.

    Args:
        problems: by client, upstream and case; None where the client saw what it must see.
        not_installed: the command that failed.
    """

    name: str
    versions: dict[str, str] = field(default_factory=dict)
    problems: dict[str, dict[str, dict[str, str | None]]] = field(default_factory=dict)
    not_installed: str | None = None
    output: str = ""

    def keep(self, folder: Path) -> None:
        """Writes it down for the page."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{self.name}.json").write_text(json.dumps(asdict(self), indent=1))


def run(script: Script, url: str, key: str) -> Run:
    """Runs a script; it never fails, the run tells."""
    made = Run(script.name)
    try:
        command = command_of(script)
    except InstallError as error:
        made.not_installed, made.output = error.command, str(error)
    else:
        made.versions = versions_of(script)
        _talk(made, script, [*command, url, *script.models.values()], key)
    if FOLDER is not None:
        made.keep(Path(FOLDER) / "results")
    return made


def _talk(made: Run, script: Script, command: list[str], key: str) -> None:
    environment = {**os.environ, "SLUICEGATE_KEY": key, "PYTHONWARNINGS": "ignore"}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_RUN_S, env=environment, check=False
        )
        told, made.output = done.stdout, done.stderr[-4000:]
    except subprocess.TimeoutExpired as error:
        told, made.output = (error.stdout or b"").decode(), "it did not end"
    upstreams = {model: upstream for upstream, model in script.models.items()}
    for line in told.splitlines():
        if not line.startswith("{"):
            continue
        row: dict[str, Any] = json.loads(line)
        cases = made.problems.setdefault(row["client"], {}).setdefault(upstreams[row["model"]], {})
        cases[row["case"]] = problem(row["case"], row)
