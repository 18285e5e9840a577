"""What each guard costs and saves: of pairs that lie near enough, how many pass, and which guard
refuses the others first.

    python -m bench.semantic.guards --data DIR [--page bench/results/semantic.md]

At the threshold of `auto`. DIR as for `python -m bench.semantic`. Half a minute.
"""

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.semantic import embedders
from bench.semantic.sets import Set, all_sets
from sluicegate._core import text_difference
from sluicegate.semantic.thresholds import SHIPPED_THRESHOLDS

#: The page's columns, with the guards that each counts, in the order in which they look.
COLUMNS = {
    "language": ("language",),
    "code": ("code",),
    "number": ("number",),
    "unit, date": ("unit", "date"),
    "negation": ("negation",),
    "question": ("question",),
    "name": ("name",),
    "opposite": ("opposite",),
    "order": ("order",),
    "word": ("word",),
}
BEGIN, END = "<!-- guards -->", "<!-- /guards -->"

Pair = tuple[str, str]


def main() -> None:
    """Counts, and prints or writes the page."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--page", type=Path, help="written instead of printed")
    args = parser.parse_args()
    sets = dict(pair_sets(args.data))
    tables = ("\n".join(table(name, sets)) for name in SHIPPED_THRESHOLDS)
    counted = "\n\n".join(tables)
    if args.page is None:
        print(counted)
        return
    before, rest = args.page.read_text().split(BEGIN, maxsplit=1)
    behind = rest.split(END, maxsplit=1)[1]
    args.page.write_text(f"{before}{BEGIN}\n\n{counted}\n\n{END}{behind}")


def pair_sets(data: Path) -> Iterator[tuple[str, list[Pair]]]:
    """Sets of pairs, both halves of what was written together."""
    found: dict[str, list[Pair]] = {}
    for of in all_sets(data):
        if all(row.stored is not None and len(row.stored) == 1 for row in of.asked):
            found.setdefault(of.name.partition(", ")[0], []).extend(_pairs(of))
    yield from found.items()


def table(name: str, sets: dict[str, list[Pair]]) -> Iterator[str]:
    """One embedder's."""
    threshold = SHIPPED_THRESHOLDS[name]
    yield f"| {name} at {threshold:.2f} | near enough | pass | {' | '.join(COLUMNS)} |"
    yield "|---|" + "--:|" * (2 + len(COLUMNS))
    for label, pairs in sets.items():
        beside = zip(pairs, likenesses(name, pairs), strict=True)
        near = [pair for pair, likeness in beside if likeness >= threshold]
        refused = refusals(near)
        cells = (str(sum(refused[it] for it in guards)) for guards in COLUMNS.values())
        passing = len(near) - refused.total()
        yield f"| {label} | {len(near)} of {len(pairs)} | {passing} | {' | '.join(cells)} |"


def likenesses(name: str, pairs: Sequence[Pair]) -> list[float]:
    """How near the two of each pair lie."""
    one, other = (embedders.matrix(name, [pair[side] for pair in pairs]) for side in (0, 1))
    return [float(it) for it in (one * other).sum(axis=1)]


def refusals(pairs: Sequence[Pair]) -> Counter[str]:
    """How many each guard refuses that none before it does."""
    found = (text_difference(*pair) for pair in pairs)
    return Counter(it for it in found if it is not None)


def _pairs(of: Set) -> Iterator[Pair]:
    return ((of.stored[place], row.text) for row in of.asked for place in row.stored or ())


if __name__ == "__main__":
    main()
