"""What a provider's requests prove themselves with: a key, several of them, a signature of AWS's, a
token of Google's or of Azure's.
"""

import os
from importlib.util import find_spec
from typing import Final
from urllib.parse import urlsplit

from sluicegate.config import aws, entra
from sluicegate.config.base_url import Fail, base_url_of
from sluicegate.config.build import MISSING
from sluicegate.config.entra import Entra
from sluicegate.config.problems import WrongFieldError
from sluicegate.config.schema import Provider, ProviderKey
from sluicegate.config.settings import UpstreamKey
from sluicegate.config.sources import AwsSource, EntraSource, GoogleSource, Source
from sluicegate.config.values import Secret
from sluicegate.providers import ProviderRow, azure
from sluicegate.providers.clouds import Envelope

NO_KEY: Final = "none"
BEARER: Final = "bearer"

_STYLES: Final = {"anthropic": "x-api-key", "gemini": "x-goog-api-key"}
"""Where a dialect has its key, if not in `authorization`."""

_VERTEX: Final = "aiplatform.googleapis.com"
_SESSION_TOKEN: Final = "x-amz-security-token"  # noqa: S105  # a header's name


def keys_of(
    row: ProviderRow | None,
    provider: Provider,
    style: str,
    fail: Fail,
    *,
    is_bedrock: bool,
    may_lack: bool,
) -> list[UpstreamKey]:
    """Its keys, at least one; with no header at all where a host wants none.

    Args:
        style: see `style_of`.
        is_bedrock: its key may stand in AWS's own variable.
        may_lack: something else than a key stands for it.
    """
    if provider.api_keys is None:
        text = _own_key(provider, is_bedrock=is_bedrock)
        if text is None and not may_lack:
            _tell_missing(row, fail)
        return [_only(text or NO_KEY, style, fail)]
    if provider.api_key is not None:
        fail("api_keys", "stands beside api_key: give one of them")
    if not provider.api_keys:
        fail("api_keys", "has no key")
    return _listed(provider.api_keys, style, fail) or [UpstreamKey("1", (), 1, None, None)]


def _listed(items: list[Secret | ProviderKey], style: str, fail: Fail) -> list[UpstreamKey]:
    keys: list[UpstreamKey] = []
    texts: set[str] = set()
    for index, item in enumerate(items):
        if item is MISSING:
            continue
        given = item if isinstance(item, ProviderKey) else ProviderKey(key=item)
        text = given.key.reveal()
        name = given.name or str(index + 1)
        if not can_be_sent(text) or text == NO_KEY:
            fail("api_keys", index, "is not a key that a header can carry")
        elif text in texts:
            fail("api_keys", index, "is another key's too")
        if not can_be_sent(name):
            fail("api_keys", index, "name", "must be printable ASCII")
        elif name in {key.name for key in keys}:
            fail("api_keys", index, "name", f'"{name}" stands twice')
        texts.add(text)
        headers = tuple(credential(style, text))
        keys.append(UpstreamKey(name, headers, given.weight, given.rpm, given.tpm))
    return keys


def can_be_sent(text: str) -> bool:
    """Whether a header can carry a text: printable ASCII, no spaces around it."""
    return text.isascii() and text.isprintable() and text == text.strip()


def token_source(provider: Provider, base_url: str, fail: Fail) -> Source | None:
    """Where a provider's tokens come from that end; None where it wants a key."""
    return _google(provider, base_url, fail) or _entra(provider, base_url, fail)


def _entra(provider: Provider, base_url: str, fail: Fail) -> EntraSource | None:
    keys = [each for each in ("api_key", "api_keys") if getattr(provider, each) is not None]
    is_azures = azure.is_azure(base_url) and entra.has_identity(os.environ)
    if provider.entra is None and (keys or not is_azures):
        return None
    for field in keys:
        fail(field, "stands beside entra: give one of them")
    try:
        return entra.source_of(provider.entra or Entra(), os.environ)
    except WrongFieldError as error:
        fail("entra", error.field, error.message)
        return None


