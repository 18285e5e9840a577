"""`sluicegate providers test` for Bedrock, Vertex AI and Azure: the real way to a credential, one
call, and each thing that is usually wrong.
"""

from __future__ import annotations

import errno
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from sluicegate.config import load
from sluicegate.probe import Outcome, call_of, judge
from sluicegate.probe.way import broken_way

from ..credentials.desk import Desk
from ..gateway import UPSTREAM_KEYS, Gateway
from ..signing import signature
from ..upstream import ScriptedUpstream
from ..upstream.server import closed_port
from .test_providers import answering, run

pytestmark = pytest.mark.filterwarnings("ignore:The load_credentials_from_file:DeprecationWarning")

MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
KEYS = {"access_key_id": "AKIDEXAMPLE", "secret_access_key": "aws-secret-0123456789"}
PLACE = "/v1/projects/p/locations/us-central1/publishers"
AZURE_KEY = "azure-key-0123456789"
APPLICATION = {"tenant_id": "t", "client_id": "c", "client_secret": "entra-secret-0123456789"}
SECRETS = ("aws-secret-", "azure-key-", "entra-secret-", "desk-se", "PRIVATE KEY")


def provider(cloud: str, url: str, **more: Any) -> dict[str, Any]:
    """A provider of the cloud, at a host of ours."""
    fields: dict[str, Any] = {
        "bedrock": {"dialect": "bedrock", "base_url": url, "aws": {"region": "eu-west-1"}},
        "invoke": {
            "dialect": "anthropic",
            "envelope": "bedrock",
            "base_url": url,
            "aws": {"region": "eu-west-1"},
        },
        "vertex": {"dialect": "gemini", "base_url": f"{url}{PLACE}/google"},
        "claude": {"dialect": "anthropic", "base_url": f"{url}{PLACE}/anthropic"},
        "azure": {"dialect": "openai", "base_url": url, "api_version": "2024-10-21"},
    }[cloud]
    return fields | more


KEYED: dict[str, dict[str, Any]] = {
    "bedrock": {"aws": {"region": "eu-west-1", **KEYS}},
    "invoke": {"aws": {"region": "eu-west-1", **KEYS}},
    "vertex": {"api_key": AZURE_KEY, "auth": "bearer"},
    "claude": {"api_key": AZURE_KEY},
    "azure": {"api_key": AZURE_KEY, "auth": "api-key"},
}


def outcome_of(folder: Path, fields: dict[str, Any], *more: str) -> dict[str, Any]:
    """What a test of a provider `p` finds."""
    path = folder / "c.yaml"
    path.write_text(json.dumps({"providers": {"p": fields}}))
    path.chmod(0o600)
    words = ("providers", "test", "p", "--config", str(path), "--format", "json", "--timeout", "2")
    code, out, err = run(*words, "--model", MODEL, *more)
    assert (code in {0, 3}, err) == (True, ""), out + err
    assert not any(secret in out for secret in SECRETS)
    found: dict[str, Any] = json.loads(out)
    assert found["ok"] == (code == 0)
    return found


@pytest.fixture(autouse=True)
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment in which nobody has a credential."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_ROLE_ARN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("NO_GCE_CHECK", "true")


@pytest.fixture
def desk() -> Iterator[Desk]:
    with Desk() as running:
        yield running


PATHS = {
    "b": "/model/ok-3%40x/converse",
    "i": "/model/ok-3%40x/invoke",
    "v": "/v1/projects/p/locations/l/publishers/anthropic/models/ok-3%40x:rawPredict",
    "z": "/openai/deployments/ok-3%40x/chat/completions?api-version=2024-10-21",
}


@pytest.mark.parametrize("name", PATHS)
def test_one_that_works_is_ok_and_asked_as_the_gateway_asks(tmp_path: Path, name: str) -> None:
    with ScriptedUpstream() as upstream:
        gateway = Gateway(upstream.url, tmp_path)
        gateway.write_config()
        words = ("providers", "test", name, "--config", str(gateway.config_path))
        code, out, err = run(*words, "--model", "ok-3@x")
        [asked] = upstream.of("ok-3@x")
    assert (code, err) == (0, "")
    assert "ok-3@x answers in " in out
    assert asked.path.rpartition("/publishers")[2] == PATHS[name].rpartition("/publishers")[2]
    if name in "bi":
        assert asked.header("authorization") == signature(asked, "AKIDEXAMPLE", UPSTREAM_KEYS[name])
    if name in "iv":
        assert "model" not in asked.json
        assert asked.json["anthropic_version"].startswith({"i": "bedrock", "v": "vertex"}[name])


