"""Writes `docs/clients.md` from what `make clients` saw: `python -m tests.clients.page`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .places import FOLDER
from .table import HERE, SCRIPTS, UPSTREAMS, USUAL, Script

PAGE = HERE.parent.parent / "docs" / "clients.md"


def page(runs: dict[str, dict[str, Any]]) -> str:
    """The page; `runs` by script."""
    lines = [f"| client | version | cases | {' | '.join(UPSTREAMS)} |"]
    lines.append("|---|---|---" + "|--:" * len(UPSTREAMS) + "|")
    told: list[str] = []
    for script in SCRIPTS:
        run = runs[script.name]
        lines += _rows(script, run)
        told += _told(script, run)
    missing = [run["not_installed"] for run in runs.values() if run["not_installed"]]
    lines += ["", *told] if told else []
    if missing:
        lines += ["", "What would not install:", "", *(f"- `{command}`" for command in missing)]
    return (HERE / "page.md").read_text("utf-8").replace("@table@\n", "\n".join(lines) + "\n")


def _rows(script: Script, run: dict[str, Any]) -> Iterator[str]:
    shown = ", ".join(f"{name} {version}" for name, version in run["versions"].items())
    for client, wanted in script.clients.items():
        if run["not_installed"]:
            yield f"| {client} | did not install | |{' |' * len(UPSTREAMS)}"
            continue
        seen = run["problems"].get(client, {})
        cells = [_cell(wanted, seen.get(upstream, {})) for upstream in UPSTREAMS]
        yield f"| {client} | {shown} | {_cases(wanted)} | {' | '.join(cells)} |"


def _cases(wanted: frozenset[str]) -> str:
    if wanted >= USUAL:
        return "; ".join(["the six", *sorted(wanted - USUAL)])
    return "; ".join(sorted(wanted))


def _cell(wanted: frozenset[str], cases: dict[str, str | None]) -> str:
    good = sum(1 for case in wanted if cases.get(case, "") is None)
    return f"{good} of {len(wanted)}"


def _told(script: Script, run: dict[str, Any]) -> Iterator[str]:
    if run["not_installed"]:
        return
    for client, wanted in script.clients.items():
        for upstream in UPSTREAMS:
            cases = run["problems"].get(client, {}).get(upstream, {})
            bad = sorted(case for case in wanted if cases.get(case, "") is not None)
            if bad:
                yield f"- {client}, to {upstream}: {'; '.join(bad)}"


def main() -> None:
    """Reads what was kept, and writes the page."""
    results = Path(str(FOLDER)) / "results"
    runs = {s.name: json.loads((results / f"{s.name}.json").read_text()) for s in SCRIPTS}
    PAGE.write_text(page(runs))


if __name__ == "__main__":
    main()
