"""Questions with what is stored beside them, and whether its answer may serve.

Three kinds, which do not mean the same:

- labelled: pairs written, or marked, as the same question or as different ones;
- by intent: another intent is taken for a different question, though two may be answered alike;
- unlabelled: what lies next to a question in a set of paraphrase pairs, its own pair taken out.
  Many of these are the same statement once more: the rate is a bound, and no false-hit rate.
"""

import gzip
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_CRAFTED = Path(__file__).parents[2] / "tests" / "rust" / "likeness"
_WRITTEN = Path(__file__).parent / "written"
#: Of the intent sets: so many are asked, each beside all others of the sample.
SAMPLE = 2000


@dataclass(frozen=True)
class Asked:
    """A question, and the stored texts that it may find."""

    text: str
    stored: tuple[int, ...] | None
    """Places in the set's `stored`; None for all but those of `without`."""
    without: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Set:
    """Questions asked of one store. `is_same`: a hit is a right one."""

    name: str
    is_same: bool
    stored: list[str]
    asked: list[Asked]


def all_sets(data: Path) -> Iterator[Set]:
    """Those whose data is there; the crafted ones are in the repository."""
    yield crafted("near_misses.txt", is_same=False)
    yield crafted("paraphrases.txt", is_same=True)
    for name in ("near_misses", "reworded_near_misses", "paraphrases"):
        yield from written(name, is_same=name == "paraphrases")
    pairs = data / "gptcache_paraphrase_pairs.jsonl"
    if pairs.exists():
        yield from paraphrase_pairs(pairs)
    for path in sorted(data.glob("*_intent_clusters.jsonl.gz")):
        yield from intents(path)


def crafted(name: str, *, is_same: bool) -> Set:
    """Pairs of the guards' own tests."""
    lines = (_CRAFTED / name).read_text().splitlines()
    texts = [line for line in lines if line and not line.startswith("#")]
    read = [tuple(line.split(" | ")) if is_same else _both(line) for line in texts]
    return Set(
        f"crafted {name.removesuffix('.txt').replace('_', ' ')}",
        is_same,
        [one for one, _ in read],
        [Asked(other, (at,)) for at, (_, other) in enumerate(read)],
    )


def written(name: str, *, is_same: bool) -> Iterator[Set]:
    """Pairs that were written before anybody looked how the guards do on them: every second was in
    view then, the others were not."""
    lines = (_WRITTEN / f"{name}.txt").read_text().splitlines()
    pairs = [line.split(" | ") for line in lines if line and not line.startswith("#")]
    for half, begin in (("in view", 0), ("held out", 1)):
        chosen = pairs[begin::2]
        yield Set(
            f"written {name.replace('_', ' ')}, {half}",
            is_same,
            [one for one, _ in chosen],
            [Asked(other, (at,)) for at, (_, other) in enumerate(chosen)],
        )


def _both(line: str) -> tuple[str, str]:
    """`kind: the [one|other] text` in both its forms."""
    text = line.split(": ", 1)[1].replace("\\|", "\0")
    before, rest = text.split("[", 1)
    choice, behind = rest.rsplit("]", 1)
    one, other = choice.split("|", 1)
    return (
        f"{before}{one}{behind}".replace("\0", "|"),
        f"{before}{other}{behind}".replace("\0", "|"),
    )


def paraphrase_pairs(path: Path) -> Iterator[Set]:
    """Each second text asked: beside its own pair, and beside all others."""
    pairs = [json.loads(line) for line in path.read_text().splitlines()]
    stored = [pair["text_a"] for pair in pairs]
    asked = [pair["text_b"] for pair in pairs]
    own = [Asked(text, (at,)) for at, text in enumerate(asked)]
    others = [Asked(text, None, frozenset({at})) for at, text in enumerate(asked)]
    yield Set("paraphrase pairs", True, stored, own)
    yield Set("paraphrase pairs, next beside its own (unlabelled)", False, stored, others)


def intents(path: Path) -> Iterator[Set]:
    """Of two samples that share no question: each beside all of its intent, and beside all of the
    others."""
    with gzip.open(path, "rt") as file:
        rows = [json.loads(line) for line in file]
    name = path.name.split("_", maxsplit=1)[0]
    first = random.Random(7).sample(rows, min(SAMPLE, len(rows)))
    known = {row["text"] for row in first}
    rest = [row for row in rows if row["text"] not in known]
    second = random.Random(11).sample(rest, min(SAMPLE, len(rest)))
    for label, sample in ((name, first), (f"{name} (second sample)", second)):
        if sample:
            yield from _beside(label, sample)


def _beside(name: str, rows: list[dict[str, str]]) -> Iterator[Set]:
    texts = [row["text"] for row in rows]
    of: dict[str, set[int]] = {}
    for at, row in enumerate(rows):
        of.setdefault(row["intent"], set()).add(at)
    known = [(at, row) for at, row in enumerate(rows) if row["intent"] != "oos"]
    same = [Asked(row["text"], tuple(sorted(of[row["intent"]] - {at}))) for at, row in known]
    yield Set(f"{name}, same intent", True, texts, [it for it in same if it.stored])
    # What is out of all scopes has no intent in common with each other.
    other = [Asked(row["text"], None, frozenset(of[row["intent"]])) for row in rows]
    yield Set(f"{name}, other intent", False, texts, other)
