"""What the admin API takes. Fields, types and bounds stand here and nowhere else: requests are
checked against these and the OpenAPI document is made of them.
"""

from decimal import Decimal
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from sluicegate.accounting.key_cache import KeyCache
from sluicegate.accounting.limits import Amount, Percents, Period, Scope, Zone

Name = Annotated[str, Meta(min_length=1, max_length=200)]
MaybeName = Annotated[str, Meta(max_length=200)]
MetadataValue = Annotated[str, Meta(max_length=2000)]
Metadata = dict[str, MetadataValue]
Grant = Annotated[list[Name], Meta(max_length=1000)]
Seconds = Annotated[int, Meta(ge=0, le=30 * 24 * 3600)]
Moment = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
"""RFC 3339."""
Reason = Annotated[str, Meta(max_length=2000)]


class Form(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request's body."""


class NewOrganisation(Form, frozen=True, kw_only=True):
    """An organisation: the tenant, above teams."""

    name: Name
    metadata: Metadata = {}


class NewTeam(Form, frozen=True, kw_only=True):
    """A team."""

    name: Name
    organisation: MaybeName = ""
    metadata: Metadata = {}


class NewProject(Form, frozen=True, kw_only=True):
    """A project."""

    name: Name
    organisation: MaybeName = ""
    team: MaybeName = ""
    metadata: Metadata = {}


class NewUser(Form, frozen=True, kw_only=True):
    """A person."""

    name: Name
    organisation: MaybeName = ""
    team: MaybeName = ""
    project: MaybeName = ""
    metadata: Metadata = {}


class ChangeIdentity(Form, frozen=True, kw_only=True):
    """A change of an organisation, a team, a project or a user. Names stay: the ledger has them."""

    metadata: Metadata


class NewKey(Form, frozen=True, kw_only=True):
    """A key. The organisation, team, project and user that it names are made where they are not
    there.
    """

    name: Name
    """In the ledger; unique."""
    organisation: MaybeName = ""
    team: MaybeName = ""
    project: MaybeName = ""
    user: MaybeName = ""
    role: Literal["", "team_admin", "organisation_admin"] = ""
    """Empty for a key to models; with a role it opens the admin API and no model."""
    models: Grant | None = None
    """Names it may ask for, `provider/*` for all of a provider's; all that you have where
    omitted.
    """
    providers: Grant | None = None
    routes: Grant | None = None
    """Paths that it may use, `/v1/*` for all below."""
    metadata: Metadata = {}
    expires_at: Moment | None = None
    budget_usd: Decimal | None = None
    """A limit named `key:NAME:budget`."""
    budget_period: Period | None = None
    tpm: Amount | None = None
    """Tokens a minute; a limit named `key:NAME:tpm`."""
    rpm: Amount | None = None
    """Requests a minute; a limit named `key:NAME:rpm`."""
    max_parallel: Amount | None = None
    """Requests at once; a limit named `key:NAME:parallel`."""
    cache: KeyCache | None = None
    """How the cache serves it; as its models have it where omitted."""


class ChangeKey(Form, frozen=True, kw_only=True):
    """A change of a key; what is left out stays, null takes the bound away."""

    models: UnsetType | Grant | None = UNSET
    providers: UnsetType | Grant | None = UNSET
    routes: UnsetType | Grant | None = UNSET
    metadata: UnsetType | Metadata = UNSET
    expires_at: UnsetType | Moment | None = UNSET
    budget_usd: UnsetType | Decimal | None = UNSET
    budget_period: UnsetType | Period | None = UNSET
    tpm: UnsetType | Amount | None = UNSET
    rpm: UnsetType | Amount | None = UNSET
    max_parallel: UnsetType | Amount | None = UNSET
    cache: UnsetType | KeyCache | None = UNSET


class RotateKey(Form, frozen=True, kw_only=True):
    """A new credential for a key."""

    overlap_s: Seconds = 24 * 3600
    """How long the old one still works; 0 ends it at once."""


ProviderSecret = Annotated[str, Meta(min_length=1, max_length=4096)]


class NewProviderKey(Form, frozen=True, kw_only=True):
    """A tenant's own credential for a provider: a key's, or a team's or an organisation's."""

    provider: Name
    """As the configuration names it."""
    api_key: ProviderSecret
    """Sealed, and never shown again."""
    key: MaybeName = ""
    """The name of one of the gateway's keys."""
    organisation: MaybeName = ""
    team: MaybeName = ""


class ReplaceProviderKey(Form, frozen=True, kw_only=True):
    """Another credential in the place of one."""

    api_key: ProviderSecret


class ChangeLimit(Form, frozen=True, kw_only=True):
    """A change of a limit; what is left out stays."""

    scope: UnsetType | Scope = UNSET
    requests: UnsetType | Amount = UNSET
    input_tokens: UnsetType | Amount = UNSET
    output_tokens: UnsetType | Amount = UNSET
    total_tokens: UnsetType | Amount = UNSET
    cost_usd: UnsetType | Decimal = UNSET
    parallel: UnsetType | Amount = UNSET
    per: UnsetType | Period = UNSET
    window: UnsetType | Literal["sliding", "calendar"] | None = UNSET
    zone: UnsetType | Zone = UNSET
    burst: UnsetType | Amount | None = UNSET
    at_cap: UnsetType | Literal["cut", "finish", "downgrade"] = UNSET
    downgrade_to: UnsetType | MaybeName = UNSET
    notify: UnsetType | Percents | None = UNSET


class KillRun(Form, frozen=True, kw_only=True):
    """The end of a run, with all its requests that run."""

    reason: Reason = ""


class PurgeCache(Form, frozen=True, kw_only=True):
    """What of the response cache is to end; exactly one of these."""

    key: Annotated[str, Meta(pattern="^[0-9a-fA-F]{64}$")] | None = None
    """As `x-sluicegate-cache-key` tells it."""
    tag: Name | None = None
    model: Name | None = None
    """By the name that was asked for, or `provider/model`."""
    tenant: Name | None = None
    """`team ORGANISATION/TEAM`, `team TEAM` or, where a key has no team, `key NAME`."""
    namespace: MaybeName | None = None
    """Empty for what has none."""
    all: bool = False


class Redact(Form, frozen=True, kw_only=True):
    """A person whose name was seen in requests and is no user here."""

    user: Name
    organisation: MaybeName = ""
    team: MaybeName = ""
    project: MaybeName = ""


class Nothing(Form, frozen=True, kw_only=True):
    """No fields."""
