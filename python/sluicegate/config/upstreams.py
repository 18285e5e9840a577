"""Providers of a configuration joined with the catalogue."""

import re
from collections.abc import Collection
from typing import Final, Literal

from sluicegate.config.base_url import Fail, base_url_of, wrong_with_url
from sluicegate.config.build import LONGEST_SHOWN
from sluicegate.config.credentials import (
    bedrock_at,
    can_be_sent,
    keys_of,
    session_of,
    style_of,
    token_source,
)
from sluicegate.config.problems import suggestion
from sluicegate.config.schema import Provider
from sluicegate.config.settings import Deadlines, Upstream
from sluicegate.config.sources import AwsSource, Source
from sluicegate.dialects import UPSTREAM_DIALECTS
from sluicegate.dialects.base import Host
from sluicegate.embeddings import FORMS
from sluicegate.providers import (
    ALIASES,
    CATALOGUE,
    OWN,
    ProviderRow,
    azure,
    clouds,
    price_provider_of,
    row_at,
    row_named,
)
from sluicegate.providers.clouds import Envelope

BUILT_DIALECTS: Final = tuple(UPSTREAM_DIALECTS)

SPOKEN_TO_PLUGINS: Final = "openai"
"""What the core speaks with a plugin's dialect, whichever that is."""

MARKED: Final = frozenset({"anthropic", "bedrock"})
"""Dialects in which a prompt can be marked for the vendor's own cache."""

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_RERANK: Final = {"openai": "jina", "cohere": "cohere", "bedrock": "bedrock"}
_OWN_HEADERS: Final = frozenset(
    {"connection", "content-length", "content-type", "host", "te", "transfer-encoding", "upgrade"}
)
"""Those that frame a request: a configured one would break it."""


def upstream_of(
    name: str,
    provider: Provider,
    deadlines: Deadlines,
    fail: Fail,
    plugin_dialects: Collection[str] = (),
) -> Upstream | None:
    """What a provider's requests need; None, and the reason told, where it cannot be known.

    Args: plugin_dialects: those that plugins bring.
    """
    named = row_named(name)
    row = named or row_at(provider.base_url, provider.dialect)
    if "/" in name or not name:
        fail("a provider's name is not empty and has no slash")
    dialect = provider.dialect or (row.dialect if row else None)
    envelope = _envelope_of(row, provider, dialect, fail)
    signed: dict[str, str] | AwsSource | None = None
    is_aws = dialect == "bedrock" or envelope == "bedrock"
    if is_aws:
        base_url, signed = bedrock_at(row, provider, fail)
    else:
        base_url = base_url_of(row, provider.base_url, provider.settings, fail)
    if dialect is None or base_url is None:
        fail(_not_known(name, dialect, base_url))
        return None
    if dialect == OWN:
        fail("has an API of its own, which this version does not speak")
    elif dialect not in {*BUILT_DIALECTS, *plugin_dialects}:
        fail("dialect", _not_spoken(dialect, plugin_dialects))
        return None
    if wrong_with_url(base_url):
        base_url = ""  # it was told; what follows could not read it
    base_url = clouds.located(base_url)
    signer = signed if isinstance(signed, dict) else None
    source: Source | None = signed if isinstance(signed, AwsSource) else None
    if not is_aws:
        source = token_source(provider, base_url, fail)
    may_lack = is_aws or source is not None
    style = style_of(row, provider, dialect, base_url, envelope)
    keys = keys_of(row, provider, style, fail, is_bedrock=is_aws, may_lack=may_lack)
    _check_headers(provider, fail)
    ask_usage = (provider.stream_usage or (row.stream_usage if row else "ask")) == "ask"
    host = _host(row, provider, ask_usage)
    plugin_dialect = dialect if dialect in plugin_dialects else None
    if plugin_dialect is not None:
        dialect = SPOKEN_TO_PLUGINS
    if provider.prompt_cache == "auto" and dialect not in MARKED:
        fail("prompt_cache", "is for hosts that speak anthropic or bedrock")
    placed = azure.placed(base_url, provider.api_version)
    address = clouds.ADDRESSES[envelope] if envelope else placed.address
    return Upstream(
        name=name,
        dialect=dialect,
        plugin_dialect=plugin_dialect,
        key_style=style,
        base_url=placed.base_url,
        address=address,
        embeddings=_embeddings(row, provider, dialect),
        rerank=_rerank(row, provider, dialect),
        query=placed.query,
        signer=signer,
        source=source,
        unversioned=bool(row and row.unversioned),
        headers=(*keys[0].headers, *session_of(signer), *provider.headers.items()),
        keys=tuple(keys) if provider.api_keys is not None else (),
        deadlines=deadlines.narrowed(provider.timeouts),
        responses=plugin_dialect is None
        and _has(provider.responses, row.responses if row else None),
        completions=plugin_dialect is None
        and _has(provider.completions, row.completions if row else None),
        realtime=plugin_dialect is None and _has(provider.realtime, row.realtime if row else None),
        ask_usage=ask_usage,
        drain=provider.on_disconnect == "drain",
        drop_unsupported=provider.unsupported == "drop",
        prompt_cache=provider.prompt_cache == "auto",
        host=host,
        quota_codes=row.quota_codes if row else frozenset({"insufficient_quota"}),
        price_provider=price_provider_of(name) if named else None,
        reasoning_beside_output=_is_reasoning_beside(row, provider),
        bound_field=_bound_field(dialect, host, row is not None or provider.lacks is not None),
    )


