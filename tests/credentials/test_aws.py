"""AWS's chain against scripted endpoints: what is taken first, and what is said where nothing is."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from sluicegate.config.sources import AwsSource
from sluicegate.credentials import CredentialError, Lease
from sluicegate.credentials.aws import fetch

from ..signing import signature
from .desk import Desk

SOURCE = AwsSource("eu-west-1", "bedrock")
ROLE = "arn:aws:iam::1:role/r"
TOKEN = "web-identity-token-0123"
Variables = dict[str, str]


@pytest.fixture
def desk() -> Iterator[Desk]:
    with Desk() as running:
        yield running


@pytest.fixture
def nothing(tmp_path: Path) -> Variables:
    """An environment with nothing set up, and no instance."""
    return {
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def web_identity(desk: Desk, folder: Path) -> Variables:
    (folder / "token").write_text(f"{TOKEN}\n")

    def is_good(asked: dict[str, str]) -> bool:
        return (asked["WebIdentityToken"], asked["RoleArn"]) == (TOKEN, ROLE)

    desk.role("AssumeRoleWithWebIdentity", is_good)
    return {
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(folder / "token"),
        "AWS_ROLE_ARN": ROLE,
        "AWS_ENDPOINT_URL_STS": desk.url,
    }


def profile(folder: Path, text: str, name: str = "credentials") -> None:
    (folder / name).write_text(text)


def assert_given(lease: Lease, desk: Desk) -> None:
    given = desk.given
    assert lease.signer == {
        "access_key_id": given.key,
        "secret_access_key": given.secret,
        "session_token": given.token,
    }
    assert lease.headers == (("x-amz-security-token", given.token),)
    assert lease.lives_s is not None
    assert 3590 < lease.lives_s <= 3600
    assert given.secret not in repr(lease)


def test_a_web_identity_takes_its_role(desk: Desk, nothing: Variables, tmp_path: Path) -> None:
    variables = nothing | web_identity(desk, tmp_path) | {"AWS_ROLE_SESSION_NAME": "me"}
    assert_given(fetch(SOURCE, variables), desk)
    [asked] = desk.seen
    assert b"RoleSessionName=me" in asked.body
    (tmp_path / "token").write_text("another")  # others renew it, so that it is read each time
    with pytest.raises(CredentialError):
        fetch(SOURCE, variables)


def test_a_refused_role_is_told_without_the_token(
    desk: Desk, nothing: Variables, tmp_path: Path
) -> None:
    variables = nothing | web_identity(desk, tmp_path)
    (tmp_path / "token").write_text("a-wrong-token-0123")
    with pytest.raises(CredentialError) as wrong:
        fetch(SOURCE, variables)
    assert str(wrong.value) == "web identity: STS: AccessDenied: Not for ***"


@pytest.mark.parametrize("authorization", ["", "plain", "file"])
def test_a_container_asks_its_endpoint(
    desk: Desk, nothing: Variables, tmp_path: Path, authorization: str
) -> None:
    desk.container("/v2/credentials", authorization and "the-token")
    variables = nothing | {"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{desk.url}/v2/credentials"}
    if authorization == "plain":
        variables["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "the-token"
    elif authorization == "file":
        (tmp_path / "authorization").write_text("the-token\n")
        variables["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = str(tmp_path / "authorization")
    assert_given(fetch(SOURCE, variables), desk)


@pytest.mark.parametrize(
    "url", ["http://evil.example/x", "http://10.0.0.1/x", "file:///etc/passwd"]
)
def test_a_containers_token_goes_to_no_host_without_tls(nothing: Variables, url: str) -> None:
    variables = nothing | {"AWS_CONTAINER_CREDENTIALS_FULL_URI": url}
    with pytest.raises(CredentialError, match=r"container: .* without TLS"):
        fetch(SOURCE, variables)


def test_an_instance_is_asked_by_the_second_version(desk: Desk, nothing: Variables) -> None:
    desk.instance()
    variables = nothing | {
        "AWS_EC2_METADATA_DISABLED": "",
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": desk.url,
    }
    assert_given(fetch(SOURCE, variables), desk)
    assert [asked.method for asked in desk.seen] == ["PUT", "GET", "GET"]


def test_an_instance_without_a_role_says_so(desk: Desk, nothing: Variables) -> None:
    desk.instance()
    desk.script.pop("GET /latest/meta-data/iam/security-credentials/")
    variables = nothing | {
        "AWS_EC2_METADATA_DISABLED": "false",
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": desk.url,
    }
    with pytest.raises(CredentialError, match=r"instance: .*the instance has no role"):
        fetch(SOURCE, variables)


CIRCLE = [("default", "b"), ("b", "default")]
KEYS = "aws_access_key_id = AKIDOFFILE\naws_secret_access_key = secret-of-the-file\n"


@pytest.mark.parametrize(
    ("text", "file", "variables", "named"),
    [
        (f"[default]\n{KEYS}", "credentials", {}, None),
        (f"[default]\n{KEYS}", "config", {}, None),
        (f"[profile mine]\n{KEYS}", "config", {"AWS_PROFILE": "mine"}, None),
        (f"[mine]\n{KEYS}", "credentials", {"AWS_PROFILE": "other"}, "mine"),
        (f"[default]\n{KEYS}aws_session_token = s\n", "credentials", {}, None),
    ],
)
def test_a_profile_has_keys(
    nothing: Variables,
    tmp_path: Path,
    text: str,
    file: str,
    variables: Variables,
    named: str | None,
) -> None:
    profile(tmp_path, text, file)
    lease = fetch(AwsSource("eu-west-1", "bedrock", named), nothing | variables)
    assert lease.signer is not None
    assert lease.signer["access_key_id"] == "AKIDOFFILE"
    assert lease.lives_s is None
    assert bool(lease.headers) == ("session" in text)


def test_a_profiles_role_is_taken_with_another_ones_keys(
    desk: Desk, nothing: Variables, tmp_path: Path
) -> None:
    profile(tmp_path, f"[base]\n{KEYS}")
    profile(
        tmp_path,
        f"[profile mine]\nrole_arn = {ROLE}\nsource_profile = base\nexternal_id = e\n",
        "config",
    )
    desk.role("AssumeRole", lambda asked: (asked["RoleArn"], asked["ExternalId"]) == (ROLE, "e"))
    variables = nothing | {"AWS_PROFILE": "mine", "AWS_ENDPOINT_URL_STS": desk.url}
    assert_given(fetch(SOURCE, variables), desk)
    [asked] = desk.seen
    wanted = signature(asked, "AKIDOFFILE", "secret-of-the-file", scope=("sts", "eu-west-1"))
    assert asked.header("authorization") == wanted
    assert "secret-of-the-file" not in str(asked)


@pytest.mark.parametrize(
    ("origin", "variables"),
    [
        ("Environment", {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "s"}),
        ("EcsContainer", {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "{desk}/c"}),
        ("Ec2InstanceMetadata", {"AWS_EC2_METADATA_DISABLED": ""}),
    ],
)
def test_a_profiles_role_is_taken_with_what_the_machine_has(
    desk: Desk, nothing: Variables, tmp_path: Path, origin: str, variables: Variables
) -> None:
    profile(tmp_path, f"[default]\nrole_arn = {ROLE}\ncredential_source = {origin}\n")
    desk.role("AssumeRole", lambda asked: asked["RoleArn"] == ROLE)
    desk.container("/c", "")
    desk.instance()
    given = {name: value.format(desk=desk.url) for name, value in variables.items()}
    fixed = {"AWS_ENDPOINT_URL_STS": desk.url, "AWS_EC2_METADATA_SERVICE_ENDPOINT": desk.url}
    source = AwsSource("eu-west-1", "bedrock", "default")
    assert_given(fetch(source, nothing | fixed | given), desk)
    temporary = origin != "Environment"
    assert (desk.seen[-1].header("x-amz-security-token") is not None) == temporary


def test_a_profiles_process_is_asked(nothing: Variables, tmp_path: Path) -> None:
    said = {"Version": 1, "AccessKeyId": "AKIDOFPROCESS", "SecretAccessKey": "s"}
    said |= {"SessionToken": "t", "Expiration": "2999-01-01T00:00:00Z"}
    script = tmp_path / "process.py"
    script.write_text(f"print({json.dumps(json.dumps(said))})")
    profile(tmp_path, f"[default]\ncredential_process = {sys.executable} {script}\n")
    lease = fetch(SOURCE, nothing)
    assert lease.signer is not None
    assert lease.signer["access_key_id"] == "AKIDOFPROCESS"
    assert lease.headers == (("x-amz-security-token", "t"),)
    assert lease.lives_s is not None
    assert lease.lives_s > 10**9


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[default]\nregion = x\n", 'profile: profile "default" has no credentials'),
        (
            f"[default]\nrole_arn = {ROLE}\n",
            'profile: profile "default" has a role_arn and nothing',
        ),
        (
            "".join(f"[{a}]\nrole_arn = {ROLE}\nsource_profile = {b}\n" for a, b in CIRCLE),
            "profiles lead to each other",
        ),
        ("[default]\ncredential_process = false\n", "credential_process: exit status 1"),
        ("[default\n", "cannot be read: MissingSectionHeaderError"),
    ],
)
def test_what_is_wrong_with_a_profile_is_said(
    nothing: Variables, tmp_path: Path, text: str, said: str
) -> None:
    profile(tmp_path, text)
    with pytest.raises(CredentialError) as wrong:
        fetch(SOURCE, nothing)
    assert said in str(wrong.value)


def test_everything_that_was_tried_is_named(nothing: Variables) -> None:
    with pytest.raises(CredentialError) as wrong:
        fetch(SOURCE, nothing)
    assert str(wrong.value) == (
        "no credentials of AWS's: web identity: AWS_WEB_IDENTITY_TOKEN_FILE is not set; "
        'profile: there is no profile "default"; '
        "container: AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and _FULL_URI are not set; "
        "instance: AWS_EC2_METADATA_DISABLED is set"
    )


def test_what_is_set_up_and_fails_is_not_passed_over(
    desk: Desk, nothing: Variables, tmp_path: Path
) -> None:
    """Another role may do what this one must not."""
    profile(tmp_path, f"[default]\n{KEYS}")
    variables = nothing | web_identity(desk, tmp_path) | {"AWS_ROLE_ARN": "arn:of:another"}
    with pytest.raises(CredentialError, match=r"^web identity: STS: AccessDenied"):
        fetch(SOURCE, variables)


def test_a_named_profile_is_the_only_one_that_is_tried(nothing: Variables) -> None:
    with pytest.raises(CredentialError) as wrong:
        fetch(AwsSource("eu-west-1", "bedrock", "mine"), nothing)
    assert str(wrong.value) == 'no credentials of AWS\'s: profile: there is no profile "mine"'


def test_an_endpoint_that_is_not_there_is_named_by_its_host_alone(
    nothing: Variables, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text(TOKEN)
    variables = nothing | {
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token"),
        "AWS_ROLE_ARN": ROLE,
        "AWS_ENDPOINT_URL_STS": "http://127.0.0.1:9/secret-path",
    }
    with pytest.raises(CredentialError) as wrong:
        fetch(SOURCE, variables)
    assert urlsplit(variables["AWS_ENDPOINT_URL_STS"]).netloc in str(wrong.value)
    assert "secret-path" not in str(wrong.value)
    assert TOKEN not in str(wrong.value)
