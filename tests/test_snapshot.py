"""Settings by their generation."""

from __future__ import annotations

from pathlib import Path

from sluicegate.config import load
from sluicegate.config.settings import Settings
from sluicegate.snapshot import Generations


def settings(folder: Path, bound: int) -> Settings:
    path = folder / f"{bound}.yaml"
    path.write_text(f"default_max_output_tokens: {bound}\nproviders: {{}}\n")
    return load(path)


def test_a_request_finds_the_settings_that_it_began_with(tmp_path: Path) -> None:
    generations = Generations()
    numbers = [generations.add(settings(tmp_path, bound)) for bound in (1, 2, 3)]
    found = [generations.of(number).default_max_output_tokens for number in numbers]
    assert found == [1, 2, 3]


def test_many_reloads_keep_a_bounded_number(tmp_path: Path) -> None:
    generations = Generations()
    one = settings(tmp_path, 7)
    first = generations.add(settings(tmp_path, 1))
    numbers = [generations.add(one) for _ in range(Generations.KEPT)]
    assert generations.of(first).default_max_output_tokens == 7
    assert generations.of(numbers[0]).default_max_output_tokens == 7
