"""Credentials and regions of AWS, from a configuration and from AWS's own variables."""

from pathlib import Path

import pytest

from sluicegate.config import load
from sluicegate.config.aws import Aws, WrongAwsError, region_of, signer_of, url_of
from sluicegate.config.values import Secret

OWN = Aws(access_key_id="AKID", secret_access_key=Secret("own-secret"))
VARIABLES = {
    "AWS_ACCESS_KEY_ID": "AKENV",
    "AWS_SECRET_ACCESS_KEY": "env-secret",
    "AWS_SESSION_TOKEN": "env-token",
}


@pytest.mark.parametrize(
    ("given", "base_url", "variables", "wanted"),
    [
        ("eu-west-1", None, {"AWS_REGION": "us-east-1"}, "eu-west-1"),
        (None, None, {"AWS_REGION": "us-east-1"}, "us-east-1"),
        (None, None, {"AWS_DEFAULT_REGION": "us-gov-west-1"}, "us-gov-west-1"),
        (None, url_of("ap-south-1"), {"AWS_REGION": "us-east-1"}, "ap-south-1"),
        (None, "https://bedrock-runtime-fips.us-east-2.amazonaws.com", {}, "us-east-2"),
    ],
)
def test_the_region_is_the_nearest_one(
    given: str | None, base_url: str | None, variables: dict[str, str], wanted: str
) -> None:
    assert region_of(given, base_url, variables) == wanted


@pytest.mark.parametrize("given", [None, "eu", "evil.example/eu-west-1"])
def test_a_missing_or_odd_region_is_refused(given: str | None) -> None:
    with pytest.raises(WrongAwsError) as wrong:
        region_of(given, None, {})
    assert wrong.value.field == "region"


@pytest.mark.parametrize(
    ("aws", "wanted"),
    [
        (OWN, ("AKID", "own-secret", None)),
        (Aws(), ("AKENV", "env-secret", "env-token")),
        (Aws(session_token=Secret("own-token")), ("AKENV", "env-secret", "own-token")),
    ],
)
def test_credentials_of_the_file_and_of_the_environment_are_never_mixed(
    aws: Aws, wanted: tuple[str, str, str | None]
) -> None:
    signer = signer_of(aws, "us-east-1", VARIABLES)
    names = ("access_key_id", "secret_access_key", "session_token")
    assert tuple(signer.get(name) for name in names) == wanted
    assert (signer["region"], signer["service"]) == ("us-east-1", "bedrock")


@pytest.mark.parametrize(
    ("aws", "variables", "field", "hint"),
    [
        (Aws(), {}, "access_key_id", "AWS_BEARER_TOKEN_BEDROCK"),
        (Aws(access_key_id="AKID"), VARIABLES, "secret_access_key", "is missing"),
        (Aws(), {"AWS_WEB_IDENTITY_TOKEN_FILE": "/t"}, "access_key_id", "roles"),
        (Aws(), {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://h"}, "access_key_id", "roles"),
    ],
)
def test_what_is_missing_is_said(
    aws: Aws, variables: dict[str, str], field: str, hint: str
) -> None:
    with pytest.raises(WrongAwsError) as wrong:
        signer_of(aws, "us-east-1", variables)
    assert wrong.value.field == field
    assert hint in wrong.value.message


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("bedrock", "aws: {region: eu-west-1}"),
        ("aws.bedrock", "settings: {region: eu-west-1}"),
        ("mine", "dialect: bedrock, aws: {region: eu-west-1}"),
    ],
)
def test_the_region_is_all_that_a_provider_needs_beside_its_credential(
    tmp_path: Path, name: str, fields: str
) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(f"auth: none\nproviders: {{{name}: {{{fields}, api_key: bedrock-key-0123}}}}")
    path.chmod(0o600)
    upstream = load(path).upstreams[name]
    assert upstream.base_url == "https://bedrock-runtime.eu-west-1.amazonaws.com"
    assert upstream.headers == (("authorization", "Bearer bedrock-key-0123"),)
    assert upstream.signer is None
