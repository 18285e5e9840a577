"""Amazon Bedrock's hosts, and who signs what is sent to them."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from sluicegate.config.problems import WrongFieldError
from sluicegate.config.sources import AwsSource
from sluicegate.config.values import Secret

BEARER_VARIABLE: Final = "AWS_BEARER_TOKEN_BEDROCK"
"""A key of Bedrock's own. Source:
https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys-use.html
"""

_SERVICE: Final = "bedrock"
_REGION: Final = re.compile(r"[a-z]{2,}(-[a-z0-9]+)+")
_IN_HOST: Final = re.compile(r"bedrock-runtime(?:-fips)?\.([a-z0-9-]+)\.(?:amazonaws|api\.aws)")
_ROLES: Final = (
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_PROFILE",
)
FILES: Final = {
    "AWS_SHARED_CREDENTIALS_FILE": "~/.aws/credentials",
    "AWS_CONFIG_FILE": "~/.aws/config",
}
"""AWS's shared files, by the variables that say where they are instead."""
_REGION_VARIABLES: Final = ("AWS_REGION", "AWS_DEFAULT_REGION")


class Aws(msgspec.Struct, frozen=True, kw_only=True):
    """Who signs requests to Bedrock; what is left out is read from AWS's own variables."""

    region: str | None = None
    """`AWS_REGION`; the region of `base_url` where that names one."""
    access_key_id: str | None = None
    """`AWS_ACCESS_KEY_ID`."""
    secret_access_key: Secret | None = None
    """`AWS_SECRET_ACCESS_KEY`."""
    session_token: Secret | None = None
    """`AWS_SESSION_TOKEN`, of temporary credentials."""
    profile: str | None = None
    """The only one of AWS's shared files that may be taken."""


def region_of(given: str | None, base_url: str | None, variables: Mapping[str, str]) -> str:
    """The region that is asked: the file's, the URL's, that of AWS's own variables.

    Raises:
        WrongFieldError: none is known, or it is none.
    """
    found = _IN_HOST.match(urlsplit(base_url or "").hostname or "")
    told = (variables.get(name) for name in _REGION_VARIABLES)
    region = given or (found[1] if found else None) or next(filter(None, told), None)
    if region is None:
        raise WrongFieldError("region", "is missing: give it, or set AWS_REGION")
    if not _REGION.fullmatch(region):
        raise WrongFieldError("region", f"is no region of AWS: {region!r}")
    return region


def url_of(region: str) -> str:
    """Where a region's models are."""
    return f"https://bedrock-runtime.{region}.amazonaws.com"


def signer_of(aws: Aws, region: str, variables: Mapping[str, str]) -> dict[str, str] | AwsSource:
    """Whose signature requests have, as the core wants it, or where those come from that end.

    Raises:
        WrongFieldError: there are half of the credentials, or two kinds of them.
    """
    if aws.access_key_id is None and aws.secret_access_key is None:
        if aws.profile is not None:
            return AwsSource(region, _SERVICE, aws.profile)
        key = variables.get("AWS_ACCESS_KEY_ID", "")
        secret = variables.get("AWS_SECRET_ACCESS_KEY", "")
        token = variables.get("AWS_SESSION_TOKEN", "")
        if not key and not secret:
            return AwsSource(region, _SERVICE)
    else:
        key = aws.access_key_id or ""
        secret = aws.secret_access_key.reveal() if aws.secret_access_key else ""
        token = ""
        if aws.profile is not None:
            raise WrongFieldError("profile", "stands beside access_key_id: give one of them")
    if aws.session_token is not None:
        token = aws.session_token.reveal()
    if not key or not secret:
        lacking = "secret_access_key" if key else "access_key_id"
        raise WrongFieldError(lacking, "is missing beside the other half of the credentials")
    signer = {"access_key_id": key, "secret_access_key": secret}
    if token:
        signer["session_token"] = token
    return signer | {"region": region, "service": _SERVICE}


def is_left_to_instance(source: AwsSource, variables: Mapping[str, str]) -> bool:
    """Whether nothing is set up here, so that only the role of an instance can be had."""
    if source.profile is not None or any(variables.get(name) for name in _ROLES):
        return False
    paths = (variables.get(name) or usual for name, usual in FILES.items())
    return not any(Path(path).expanduser().exists() for path in paths)
