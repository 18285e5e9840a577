"""Profiles of IAM Identity Center against a scripted portal, with the cache of `aws sso login`."""

from __future__ import annotations

import hashlib
import json
import resource
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sluicegate.config.sources import AwsSource
from sluicegate.credentials import CredentialError
from sluicegate.credentials.aws import fetch

from .desk import Desk
from .test_aws import KEYS, SOURCE, Variables, assert_given, desk, nothing, profile

__all__ = ["desk", "nothing"]

ROLE = "sso_account_id = 111122223333\nsso_role_name = Models\n"
WHERE = "sso_start_url = https://acme.awsapps.com/start\nsso_region = eu-central-1\n"
SESSION = f"[sso-session acme]\n{WHERE}sso_registration_scopes = sso:account:access\n"
NEW = f"[default]\nsso_session = acme\n{ROLE}{SESSION}"
OLD = f"[default]\n{WHERE}{ROLE}"
TOKEN = "sign-in-token-of-the-cache-0123"
REFRESH = "refresh-token-of-the-cache-0123"
SECRET = "client-secret-of-the-cache-0123"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache is below it, whatever other variables say."""
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def variables(desk: Desk, nothing: Variables) -> Variables:
    """An environment in which AWS is the desk."""
    return nothing | {"AWS_ENDPOINT_URL": desk.url}


def ends(seconds: float) -> str:
    """A time as the cache writes it."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def cache(folder: Path, name: str) -> Path:
    """The file of a session's or a start URL's sign-in."""
    return folder / ".aws/sso/cache" / f"{hashlib.sha1(name.encode()).hexdigest()}.json"


def signed_in(folder: Path, *, lives_s: float, name: str = "acme", **fields: Any) -> Path:
    """What `aws sso login` leaves."""
    file = cache(folder, name)
    file.parent.mkdir(parents=True, exist_ok=True)
    known = {"startUrl": "https://acme.awsapps.com/start", "region": "eu-central-1"}
    known |= {"clientId": "id", "clientSecret": SECRET, "registrationExpiresAt": ends(10**6)}
    known |= {"refreshToken": REFRESH} if name == "acme" else {}
    file.write_text(json.dumps(known | {"accessToken": TOKEN, "expiresAt": ends(lives_s)} | fields))
    return file


@pytest.mark.parametrize(
    ("text", "name"), [(NEW, "acme"), (OLD, "https://acme.awsapps.com/start")], ids=["new", "old"]
)
def test_a_role_is_given_for_a_sign_in(
    desk: Desk, variables: Variables, tmp_path: Path, text: str, name: str
) -> None:
    profile(tmp_path, text, "config")
    signed_in(tmp_path, lives_s=3600, name=name)
    desk.sso(TOKEN)
    assert_given(fetch(SOURCE, variables), desk)
    assert [asked.method for asked in desk.seen] == ["GET"], "a sign-in that holds is not renewed"


def test_a_sign_in_that_ends_soon_is_renewed_for_all(
    desk: Desk, variables: Variables, tmp_path: Path
) -> None:
    """Its refresh token is good for once, so that of many at a time one renews, and all go on."""
    profile(tmp_path, NEW, "config")
    file = signed_in(tmp_path, lives_s=200)
    desk.sso("the-renewed-token")
    desk.sign_in(REFRESH, "the-renewed-token", refreshToken="the-next-refresh-token")
    with ThreadPoolExecutor(8) as pool:
        leases = list(pool.map(lambda _: fetch(SOURCE, variables), range(8)))
    assert len({lease.headers for lease in leases}) == 8
    assert [asked.path for asked in desk.seen].count("/token") == 1
    kept = json.loads(file.read_text())
    assert kept["accessToken"] == "the-renewed-token"
    assert kept["refreshToken"] == "the-next-refresh-token"
    assert (kept["clientSecret"], kept["expiresAt"] > ends(3000)) == (SECRET, True)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize("answer", ["refused", "away"])
def test_while_renewing_fails_the_old_sign_in_goes_on_to_its_end(
    desk: Desk, variables: Variables, tmp_path: Path, answer: str
) -> None:
    profile(tmp_path, NEW, "config")
    signed_in(tmp_path, lives_s=100)
    desk.sso(TOKEN)
    desk.sign_in("another", "x")
    if answer == "away":
        variables["AWS_ENDPOINT_URL_SSO_OIDC"] = "http://127.0.0.1:9"
    assert_given(fetch(SOURCE, variables), desk)


