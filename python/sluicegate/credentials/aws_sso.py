"""Roles of AWS's for whoever signed in to IAM Identity Center: by `aws sso login`, whose cache is
read, renewed and written as AWS's own SDKs do.

Sources: https://docs.aws.amazon.com/sdkref/latest/guide/feature-sso-credentials.html,
https://docs.aws.amazon.com/singlesignon/latest/OIDCAPIReference/API_CreateToken.html,
https://docs.aws.amazon.com/singlesignon/latest/PortalAPIReference/API_GetRoleCredentials.html
"""

import contextlib
import fcntl
import hashlib
import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from sluicegate.credentials import aws_sts
from sluicegate.credentials.aws_profiles import session_named
from sluicegate.credentials.lease import CredentialError, Lease
from sluicegate.credentials.web import asked, fields_of, shown

log = logging.getLogger("sluicegate")

CACHE: Final = "~/.aws/sso/cache"
EARLY_S: Final = 300.0
"""Before a sign-in's end it is renewed, as AWS's SDKs do."""
_ENDED: Final = (400, 401)
"""Statuses for a sign-in that is over."""


@dataclass(frozen=True, slots=True)
class SignIn:
    """What a profile says of its sign-in.

    Args:
        session: the section's name; empty in the older form, whose sign-ins are not renewed.
    """

    profile: str
    session: str
    start_url: str
    region: str
    account: str
    role: str

    @property
    def again(self) -> str:
        """How a person signs in."""
        return f"run `aws sso login --profile {self.profile}`"

    @property
    def file(self) -> Path:
        """Where `aws sso login` keeps it."""
        name = hashlib.sha1((self.session or self.start_url).encode(), usedforsecurity=False)
        return Path(CACHE).expanduser() / f"{name.hexdigest()}.json"


def is_of_sso(fields: Mapping[str, str]) -> bool:
    """Whether a profile is of IAM Identity Center."""
    return any(field.startswith("sso_") for field in fields)


def of_profile(name: str, fields: Mapping[str, str], variables: Mapping[str, str]) -> Lease:
    """The role that a profile names.

    Raises:
        CredentialError: the profile lacks something, nobody is signed in, or may not have it.
    """
    sign_in = _sign_in(name, fields, variables)
    url = aws_sts.endpoint_of("SSO", "portal.sso", sign_in.region, variables)
    query = urlencode({"account_id": sign_in.account, "role_name": sign_in.role})
    token = _token(sign_in, variables)
    headers = {"x-amz-sso_bearer_token": token}
    status, body = asked(f"{url}/federation/credentials?{query}", headers=headers)
    said = fields_of(body)
    if status in _ENDED:
        raise CredentialError(f"the sign-in is not accepted (status {status}): {sign_in.again}")
    if status != 200:
        told = shown(said.get("message"), token) or "no access"
        what = f"the role {sign_in.role} in account {sign_in.account}"
        raise CredentialError(f"IAM Identity Center: {what}: status {status}: {told}")
    return _lease(said.get("roleCredentials"))


def _sign_in(name: str, fields: Mapping[str, str], variables: Mapping[str, str]) -> SignIn:
    session = fields.get("sso_session", "")
    where: Mapping[str, str] = fields
    if session:
        found = session_named(session, variables)
        if found is None:
            raise CredentialError(f'profile "{name}": there is no section "sso-session {session}"')
        where = {**fields, **found}
    wanted = ("sso_start_url", "sso_region", "sso_account_id", "sso_role_name")
    lacking = [field for field in wanted if not where.get(field)]
    if lacking:
        raise CredentialError(f'profile "{name}" has no {" and no ".join(lacking)}')
    return SignIn(name, session, *(where[field] for field in wanted))


