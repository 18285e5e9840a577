"""Hands keys and limits to the core, which keeps them as its own tables.

They come from two places: the configuration file, and the store that administrators write. Where
both have a credential, the file's holds.
"""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from sluicegate.accounting import keys
from sluicegate.accounting.key_cache import KeyCache
from sluicegate.accounting.limits import Limit
from sluicegate.config import Settings
from sluicegate.config.schema import Runs
from sluicegate.store.store import Governance, StoredKey

_PICO: Final = 10**12
_MEASURES: Final = {"cost_usd": "cost"}
"""The core's words, where they differ."""


def governance_json(
    settings: Settings, master: bytes, stored: Governance | None, *, complete: bool
) -> bytes:
    """Keys and limits as the core reads them. Credentials leave as digests.

    Args:
        stored: what the store has; None where it was never read.
        complete: whether that is all it has now.
    Cost: at start, on reload and on every change of the store only.
    """
    entries: dict[str, dict[str, Any]] = {}
    if stored is not None:
        entries = {key.digest: _stored(key) for key in stored.keys}
    for key in settings.keys:
        digest = keys.digest(master, key.key.reveal())
        entries[digest] = {
            "digest": digest,
            "name": key.name,
            "organisation": key.organisation,
            "team": key.team,
            "project": key.project,
            "user": key.user,
            "models": key.models,
            "providers": key.providers,
            "routes": key.routes,
            "cache": _cache(key.cache),
        }
    killed = stored.killed_runs if stored is not None else ()
    return msgspec.json.encode(
        {
            "keys": list(entries.values()),
            "limits": [_limit(rule, reset_at_ms) for rule, reset_at_ms in _rules(settings, stored)],
            "open": settings.open,
            "runs": _runs(settings.runs),
            "complete": complete,
            "stale_keys_s": settings.stale_keys_s,
            "killed_runs": [
                {
                    "run": each.run,
                    "organisation": each.organisation,
                    "team": each.team,
                    "reason": each.reason,
                }
                for each in killed
            ],
        }
    )


def rules_by_name(settings: Settings, stored: Governance | None) -> dict[str, Limit]:
    """All limits in force."""
    return {rule.name: rule for rule, _ in _rules(settings, stored)}


def _rules(settings: Settings, stored: Governance | None) -> Iterable[tuple[Limit, int]]:
    """Limits, and since when their use counts; the file's hold where both have a name."""
    names = {rule.name for rule in settings.limits}
    yield from ((rule, 0) for rule in settings.limits)
    for each in stored.limits if stored is not None else ():
        if each.name not in names:
            yield each.rule, each.reset_at_ms


def _stored(key: StoredKey) -> dict[str, Any]:
    return {**msgspec.to_builtins(key), "cache": _cache(key.cache), "stored": True}


def _cache(cache: KeyCache | None) -> dict[str, Any] | None:
    """A key's overrides with every field there is."""
    return None if cache is None else msgspec.structs.asdict(cache)


def _runs(runs: Runs) -> dict[str, Any]:
    loop = runs.loop
    return {
        "wall_s": runs.wall_s,
        "depth": runs.depth,
        "fan_out": runs.fan_out,
        "derive": runs.derive,
        "loop": None
        if loop is None
        else {"repeats": loop.repeats, "action": loop.action, "note": loop.note},
    }


def _limit(rule: Limit, reset_at_ms: int) -> dict[str, Any]:
    measure = rule.measure
    amount = int(rule.amount * _PICO) if measure == "cost_usd" else int(rule.amount)
    return {
        "name": rule.name,
        "scope": list(rule.scope.dimensions().items()),
        "measure": _MEASURES.get(measure, measure),
        "amount": amount,
        "per": None if rule.per == "total" else rule.per,
        "sliding": rule.is_sliding,
        "zone": rule.zone,
        "burst": rule.burst,
        "at_cap": rule.at_cap,
        "downgrade_to": rule.downgrade_to,
        "notify": rule.thresholds,
        "reset_at_ms": reset_at_ms,
    }
