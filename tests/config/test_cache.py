"""The section `cache`, its overrides, and what the core is told of them."""

import json
from pathlib import Path
from typing import Any

import pytest

from sluicegate.config import ConfigError, Settings
from sluicegate.governance import governance_json
from sluicegate.semantic.thresholds import SHIPPED_THRESHOLDS
from sluicegate.snapshot import snapshot_json

from .cases import KEY, U
from .test_settings import read

DEFAULTS: dict[str, Any] = {
    "exact": False,
    "ttl_s": 3600.0,
    "max_entry_bytes": 2**20,
    "tool_calls": False,
    "max_temperature": 1.0,
    "stale_while_revalidate_s": 0.0,
    "stale_if_error_s": 0.0,
    "fallbacks": False,
    "replay": "at_once",
    "scope": "tenant",
    "namespace": "",
    "is_durable": True,
    "semantic": None,
}
SEMANTIC: dict[str, Any] = {
    "embedder": "ngram",
    "threshold": SHIPPED_THRESHOLDS["ngram"],
    "shadow": False,
    "window": 1,
    "guards": True,
    "verify": None,
    "excluded_tags": [],
    "target_false_hit_rate": None,
    "is_auto": True,
    "in_store": False,
}


def told(settings: Settings) -> dict[str, Any]:
    """What the core is told."""
    spec: dict[str, Any] = json.loads(snapshot_json(settings, 1))
    return spec


def test_the_cache_is_off_where_nothing_is_said(tmp_path: Path) -> None:
    settings = read(tmp_path, U + "models: {m: {targets: [u/x]}}")
    spec = told(settings)
    assert spec["cache"] == spec["models"]["m"]["cache"] == DEFAULTS
    assert not settings.cache.is_used
    assert (settings.cache.tier, settings.cache.max_store_bytes) == ("store", 2**30)


def test_a_model_has_what_the_file_has_but_for_its_own(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        U
        + """\
cache:
  exact: {enabled: true, ttl_s: 60, tier: memory, scope: key, max_temperature: 0}
  semantic: {embedder: u/embed, threshold: 0.7, verify: u/judge, excluded_tags: [legal]}
models:
  same: {targets: [u/x]}
  faq:
    targets: [u/x]
    cache: {exact: {ttl_s: 5, replay: paced}, semantic: {enabled: true, verify: null, window: 2}}
  off: {targets: [u/x], cache: {exact: {enabled: false}}}
""",
    )
    spec = told(settings)
    own = {"exact": True, "ttl_s": 60.0, "scope": "key", "max_temperature": 0.0}
    base = {**DEFAULTS, **own, "is_durable": False}
    assert spec["cache"] == spec["models"]["same"]["cache"] == base
    assert spec["models"]["off"]["cache"] == {**base, "exact": False}
    semantic = {
        **SEMANTIC,
        "embedder": "u/embed",
        "threshold": 0.7,
        "is_auto": False,
        "window": 2,
        "excluded_tags": ["legal"],
    }
    faq = {**base, "ttl_s": 5.0, "replay": "paced", "semantic": semantic}
    assert spec["models"]["faq"]["cache"] == faq
    assert settings.cache.is_used


@pytest.mark.parametrize(
    ("said", "threshold", "is_warned"),
    [
        ("embedder: ngram", SHIPPED_THRESHOLDS["ngram"], False),
        ("embedder: u/embed", 0.95, True),
        ("embedder: u/embed, threshold: 0.7", 0.7, False),
        ("embedder: u/embed, target_false_hit_rate: 0.01", 0.95, False),
        ("embedder: ngram, threshold: 1", 1, False),
    ],
)
def test_the_threshold_is_the_embedders_own(
    tmp_path: Path, said: str, threshold: float, is_warned: bool
) -> None:
    settings = read(tmp_path, U + f"cache: {{semantic: {{enabled: true, {said}}}}}\nauth: none")
    assert told(settings)["cache"]["semantic"]["threshold"] == threshold
    assert bool([each for each in settings.warnings if "no threshold was measured" in each]) == (
        is_warned
    )


