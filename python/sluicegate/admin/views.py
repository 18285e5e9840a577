"""What the admin API gives. Times are RFC 3339 in UTC; money is an exact decimal as text."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Generic, TypeVar

import msgspec

from sluicegate.accounting.key_cache import KeyCache
from sluicegate.accounting.limits import Limit
from sluicegate.store.records import (
    AuditEntry,
    Credential,
    Identity,
    Key,
    ProviderKey,
    StoredLimit,
)
from sluicegate.store.sums import Sums

T = TypeVar("T")


class View(msgspec.Struct, frozen=True, kw_only=True):
    """An answer's body."""


class Page(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """Some of a list."""

    data: list[T]
    next_cursor: str | None
    """For `cursor` of the next request; null at the end."""


class IdentityView(View, frozen=True, kw_only=True):
    """An organisation, a team, a project or a user."""

    id: str
    kind: str
    name: str
    organisation: str
    team: str
    project: str
    metadata: dict[str, str]
    created_at: str
    updated_at: str


class CredentialView(View, frozen=True, kw_only=True):
    """One of a key's secrets, which nobody can see again."""

    hint: str
    created_at: str
    expires_at: str | None


class KeyView(View, frozen=True, kw_only=True):
    """A key."""

    id: str
    name: str
    state: str
    """`active`, `expired` or `revoked`."""
    role: str
    organisation: str
    team: str
    project: str
    user: str
    models: list[str] | None
    providers: list[str] | None
    routes: list[str] | None
    metadata: dict[str, str]
    created_at: str
    updated_at: str
    expires_at: str | None
    revoked_at: str | None
    credentials: list[CredentialView]
    limits: list[Limit]
    """Those that the key's short fields stand for."""
    cache: KeyCache | None


class MintedKeyView(View, frozen=True, kw_only=True):
    """A key, and its secret: shown here and never again."""

    key: str
    record: KeyView


class ProviderKeyView(View, frozen=True, kw_only=True):
    """A tenant's own credential for a provider, which nobody can see again."""

    id: str
    provider: str
    key: str
    organisation: str
    team: str
    hint: str
    created_at: str
    updated_at: str


class LimitView(View, frozen=True, kw_only=True):
    """A limit."""

    rule: Limit
    source: str
    """`store`, or `config`: that one is changed in the file."""
    created_at: str | None
    updated_at: str | None
    reset_at: str | None


class StandingView(View, frozen=True, kw_only=True):
    """How a limit stands now; money as text, counts as numbers."""

    name: str
    of: list[str]
    """Values of the limit's `*` dimensions."""
    spent: str | int
    held: str | int
    """By requests that still run."""
    left: str | int


class DeletedView(View, frozen=True, kw_only=True):
    """Something that is gone."""

    id: str
    redacted_as: str | None = None
    """What stands in the ledger in place of the name."""


class SumsView(View, frozen=True, kw_only=True):
    """What requests add up to."""

    requests: int
    attempts: int
    input_tokens: int
    cached_input_tokens: int
    cache_write_tokens: int
    output_tokens: int
    reasoning_tokens: int
    total_tokens: int
    cost_usd: str
    saved_usd: str
    unpriced: int
    """Answered attempts whose price is unknown: their cost is not in the sum."""


class SpendRow(View, frozen=True, kw_only=True):
    """One group of a report."""

    group: dict[str, str | None]
    sums: SumsView


class SpendView(View, frozen=True, kw_only=True):
    """A report."""

    by: list[str]
    since: str | None
    until: str | None
    data: list[SpendRow]
    total: SumsView


class RunView(View, frozen=True, kw_only=True):
    """A run of an agent."""

    run: str
    parent_run: str | None
    first_at: str | None
    last_at: str | None
    killed_at: str | None
    reason: str | None
    sums: SumsView


class RequestView(View, frozen=True, kw_only=True):
    """The ledger's rows of a request."""

    request_id: str
    rows: list[dict[str, Any]]


class AuditView(View, frozen=True, kw_only=True):
    """One change."""

    id: str
    at: str
    actor: str
    action: str
    kind: str
    object: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class ReloadView(View, frozen=True, kw_only=True):
    """A configuration that is being put in force."""

    status: str
    warnings: list[str]
    needs_restart: list[str]
    """Fields that were changed and only count from the next start."""


class ConfigView(View, frozen=True, kw_only=True):
    """The configuration in force; secrets are `***`."""

    config: dict[str, Any]


class PurgeView(View, frozen=True, kw_only=True):
    """The end of what was in the cache and matches."""

    kind: str
    value: str
    epoch: int
    """Entries with a lower one are dead."""
    at: str


class StoredCacheView(View, frozen=True, kw_only=True):
    """What the store keeps of the cache."""

    entries: int
    bytes: int
    vectors: int


class CacheView(View, frozen=True, kw_only=True):
    """How much is in the cache."""

    store: StoredCacheView
    epoch: int
    """Of the last purge."""
    purges: list[PurgeView]
    """The last ones, newest first."""
    worker: dict[str, Any] | None
    """What the worker that answers has in memory, and how what is beside it does; null where no
    gateway runs in this process.
    """


NO_SUMS = Sums._make([0] * len(Sums._fields))


def time_of(at_ms: int) -> str:
    """A moment as text."""
    moment = datetime.fromtimestamp(at_ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def maybe_time(at_ms: int | None) -> str | None:
    """The same for what may not be known."""
    return None if at_ms is None else time_of(at_ms)


def usd_of(pico: int) -> str:
    """Pico-dollars as an exact decimal without needless zeros. No `Decimal` arithmetic: that has
    28 digits.
    """
    sign, pico = ("-" if pico < 0 else ""), abs(pico)
    whole, part = divmod(pico, 10**12)
    return f"{sign}{whole}.{part:012}".rstrip("0").rstrip(".")


def sums_view(sums: Sums) -> SumsView:
    """Sums as they are shown."""
    return SumsView(
        requests=sums.requests,
        attempts=sums.attempts,
        input_tokens=sums.input_tokens,
        cached_input_tokens=sums.cached_input_tokens,
        cache_write_tokens=sums.cache_write_tokens,
        output_tokens=sums.output_tokens,
        reasoning_tokens=sums.reasoning_tokens,
        total_tokens=sums.total_tokens,
        cost_usd=usd_of(sums.cost_pico_usd),
        saved_usd=usd_of(sums.saved_pico_usd),
        unpriced=sums.unpriced,
    )


def identity_view(identity: Identity) -> IdentityView:
    """An identity as it is shown."""
    return IdentityView(
        id=identity.id,
        kind=identity.kind,
        name=identity.name,
        organisation=identity.organisation,
        team=identity.team,
        project=identity.project,
        metadata=identity.metadata,
        created_at=time_of(identity.created_at_ms),
        updated_at=time_of(identity.updated_at_ms),
    )


def key_view(key: Key, credentials: list[Credential], limits: list[Limit], now_ms: int) -> KeyView:
    """A key as it is shown."""
    expired = key.expires_at_ms is not None and key.expires_at_ms <= now_ms
    state = "revoked" if key.revoked_at_ms is not None else "expired" if expired else "active"
    return KeyView(
        id=key.id,
        name=key.name,
        state=state,
        role=key.role,
        organisation=key.organisation,
        team=key.team,
        project=key.project,
        user=key.user,
        models=key.models,
        providers=key.providers,
        routes=key.routes,
        metadata=key.metadata,
        created_at=time_of(key.created_at_ms),
        updated_at=time_of(key.updated_at_ms),
        expires_at=maybe_time(key.expires_at_ms),
        revoked_at=maybe_time(key.revoked_at_ms),
        credentials=[
            CredentialView(
                hint=each.hint,
                created_at=time_of(each.created_at_ms),
                expires_at=maybe_time(each.expires_at_ms),
            )
            for each in sorted(credentials, key=lambda each: each.created_at_ms)
        ],
        limits=limits,
        cache=key.cache,
    )


def limit_view(stored: StoredLimit) -> LimitView:
    """A limit of the store as it is shown."""
    return LimitView(
        rule=stored.rule,
        source="store",
        created_at=time_of(stored.created_at_ms),
        updated_at=time_of(stored.updated_at_ms),
        reset_at=time_of(stored.reset_at_ms) if stored.reset_at_ms else None,
    )


def provider_key_view(row: ProviderKey) -> ProviderKeyView:
    """A tenant's credential as it is shown."""
    return ProviderKeyView(
        id=row.id,
        provider=row.provider,
        key=row.key_name,
        organisation=row.organisation,
        team=row.team,
        hint=row.hint,
        created_at=time_of(row.created_at_ms),
        updated_at=time_of(row.updated_at_ms),
    )


def audit_view(entry: AuditEntry) -> AuditView:
    """A change as it is shown."""
    return AuditView(
        id=entry.id,
        at=time_of(entry.at_ms),
        actor=entry.actor,
        action=entry.action,
        kind=entry.kind,
        object=entry.object,
        before=entry.before,
        after=entry.after,
    )


def plain(value: Any) -> Any:
    """A view as plain JSON values; money never in exponents, which not all who read it expect."""
    return _unscaled(msgspec.to_builtins(value, builtin_types=(Decimal,)))


def _unscaled(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dict):
        return {name: _unscaled(item) for name, item in value.items()}
    return [_unscaled(item) for item in value] if isinstance(value, list) else value