@pytest.mark.parametrize("cloud", ["bedrock", "invoke", "vertex", "claude"])
def test_without_a_model_none_is_guessed(tmp_path: Path, cloud: str) -> None:
    path = tmp_path / "c.yaml"
    fields = provider(cloud, "http://127.0.0.1:1") | KEYED[cloud]
    path.write_text(json.dumps({"providers": {"p": fields}}))
    code, _, err = run("providers", "test", "p", "--config", str(path))
    assert (code, "name one with --model" in err) == (2, True)


def aws(kind: str, message: str, status: int = 403) -> tuple[int, Any, dict[str, str]]:
    """An answer of Bedrock's."""
    return status, {"message": message}, {"x-amzn-errortype": f"{kind}:http://internal.amazon.com/"}


def google(
    status: int, word: str, message: str, reason: str = ""
) -> tuple[int, Any, dict[str, str]]:
    """An answer of Vertex AI's."""
    error: dict[str, Any] = {"code": status, "message": message, "status": word}
    if reason:
        kind = "type.googleapis.com/google.rpc.ErrorInfo"
        error["details"] = [{"@type": kind, "reason": reason, "domain": "googleapis.com"}]
    return status, {"error": error}, {}


def azure(status: int, code: str, message: str) -> tuple[int, Any, dict[str, str]]:
    """An answer of Azure OpenAI's."""
    return status, {"error": {"code": code, "message": message}}, {}


INVALID = "The security token included in the request is invalid."
EXPIRED = "The security token included in the request is expired"
LATE = "Signature expired: 20261127T100000Z is now earlier than 20261127T101500Z"
SCOPED = "Credential should be scoped to a valid region. "
NO_MODEL = "You don't have access to the model with the specified model ID."
NOT_ALLOWED = "User: arn:aws:iam::1:user/x is not authorized to perform: bedrock:InvokeModel"
DENIED = "Permission 'aiplatform.endpoints.predict' denied on resource '//aiplatform...'"
ABSENT = "Publisher Model `projects/p/locations/l/publishers/google/models/x` was not found or your"
OFF = "Vertex AI API has not been used in project 123 before or it is disabled."
NO_TOKEN = "Request had invalid authentication credentials. Expected OAuth 2 access token"
WRONG_KEY = "Access denied due to invalid subscription key or wrong API endpoint."
NO_ROLE = "The principal `x` lacks the required data action `Microsoft.CognitiveServices/...`"
AUDIENCE = "Unauthorized. Access token is missing, invalid, audience is incorrect or have expired."

