"""A configuration with its references resolved: what the rest of the gateway reads."""

import ipaddress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from sluicegate.accounting.limits import Limit
from sluicegate.config.cache import CacheRules, CacheSettings
from sluicegate.config.prices import PriceTexts
from sluicegate.config.schema import (
    Admin,
    Batches,
    Events,
    Key,
    OwnKey,
    Responses,
    Runs,
    Server,
    Timeouts,
)
from sluicegate.config.sources import Source
from sluicegate.config.values import Secret
from sluicegate.dialects.base import Host
from sluicegate.plugins.registry import Plugins


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Deadlines of one scope, seconds, all known."""

    connect_s: float = 5.0
    first_byte_s: float = 60.0
    idle_s: float = 60.0
    total_s: float = 600.0
    session_s: float = 3600.0
    session_idle_s: float = 600.0

    def narrowed(self, timeouts: Timeouts) -> "Deadlines":
        """These, but what a narrower scope sets."""
        given = {
            name: value
            for name in timeouts.__struct_fields__
            if (value := getattr(timeouts, name)) is not None
        }
        return replace(self, **given)


@dataclass(frozen=True, slots=True)
class UpstreamKey:
    """One of several keys of a provider.

    Args:
        headers: how it is sent.
        rpm, tpm: a minute, over all workers.
    """

    name: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    weight: int
    rpm: int | None
    tpm: int | None


@dataclass(frozen=True, slots=True)
class Upstream:
    """A provider, with what the catalogue knows of it."""

    name: str
    dialect: str
    base_url: str
    unversioned: bool
    """No version is added where the base URL is a bare host."""
    responses: bool
    """It has OpenAI's Responses API beside Chat Completions."""
    completions: bool
    """It has OpenAI's older completions beside them."""
    realtime: bool
    """It has OpenAI's realtime sessions."""
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    """Credential and fixed headers; of its first key where it has several."""
    keys: tuple[UpstreamKey, ...]
    """Where it has a list of them; else none."""
    deadlines: Deadlines
    ask_usage: bool
    drain: bool
    drop_unsupported: bool
    host: Host
    quota_codes: frozenset[str]
    price_provider: str | None
    """The price book's name for it; found by the base URL where there is none."""
    reasoning_beside_output: bool
    bound_field: Literal["max_tokens", "max_completion_tokens"]
    """Where it wants a bound that the client did not set."""
    address: str = "dialect"
    """Which paths it has."""
    embeddings: str | None = None
    """In which form it has vectors (`embeddings.FORMS`); None where it has none."""
    rerank: str | None = None
    """In which form it ranks documents (`rerank.FORMS`); None where it does not."""
    query: str = ""
    """What stands behind each path's question mark."""
    source: Source | None = None
    """Where its credential comes from, where that ends; None where it is in `headers` or signs."""
    holds_until_s: float | None = None
    """When the credential ends that is sent now, in seconds since 1970; None is never."""
    signer: dict[str, str] | None = field(default=None, repr=False)
    """Whose signature each request has."""
    prompt_cache: bool = False
    """What repeats is marked for its own prompt cache."""
    key_style: str = "bearer"
    """Where a key goes; see `credentials.credential`."""
    plugin_dialect: str | None = None
    """The plugin's dialect that it speaks; the core is then spoken to in `dialect`, by whoever
    translates (`plugins/adapter.py`).
    """

    @property
    def takes_own_keys(self) -> bool:
        """Whether a tenant may have its own key: not where requests are signed, tokens are fetched
        or a plugin speaks.
        """
        return self.signer is None and self.source is None and not self.plugin_dialect


@dataclass(frozen=True, slots=True)
class RouteTarget:
    """One model at one provider."""

    provider: str
    model: str
    weight: int


@dataclass(frozen=True, slots=True)
class Route:
    """What stands behind a requested name."""

    strategy: str
    targets: tuple[RouteTarget, ...]
    timeouts: Timeouts
    failover_on: tuple[str, ...]
    drop_unsupported: bool | None
    cache: CacheRules
    prompt_cache: bool | None = None
    """In place of its providers' own."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The configuration in force."""

    path: Path
    server: Server
    data_dir: Path
    upstreams: dict[str, Upstream]
    routes: dict[str, Route]
    keys: tuple[Key, ...]
    limits: tuple[Limit, ...]
    """Those of `limits`, and those that the keys' short fields stand for."""
    open: bool
    store_url: Secret | None
    """Of PostgreSQL; None for SQLite."""
    stale_keys_s: float
    shared_state_url: Secret | None
    """Of the server that hosts share their limits through; None where this host has them alone."""
    admin_key: Secret | None
    admin: Admin | None
    master_key: Secret | None
    events: Events | None
    runs: Runs
    responses: Responses
    batches: Batches
    cache: CacheSettings
    deadlines: Deadlines
    commit_after_s: float
    max_event_bytes: int
    max_answer_bytes: int
    default_max_output_tokens: int
    reserve: Literal["bound", "learned"]
    prices: dict[str, PriceTexts]
    """By `provider/model` or `provider/*`: USD as decimal text, by the price book's keys."""
    discount_percent: dict[str, str]
    margin_percent: dict[str, str]
    refuse_unpriced: bool
    own_keys: tuple[OwnKey, ...]
    """Tenants' own credentials for providers."""
    plugins: Plugins
    plugin_timeout_s: float
    plugin_failure: Literal["refuse", "pass"]
    warnings: tuple[str, ...] = ()
    """What is allowed and probably not meant; one line each."""

    @property
    def journal_dir(self) -> Path:
        """Where attempts are recorded until the store has them."""
        return self.data_dir / "journal"

    @property
    def store_path(self) -> Path:
        """The SQLite file."""
        return self.data_dir / "sluicegate.sqlite"


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