def _not_known(name: str, dialect: str | None, base_url: str | None) -> str:
    """What a host lacks that the catalogue does not know."""
    hint = suggestion(name, [*CATALOGUE, *ALIASES])
    lacks = [word for word, have in (("dialect", dialect), ("base_url", base_url)) if not have]
    return f"is not in the catalogue{hint}: give it {' and '.join(lacks)}"


def _check_headers(provider: Provider, fail: Fail) -> None:
    for header, value in provider.headers.items():
        if not _TOKEN.fullmatch(header) or header.lower() in _OWN_HEADERS:
            fail("headers", header, "is not a header that can be set")
        if not can_be_sent(value):
            fail("headers", header, "has a character that no header can carry")


def _is_reasoning_beside(row: ProviderRow | None, provider: Provider) -> bool:
    """Whether its output counts leave reasoning out: by this file, else by the catalogue."""
    said = provider.reasoning_beside_output
    return bool(row and row.reasoning_beside_output) if said is None else said


def _not_spoken(dialect: str, plugin_dialects: Collection[str]) -> str:
    """Why a dialect cannot be spoken. What is as long as a key is not repeated."""
    known = [*BUILT_DIALECTS, *plugin_dialects]
    shown = "text" if len(dialect) > LONGEST_SHOWN else f'"{dialect}"'
    return f"must be one of {', '.join(known)}, not {shown}{suggestion(dialect, known)}"


def _has(said: bool | None, known: bool | None) -> bool:
    """Whether a host has an API beside Chat Completions: by this file, else by the catalogue, else
    it is thought to.
    """
    return said if said is not None else known is not False


def _envelope_of(
    row: ProviderRow | None, provider: Provider, dialect: str | None, fail: Fail
) -> Envelope | None:
    """The cloud whose form requests have: by this file, the catalogue or the URL."""
    if dialect != "anthropic":
        if provider.envelope is not None:
            fail("envelope", "is for hosts that speak anthropic")
        return None
    known = row.envelope if row else None
    return provider.envelope or known or clouds.envelope_at(provider.base_url or "")


def _embeddings(row: ProviderRow | None, provider: Provider, dialect: str) -> str | None:
    """In which form it has vectors: by this file, else by the catalogue, else its dialect's own."""
    form = provider.embeddings or (row.embeddings if row else None)
    if form is None:
        return dialect if dialect in FORMS else None
    return None if form == "none" else form


def _rerank(row: ProviderRow | None, provider: Provider, dialect: str) -> str | None:
    """In which form it ranks documents: hosts of OpenAI's dialect as Jina does, if at all."""
    form = provider.rerank or (row.rerank if row else None) or _RERANK.get(dialect, "none")
    return None if form == "none" else form


def _host(row: ProviderRow | None, provider: Provider, ask_usage: bool) -> Host:
    """What is peculiar to a host: by this file, else by the catalogue."""
    extensions: Collection[str] = row.extensions if row else ()
    lacks: Collection[str] = row.lacks if row else ()
    if provider.extensions is not None:
        extensions = provider.extensions
    if provider.lacks is not None:
        lacks = provider.lacks
    refused = () if ask_usage else ("stream_options",)
    return Host(frozenset(extensions), frozenset((*lacks, *refused)))


def _bound_field(
    dialect: str, host: Host, is_known: bool
) -> Literal["max_tokens", "max_completion_tokens"]:
    """The newer word only for hosts that are known to take it: most others have the older alone."""
    is_newer = dialect == "openai" and is_known and "max_completion_tokens" not in host.lacks
    return "max_completion_tokens" if is_newer else "max_tokens"