def test_a_profile_takes_its_role_with_a_sign_in(
    desk: Desk, variables: Variables, tmp_path: Path
) -> None:
    chained = f"[profile deploy]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = default\n{NEW}"
    profile(tmp_path, chained, "config")
    signed_in(tmp_path, lives_s=3600)
    desk.sso(TOKEN)
    desk.role("AssumeRole", lambda asked: asked["RoleArn"] == "arn:aws:iam::1:role/r")
    assert_given(fetch(AwsSource("eu-west-1", "bedrock", "deploy"), variables), desk)
    assert desk.seen[-1].header("x-amz-security-token") == "desk-session-0001-of-the-role"


def test_a_profiles_own_keys_come_first(desk: Desk, variables: Variables, tmp_path: Path) -> None:
    profile(tmp_path, OLD.replace("[default]\n", f"[default]\n{KEYS}"), "config")
    lease = fetch(SOURCE, variables)
    assert lease.signer is not None
    assert lease.signer["access_key_id"] == "AKIDOFFILE"


LOGIN = "run `aws sso login --profile default`"
WRONG: list[tuple[str, str, dict[str, Any] | None, str]] = [
    ("nobody", NEW, None, f"nobody is signed in: {LOGIN}"),
    ("ended-old", OLD, {"lives_s": -5}, f"Z: {LOGIN}"),
    ("ended-new", NEW, {"lives_s": -5}, f"cannot be renewed (invalid_grant): {LOGIN}"),
    (
        "registration",
        NEW,
        {"lives_s": -5, "registrationExpiresAt": "2020-01-01T00:00:00UTC"},
        f"the registration of the sign-in has ended: {LOGIN}",
    ),
    ("not-accepted", NEW, {"lives_s": 999, "accessToken": "x"}, f"(status 401): {LOGIN}"),
    ("empty", NEW, {"lives_s": 999, "accessToken": ""}, f"holds no sign-in: {LOGIN}"),
    (
        "role",
        NEW.replace("= Models", "= Admin"),
        {"lives_s": 999},
        "the role Admin in account 111122223333: status 403: No access for ***",
    ),
    ("no-section", NEW.replace("-session acme]", "-session x]"), None, '"sso-session acme"'),
    ("no-account", NEW.replace("sso_account_id", "other"), None, "has no sso_account_id"),
    ("no-region", OLD.replace("sso_region", "other"), None, "has no sso_region"),
    ("aws-login", "[default]\nlogin_session = arn:x\n", None, "`aws login`, which is not taken up"),
]


@pytest.mark.parametrize(
    ("text", "kept", "says"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG]
)
def test_what_is_wrong_is_said_with_the_remedy(
    desk: Desk,
    variables: Variables,
    tmp_path: Path,
    text: str,
    kept: dict[str, Any] | None,
    says: str,
) -> None:
    profile(tmp_path, text, "config")
    if kept is not None:
        name = "acme" if "[sso-session" in text else "https://acme.awsapps.com/start"
        signed_in(tmp_path, name=name, **kept)
    desk.sso(TOKEN)
    desk.sign_in("another-refresh-token", "x")
    with pytest.raises(CredentialError) as wrong:
        fetch(SOURCE, variables)
    assert "; profile: " in str(wrong.value)
    assert says in str(wrong.value)
    for secret in (TOKEN, REFRESH, SECRET):
        assert secret not in str(wrong.value)


def test_a_cache_that_cannot_be_written_still_gives_the_role(
    desk: Desk, variables: Variables, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    profile(tmp_path, NEW, "config")
    file = signed_in(tmp_path, lives_s=200)
    desk.sso("renewed")
    desk.sign_in(REFRESH, "renewed")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))  # as a disk that is full
    try:
        lease = fetch(SOURCE, variables)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert_given(lease, desk)
    assert "the renewed sign-in is lost" in caplog.text
    assert json.loads(file.read_text())["accessToken"] == TOKEN
    assert list(file.parent.iterdir()) == [file]
