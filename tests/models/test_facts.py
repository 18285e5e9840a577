"""The catalogue of models: its file, whole, and what it says of names."""

import datetime
import json
import re
import tracemalloc
from pathlib import Path

import pytest

from sluicegate.models import facts_of, listed, version
from sluicegate.models.clause import matches
from sluicegate.providers import CATALOGUE

ROOT = Path(__file__).parents[2]
BOOK = ROOT / "rust" / "price" / "book.jsonl"


def test_it_is_dated() -> None:
    source, _, day = version().partition("@")
    assert re.fullmatch(r"genai-prices-\d+\.\d+\.\d+", source)
    assert datetime.date.fromisoformat(day).year >= 2026


def test_every_line_can_be_read_and_is_sound() -> None:
    found = list(listed())
    assert len(found) > 2000
    for _, facts in found:
        assert matches(facts.match, "no such name") in {True, False}
        assert facts.context is None or facts.context > 0
        assert facts.output is None or facts.output > 0
        assert set(facts.sees) <= {"image", "audio", "video", "file"}
        assert set(facts.gives) <= {"image", "audio"}
        assert set(facts.can or ()) <= {"tools", "reasoning", "schema", "cache", "search"}
        assert facts.ends is None or datetime.date.fromisoformat(facts.ends)


def test_it_has_the_models_of_the_price_book() -> None:
    """Both are built from one source: a model with a price is one that is known."""
    provider, priced = "", set()
    for line in BOOK.read_text(encoding="utf-8").splitlines()[1:]:
        read = json.loads(line)
        provider = read.get("provider", provider)
        if "id" in read:
            priced.add((provider, read["id"]))
    assert {(provider, facts.id) for provider, facts in listed()} == priced


def test_rows_name_providers_that_it_has() -> None:
    known = {provider for provider, _ in listed()}
    assert {row.price_provider for row in CATALOGUE.values() if row.price_provider} <= known


@pytest.mark.parametrize(
    ("provider", "model", "known_as"),
    [
        ("openai", "gpt-5-mini", "gpt-5-mini"),
        ("openai", "GPT-5-mini-2025-08-07", "gpt-5-mini"),
        ("anthropic", "claude-opus-5", "claude-opus-5"),
        ("azure", "gpt-5-mini", "gpt-5-mini"),
        ("openrouter", "anthropic/claude-opus-4.5", "anthropic/claude-opus-4.5"),
        ("openai", "no-such-model", None),
        ("nobody", "gpt-5-mini", None),
    ],
)
def test_a_name_is_known_as_the_price_book_knows_it(
    provider: str, model: str, known_as: str | None
) -> None:
    facts = facts_of({(provider, model)}).get((provider, model))
    assert (facts.id if facts else None) == known_as


@pytest.mark.parametrize(
    ("clause", "name", "fits"),
    [
        ({"equals": "a"}, "a", True),
        ({"equals": "a"}, "ab", False),
        ({"starts_with": "a"}, "ab", True),
        ({"ends_with": "b"}, "ab", True),
        ({"contains": "b"}, "abc", True),
        ({"regex": "^a[0-9]$"}, "a1", True),
        ({"regex": "^a[0-9]$"}, "ab", False),
        ({"or": [{"equals": "a"}, {"equals": "b"}]}, "b", True),
        ({"and": [{"contains": "a"}, {"contains": "b"}]}, "a", False),
        ({"not": {"contains": "a"}}, "b", True),
    ],
)
def test_a_clause_is_true_of_a_name(clause: dict[str, object], name: str, *, fits: bool) -> None:
    assert matches(clause, name) is fits


def test_nothing_of_it_stays_in_memory() -> None:
    facts_of({("openai", "gpt-5-mini")})
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    facts_of({("openai", "gpt-5-mini"), ("openrouter", "openai/gpt-5-mini")})
    after, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 64 * 1024
    assert peak - before < 4 * 1024 * 1024
