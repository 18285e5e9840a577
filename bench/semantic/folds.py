"""The threshold by a rule: chosen on one half of each set, and what it gives on the other.

The rule: the least hundredth at which, with guards, of the quarter of the questions with the
nearest of another intent no more are answered than `BARS` says, in each of the intent sets, both
samples together.
"""

from collections.abc import Iterator, Mapping

import numpy as np

from bench.semantic.curve import hardest, share
from bench.semantic.embedders import Matrix

#: Of questions with another's intent beside them, the share that may be answered.
BARS = {"ngram": 0.01, "minilm": 0.03}
SPLITS = 50
_STEPS = tuple(it / 100 for it in range(75, 100))
_PAIRS = "paraphrase pairs"
_OTHER = ", other intent"


def folds(name: str, nearest: Mapping[str, Matrix]) -> Iterator[str]:
    """A table: the middle of all splits, and between what nine of ten lie."""
    others = _hard(nearest)
    if not others or _PAIRS not in nearest:
        return
    rows: dict[str, list[float]] = {"chosen": []}
    for split in range(SPLITS):
        halves = [_half(nearest, split, side) for side in (0, 1)]
        threshold = chosen(BARS[name], _hard(halves[0]))
        rows["chosen"].append(threshold)
        for of, hard in _hard(halves[1]).items():
            label = f"{of}, nearest quarter: false hits, %"
            rows.setdefault(label, []).append(100 * share(hard[:, 1], threshold))
        hits = 100 * share(halves[1][_PAIRS][:, 1], threshold)
        rows.setdefault(f"{_PAIRS}: hits, %", []).append(hits)
    on_all = chosen(BARS[name], others)
    yield f"### the rule: {on_all:.2f} on all; chosen on halves, {SPLITS} times\n"
    yield "| on the half that it was not chosen on | middle | 5 % | 95 % |"
    yield "|---|--:|--:|--:|"
    for label, values in rows.items():
        digits = 2 if label == "chosen" else 1
        cells = (f"{float(it):.{digits}f}" for it in np.quantile(values, (0.5, 0.05, 0.95)))
        yield f"| {label} | {' | '.join(cells)} |"
    yield ""


def chosen(bar: float, others: Mapping[str, Matrix]) -> float:
    """By the rule."""
    fits = (it for it in _STEPS if all(share(of[:, 1], it) <= bar for of in others.values()))
    return next(fits, 1.0)


def _hard(nearest: Mapping[str, Matrix]) -> dict[str, Matrix]:
    """The nearest quarters of each intent set, of both samples."""
    parts: dict[str, list[Matrix]] = {}
    for name, rows in nearest.items():
        if name.endswith(_OTHER):
            of = name.removesuffix(_OTHER).removesuffix(" (second sample)")
            parts.setdefault(of, []).append(hardest(rows))
    return {of: np.vstack(rows) for of, rows in parts.items()}


def _half(nearest: Mapping[str, Matrix], split: int, side: int) -> dict[str, Matrix]:
    halves = {}
    for name, rows in nearest.items():
        order = np.random.default_rng(split).permutation(len(rows))
        middle = len(rows) // 2
        halves[name] = rows[order[:middle] if side == 0 else order[middle:]]
    return halves
