"""Hands the settings to the core, which keeps them as its own tables."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from itertools import accumulate
from math import ceil
from typing import Final

import msgspec

from sluicegate import _core
from sluicegate.config import Settings
from sluicegate.config.cache import CacheRules, CacheSettings
from sluicegate.config.caching import threshold_of
from sluicegate.config.credentials import credential
from sluicegate.config.prices import ALL
from sluicegate.config.schema import OwnKey
from sluicegate.config.settings import Deadlines, Route, Upstream
from sluicegate.dialects.base import Host
from sluicegate.policies.failover import FailureClass

FINE: Final = 1000
"""Parts of a weight, so that keys can share it; a million of them fit the core's numbers."""
OWN_KEY: Final = "own"
"""Stands for a tenant's own key in `x-sluicegate-provider-key`."""
_UNKNOWN_QUOTA: Final = frozenset({"insufficient_quota"})


def snapshot_json(settings: Settings, generation: int) -> bytes:
    """The settings as the core reads them, but for keys and limits (`governance.py`).

    Args: generation: names these settings; every exchange that begins with them says it.
    Cost: at start and on reload only.
    """
    specs = {
        name: list(_upstreams(upstream, settings)) for name, upstream in settings.upstreams.items()
    }
    before = accumulate((len(each) for each in specs.values()), initial=0)
    firsts = dict(zip(specs, before, strict=False))
    own = [_own(key, settings) for key in settings.own_keys if key.provider in settings.upstreams]
    spec = {
        "upstreams": [*(spec for each in specs.values() for spec in each), *own],
        "models": {
            name: {
                "strategy": route.strategy,
                "targets": list(_targets(route, settings, firsts)),
                "cache": _cache(route.cache, settings.cache),
            }
            for name, route in settings.routes.items()
        },
        "prices": settings.prices,
        "refuse_unpriced": settings.refuse_unpriced,
        "commit_after_s": settings.commit_after_s,
        "max_event_bytes": int(settings.max_event_bytes),
        "max_answer_bytes": int(settings.max_answer_bytes),
        "default_max_output_tokens": settings.default_max_output_tokens,
        "generation": generation,
        "keep_responses": settings.responses.keep_days > 0,
        "reserve_learned": settings.reserve == "learned",
        "asks_plugins": bool(settings.plugins.before),
        "watches": settings.plugins.watches,
        "cache": _cache(settings.cache.rules, settings.cache),
        "cache_max_bytes": settings.cache.max_bytes // settings.server.workers,
        "cache_max_entries": settings.cache.max_entries,
    }
    return msgspec.json.encode(spec)


def _targets(
    route: Route, settings: Settings, firsts: Mapping[str, int]
) -> Iterator[dict[str, object]]:
    """A route's targets, one for each key of their providers; those of one share its weight."""
    upstreams = settings.upstreams
    several = any(upstreams[target.provider].keys for target in route.targets)
    for group, target in enumerate(route.targets):
        upstream = upstreams[target.provider]
        shares = [key.weight for key in upstream.keys] or [1]
        for number, share in enumerate(shares):
            weight = target.weight
            if several and weight:
                weight = max(1, round(FINE * weight * share / sum(shares)))
            yield {
                "upstream": firsts[target.provider] + number,
                "model": target.model,
                "weight": weight,
                "group": group,
                "timeouts": _deadlines(upstream.deadlines.narrowed(route.timeouts)),
                "prompt_cache": route.prompt_cache,
            }


