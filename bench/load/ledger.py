"""Whether the ledger holds what the driver asked: every request, its cost, its count.

The upstreams of these benchmarks report what they please of a known text, so that each row's
tokens and cost are known beforehand, to the pico-dollar.
"""

import csv
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from bench.load.instrument import Figures
from bench.load.targets import INPUT_USD, OUTPUT_USD

_MILLION = 1_000_000
#: The mock says 50 tokens in, and 40 out of a whole answer; of a stream as many as it has chunks.
INPUT_TOKENS, WHOLE_OUTPUT_TOKENS = 50, 40


def output_tokens(model: str) -> int:
    """What the upstream reports for a model that is named as the mock wants it."""
    chunks = [int(knob[1:]) for knob in model.split(".")[1:] if knob[0] == "n"]
    return chunks[0] if chunks else WHOLE_OUTPUT_TOKENS


def cost_usd(model: str) -> Decimal:
    """What one answer of it costs."""
    spent = INPUT_TOKENS * Decimal(str(INPUT_USD)) + output_tokens(model) * Decimal(str(OUTPUT_USD))
    return spent / _MILLION


@dataclass
class Asked:
    """What was asked of one gateway since its ledger was empty, by the model's name."""

    issued: Counter[str] = field(default_factory=Counter)
    answered: Counter[str] = field(default_factory=Counter)

    def add(self, model: str, figures: Figures) -> None:
        """One run of the driver."""
        self.issued[model] += figures.get("issued", 0)
        self.answered[model] += figures.get("n", 0)


def faults(row: dict[str, str]) -> list[str]:
    """What is not as it must be in a row of an answer that came whole."""
    model = row["requested_model"]
    if row["outcome"] == "cached":
        return faults_of_hit(row)
    is_stream = row["stream"] in {"1", "true"}
    must = {
        "input_tokens": str(INPUT_TOKENS),
        "output_tokens": str(output_tokens(model)),
        "basis": "reported",
    }
    wrong = [column for column, value in must.items() if row[column] != value]
    if not row["cost_usd"] or Decimal(row["cost_usd"]) != cost_usd(model):
        wrong.append("cost_usd")
    # A chunk is a word at least: fewer tokens were not counted.
    if is_stream and int(row["counted_output_tokens"] or 0) < output_tokens(model):
        wrong.append("counted_output_tokens")
    return wrong


def faults_of_hit(row: dict[str, str]) -> list[str]:
    """The same of an answer from the cache: it cost nothing, and says what it would have cost."""
    model = row["requested_model"]
    must = {"input_tokens": "0", "output_tokens": "0", "basis": "none", "attempt": "0"}
    wrong = [column for column, value in must.items() if row[column] != value]
    if Decimal(row["cost_usd"]) != 0:
        wrong.append("cost_usd")
    if not row["saved_usd"] or Decimal(row["saved_usd"]) != cost_usd(model):
        wrong.append("saved_usd")
    return wrong


def compare(rows: Iterable[dict[str, str]], asked: Asked) -> dict[str, Any]:
    """Counts of both sides and every difference; `holds` where there is none."""
    requests: dict[str, set[str]] = {model: set() for model in asked.issued}
    ok: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    total_usd, count = Decimal(0), 0
    for row in rows:
        count += 1
        model = row["requested_model"]
        requests.setdefault(model, set()).add(row["request_id"])
        total_usd += Decimal(row["cost_usd"] or 0)
        if row["outcome"] in {"ok", "cached"}:
            ok[model] += 1
            wrong.update(f"{model} {fault}" for fault in faults(row))
    differences = {
        model: {"asked": asked.issued[model], "in_ledger": len(ids)}
        for model, ids in requests.items()
        if len(ids) != asked.issued[model]
    }
    unanswered = {
        model: {"answered": asked.answered[model], "ok_in_ledger": ok[model]}
        for model in requests
        if ok[model] != asked.answered[model]
    }
    return {
        "asked": asked.issued.total(),
        "rows": count,
        "cost_usd": str(total_usd),
        "expected_usd": str(sum(cost_usd(model) * n for model, n in asked.answered.items())),
        "differences": differences,
        "unanswered": unanswered,
        "wrong": dict(wrong),
        "holds": not (differences or unanswered or wrong),
    }


def check(config: Path, asked: Asked) -> dict[str, Any]:
    """The comparison with the export of a gateway that has ended, printed too."""
    command = [sys.executable, "-m", "sluicegate", "ledger", "export", "--config", str(config)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as export:
        assert export.stdout is not None
        found = compare(csv.DictReader(export.stdout), asked)
    print(sentence(found), file=sys.stderr)
    return found


def sentence(found: dict[str, Any]) -> str:
    """The comparison in a line."""
    if found["holds"]:
        said = "each with its cost and its count"
    else:
        said = f"NOT AS ASKED: {found['differences']} {found['unanswered']} {found['wrong']}"
    asked, rows = f"{found['asked']:,}", f"{found['rows']:,}"
    return f"ledger: {rows} rows of {asked} requests, {found['cost_usd']} USD, {said}"
