"""Credentials of AWS's in the order in which AWS's own SDKs look for them: web identity, profile,
container, instance. Keys in the environment come before all; they do not end, so that the
configuration has taken them.

Source: https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
"""

import ipaddress
import os
import shlex
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from sluicegate.config.sources import AwsSource
from sluicegate.credentials import aws_sso, aws_sts
from sluicegate.credentials.aws_profiles import DEFAULT, profile_named
from sluicegate.credentials.lease import CredentialError, Lease
from sluicegate.credentials.web import METADATA_TIMEOUT_S, asked, fields_of

_CONTAINER: Final = "http://169.254.170.2"
_CONTAINER_HOSTS: Final = {"169.254.170.2", "169.254.170.23", "fd00:ec2::23", "localhost"}
"""Of ECS and EKS; others must have TLS, as AWS's own SDKs want it."""
_INSTANCE: Final = "http://169.254.169.254"
_INSTANCE_ROLES: Final = "/latest/meta-data/iam/security-credentials/"
_INSTANCE_TOKEN: Final = {"x-aws-ec2-metadata-token-ttl-seconds": "21600"}
_PROCESS_S: Final = 30.0
_MAX_PROFILES: Final = 5
"""That lead on to each other."""

Variables = Mapping[str, str]


class _NotThereError(Exception):
    """Nothing is set up for this one; the text says what would be."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """For whom something is fetched."""

    source: AwsSource
    variables: Variables


def fetch(source: AwsSource, variables: Variables = os.environ) -> Lease:
    """New credentials, of the first that is set up.

    Raises:
        CredentialError: none is, or the first one failed; says each that was tried.
    """
    tried = []
    asked_for = _Asked(source, variables)
    for name, find in _CHAIN if source.profile is None else _CHAIN[1:2]:
        try:
            return find(asked_for)
        except _NotThereError as reason:
            tried.append(f"{name}: {reason}")
        except CredentialError as error:
            # What is set up is not passed over: another role may do what this one must not.
            raise CredentialError("; ".join([*tried, f"{name}: {error}"])) from None
    raise CredentialError(f"no credentials of AWS's: {'; '.join(tried)}")


def _web_identity(asked_for: _Asked) -> Lease:
    variables = asked_for.variables
    file, role = variables.get("AWS_WEB_IDENTITY_TOKEN_FILE"), variables.get("AWS_ROLE_ARN")
    if not file or not role:
        lacking = "AWS_ROLE_ARN" if file else "AWS_WEB_IDENTITY_TOKEN_FILE"
        raise _NotThereError(f"{lacking} is not set")
    fields = {"RoleArn": role, "WebIdentityToken": read(file)}
    return aws_sts.with_token(
        asked_for.source.region, fields, variables.get("AWS_ROLE_SESSION_NAME"), variables
    )


def _profile(asked_for: _Asked) -> Lease:
    name = asked_for.source.profile or asked_for.variables.get("AWS_PROFILE") or DEFAULT
    return _of_profile(name, asked_for, [])


def _of_profile(name: str, asked_for: _Asked, seen: list[str]) -> Lease:
    fields = profile_named(name, asked_for.variables)
    if fields is None:
        raise _NotThereError(f'there is no profile "{name}"')
    if name in seen[:-1] or len(seen) > _MAX_PROFILES:
        raise CredentialError(f"profiles lead to each other: {', '.join([*seen, name])}")
    role = fields.get("role_arn")
    if role and (file := fields.get("web_identity_token_file")):
        given = {"RoleArn": role, "WebIdentityToken": read(file)}
        session = fields.get("role_session_name")
        return aws_sts.with_token(asked_for.source.region, given, session, asked_for.variables)
    # A profile may name itself as its role's source: its own keys are meant.
    if role and name not in seen:
        return _role_of(role, name, fields, asked_for, seen)
    if fields.get("aws_access_key_id") and fields.get("aws_secret_access_key"):
        return _lease(
            fields["aws_access_key_id"],
            fields["aws_secret_access_key"],
            fields.get("aws_session_token") or "",
        )
    if aws_sso.is_of_sso(fields):
        return aws_sso.of_profile(name, fields, asked_for.variables)
    if command := fields.get("credential_process"):
        return _process(command)
    if "login_session" in fields:
        raise CredentialError(f'profile "{name}" is of `aws login`, which is not taken up')
    raise _NotThereError(f'profile "{name}" has no credentials')


def _role_of(
    role: str, name: str, fields: Mapping[str, str], asked_for: _Asked, seen: list[str]
) -> Lease:
    origin = fields.get("credential_source")
    if source := fields.get("source_profile"):
        base = _of_profile(source, asked_for, [*seen, name])
    elif origin in _ORIGINS:
        base = _ORIGINS[origin](asked_for)
    else:
        raise CredentialError(f'profile "{name}" has a role_arn and nothing to take it with')
    given = {"RoleArn": role}
    for field, parameter in (
        ("external_id", "ExternalId"),
        ("duration_seconds", "DurationSeconds"),
    ):
        if fields.get(field):
            given[parameter] = fields[field]
    session = fields.get("role_session_name")
    return aws_sts.with_keys(asked_for.source.region, given, session, base, asked_for.variables)


def _environment(asked_for: _Asked) -> Lease:
    variables = asked_for.variables
    key, secret = variables.get("AWS_ACCESS_KEY_ID"), variables.get("AWS_SECRET_ACCESS_KEY")
    if not key or not secret:
        raise _NotThereError("AWS_ACCESS_KEY_ID is not set")
    return _lease(key, secret, variables.get("AWS_SESSION_TOKEN") or "")


def _process(command: str) -> Lease:
    try:
        done = subprocess.run(  # the operator's own, as AWS's SDKs run it
            shlex.split(command), capture_output=True, timeout=_PROCESS_S, check=False
        )
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise CredentialError(f"credential_process: {type(error).__name__}") from None
    if done.returncode != 0:
        raise CredentialError(f"credential_process: exit status {done.returncode}")
    return of_document("credential_process", fields_of(done.stdout), "SessionToken")


def _container(asked_for: _Asked) -> Lease:
    variables = asked_for.variables
    relative = variables.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
    url = f"{_CONTAINER}{relative}" if relative else ""
    url = url or variables.get("AWS_CONTAINER_CREDENTIALS_FULL_URI") or ""
    if not url:
        raise _NotThereError("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and _FULL_URI are not set")
    if not _may_be_asked(url):
        raise CredentialError("AWS_CONTAINER_CREDENTIALS_FULL_URI is of a host without TLS")
    token = variables.get("AWS_CONTAINER_AUTHORIZATION_TOKEN") or ""
    if file := variables.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"):
        token = read(file)
    headers = {"authorization": token} if token else {}
    status, body = asked(url, headers=headers, timeout_s=METADATA_TIMEOUT_S, is_here=True)
    if status != 200:
        raise CredentialError(f"status {status}")
    return of_document("the answer", fields_of(body), "Token")


def _may_be_asked(url: str) -> bool:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "https" or host in _CONTAINER_HOSTS:
        return parts.scheme in {"http", "https"}
    try:
        return parts.scheme == "http" and ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _instance(asked_for: _Asked) -> Lease:
    """By the second version of the service alone: the first gives secrets to whoever can make us
    ask.
    """
    variables = asked_for.variables
    if (variables.get("AWS_EC2_METADATA_DISABLED") or "").lower() == "true":
        raise _NotThereError("AWS_EC2_METADATA_DISABLED is set")
    base = (variables.get("AWS_EC2_METADATA_SERVICE_ENDPOINT") or _INSTANCE).rstrip("/")
    try:
        token = _said(f"{base}/latest/api/token", _INSTANCE_TOKEN, "PUT")
    except CredentialError as error:
        raise _NotThereError(str(error)) from None
    headers = {"x-aws-ec2-metadata-token": token}
    role = _said(f"{base}{_INSTANCE_ROLES}", headers).split("\n")[0].strip()
    document = fields_of(_said(f"{base}{_INSTANCE_ROLES}{role}", headers).encode())
    if document.get("Code", "Success") != "Success":
        raise CredentialError(f"the role {role}: {document['Code']}")
    return of_document(f"the role {role}", document, "Token")


def _said(url: str, headers: Mapping[str, str], method: str = "GET") -> str:
    status, body = asked(
        url, method=method, headers=headers, timeout_s=METADATA_TIMEOUT_S, is_here=True
    )
    if status != 200:
        what = "the instance has no role" if status == 404 else f"status {status}"
        raise CredentialError(f"{urlsplit(url).hostname}: {what}")
    return body.decode("utf-8", "replace")


_CHAIN: Final[list[tuple[str, Callable[[_Asked], Lease]]]] = [
    ("web identity", _web_identity),
    ("profile", _profile),
    ("container", _container),
    ("instance", _instance),
]
_ORIGINS: Final = {
    "Environment": _environment,
    "EcsContainer": _container,
    "Ec2InstanceMetadata": _instance,
}
"""What a profile may take its role with, in its own words."""


def of_document(what: str, document: Mapping[str, Any], token: str) -> Lease:
    """Credentials as AWS's endpoints and processes write them.

    Args: token: their name of the session's.

    Raises:
        CredentialError: `what` holds none.
    """
    key, secret = document.get("AccessKeyId"), document.get("SecretAccessKey")
    if not isinstance(key, str) or not isinstance(secret, str) or not key or not secret:
        raise CredentialError(f"{what} holds no credentials")
    session = document.get(token)
    expiration = document.get("Expiration")
    lives_s = aws_sts.lives_of(expiration) if isinstance(expiration, str) else None
    return _lease(key, secret, session if isinstance(session, str) else "", lives_s)


def read(path: str) -> str:
    """A token in a file, which others renew.

    Raises:
        CredentialError: it cannot be read.
    """
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise CredentialError(f"{path} cannot be read: {type(error).__name__}") from None


def _lease(key: str, secret: str, session: str, lives_s: float | None = None) -> Lease:
    return aws_sts.lease_of(key, secret, session, lives_s)