def _upstreams(upstream: Upstream, settings: Settings) -> Iterator[dict[str, object]]:
    """A provider as the core has it: once for each of its keys."""
    common = _upstream(upstream, settings)
    workers = settings.server.workers
    fixed = upstream.headers[len(upstream.keys[0].headers) :] if upstream.keys else ()
    for key in upstream.keys:
        limits = {
            name: max(1, limit // workers)
            for name, limit in (("rpm", key.rpm), ("tpm", key.tpm))
            if limit is not None
        }
        spec = {"name": key.name, "weight": key.weight, **limits}
        yield {**common, "headers": (*key.headers, *fixed), "key": spec}
    if not upstream.keys:
        yield common


def _own(own: OwnKey, settings: Settings) -> dict[str, object]:
    """A provider with a tenant's own credential. What the operator agreed with it is not its."""
    upstream = settings.upstreams[own.provider]
    headers = own_headers(own, upstream)
    sent = {name for name, _ in headers}
    fixed = [(name, value) for name, value in upstream.headers if name.lower() not in sent]
    return {
        **_upstream(upstream, settings),
        "headers": (*headers, *fixed),
        "discount_percent": "0",
        "margin_percent": "0",
        "key": {"name": OWN_KEY, "weight": 1},
        "owner": own.owner,
    }


def own_headers(own: OwnKey, upstream: Upstream) -> list[tuple[str, str]]:
    """How a tenant's own credential is sent."""
    return credential(upstream.key_style, own.api_key.reveal())


def _upstream(upstream: Upstream, settings: Settings) -> dict[str, object]:
    def percent(percents: dict[str, str]) -> str:
        return percents.get(upstream.name, percents.get(ALL, "0"))

    until_s = upstream.holds_until_s
    return {
        "provider": upstream.name,
        "dialect": upstream.dialect,
        "base_url": upstream.base_url,
        "unversioned": upstream.unversioned,
        "responses": upstream.responses,
        "completions": upstream.completions,
        "realtime": upstream.realtime,
        "headers": upstream.headers,
        "timeouts": _deadlines(upstream.deadlines),
        "ask_usage": upstream.ask_usage,
        "drain": upstream.drain,
        "price_provider": upstream.price_provider,
        "discount_percent": percent(settings.discount_percent),
        "margin_percent": percent(settings.margin_percent),
        "reasoning_beside_output": upstream.reasoning_beside_output,
        "bound_field": upstream.bound_field,
        "address": upstream.address,
        "embeddings": upstream.embeddings,
        "rerank": upstream.rerank,
        "query": upstream.query,
        "signer": upstream.signer,
        "prompt_cache": upstream.prompt_cache,
        "credential_until_s": None if until_s is None else ceil(until_s),
    }


def _cache(rules: CacheRules, settings: CacheSettings) -> dict[str, object]:
    """How answers are cached, of one model or by `provider/model`."""
    exact, semantic = asdict(rules.exact), asdict(rules.semantic)
    exact["exact"] = exact.pop("enabled")
    is_semantic = semantic.pop("enabled")
    semantic["threshold"] = threshold_of(rules.semantic)
    semantic["in_store"] = settings.index == "store"
    semantic["is_auto"] = rules.semantic.threshold == "auto"
    return {
        **exact,
        "max_entry_bytes": int(rules.exact.max_entry_bytes),
        "is_durable": settings.tier != "memory",
        "semantic": semantic if is_semantic else None,
    }


def _deadlines(deadlines: Deadlines) -> dict[str, float]:
    return {
        "connect_s": deadlines.connect_s,
        "first_byte_s": deadlines.first_byte_s,
        "idle_s": deadlines.idle_s,
        "total_s": deadlines.total_s,
        "session_s": deadlines.session_s,
        "session_idle_s": deadlines.session_idle_s,
    }


class FailoverSettings:
    """What the settings say about failures and fields that cannot be carried."""

    def __init__(self, settings: Settings) -> None:
        """Args: settings: those that the request began with."""
        self._settings = settings

    def failover_on(self, requested_model: str) -> frozenset[FailureClass]:
        """Failures that lead to the next target because the configuration says so."""
        route = self._settings.routes.get(requested_model)
        return frozenset(FailureClass(word) for word in route.failover_on) if route else frozenset()

    def quota_codes(self, provider: str) -> frozenset[str]:
        """A provider's words for a quota that is used up."""
        upstream = self._settings.upstreams.get(provider)
        return upstream.quota_codes if upstream else _UNKNOWN_QUOTA

    def drops_unsupported(self, provider: str, requested_model: str) -> bool:
        """Whether what the provider's dialect cannot express is left out instead of refused."""
        route = self._settings.routes.get(requested_model)
        if route is not None and route.drop_unsupported is not None:
            return route.drop_unsupported
        upstream = self._settings.upstreams.get(provider)
        return upstream is not None and upstream.drop_unsupported

    def unquoted(self, provider: str, text: str) -> str:
        """A text of a provider's without our credential: some quote it."""
        upstream = self._settings.upstreams.get(provider)
        if upstream is None:
            return text
        others = [header for key in upstream.keys for header in key.headers]
        for own in self._settings.own_keys:
            if own.provider == provider:
                others += own_headers(own, upstream)
        return _core.unquoted(text, [*upstream.headers, *others])

    def embeddings(self, provider: str) -> str | None:
        """The form in which a provider has vectors; None where it has none."""
        upstream = self._settings.upstreams.get(provider)
        return upstream.embeddings if upstream else None

    def rerank(self, provider: str) -> str | None:
        """The form in which a provider ranks documents; None where it does not."""
        upstream = self._settings.upstreams.get(provider)
        return upstream.rerank if upstream else None

    def host(self, provider: str) -> Host:
        """What a provider takes beside its dialect's own fields, and what it lacks of them."""
        upstream = self._settings.upstreams.get(provider)
        return upstream.host if upstream else Host()

    @property
    def default_max_output_tokens(self) -> int:
        """For dialects that demand a bound where the client set none."""
        return self._settings.default_max_output_tokens


class Generations:
    """The settings that running requests may have begun with, each under its number."""

    KEPT: Final = 64
    """Reloads that a request lives through; one that lives longer gets the newest."""

    def __init__(self) -> None:
        """None yet: one must be added before the first request."""
        self._kept: dict[int, FailoverSettings] = {}
        self._newest = -1

    def add(self, settings: Settings) -> int:
        """The number of settings that are put in force now."""
        self._newest += 1
        self._kept[self._newest] = FailoverSettings(settings)
        self._kept.pop(self._newest - self.KEPT, None)
        return self._newest

    def of(self, generation: int) -> FailoverSettings:
        """What they say about failures."""
        return self._kept.get(generation) or self._kept[self._newest]
