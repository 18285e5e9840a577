"""What is shown of the shadow mode."""

from pathlib import Path

import pytest

from sluicegate.config import Settings, load
from sluicegate.semantic.report import report
from sluicegate.semantic.thresholds import SHIPPED_THRESHOLDS
from sluicegate.store.judged import Count, Pair

CONFIG = """\
data_dir: data
providers: {{u: {{dialect: openai, base_url: "http://127.0.0.1:9/v1", api_key: none}}}}
models:
  smart: {{targets: [u/x], cache: {{semantic: {{threshold: 0.7}}}}}}
  other: {{targets: [u/x], cache: {{semantic: {{enabled: false}}}}}}
cache: {{semantic: {{enabled: true, {more}}}}}
keys: [{{name: configured, key: configured-key-0123456789}}]
"""


def settings(folder: Path, more: str = "shadow: true") -> Settings:
    path = folder / "sluicegate.yaml"
    path.write_text(CONFIG.format(more=more))
    path.chmod(0o600)
    return load(path)


FOUND = {
    Pair(model, "key one", "ngram", bucket): Count(200, 0)
    for model in ("smart", "other", "u/x")
    for bucket in (86, 90)
}


@pytest.mark.parametrize(
    ("more", "thresholds"),
    [
        ("threshold: 0.9", {"smart": 0.7, "other": None, "u/x": 0.9}),
        ("shadow: true", {"smart": 0.7, "other": None, "u/x": SHIPPED_THRESHOLDS["ngram"]}),
        ("embedder: u/e, threshold: 0.9", {"smart": None, "other": None, "u/x": None}),
    ],
    ids=["a-number", "auto", "another-embedder"],
)
def test_the_threshold_is_the_one_in_force(
    tmp_path: Path, more: str, thresholds: dict[str, float | None]
) -> None:
    found = report(settings(tmp_path, more), FOUND)
    assert {each.model: each.threshold for each in found} == thresholds


def test_only_whose_is_seen_is_shown(tmp_path: Path) -> None:
    assert report(settings(tmp_path), FOUND, lambda _: False) == []
    [first, *_] = report(settings(tmp_path), FOUND)
    assert (first.judged, first.would_be_hits, first.disagreements) == (400, 400, 0)
