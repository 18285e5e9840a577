"""Roles of AWS's, taken from its Security Token Service.

Source: https://docs.aws.amazon.com/STS/latest/APIReference/API_Operations.html
"""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlencode, urlsplit
from xml.etree import ElementTree as Xml  # the vendor's own answers, over TLS

import msgspec

from sluicegate import _core
from sluicegate.credentials.lease import CredentialError, Lease
from sluicegate.credentials.web import asked, shown

SESSION_TOKEN: Final = "x-amz-security-token"  # noqa: S105  # a header's name
_VERSION: Final = "2011-06-15"
_SESSION: Final = "sluicegate"


def lease_of(key: str, secret: str, session: str, lives_s: float | None) -> Lease:
    """Credentials as they are sent: a signature, and beside it what temporary ones need."""
    signer = {"access_key_id": key, "secret_access_key": secret}
    if not session:
        return Lease((), signer, lives_s)
    signer["session_token"] = session
    return Lease(((SESSION_TOKEN, session),), signer, lives_s)


def with_token(
    region: str, fields: Mapping[str, str], session: str | None, variables: Mapping[str, str]
) -> Lease:
    """A role for whoever has a token of an identity provider's: AssumeRoleWithWebIdentity.

    Raises:
        CredentialError: it is not given.
    """
    form = _form("AssumeRoleWithWebIdentity", fields, session)
    status, body = asked(_endpoint(region, variables), form=form)
    return _taken(status, body, fields["WebIdentityToken"])


def with_keys(
    region: str,
    fields: Mapping[str, str],
    session: str | None,
    base: Lease,
    variables: Mapping[str, str],
) -> Lease:
    """A role for whoever has other credentials: AssumeRole.

    Raises:
        CredentialError: it is not given.
    """
    form = _form("AssumeRole", fields, session)
    url = _endpoint(region, variables)
    signer = msgspec.json.encode({**(base.signer or {}), "region": region, "service": "sts"})
    proof = _core.aws_signature(
        signer, "POST", "/", urlsplit(url).netloc, urlencode(form).encode(), int(time.time())
    )
    headers = {**dict(base.headers), **dict(proof)}
    status, body = asked(url, form=form, headers=headers)
    return _taken(status, body, (base.signer or {}).get("secret_access_key", ""))


def _form(action: str, fields: Mapping[str, str], session: str | None) -> dict[str, str]:
    name = {"RoleSessionName": session or _SESSION}
    return {"Action": action, "Version": _VERSION, **name, **fields}


def endpoint_of(service: str, host: str, region: str, variables: Mapping[str, str]) -> str:
    """The region's own: the global one is one region's, too. Source:
    https://docs.aws.amazon.com/sdkref/latest/guide/feature-sts-regionalized-endpoints.html
    """
    named = variables.get(f"AWS_ENDPOINT_URL_{service}") or variables.get("AWS_ENDPOINT_URL")
    domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return (named or f"https://{host}.{region}.{domain}").rstrip("/")


def _endpoint(region: str, variables: Mapping[str, str]) -> str:
    return f"{endpoint_of('STS', 'sts', region, variables)}/"


def _taken(status: int, body: bytes, secret: str) -> Lease:
    try:
        document = Xml.fromstring(body)  # noqa: S314  # see its import
    except Xml.ParseError:
        raise CredentialError(f"STS: status {status}, and no answer of its own") from None

    def text(name: str) -> str:
        return (document.findtext(f".//{{*}}{name}") or "").strip()

    key, hidden = text("AccessKeyId"), text("SecretAccessKey")
    if status != 200 or not key or not hidden:
        raise CredentialError(f"STS: {text('Code') or status}: {shown(text('Message'), secret)}")
    return lease_of(key, hidden, text("SessionToken"), lives_of(text("Expiration")))


def lives_of(expiration: str) -> float:
    """How long credentials hold that end then.

    Raises:
        CredentialError: it is no time.
    """
    try:
        end = datetime.fromisoformat(expiration)
    except ValueError:
        raise CredentialError("the end of the credentials is no time") from None
    return ((end if end.tzinfo else end.replace(tzinfo=UTC)) - datetime.now(UTC)).total_seconds()
