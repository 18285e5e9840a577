"""What administrators write: keys, identities, limits, ended runs, and who did it. Times are
milliseconds since 1970.
"""

from typing import Any, Final

import msgspec

from sluicegate.accounting.key_cache import KeyCache
from sluicegate.accounting.limits import Limit
from sluicegate.store.tables import Table


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """An organisation, a team, a project or a user."""

    id: str
    kind: str
    organisation: str
    """Names of those above it; empty where there is none."""
    team: str
    project: str
    name: str
    metadata: dict[str, Any]
    created_at_ms: int
    updated_at_ms: int


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """A key without its credentials."""

    id: str
    name: str
    organisation: str
    team: str
    project: str
    user: str
    role: str
    """Empty for a key to models; else what its holder administers. A key is never both."""
    made_by: str
    """The role of who made it."""
    models: list[str] | None
    providers: list[str] | None
    routes: list[str] | None
    metadata: dict[str, Any]
    created_at_ms: int
    updated_at_ms: int
    expires_at_ms: int | None
    revoked_at_ms: int | None
    cache: KeyCache | None = None


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """What a key is known by; while it is rotated there are two."""

    digest: str
    key_id: str
    hint: str
    created_at_ms: int
    expires_at_ms: int | None


class ProviderKey(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant's own credential for a provider: a key's, a team's or an organisation's; the names
    that do not say whose are empty.
    """

    id: str
    provider: str
    organisation: str
    team: str
    key_name: str
    sealed: str
    hint: str
    """Its last characters."""
    made_by: str
    created_at_ms: int
    updated_at_ms: int

    @property
    def context(self) -> str:
        """What the sealed text is bound to: in another row it cannot be read."""
        whose = [self.id, self.provider, self.organisation, self.team, self.key_name]
        return msgspec.json.encode(whose).decode()


class StoredLimit(msgspec.Struct, frozen=True, kw_only=True):
    """A limit, and since when it counts."""

    name: str
    rule: Limit
    organisation: str
    """Whose it is; empty for the operator's."""
    team: str
    made_by: str
    created_at_ms: int
    updated_at_ms: int
    reset_at_ms: int
    """Use before this moment does not count; 0 where it was never reset."""


class KilledRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run that was ended. Two tenants may use the same name for runs of theirs."""

    run: str
    organisation: str
    """Empty: of any."""
    team: str
    killed_at_ms: int
    reason: str


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One change, by whom."""

    id: str
    at_ms: int
    actor: str
    action: str
    kind: str
    object: str
    organisation: str
    team: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class Meta(msgspec.Struct, frozen=True, kw_only=True):
    """A fact about the store itself."""

    name: str
    value: str


IDENTITIES: Final = Table("identities", Identity)
KEYS: Final = Table("keys", Key)
CREDENTIALS: Final = Table("credentials", Credential, ("digest",))
PROVIDER_KEYS: Final = Table("provider_keys", ProviderKey)
LIMITS: Final = Table("limits", StoredLimit, ("name",))
KILLED_RUNS: Final = Table("killed_runs", KilledRun, ("run", "organisation", "team"))
AUDIT: Final = Table("audit", AuditEntry)
META: Final = Table("meta", Meta, ("name",))