REFUSED: list[tuple[str, str, tuple[int, Any, dict[str, str]], str, str]] = [
    ("expired", "bedrock", aws("ExpiredTokenException", EXPIRED), "expired", "get new ones"),
    ("key", "bedrock", aws("UnrecognizedClientException", INVALID), "credential", "access key"),
    ("clock", "bedrock", aws("InvalidSignatureException", LATE), "clock", "clock is wrong"),
    (
        "secret",
        "invoke",
        aws("InvalidSignatureException", "The request signature we calculated does not match"),
        "credential",
        "secret access key is not that of",
    ),
    (
        "region",
        "invoke",
        aws("InvalidSignatureException", SCOPED),
        "region",
        "signed for eu-west-1",
    ),
    (
        "model",
        "bedrock",
        aws("AccessDeniedException", NO_MODEL),
        "model_access",
        f"no access to {MODEL} in eu-west-1",
    ),
    ("policy", "bedrock", aws("AccessDeniedException", NOT_ALLOWED), "permission", "InvokeModel"),
    (
        "elsewhere",
        "bedrock",
        aws("ValidationException", "The provided model identifier is invalid.", 400),
        "unknown_model",
        f"no model {MODEL} in eu-west-1",
    ),
    (
        "profile",
        "bedrock",
        aws("ValidationException", "... with on-demand throughput isn't supported.", 400),
        "unknown_model",
        "inference profiles alone",
    ),
    ("throttled", "bedrock", aws("ThrottlingException", "slow", 429), "rate_limit", "again later"),
    ("denied", "bedrock", aws("AccessDeniedException", "no"), "credential", "the signature of"),
    ("token", "vertex", google(401, "UNAUTHENTICATED", NO_TOKEN), "expired", "access token has"),
    ("off", "vertex", google(403, "PERMISSION_DENIED", OFF), "project", "is not enabled"),
    (
        "project",
        "claude",
        google(403, "PERMISSION_DENIED", "Permission denied", "CONSUMER_INVALID"),
        "project",
        "no such project",
    ),
    (
        "billing",
        "vertex",
        google(403, "PERMISSION_DENIED", "x", "BILLING_DISABLED"),
        "project",
        "billing",
    ),
    (
        "role",
        "vertex",
        google(403, "PERMISSION_DENIED", DENIED),
        "permission",
        "roles/aiplatform.user",
    ),
    ("model", "claude", google(404, "NOT_FOUND", ABSENT), "model_access", "Model Garden"),
    (
        "location",
        "vertex",
        google(400, "FAILED_PRECONDITION", "User location is not supported for the API use."),
        "region",
        "mend the location",
    ),
    (
        "deployment",
        "azure",
        azure(404, "DeploymentNotFound", "The API deployment for this resource does not exist."),
        "unknown_model",
        f"no deployment {MODEL}",
    ),
    (
        "version",
        "azure",
        azure(400, "BadRequest", "API version not supported"),
        "bad_request",
        "providers.p.api_version",
    ),
    ("key", "azure", azure(401, "401", WRONG_KEY), "credential", "not of the resource 127.0.0.1"),
    ("role", "azure", azure(401, "PermissionDenied", NO_ROLE), "permission", "OpenAI User"),
    ("audience", "azure", azure(401, "401", AUDIENCE), "expired", "providers.p.entra.scope"),
    (
        "network",
        "azure",
        azure(403, "AccessDenied", "Public access is disabled. Please configure private endpoint."),
        "unreachable",
        "its own networks",
    ),
]


@pytest.mark.parametrize(
    ("cloud", "answer", "kind", "message"),
    [case[1:] for case in REFUSED],
    ids=[f"{case[1]}-{case[0]}" for case in REFUSED],
)
def test_a_refusal_is_told_with_its_remedy(
    tmp_path: Path, cloud: str, answer: tuple[int, Any, dict[str, str]], kind: str, message: str
) -> None:
    status, body, headers = answer
    with answering(status, body, **headers) as url:
        found = outcome_of(tmp_path, provider(cloud, url) | KEYED[cloud])
    assert found["kind"] == kind, found
    assert message in found["message"]
    assert found["said"], "the cloud's own words stand beside it"
    assert MODEL.replace(":", "%3A") in found["url"]


@pytest.mark.parametrize(("minutes", "way"), [(10, "behind"), (-10, "ahead of")])
def test_a_clock_that_is_wrong_is_told_by_how_much(tmp_path: Path, minutes: int, way: str) -> None:
    """The words alone could not tell it from a wrong secret."""
    there = format_datetime(datetime.now(UTC) + timedelta(minutes=minutes), usegmt=True)
    status, body, headers = aws("InvalidSignatureException", "The request signature we calculated")
    with answering(status, body, **headers, date=there) as url:
        found = outcome_of(tmp_path, provider("bedrock", url) | KEYED["bedrock"])
    assert found["kind"] == "clock"
    assert f"s {way} that of 127.0.0.1: set it by a time server" in found["message"]
    assert int(found["message"].split(" is ")[1].split()[0]) in range(595, 606)


@pytest.mark.parametrize("cloud", KEYED)
def test_a_way_that_is_broken_is_told_for_each_cloud(tmp_path: Path, cloud: str) -> None:
    def kind(url: str) -> str:
        return str(outcome_of(tmp_path, provider(cloud, url) | KEYED[cloud])["kind"])

    assert kind(f"http://127.0.0.1:{closed_port()}") == "refused"
    assert kind("http://no-such-host.invalid") == "dns"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert kind(f"http://127.0.0.1:{silent.getsockname()[1]}") == "timeout"
    with untrusted() as url:
        assert kind(url) == "tls"


