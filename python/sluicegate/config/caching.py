"""Checks the section `cache` and its overrides, and gives what comes of them."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from sluicegate.config.build import MISSING
from sluicegate.config.cache import (
    EMBEDDERS,
    MAX_QUESTIONS,
    Cache,
    CacheOverride,
    CacheRules,
    CacheSettings,
    Index,
    SemanticCache,
    SemanticRules,
    Tier,
)
from sluicegate.config.problems import Path, suggestion
from sluicegate.config.schema import SQLITE, Config
from sluicegate.config.shared_state import LOCAL
from sluicegate.semantic.extra import missing
from sluicegate.semantic.thresholds import SHIPPED_THRESHOLDS

Fail = Callable[[Path, str], None]
"""Notes what is wrong with the field at a path."""

SECTION: Final[Path] = ("cache",)
UNMEASURED_THRESHOLD: Final = 0.95
"""What `auto` is for embedders that nobody measured: likenesses of one model say nothing of
another's, so only near-duplicates pass.
"""


def checked_cache(
    config: Config, providers: Iterable[str], fail: Fail
) -> tuple[CacheSettings, dict[str, CacheRules]]:
    """The cache, and the rules of each model by its name; `fail` is told what is wrong."""
    rules = _checked(SECTION, CacheRules(), config.cache, providers, fail)
    of_models = {
        name: _checked(("models", name, "cache"), rules, model.cache, providers, fail)
        for name, model in config.models.items()
    }
    everywhere = [rules, *of_models.values()]
    index = _index(config, fail)
    settings = CacheSettings(
        rules=rules,
        max_bytes=config.cache.exact.max_bytes,
        tier=_tier(config, fail),
        max_store_bytes=config.cache.exact.max_store_bytes,
        max_entries=config.cache.semantic.max_entries,
        max_stored_questions=_max_stored(config.cache.semantic, index),
        index=index,
        is_used=any(each.exact.enabled or each.semantic.enabled for each in everywhere)
        or any(key is not MISSING and key.cache and key.cache.enabled for key in config.keys),
    )
    return settings, of_models


def threshold_of(rules: SemanticRules) -> float:
    """The least likeness that answers."""
    if rules.threshold != "auto":
        return rules.threshold
    return SHIPPED_THRESHOLDS.get(rules.embedder, UNMEASURED_THRESHOLD)


def cache_warnings(settings: CacheSettings, of_models: dict[str, CacheRules]) -> Iterator[str]:
    """What is allowed and probably not meant."""
    scopes = {"cache": settings.rules} | {
        f"models.{name}.cache": rules for name, rules in of_models.items()
    }
    told: set[SemanticRules] = set()
    for place, rules in scopes.items():
        semantic = rules.semantic
        if semantic in told:  # a model's that says nothing of its own
            continue
        told.add(semantic)
        if semantic.shadow and not semantic.enabled:
            yield f"{place}.semantic: shadow has no meaning while enabled is false"
        if semantic.enabled and semantic.threshold == "auto" and not _is_measured(semantic):
            yield (
                f"{place}.semantic: no threshold was measured for {semantic.embedder}, so that "
                f"auto is {UNMEASURED_THRESHOLD}: measure one with shadow, and set it"
            )


def _is_measured(rules: SemanticRules) -> bool:
    return rules.embedder in SHIPPED_THRESHOLDS or rules.target_false_hit_rate is not None


def _checked(
    path: Path, above: CacheRules, over: Cache | CacheOverride, providers: Iterable[str], fail: Fail
) -> CacheRules:
    """The rules of one scope. What it did not set itself is told once, in the scope above."""
    rules = above.narrowed(over)
    semantic = rules.semantic
    if semantic == above.semantic:
        return rules
    path = (*path, "semantic")
    if semantic.embedder not in EMBEDDERS and semantic.embedder != above.semantic.embedder:
        wrong = _problem_of_model(semantic.embedder, providers, EMBEDDERS)
        if wrong is not None:
            fail((*path, "embedder"), wrong)
    if semantic.verify is not None and semantic.verify != above.semantic.verify:
        wrong = _problem_of_model(semantic.verify, providers)
        if wrong is not None:
            fail((*path, "verify"), wrong)
    lacks = missing(semantic.embedder) if semantic.enabled else None
    if lacks is not None and not _wants_minilm(above.semantic):
        fail((*path, "embedder"), lacks)
    if _is_moved_and_fixed(semantic) and not _is_moved_and_fixed(above.semantic):
        wrong = "moves a threshold that is auto, and it is a number: leave one of them out"
        fail((*path, "target_false_hit_rate"), wrong)
    return rules


def _wants_minilm(rules: SemanticRules) -> bool:
    return rules.enabled and rules.embedder == "minilm"


def _is_moved_and_fixed(rules: SemanticRules) -> bool:
    return rules.target_false_hit_rate is not None and rules.threshold != "auto"


def _problem_of_model(
    name: str, providers: Iterable[str], words: tuple[str, ...] = ()
) -> str | None:
    """Why a name leads to no model of a provider."""
    provider, slash, model = name.partition("/")
    if not slash or not model:
        known = ", ".join([*words, "provider/model"]) if words else "provider/model"
        return f'"{name}" is not one of {known}{suggestion(name, words)}'
    if provider not in providers:
        hint = suggestion(provider, providers)
        return f'no provider "{provider}" is configured{hint}: write provider/model'
    return None


def _tier(config: Config, fail: Fail) -> Tier:
    is_local = config.shared_state == LOCAL
    tier = config.cache.exact.tier
    if tier == "redis" and is_local:
        told = "redis is the server of shared_state, which is local: set that, or store or memory"
        fail((*SECTION, "exact", "tier"), told)
    return tier or ("store" if is_local else "redis")


def _max_stored(semantic: SemanticCache, index: Index) -> int:
    if semantic.max_stored is not None:
        return semantic.max_stored
    # A worker's index has no room for more, but where the store is the index.
    return MAX_QUESTIONS if index == "store" else semantic.max_entries


def _index(config: Config, fail: Fail) -> Index:
    index = config.cache.semantic.index
    if index == "store":
        path = (*SECTION, "semantic", "index")
        if config.store == SQLITE:
            fail(path, "only PostgreSQL searches by itself: set store to its URL, or index: memory")
        elif config.cache.exact.tier == "memory":
            fail(path, "with exact.tier: memory no question is kept in the store: leave one out")
    return index