def _token(sign_in: SignIn, variables: Mapping[str, str]) -> str:
    """The token of the sign-in, renewed where it ends soon."""
    kept = _kept(sign_in)
    if _left_s(kept, "expiresAt") > EARLY_S:
        return str(kept["accessToken"])
    if not sign_in.session or not kept.get("refreshToken"):
        if _left_s(kept, "expiresAt") > 0:
            return str(kept["accessToken"])
        raise CredentialError(f"the sign-in ended at {kept.get('expiresAt')}: {sign_in.again}")
    with _alone(sign_in.file.parent):
        kept = _kept(sign_in)  # another process may have renewed it meanwhile
        if _left_s(kept, "expiresAt") > EARLY_S:
            return str(kept["accessToken"])
        try:
            kept = _renewed(sign_in, kept, variables)
        except CredentialError:
            if _left_s(kept, "expiresAt") > 0:
                return str(kept["accessToken"])
            raise
        _keep(sign_in.file, kept)
    return str(kept["accessToken"])


def _kept(sign_in: SignIn) -> dict[str, Any]:
    """What the cache has of a sign-in."""
    try:
        kept = fields_of(sign_in.file.read_bytes())
    except FileNotFoundError:
        raise CredentialError(f"nobody is signed in: {sign_in.again}") from None
    except OSError as error:
        raise CredentialError(f"{sign_in.file} cannot be read: {type(error).__name__}") from None
    if not isinstance(kept.get("accessToken"), str) or not kept["accessToken"]:
        raise CredentialError(f"{sign_in.file} holds no sign-in: {sign_in.again}")
    return kept


def _renewed(sign_in: SignIn, kept: dict[str, Any], variables: Mapping[str, str]) -> dict[str, Any]:
    if kept.get("registrationExpiresAt") and _left_s(kept, "registrationExpiresAt") <= 0:
        raise CredentialError(f"the registration of the sign-in has ended: {sign_in.again}")
    document = {
        "grantType": "refresh_token",
        "clientId": kept.get("clientId"),
        "clientSecret": kept.get("clientSecret"),
        "refreshToken": kept["refreshToken"],
    }
    url = aws_sts.endpoint_of("SSO_OIDC", "oidc", sign_in.region, variables)
    status, body = asked(f"{url}/token", document=document)
    said = fields_of(body)
    token = said.get("accessToken")
    if status != 200 or not isinstance(token, str) or not token:
        secrets = (str(document["clientSecret"]), str(document["refreshToken"]))
        why = shown(said.get("error") or said.get("__type") or f"status {status}", *secrets)
        hint = f": {sign_in.again}" if status in _ENDED else ""
        raise CredentialError(f"the sign-in cannot be renewed ({why}){hint}")
    seconds = said.get("expiresIn")
    end = datetime.now(UTC) + timedelta(seconds=seconds if isinstance(seconds, int) else 600)
    fresh = {"accessToken": token, "expiresAt": end.strftime("%Y-%m-%dT%H:%M:%SZ")}
    if isinstance(said.get("refreshToken"), str):
        fresh["refreshToken"] = said["refreshToken"]
    return kept | fresh


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One process of ours renews at a time: a token that was used for a renewal may be void."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _keep(file: Path, kept: dict[str, Any]) -> None:
    """Writes a sign-in for all who use it, readable by its owner alone; never half of it."""
    new = file.with_suffix(f".{os.getpid()}")
    try:
        new.touch(mode=0o600)
        new.write_bytes(msgspec.json.encode(kept))
        new.replace(file)
    except OSError as error:
        new.unlink(missing_ok=True)
        log.warning("%s cannot be written (%s): the renewed sign-in is lost", file, error.strerror)


def _left_s(kept: dict[str, Any], field: str) -> float:
    """Seconds until an end; 0 where that is no time."""
    try:
        return aws_sts.lives_of(str(kept.get(field)).replace("UTC", "Z"))
    except CredentialError:
        return 0.0


def _lease(given: object) -> Lease:
    found = given if isinstance(given, dict) else {}
    key, secret, session = (
        found.get(name) for name in ("accessKeyId", "secretAccessKey", "sessionToken")
    )
    end_ms = found.get("expiration")
    if not (isinstance(key, str) and isinstance(secret, str) and isinstance(session, str)):
        raise CredentialError("IAM Identity Center: the answer holds no credentials")
    if not isinstance(end_ms, int):
        raise CredentialError("IAM Identity Center: the end of the credentials is no time")
    lives_s = end_ms / 1000 - datetime.now(UTC).timestamp()
    return aws_sts.lease_of(key, secret, session, lives_s)