class untrusted:  # noqa: N801  # used as a function
    """A host whose certificate nobody knows."""

    def __enter__(self) -> str:
        self._server = socket.create_server(("127.0.0.1", 0))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        trustme.CA().issue_cert("localhost").configure_cert(context)

        def serve() -> None:
            try:
                with self._server.accept()[0] as plain:
                    context.wrap_socket(plain, server_side=True)
            except OSError:
                return

        self._thread = threading.Thread(target=serve)
        self._thread.start()
        return f"https://localhost:{self._server.getsockname()[1]}"

    def __exit__(self, *_: object) -> None:
        self._thread.join()
        self._server.close()


@pytest.mark.parametrize(
    ("host", "what"),
    [
        ("no-such-host.invalid", ""),
        ("bedrock-runtime.eu-nowhere-1.amazonaws.com", ", if there is such a region"),
        ("nowhere-aiplatform.googleapis.com", ", if there is such a location"),
        ("no-such.openai.azure.com", ", if there is such a resource"),
    ],
)
def test_a_name_that_is_not_known_may_be_a_place_that_is_none(
    tmp_path: Path, host: str, what: str
) -> None:

    path = tmp_path / "c.yaml"
    fields = provider("azure", f"https://{host}") | KEYED["azure"]
    path.write_text(json.dumps({"providers": {"p": fields}}))
    upstream = load(path).upstreams["p"]
    verdict = judge(upstream, None, call_of(upstream, "m"), Outcome(error=socket.gaierror()))
    assert verdict.kind == "dns"
    assert f"{host} is not known here{what}: mend base_url" in verdict.message


@pytest.mark.parametrize("code", [errno.ENETUNREACH, errno.EHOSTUNREACH])
def test_a_network_without_a_way_is_told(code: int) -> None:
    kind, message = broken_way("https://host.example/v1", OSError(code, "x"))
    assert (kind, message) == ("unreachable", "there is no way to host.example:443 from here")


# the way to a credential


def test_a_role_of_aws_is_taken_for_the_call(
    tmp_path: Path, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text("web-identity-token")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::1:role/r")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", desk.url)
    desk.role("AssumeRoleWithWebIdentity", lambda _: True)
    with ScriptedUpstream() as upstream:
        fields = provider("bedrock", upstream.url)
        assert outcome_of(tmp_path, fields, "--model", "ok-1@role")["ok"]
        [asked] = upstream.of("ok-1@role")
    given = desk.given
    assert asked.header("x-amz-security-token") == given.token
    signed = signature(asked, given.key, given.secret, given.token, ("bedrock", "eu-west-1"))
    assert asked.header("authorization") == signed


def test_a_token_of_entra_is_had_for_the_call(tmp_path: Path, desk: Desk) -> None:
    desk.entra("t", lambda _: True)
    with ScriptedUpstream() as upstream:
        fields = provider("azure", upstream.url, entra={**APPLICATION, "authority": desk.url})
        assert outcome_of(tmp_path, fields, "--model", "ok-1@entra")["ok"]
        [asked] = upstream.of("ok-1@entra")
    assert asked.header("authorization") == f"Bearer {desk.given.token}"


def sts(code: str, message: str) -> tuple[int, str]:
    """An error of STS's."""
    error = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return 403, f"<ErrorResponse>{error}</ErrorResponse>"


def entra(code: str, message: str) -> tuple[int, Any]:
    """An error of Entra's."""
    return 401, {"error": "invalid_client", "error_description": f"{code}: {message}\r\nTrace ID"}


