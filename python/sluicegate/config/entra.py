"""Tokens of Microsoft Entra ID in place of Azure's keys."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import msgspec

from sluicegate.config.problems import WrongFieldError
from sluicegate.config.sources import EntraSource
from sluicegate.config.values import Secret

_AUTHORITY: Final = "https://login.microsoftonline.com"
_SCOPE: Final = "https://cognitiveservices.azure.com/.default"
"""Of Azure OpenAI and of Foundry's models. Source:
https://learn.microsoft.com/azure/ai-services/openai/how-to/managed-identity
"""
_SIGNS: Final = ("AZURE_CLIENT_SECRET", "AZURE_FEDERATED_TOKEN_FILE", "IDENTITY_ENDPOINT")
"""Variables that say that this process has an identity of Azure's."""


class Entra(msgspec.Struct, frozen=True, kw_only=True):
    """An application or a managed identity; what is left out is read from Azure's own variables."""

    tenant_id: str | None = None
    """`AZURE_TENANT_ID`; of an application."""
    client_id: str | None = None
    """`AZURE_CLIENT_ID`; of an application, or of a managed identity that a user made."""
    client_secret: Secret | None = None
    """`AZURE_CLIENT_SECRET`."""
    token_file: str | None = None
    """`AZURE_FEDERATED_TOKEN_FILE`: a token that proves the application, which others renew."""
    authority: str | None = None
    """`AZURE_AUTHORITY_HOST`; login.microsoftonline.com."""
    scope: str = _SCOPE
    """What the token is for."""


def has_identity(variables: Mapping[str, str]) -> bool:
    """Whether Azure's own variables give an identity."""
    return any(variables.get(name) for name in _SIGNS)


def source_of(entra: Entra, variables: Mapping[str, str]) -> EntraSource:
    """Where a provider's tokens come from: an application that proves itself, else a managed
    identity.

    Raises:
        WrongFieldError: an application lacks something.
    """
    secret = entra.client_secret
    if secret is None and entra.token_file is None and variables.get("AZURE_CLIENT_SECRET"):
        secret = Secret(variables["AZURE_CLIENT_SECRET"])
    file = entra.token_file or variables.get("AZURE_FEDERATED_TOKEN_FILE", "")
    authority = entra.authority or variables.get("AZURE_AUTHORITY_HOST") or _AUTHORITY
    if not urlsplit(authority).netloc:
        authority = f"https://{authority}"
    source = EntraSource(
        authority=authority,
        scope=entra.scope,
        tenant_id=entra.tenant_id or variables.get("AZURE_TENANT_ID", ""),
        client_id=entra.client_id or variables.get("AZURE_CLIENT_ID", ""),
        client_secret=secret,
        token_file="" if secret is not None else file,
    )
    if secret is not None or source.token_file:
        for field, given in (("tenant_id", source.tenant_id), ("client_id", source.client_id)):
            if not given:
                raise WrongFieldError(field, f"is missing: give it, or set AZURE_{field.upper()}")
    return source
