"""What each guard is said to refuse: the pairs of the table, and who refused them first."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.semantic import guards

SAME = ("How do I reset my password?", "How do I reset my password ?")
NUMBER = ("Is 30 enough for the tank?", "Is 40 enough for the tank?")
NEGATION = ("Does it run without root?", "Does it run with root?")
FAR = ("Is it warm in Lisbon?", "Which bank is the oldest of all?")


def test_a_pair_is_counted_once_by_the_first_guard_that_refuses_it() -> None:
    assert guards.refusals([SAME]).total() == 0
    assert guards.refusals([NUMBER, NUMBER, NEGATION]) == {"number": 2, "negation": 1}


def test_a_row_adds_up_to_what_lies_near_enough() -> None:
    [head, _, row] = guards.table("ngram", {"mine": [SAME, NUMBER, FAR]})
    cells = dict(zip(head.split(" | "), row.split(" | "), strict=True))
    assert cells.pop("| ngram at 0.85") == "| mine"
    assert cells.pop("near enough") == "2 of 3"
    assert cells.pop("pass") == "1"
    assert {name for name, count in cells.items() if count.strip(" |") != "0"} == {"number"}


def test_every_set_of_pairs_is_in_the_table_and_no_other(tmp_path: Path) -> None:
    pairs = tmp_path / "gptcache_paraphrase_pairs.jsonl"
    pairs.write_text('{"text_a": "a", "text_b": "b"}\n')
    sets = dict(guards.pair_sets(tmp_path))
    assert sets["paraphrase pairs"] == [("a", "b")]
    assert {name.split()[0] for name in sets} == {"crafted", "written", "paraphrase"}
    lines = (Path(guards.__file__).parent / "written" / "near_misses.txt").read_text().splitlines()
    written = [line for line in lines if line and not line.startswith("#")]
    assert len(sets["written near misses"]) == len(written), "both halves"


def test_the_page_keeps_what_stands_around_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"above\n{guards.BEGIN}\n| old |\n{guards.END}\nbelow\n")
    monkeypatch.setattr(guards, "SHIPPED_THRESHOLDS", {"ngram": 0.85})
    monkeypatch.setattr("sys.argv", ["guards", "--data", str(tmp_path), "--page", str(page)])
    guards.main()
    text = page.read_text()
    assert text.startswith(f"above\n{guards.BEGIN}\n")
    assert text.endswith(f"{guards.END}\nbelow\n")
    assert "| old |" not in text
    assert "crafted near misses" in text