SHORT = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe."
GIVEN: list[tuple[str, str, tuple[int, Any], str, str]] = [
    ("expired", "bedrock", sts("ExpiredTokenException", "Token expired"), "expired", "get new"),
    ("clock", "bedrock", sts("SignatureDoesNotMatch", LATE), "clock", "clock is wrong"),
    (
        "trust",
        "bedrock",
        sts("AccessDenied", "Not authorized to perform: sts:AssumeRoleWithWebIdentity"),
        "permission",
        "trust policy",
    ),
    (
        "clock",
        "vertex",
        (400, {"error": "invalid_grant", "error_description": SHORT}),
        "clock",
        "clock is wrong",
    ),
    (
        "key",
        "vertex",
        (400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}),
        "credential",
        "service account's key",
    ),
    (
        "reauth",
        "claude",
        (400, {"error": "invalid_grant", "error_description": "Bad Request"}),
        "expired",
        "gcloud auth",
    ),
    ("secret", "azure", entra("AADSTS7000215", "Invalid client secret"), "credential", "its value"),
    ("ended", "azure", entra("AADSTS7000222", "keys are expired"), "expired", "make another"),
    ("tenant", "azure", entra("AADSTS90002", "Tenant not found"), "tenant", "entra.tenant_id"),
    ("client", "azure", entra("AADSTS700016", "Application"), "credential", "entra.client_id"),
    ("other", "azure", (500, "oops"), "credential", "no credential of its could be had"),
]


def account(folder: Path, token_uri: str) -> str:
    """A file with a service account's key."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    fields = {"type": "service_account", "project_id": "p", "private_key": pem.decode()}
    fields |= {"client_email": "robot@p.iam.gserviceaccount.com", "token_uri": token_uri}
    path = folder / "account.json"
    path.write_text(json.dumps(fields))
    return str(path)


def of_desk(cloud: str, folder: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A provider whose credentials are given out at a URL; it is itself nowhere."""
    fields = provider(cloud, "http://127.0.0.1:1")
    if cloud == "bedrock":
        (folder / "token").write_text("web-identity-token")
        monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(folder / "token"))
        monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::1:role/r")
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", url)
    elif cloud == "azure":
        fields["entra"] = {**APPLICATION, "authority": url}
    else:
        fields["google_credentials"] = account(folder, url)
    return fields


@pytest.mark.parametrize(
    ("cloud", "answer", "kind", "message"),
    [case[1:] for case in GIVEN],
    ids=[f"{case[1]}-{case[0]}" for case in GIVEN],
)
def test_who_gives_no_credential_is_told_with_the_remedy(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cloud: str,
    answer: tuple[int, Any],
    kind: str,
    message: str,
) -> None:
    with answering(*answer) as url:
        found = outcome_of(tmp_path, of_desk(cloud, tmp_path, url, monkeypatch))
    assert found["kind"] == kind, found
    assert message in found["message"]
    assert found["url"] == ""


@pytest.mark.parametrize("cloud", ["bedrock", "azure"])
def test_the_way_to_a_credential_may_be_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cloud: str
) -> None:
    def kind(url: str) -> str:
        return str(outcome_of(tmp_path, of_desk(cloud, tmp_path, url, monkeypatch))["kind"])

    assert kind(f"http://127.0.0.1:{closed_port()}") == "refused"
    assert kind("http://no-such-host.invalid") == "dns"
    with untrusted() as url:
        assert kind(url) == "tls"


def test_nobody_signed_in_is_told_how_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "aws-config"
    config.write_text(
        "[profile dev]\nsso_start_url = https://acme.awsapps.com/start\nsso_region = eu-west-1\n"
        "sso_account_id = 1\nsso_role_name = Models\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    aws = {"region": "eu-west-1", "profile": "dev"}
    found = outcome_of(tmp_path, provider("bedrock", "http://127.0.0.1:1", aws=aws))
    assert found["kind"] == "expired"
    assert "run `aws sso login --profile dev`" in found["message"]
    found = outcome_of(
        tmp_path, provider("bedrock", "http://127.0.0.1:1", aws=aws | {"profile": "x"})
    )
    assert found["kind"] == "credential"
    assert 'there is no profile "x"' in found["message"]


def test_no_credentials_of_googles_at_all_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    absent = {"google_credentials": str(tmp_path / "absent.json")}
    found = outcome_of(tmp_path, provider("vertex", "http://127.0.0.1:1") | absent)
    assert found["kind"] == "credential"
    assert "absent.json was not found" in found["message"]
