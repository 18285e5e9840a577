"""Access tokens of Microsoft Entra ID, for an application or a managed identity.

Sources: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow,
https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token,
https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference
"""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

from sluicegate.config.sources import EntraSource
from sluicegate.credentials.lease import CredentialError, Lease
from sluicegate.credentials.web import METADATA_TIMEOUT_S, asked, fields_of, shown

_ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_MACHINE: Final = "http://169.254.169.254"
_MACHINE_VARIABLE: Final = "AZURE_POD_IDENTITY_AUTHORITY_HOST"
_UNKNOWN_S: Final = 600.0


def fetch(source: EntraSource, variables: Mapping[str, str] = os.environ) -> Lease:
    """A new token.

    Raises:
        CredentialError: none is given; says by which way it was asked for.
    """
    if source.client_secret is not None or source.token_file:
        return _application(source)
    return _managed(source, variables)


def _application(source: EntraSource) -> Lease:
    form = {
        "grant_type": "client_credentials",
        "client_id": source.client_id,
        "scope": source.scope,
    }
    if source.client_secret is not None:
        way = "the application's secret"
        proof = form["client_secret"] = source.client_secret.reveal()
    else:
        way = f"the federated token in {source.token_file}"
        proof = form["client_assertion"] = _read(source.token_file)
        form["client_assertion_type"] = _ASSERTION
    tenant = quote(source.tenant_id, safe="")
    url = f"{source.authority.rstrip('/')}/{tenant}/oauth2/v2.0/token"
    return _token(way, *asked(url, form=form), proof)


def _managed(source: EntraSource, variables: Mapping[str, str]) -> Lease:
    query = {"resource": source.scope.removesuffix("/.default")}
    if source.client_id:
        query["client_id"] = source.client_id
    endpoint, header = variables.get("IDENTITY_ENDPOINT"), variables.get("IDENTITY_HEADER")
    if endpoint and header:
        way, url = "the managed identity at IDENTITY_ENDPOINT", endpoint
        query["api-version"] = "2019-08-01"
        headers = {"X-IDENTITY-HEADER": header}
    else:
        way = "the machine's managed identity"
        url = f"{variables.get(_MACHINE_VARIABLE) or _MACHINE}/metadata/identity/oauth2/token"
        query["api-version"] = "2018-02-01"
        headers = {"Metadata": "true"}
    try:
        answer = asked(
            f"{url}?{urlencode(query)}",
            headers=headers,
            timeout_s=METADATA_TIMEOUT_S,
            is_here=True,
        )
    except CredentialError as error:
        raise CredentialError(f"{way}: {error}") from None
    return _token(way, *answer, header or "")


def _token(way: str, status: int, body: bytes, secret: str) -> Lease:
    said = fields_of(body)
    token = said.get("access_token")
    if status != 200 or not isinstance(token, str) or not token:
        why = shown(said.get("error_description") or said.get("error"), secret)
        raise CredentialError(f"{way}: status {status}: {why or 'no token'}")
    return Lease((("authorization", f"Bearer {token}"),), lives_s=_lives_s(said))


def _lives_s(said: dict[str, Any]) -> float:
    """Numbers, or texts of numbers, as the endpoint has it."""
    try:
        if "expires_in" in said:
            return float(said["expires_in"])
        return float(said["expires_on"]) - time.time()
    except (KeyError, TypeError, ValueError):
        return _UNKNOWN_S


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise CredentialError(f"{path} cannot be read: {type(error).__name__}") from None
