"""Providers of a configuration joined with the catalogue."""

import os
import re
from collections.abc import Collection
from importlib.util import find_spec
from typing import Final, Literal
from urllib.parse import urlsplit

from sluicegate.config import aws
from sluicegate.config.base_url import Fail, base_url_of, wrong_with_url
from sluicegate.config.problems import suggestion
from sluicegate.config.schema import Provider
from sluicegate.config.settings import Deadlines, Upstream
from sluicegate.dialects import UPSTREAM_DIALECTS
from sluicegate.dialects.base import Host
from sluicegate.providers import (
    ALIASES,
    CATALOGUE,
    OWN,
    ProviderRow,
    azure,
    price_provider_of,
    row_at,
    row_named,
)

BUILT_DIALECTS: Final = tuple(UPSTREAM_DIALECTS)
NO_KEY: Final = "none"
BEARER: Final = "bearer"

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OWN_HEADERS: Final = frozenset(
    {"connection", "content-length", "content-type", "host", "te", "transfer-encoding", "upgrade"}
)
"""Those that frame a request: a configured one would break it."""

_STYLES: Final = {"anthropic": "x-api-key", "gemini": "x-goog-api-key"}
"""Where a dialect has its key, if not in `authorization`."""

_VERTEX: Final = "aiplatform.googleapis.com"
_SESSION_TOKEN: Final = "x-amz-security-token"  # noqa: S105  # a header's name


def upstream_of(name: str, provider: Provider, deadlines: Deadlines, fail: Fail) -> Upstream | None:
    """What a provider's requests need; None, and the reason told, where it cannot be known."""
    named = row_named(name)
    row = named or row_at(provider.base_url, provider.dialect)
    if "/" in name or not name:
        fail("a provider's name is not empty and has no slash")
    dialect = provider.dialect or (row.dialect if row else None)
    key = provider.api_key.reveal() if provider.api_key else None
    signer = None
    if dialect == "bedrock":
        base_url, key, signer = _bedrock(row, provider, key, fail)
    else:
        base_url = base_url_of(row, provider.base_url, provider.settings, fail)
    if dialect is None or base_url is None:
        hint = suggestion(name, [*CATALOGUE, *ALIASES])
        lacks = [word for word, have in (("dialect", dialect), ("base_url", base_url)) if not have]
        fail(f"is not in the catalogue{hint}: give it {' and '.join(lacks)}")
        return None
    if dialect == OWN:
        fail("has an API of its own, which this version does not speak")
    elif dialect not in BUILT_DIALECTS:
        fail("dialect", f"{dialect} is not available in this version")
    google = _google_credentials(provider, base_url, fail) if key is None else None
    if key is None and google is None and (row is None or row.needs_key):
        variable = f" (${{{row.api_key_env}}}?)" if row and row.api_key_env else ""
        fail("api_key", f"is missing{variable}; `none` for a host that wants no key")
    key = NO_KEY if key is None else key
    if not can_be_sent(key):
        fail("api_key", "has a character that no header can carry")
    for header, value in provider.headers.items():
        if not _TOKEN.fullmatch(header) or header.lower() in _OWN_HEADERS:
            fail("headers", header, "is not a header that can be set")
        if not can_be_sent(value):
            fail("headers", header, "has a character that no header can carry")
    ask_usage = (provider.stream_usage or (row.stream_usage if row else "ask")) == "ask"
    host = _host(row, provider, ask_usage)
    if wrong_with_url(base_url):
        base_url = ""  # it was told; what follows could not read it
    placed = azure.placed(base_url, provider.api_version)
    auth = provider.auth or (azure.KEY_HEADER if row is None and azure.is_azure(base_url) else None)
    credential = _credential(auth or (row.auth if row else _STYLES.get(dialect, BEARER)), key)
    session = [(_SESSION_TOKEN, token)] if (token := (signer or {}).get("session_token")) else []
    return Upstream(
        name=name,
        dialect=dialect,
        base_url=placed.base_url,
        address=placed.address,
        query=placed.query,
        signer=signer,
        google_credentials=google,
        unversioned=bool(row and row.unversioned),
        headers=(*credential, *session, *provider.headers.items()),
        deadlines=deadlines.narrowed(provider.timeouts),
        responses=_has_responses(row, provider),
        ask_usage=ask_usage,
        drain=provider.on_disconnect == "drain",
        drop_unsupported=provider.unsupported == "drop",
        host=host,
        quota_codes=row.quota_codes if row else frozenset({"insufficient_quota"}),
        price_provider=price_provider_of(name) if named else None,
        reasoning_beside_output=(
            bool(row and row.reasoning_beside_output)
            if provider.reasoning_beside_output is None
            else provider.reasoning_beside_output
        ),
        bound_field=_bound_field(dialect, host, row is not None or provider.lacks is not None),
    )


def _has_responses(row: ProviderRow | None, provider: Provider) -> bool:
    """Whether Chat Completions have the Responses API beside them."""
    if provider.responses is not None:
        return provider.responses
    return row.responses if row else True


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


def can_be_sent(text: str) -> bool:
    """Whether a header can carry a text: printable ASCII, no spaces around it."""
    return text.isascii() and text.isprintable() and text == text.strip()


def _google_credentials(provider: Provider, base_url: str, fail: Fail) -> str | None:
    """The file that a provider's tokens come from; None where it wants a key."""
    host = "" if wrong_with_url(base_url) else urlsplit(base_url).hostname or ""
    if provider.google_credentials is None and not host.endswith(_VERTEX):
        return None
    if find_spec("google") is None or find_spec("google.auth") is None:
        fail("api_key", "is missing; or install sluicegate[vertex] for Google's credentials")
    return provider.google_credentials or ""


def _bedrock(
    row: ProviderRow | None, provider: Provider, key: str | None, fail: Fail
) -> tuple[str | None, str, dict[str, str] | None]:
    """URL, key and signer of a provider that speaks Converse: a key of Bedrock's own, else a
    signature. `none` is neither, for hosts that want no credential.
    """
    url, settings = provider.base_url, provider.settings
    gives_own = provider.aws.access_key_id or provider.aws.secret_access_key
    if key is None and not gives_own:
        key = os.environ.get(aws.BEARER_VARIABLE) or None
    region, signer = "unknown", None
    if key != NO_KEY or url is None:
        try:
            told = provider.aws.region or settings.get("region")
            region = aws.region_of(told, url, os.environ)
            signer = None if key else aws.signer_of(provider.aws, region, os.environ)
        except aws.WrongAwsError as error:
            fail("aws", error.field, error.message)
    if url is None and row is not None:
        settings = {"region": region, **settings}
    elif url is None:
        url = aws.url_of(region)
    return base_url_of(row, url, settings, fail), key or NO_KEY, signer


def _credential(style: str, key: str) -> list[tuple[str, str]]:
    if key == NO_KEY:
        return []
    header, _, word = ("authorization Bearer" if style == BEARER else style).partition(" ")
    return [(header, f"{word} {key}".lstrip())]
