"""The whole gateway under load, beside bare proxies, by an instrument outside this repository.

    python bench/load/run.py [--reps 5] [--only direct,nginx,envoy,sluicegate]

The instrument (a mock upstream, a driver and `bench.py`) is a folder named by SLUICEGATE_BENCH, or
`../shared/bench` beside the checkout; where there is none nothing is measured, and that is said.
The question: how much CPU does one governed request (key check, limits, budget reservation, body
scan, journal, usage capture, token count) cost, as a ratio to a bare proxy's in the same run, and
how much of it is governing? `sluicegate` has a key under seven limits on requests, tokens, money
and parallel requests, at three levels; `ungoverned` is the same with `auth: none` and no limit.
Rows go to `results/load.jsonl`, the rendered tables to the `.md` beside it.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
RESULTS = HERE.parent / "results"
REPOSITORY = HERE.parent.parent
PORT = 4090
UNGOVERNED_PORT = 4091
UPSTREAM = "http://127.0.0.1:9100"
KEY = "sk-bench-0123456789"
GOVERNED = f"""\
keys:
  - name: bench
    key: {KEY}
    team: core
    organisation: acme
    budget_usd: 100000
    budget_period: day
    tpm: 100000000000
    rpm: 100000000
    max_parallel: 10000
limits:
  - {{name: acme-money, scope: {{organisation: acme}}, cost_usd: 100000, per: month}}
  - {{name: core-money, scope: {{team: core}}, cost_usd: 100000, per: day}}
  - {{name: core-tokens, scope: {{team: core}}, total_tokens: 100000000000, per: hour}}
"""
MODELS = ("mock", "mock.n200.b16", "mock.n200.b16.d2000", "mock.n200.b16.d10000")


def instrument() -> Path | None:
    """The folder with `bench.py`."""
    named = os.environ.get("SLUICEGATE_BENCH")
    folder = Path(named) if named else REPOSITORY.parent / "shared" / "bench"
    return folder if (folder / "bench.py").exists() else None


def config(folder: Path, port: int, *, governed: bool) -> Path:
    """A configuration as users have it: a provider with prices, aliases, a key with its limits."""
    models = "".join(f'  "{name}": {{targets: [bench/{name}]}}\n' for name in MODELS)
    path = folder / f"{port}.yaml"
    path.write_text(
        f"server: {{port: {port}}}\n"
        f"data_dir: {folder / str(port)}\n"
        f"providers:\n  bench: {{dialect: openai, base_url: {UPSTREAM}/v1, api_key: sk-upstream}}\n"
        f"prices: {{bench/*: {{input: 1.0, output: 2.0}}}}\n"
        f"models:\n{models}" + (GOVERNED if governed else "auth: none\n")
    )
    path.chmod(0o600)
    return path


def target_of(path: Path, port: int, python: str) -> dict[str, Any]:
    """A target as the instrument wants it."""
    return {
        "cmd": [python, "-m", "sluicegate", "serve", "--config", str(path)],
        "port": port,
        "headers": [f"Authorization: Bearer {KEY}"],
    }


def ledger_rows(path: Path) -> int:
    """Rows of the export: every request that was answered must have one."""
    command = [sys.executable, "-m", "sluicegate", "ledger", "export", "--config", str(path)]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return max(0, out.count("\n") - 1)


def main() -> None:
    """Runs the instrument with this gateway as one of its targets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reps", type=int, default=5)
    parser.add_argument("--only", default="direct,nginx,envoy,ungoverned,sluicegate")
    parser.add_argument("--out", type=Path, default=RESULTS / "load.jsonl")
    parser.add_argument(
        "--python", default=sys.executable, help="interpreter that has sluicegate installed"
    )
    args = parser.parse_args()
    folder = instrument()
    if folder is None:
        print("no instrument (SLUICEGATE_BENCH names its folder): the load was NOT measured")
        return
    args.out.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        path = config(Path(scratch), PORT, governed=True)
        bare = config(Path(scratch), UNGOVERNED_PORT, governed=False)
        targets = {
            "sluicegate": target_of(path, PORT, args.python),
            "ungoverned": target_of(bare, UNGOVERNED_PORT, args.python),
        }
        extra = Path(scratch) / "target.json"
        extra.write_text(json.dumps(targets))
        bench = [sys.executable, str(folder / "bench.py")]
        run = ["run", "--only", args.only, "--extra", str(extra), "--reps", str(args.reps)]
        subprocess.run([*bench, *run, "--out", str(args.out)], check=True)
        rows = ledger_rows(path)
        answered = sum(
            row.get("n", 0)
            for row in map(json.loads, args.out.read_text().splitlines())
            if row["target"] == "sluicegate"
        )
        report = subprocess.run(
            [*bench, "report", str(args.out)], check=True, capture_output=True, text=True
        ).stdout
        note = f"\nLedger rows: {rows}; answered in measured cells: {answered} (warm-ups too).\n"
        args.out.with_suffix(".md").write_text(report + note)
        print(report + note)


if __name__ == "__main__":
    main()
