"""What the shadow mode found, as it is shown."""

from collections.abc import Callable, Mapping

import msgspec

from sluicegate.config import Settings
from sluicegate.config.cache import SemanticRules
from sluicegate.config.caching import threshold_of
from sluicegate.semantic.estimate import above, bucket_of, threshold, wilson
from sluicegate.semantic.shadow import by_bucket, moving_of
from sluicegate.store.judged import Count, Pair


class ShadowView(msgspec.Struct, frozen=True, kw_only=True):
    """Would-be answers of one model's questions to one tenant."""

    model: str
    """As it was asked for."""
    tenant: str
    embedder: str
    threshold: float | None
    """In force; null where the model has another embedder by now, or none."""
    judged: int
    """Would-be answers that were compared with the model's own."""
    would_be_hits: int
    """Those of them that the threshold lets pass now."""
    disagreements: int
    """Would-be hits that were another answer than the model's."""
    false_hit_rate: float | None
    """Their share; null where there were no would-be hits."""
    false_hit_rate_low: float
    false_hit_rate_high: float
    """Between these it lies, with 95 in 100 (Wilson)."""


def report(
    settings: Settings, found: Mapping[Pair, Count], sees: Callable[[str], bool] = lambda _: True
) -> list[ShadowView]:
    """What was found of all models. Args: sees: whose tenants are shown; thresholds are of all."""
    groups: dict[tuple[str, str, str], dict[int, Count]] = {}
    for pair, count in found.items():
        if sees(pair.tenant):
            groups.setdefault(pair[:3], {})[pair.bucket] = count
    return [
        _view(*name, _in_force(settings, found, name[0], name[2]), counts)
        for name, counts in sorted(groups.items())
    ]


def _in_force(
    settings: Settings, found: Mapping[Pair, Count], model: str, embedder: str
) -> float | None:
    route = settings.routes.get(model)
    rules: SemanticRules = (route.cache if route else settings.cache.rules).semantic
    if not rules.enabled or rules.embedder != embedder:
        return None
    moving = moving_of(settings).get(embedder)
    if rules.threshold == "auto" and moving is not None:
        moved = threshold(moving.shipped, moving.target, by_bucket(found, embedder))
        return moving.shipped if moved is None else moved
    return threshold_of(rules)


def _view(
    model: str, tenant: str, embedder: str, in_force: float | None, counts: Mapping[int, Count]
) -> ShadowView:
    hits = above(counts, 0 if in_force is None else bucket_of(in_force))
    low, high = wilson(hits)
    return ShadowView(
        model=model,
        tenant=tenant,
        embedder=embedder,
        threshold=in_force,
        judged=above(counts, 0).judged,
        would_be_hits=hits.judged,
        disagreements=hits.wrong,
        false_hit_rate=round(hits.wrong / hits.judged, 6) if hits.judged else None,
        false_hit_rate_low=round(low, 6),
        false_hit_rate_high=round(high, 6),
    )