def test_memory_is_shared_out_among_the_workers(tmp_path: Path) -> None:
    text = U + "server: {workers: 4}\ncache: {exact: {max_bytes: 1MiB}, semantic: {max_entries: 5}}"
    spec = told(read(tmp_path, text))
    assert (spec["cache_max_bytes"], spec["cache_max_entries"]) == (2**18, 5)


@pytest.mark.parametrize(
    ("store", "semantic", "most"),
    [
        ("sqlite", "max_entries: 5", 5),
        ("sqlite", "max_entries: 5, max_stored: 7", 7),
        ("postgresql://u:p@h/d", "max_entries: 5, index: store", 10_000_000),
        ("postgresql://u:p@h/d", "max_entries: 5, index: store, max_stored: 3", 3),
    ],
)
def test_the_store_keeps_as_many_questions_as_are_of_use(
    tmp_path: Path, store: str, semantic: str, most: int
) -> None:
    text = U + f"store: {store}\ncache: {{semantic: {{enabled: true, {semantic}}}}}\nauth: none"
    assert read(tmp_path, text).cache.max_stored_questions == most


@pytest.mark.parametrize(
    ("shared_state", "said", "tier"),
    [
        ("local", "", "store"),
        ("local", "tier: memory", "memory"),
        ("redis://127.0.0.1:1", "", "redis"),
        ("redis://127.0.0.1:1", "tier: store", "store"),
    ],
)
def test_the_tier_is_where_hosts_share_what_they_have(
    tmp_path: Path, shared_state: str, said: str, tier: str
) -> None:
    text = U + f'shared_state: "{shared_state}"\ncache: {{exact: {{{said}}}}}'
    settings = read(tmp_path, text)
    assert settings.cache.tier == tier
    assert told(settings)["cache"]["is_durable"] == (tier != "memory")


def test_shadow_without_a_cache_is_warned_of_once(tmp_path: Path) -> None:
    text = U + "auth: none\ncache: {semantic: {shadow: true}}\nmodels: {m: {targets: [u/x]}}"
    [warning] = read(tmp_path, text).warnings
    assert warning.startswith("cache.semantic: shadow has no meaning")


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("", None),
        (", cache: {}", {"enabled": None, "ttl_s": None, "namespace": None}),
        (", cache: {enabled: false}", {"enabled": False, "ttl_s": None, "namespace": None}),
        (", cache: {ttl_s: 5, namespace: n}", {"enabled": None, "ttl_s": 5.0, "namespace": "n"}),
    ],
)
def test_a_key_has_its_own(tmp_path: Path, said: str, wanted: dict[str, Any] | None) -> None:
    settings = read(tmp_path, U + f"keys: [{{name: a, key: {KEY}{said}}}]")
    [key] = json.loads(governance_json(settings, b"m" * 32, None, complete=True))["keys"]
    assert key["cache"] == wanted


@pytest.mark.parametrize(
    ("store", "exact", "wrong"),
    [
        ("sqlite", "", "only PostgreSQL searches by itself"),
        ("postgresql://u:p@h/d", "tier: memory", "no question is kept in the store"),
        ("postgresql://u:p@h/d", "", None),
    ],
)
def test_the_store_is_the_index_where_it_can_be(
    tmp_path: Path, store: str, exact: str, wrong: str | None
) -> None:
    text = (
        U + f"store: {store}\ncache: {{exact: {{{exact}}}, "
        "semantic: {enabled: true, index: store}}\nauth: none"
    )
    if wrong is None:
        settings = read(tmp_path, text)
        assert told(settings)["cache"]["semantic"]["in_store"]
        return
    with pytest.raises(ConfigError, match=wrong) as refused:
        read(tmp_path, text)
    assert "cache.semantic.index" in str(refused.value)
