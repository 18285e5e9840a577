"""Amazon Bedrock's hosts, and who signs what is sent to them."""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import msgspec

from sluicegate.config.values import Secret

BEARER_VARIABLE: Final = "AWS_BEARER_TOKEN_BEDROCK"
"""A key of Bedrock's own. Source:
https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys-use.html
"""

_SERVICE: Final = "bedrock"
_REGION: Final = re.compile(r"[a-z]{2,}(-[a-z0-9]+)+")
_IN_HOST: Final = re.compile(r"bedrock-runtime(?:-fips)?\.([a-z0-9-]+)\.(?:amazonaws|api\.aws)")
_REGION_VARIABLES: Final = ("AWS_REGION", "AWS_DEFAULT_REGION")
_ROLES: Final = (
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)


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


class WrongAwsError(Exception):
    """Credentials or a region that cannot be used.

    Args:
        field: what is wrong, below the provider.
        message: how.
    """

    def __init__(self, field: str, message: str) -> None:
        """See the class."""
        super().__init__(message)
        self.field = field
        self.message = message


def region_of(given: str | None, base_url: str | None, variables: Mapping[str, str]) -> str:
    """The region that is asked: the file's, the URL's, that of AWS's own variables.

    Raises:
        WrongAwsError: none is known, or it is none.
    """
    found = _IN_HOST.match(urlsplit(base_url or "").hostname or "")
    told = (variables.get(name) for name in _REGION_VARIABLES)
    region = given or (found[1] if found else None) or next(filter(None, told), None)
    if region is None:
        raise WrongAwsError("region", "is missing: give it, or set AWS_REGION")
    if not _REGION.fullmatch(region):
        raise WrongAwsError("region", f"is no region of AWS: {region!r}")
    return region


def url_of(region: str) -> str:
    """Where a region's models are."""
    return f"https://bedrock-runtime.{region}.amazonaws.com"


def signer_of(aws: Aws, region: str, variables: Mapping[str, str]) -> dict[str, str]:
    """Whose signature requests have, as the core wants it.

    Raises:
        WrongAwsError: there are no credentials, or half of them.
    """
    if aws.access_key_id is None and aws.secret_access_key is None:
        key = variables.get("AWS_ACCESS_KEY_ID", "")
        secret = variables.get("AWS_SECRET_ACCESS_KEY", "")
        token = variables.get("AWS_SESSION_TOKEN", "")
    else:
        key = aws.access_key_id or ""
        secret = aws.secret_access_key.reveal() if aws.secret_access_key else ""
        token = ""
    if aws.session_token is not None:
        token = aws.session_token.reveal()
    if not key or not secret:
        raise WrongAwsError(_lacking(key, secret), _hint(variables))
    signer = {"access_key_id": key, "secret_access_key": secret}
    if token:
        signer["session_token"] = token
    return signer | {"region": region, "service": _SERVICE}


def _lacking(key: str, secret: str) -> str:
    return "secret_access_key" if key and not secret else "access_key_id"


def _hint(variables: Mapping[str, str]) -> str:
    role = next((name for name in _ROLES if variables.get(name)), None)
    if role is not None:
        return (
            f"is missing: roles ({role}) are not taken up in this version; give keys of AWS, or "
            f"one of Bedrock's as api_key"
        )
    return f"is missing: give it, or set AWS_ACCESS_KEY_ID, or {BEARER_VARIABLE}"
