"""Credentials and regions of AWS, from a configuration and from AWS's own variables."""

from pathlib import Path

import pytest

from sluicegate.config import load
from sluicegate.config.aws import Aws, region_of, signer_of, url_of
from sluicegate.config.problems import WrongFieldError
from sluicegate.config.sources import AwsSource
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
    with pytest.raises(WrongFieldError) as wrong:
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
    assert isinstance(signer, dict)
    names = ("access_key_id", "secret_access_key", "session_token")
    assert tuple(signer.get(name) for name in names) == wanted
    assert (signer["region"], signer["service"]) == ("us-east-1", "bedrock")


@pytest.mark.parametrize(
    ("aws", "variables", "profile"),
    [
        (Aws(), {}, None),
        (Aws(), {"AWS_WEB_IDENTITY_TOKEN_FILE": "/t"}, None),
        (Aws(profile="mine"), VARIABLES, "mine"),
    ],
)
def test_what_gives_no_keys_leads_to_roles_and_profiles(
    aws: Aws, variables: dict[str, str], profile: str | None
) -> None:
    assert signer_of(aws, "us-east-1", variables) == AwsSource("us-east-1", "bedrock", profile)


@pytest.mark.parametrize(
    ("aws", "variables", "field"),
    [
        (Aws(access_key_id="AKID"), VARIABLES, "secret_access_key"),
        (Aws(secret_access_key=Secret("s")), VARIABLES, "access_key_id"),
        (Aws(), {"AWS_ACCESS_KEY_ID": "AKENV"}, "secret_access_key"),
        (Aws(access_key_id="AKID", secret_access_key=Secret("s"), profile="p"), {}, "profile"),
    ],
)
def test_half_of_the_credentials_or_two_kinds_of_them_are_refused(
    aws: Aws, variables: dict[str, str], field: str
) -> None:
    with pytest.raises(WrongFieldError) as wrong:
        signer_of(aws, "us-east-1", variables)
    assert wrong.value.field == field


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("bedrock", "aws: {region: eu-west-1}"),
        ("aws.bedrock", "settings: {region: eu-west-1}"),
        ("mine", "dialect: bedrock, aws: {region: eu-west-1}"),
        ("bedrock_invoke", "settings: {region: eu-west-1}"),
        ("mine", "dialect: anthropic, envelope: bedrock, aws: {region: eu-west-1}"),
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


@pytest.mark.parametrize(
    ("variables", "fields", "is_warned"),
    [
        ({}, "", True),
        ({"AWS_WEB_IDENTITY_TOKEN_FILE": "/t"}, "", False),
        ({"AWS_PROFILE": "p"}, "", False),
        ({"AWS_CONFIG_FILE": __file__}, "", False),
        ({"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "s"}, "", False),
        ({"AWS_BEARER_TOKEN_BEDROCK": "bedrock-key-0123"}, "", False),
        ({}, ", profile: p", False),
    ],
)
def test_a_machine_that_is_set_up_in_no_way_is_warned_of(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    fields: str,
    is_warned: bool,
) -> None:
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / name))
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    path = tmp_path / "c.yaml"
    path.write_text(f"auth: none\nproviders: {{bedrock: {{aws: {{region: eu-west-1{fields}}}}}}}")
    path.chmod(0o600)
    told = [warning for warning in load(path).warnings if "an instance's own role" in warning]
    assert len(told) == is_warned
