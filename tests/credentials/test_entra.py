"""Tokens of Entra ID against scripted endpoints."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from sluicegate.config.entra import Entra, has_identity, source_of
from sluicegate.config.problems import WrongFieldError
from sluicegate.config.sources import EntraSource
from sluicegate.config.values import Secret
from sluicegate.credentials import CredentialError
from sluicegate.credentials.entra import fetch

from .desk import Desk

SECRET = "the-applications-secret-0123"


@pytest.fixture
def desk() -> Iterator[Desk]:
    with Desk() as running:
        yield running


def application(desk: Desk, secret: str | None = SECRET, file: str = "") -> EntraSource:
    return EntraSource(
        authority=desk.url,
        scope="https://cognitiveservices.azure.com/.default",
        tenant_id="my-tenant",
        client_id="my-client",
        client_secret=Secret(secret) if secret else None,
        token_file=file,
    )


def test_an_application_proves_itself_by_its_secret(desk: Desk) -> None:
    wanted = {
        "grant_type": "client_credentials",
        "client_id": "my-client",
        "client_secret": SECRET,
        "scope": "https://cognitiveservices.azure.com/.default",
    }
    desk.entra("my-tenant", lambda asked: asked == wanted)
    lease = fetch(application(desk), {})
    assert lease.headers == (("authorization", f"Bearer {desk.given.token}"),)
    assert lease.lives_s == 3600
    assert desk.given.token not in repr(lease)


def test_an_application_proves_itself_by_a_federated_token(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("federated-token\n")

    def is_good(asked: dict[str, str]) -> bool:
        kind = asked["client_assertion_type"]
        return (asked["client_assertion"], kind[-10:]) == ("federated-token", "jwt-bearer")

    desk.entra("my-tenant", is_good)
    lease = fetch(application(desk, None, str(file)), {})
    assert lease.headers == (("authorization", f"Bearer {desk.given.token}"),)


def test_a_refusal_is_told_without_the_secret(desk: Desk) -> None:
    desk.entra("my-tenant", lambda _: False)
    with pytest.raises(CredentialError) as wrong:
        fetch(application(desk), {})
    assert str(wrong.value) == "the application's secret: status 401: AADSTS7000215: no. x***"


@pytest.mark.parametrize("client_id", ["", "a-users-own"])
def test_a_machines_identity_is_asked(desk: Desk, client_id: str) -> None:
    desk.managed("/metadata/identity/oauth2/token", ("metadata", "true"))
    source = dataclasses.replace(application(desk, None), client_id=client_id)
    lease = fetch(source, {"AZURE_POD_IDENTITY_AUTHORITY_HOST": desk.url})
    assert lease.headers == (("authorization", f"Bearer {desk.given.token}"),)
    assert lease.lives_s is not None
    assert 3590 < lease.lives_s <= 3600
    query = parse_qs(urlsplit(desk.seen[0].path).query)
    assert query["resource"] == ["https://cognitiveservices.azure.com"]
    assert query.get("client_id", [""]) == [client_id]


def test_an_app_services_identity_is_asked_at_its_own_endpoint(desk: Desk) -> None:
    desk.managed("/msi/token", ("x-identity-header", "its-header"))
    variables = {"IDENTITY_ENDPOINT": f"{desk.url}/msi/token", "IDENTITY_HEADER": "its-header"}
    lease = fetch(application(desk, None), variables)
    assert lease.headers == (("authorization", f"Bearer {desk.given.token}"),)
    assert "api-version=2019-08-01" in desk.seen[0].path


def test_a_machine_without_an_identity_says_by_which_way_it_was_asked(desk: Desk) -> None:
    variables = {"AZURE_POD_IDENTITY_AUTHORITY_HOST": "http://127.0.0.1:9"}
    with pytest.raises(
        CredentialError, match=r"the machine's managed identity: 127\.0\.0\.1:9 cannot"
    ):
        fetch(application(desk, None), variables)


VARIABLES = {
    "AZURE_TENANT_ID": "t",
    "AZURE_CLIENT_ID": "c",
    "AZURE_CLIENT_SECRET": "s",
    "AZURE_AUTHORITY_HOST": "login.microsoftonline.us",
}


@pytest.mark.parametrize(
    ("entra", "variables", "wanted"),
    [
        (Entra(), VARIABLES, ("https://login.microsoftonline.us", "t", "c", "s", "")),
        (
            Entra(client_secret=Secret("own"), tenant_id="o"),
            VARIABLES,
            ("https://login.microsoftonline.us", "o", "c", "own", ""),
        ),
        (
            Entra(token_file="/f", tenant_id="o", client_id="p"),
            VARIABLES,
            ("https://login.microsoftonline.us", "o", "p", None, "/f"),
        ),
        (Entra(), {}, ("https://login.microsoftonline.com", "", "", None, "")),
        (Entra(client_id="u"), {}, ("https://login.microsoftonline.com", "", "u", None, "")),
    ],
)
def test_the_file_comes_before_azures_own_variables(
    entra: Entra, variables: dict[str, str], wanted: tuple[str | None, ...]
) -> None:
    source = source_of(entra, variables)
    secret = source.client_secret.reveal() if source.client_secret else None
    found = (source.authority, source.tenant_id, source.client_id, secret, source.token_file)
    assert found == wanted


def test_an_application_that_lacks_something_says_what() -> None:
    with pytest.raises(WrongFieldError) as wrong:
        source_of(Entra(client_secret=Secret("s"), client_id="c"), {})
    assert wrong.value.field == "tenant_id"


@pytest.mark.parametrize(
    ("variables", "has"),
    [
        ({}, False),
        ({"AZURE_CLIENT_ID": "c"}, False),
        (VARIABLES, True),
        ({"AZURE_FEDERATED_TOKEN_FILE": "f"}, True),
        ({"IDENTITY_ENDPOINT": "e"}, True),
    ],
)
def test_an_identity_of_the_environment_is_noticed(variables: dict[str, str], has: bool) -> None:
    assert has_identity(variables) is has