def _google(provider: Provider, base_url: str, fail: Fail) -> GoogleSource | None:
    if provider.api_keys is not None and provider.google_credentials is not None:
        fail("api_keys", "stands beside google_credentials: give one of them")
    if provider.api_key is not None or provider.api_keys is not None:
        return None
    host = urlsplit(base_url).hostname or ""
    if provider.google_credentials is None and not host.endswith(_VERTEX):
        return None
    if find_spec("google") is None or find_spec("google.auth") is None:
        fail("api_key", "is missing; or install sluicegate[vertex] for Google's credentials")
    return GoogleSource(provider.google_credentials or "")


def bedrock_at(
    row: ProviderRow | None, provider: Provider, fail: Fail
) -> tuple[str | None, dict[str, str] | AwsSource | None]:
    """URL of a provider on Bedrock, and who signs what is sent to it, where it has no key of
    Bedrock's own. A key `none` is neither, for hosts that want no credential.
    """
    url, settings = provider.base_url, provider.settings
    key = _own_key(provider, is_bedrock=True)
    if provider.api_keys is not None and _signs(provider):
        fail("api_keys", "stands beside aws.access_key_id: give one of them")
    is_signed = key is None and provider.api_keys is None
    region = "unknown"
    signer: dict[str, str] | AwsSource | None = None
    if key != NO_KEY or url is None:
        try:
            told = provider.aws.region or settings.get("region")
            region = aws.region_of(told, url, os.environ)
            signer = aws.signer_of(provider.aws, region, os.environ) if is_signed else None
        except WrongFieldError as error:
            fail("aws", error.field, error.message)
    if url is None and row is not None:
        settings = {"region": region, **settings}
    elif url is None:
        url = aws.url_of(region)
    return base_url_of(row, url, settings, fail), signer


def session_of(signer: dict[str, str] | None) -> list[tuple[str, str]]:
    """The header that temporary credentials of AWS's need beside the signature."""
    token = (signer or {}).get("session_token")
    return [(_SESSION_TOKEN, token)] if token else []


def _signs(provider: Provider) -> bool:
    given = provider.aws
    return bool(given.access_key_id or given.secret_access_key or given.profile)


def _own_key(provider: Provider, *, is_bedrock: bool) -> str | None:
    """A provider's only key, of the file or of AWS's own variable for Bedrock."""
    if provider.api_key is not None:
        return provider.api_key.reveal()
    if is_bedrock and provider.api_keys is None and not _signs(provider):
        return os.environ.get(aws.BEARER_VARIABLE) or None
    return None


def _tell_missing(row: ProviderRow | None, fail: Fail) -> None:
    if row is None or row.needs_key:
        variable = f" (${{{row.api_key_env}}}?)" if row and row.api_key_env else ""
        fail("api_key", f"is missing{variable}; `none` for a host that wants no key")


def _only(text: str, style: str, fail: Fail) -> UpstreamKey:
    if not can_be_sent(text):
        fail("api_key", "has a character that no header can carry")
    return UpstreamKey("1", tuple(credential(style, text)), 1, None, None)


def style_of(
    row: ProviderRow | None,
    provider: Provider,
    dialect: str,
    base_url: str,
    envelope: Envelope | None,
) -> str:
    """Where the key goes: `bearer`, or a header's name and maybe a word before the key."""
    if provider.auth is not None:
        return provider.auth
    if row is not None:
        return row.auth
    if envelope is not None:
        return BEARER  # the cloud's own way
    return azure.KEY_HEADER if azure.is_azure(base_url) else _STYLES.get(dialect, BEARER)


def credential(style: str, key: str) -> list[tuple[str, str]]:
    """The header that a key goes in; none for a host that wants none.

    Args: style: `bearer`, or a header's name and maybe a word before the key.
    """
    if key == NO_KEY:
        return []
    header, _, word = ("authorization Bearer" if style == BEARER else style).partition(" ")
    return [(header, f"{word} {key}".lstrip())]
