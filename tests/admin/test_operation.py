"""The configuration by the API, the document, the store away."""

import json
import re
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from sluicegate.admin.openapi import document
from sluicegate.admin.operation import config_of
from sluicegate.admin.routes import ROUTES
from sluicegate.config import load
from sluicegate.config.settings import UpstreamKey

from ..postgres import Server
from .office import ROOT, Office, code_of


async def test_cf_01_a_file_with_mistakes_changes_nothing(office: Office) -> None:
    good = office.path.read_text()
    office.path.write_text(good + "timeouts: {idle_s: soon}\nserver: {prt: 1}\n")
    answer = await office.ask("POST", "/reload", {})
    assert code_of(answer) == (422, "invalid_config")
    assert answer.json()["error"]["problems"] == [
        {"line": 8, "field": "timeouts.idle_s", "message": 'must be a number, not "soon"'},
        {
            "line": 9,
            "field": "server.prt",
            "message": 'is not a known field (did you mean "port"?)',
        },
    ]
    assert office.reloads == 0
    assert ROOT not in answer.text


async def test_cf_02_a_right_one_is_put_in_force(office: Office) -> None:
    more = "timeouts: {idle_s: 7}\nserver: {port: 4999}\n"
    office.path.write_text(office.path.read_text() + more)
    answer = await office.ask("POST", "/reload", {})
    assert answer.status_code == 202
    assert answer.json()["needs_restart"] == ["server"]
    assert office.reloads == 1
    config = (await office.given("GET", "/config"))["config"]
    assert config["deadlines"]["idle_s"] == 7


async def test_the_configuration_is_shown_without_secrets(tmp_path: Path) -> None:
    url = "postgresql://u:store-secret-1@127.0.0.1:9/d"
    office = Office(tmp_path, f"store: {url}\nmaster_key: {'master-secret-1' * 3}\n")
    text = (await office.ask("GET", "/config")).text
    for secret in (ROOT, "upstream-secret-1", "configured-key", "store-secret-1", "master-secret"):
        assert secret not in text
    config = json.loads(text)["config"]
    assert config["plugins"] == []
    assert config["upstreams"]["u"]["base_url"] == "http://127.0.0.1:9/v1"
    assert config["routes"]["smart"]["targets"][0]["model"] == "x"
    office.close()


async def test_several_keys_and_signatures_are_no_part_of_what_is_shown(tmp_path: Path) -> None:
    office = Office(tmp_path, "")
    settings = office.settings
    keys = (UpstreamKey("first", (("authorization", "Bearer key-secret-1"),), 1, None, None),)
    signer = {"access_key_id": "id-secret-1", "secret_access_key": "aws-secret-1"}
    upstream = replace(settings.upstreams["u"], keys=keys, signer=signer)
    shown = config_of(replace(settings, upstreams={"u": upstream}))["upstreams"]["u"]
    assert shown["keys"][0]["headers"] == {"authorization": "***"}
    assert shown["signer"] == {"access_key_id": "***", "secret_access_key": "***"}
    assert "secret-1" not in json.dumps(shown)
    office.close()


def test_au_11_no_kind_of_a_providers_credential_is_shown(tmp_path: Path) -> None:
    providers = {
        "key": {"dialect": "openai", "base_url": "http://h", "api_key": "secret-key-0001"},
        "keys": {
            "dialect": "openai",
            "base_url": "http://h",
            "api_keys": ["secret-key-0002", {"key": "secret-key-0003"}],
        },
        "aws": {
            "dialect": "bedrock",
            "aws": {
                "region": "eu-west-1",
                "access_key_id": "AKID",
                "secret_access_key": "secret-key-0004",
                "session_token": "secret-key-0005",
            },
        },
        "entra": {
            "dialect": "openai",
            "base_url": "http://h",
            "entra": {"tenant_id": "t", "client_id": "c", "client_secret": "secret-key-0006"},
        },
        "headers": {
            "dialect": "openai",
            "base_url": "http://h",
            "api_key": "none",
            "headers": {"x-token": "secret-key-0007"},
        },
    }
    path = tmp_path / "c.yaml"
    path.write_text(json.dumps({"auth": "none", "providers": providers}))
    path.chmod(0o600)
    shown = json.dumps(config_of(load(path)))
    assert "secret-key" not in shown
    assert "eu-west-1" in shown


async def test_db_04_without_its_store_nothing_is_changed_and_nobody_is_unknown(
    tmp_path: Path,
) -> None:
    office = Office(tmp_path, "store: postgresql://u:p@127.0.0.1:9/d\n")
    for method, path, body in [
        ("POST", "/keys", {"name": "a"}),
        ("GET", "/keys", None),
        ("POST", "/limits", {"name": "l", "requests": 1, "per": "day"}),
        ("GET", "/spend", None),
    ]:
        answer = await office.ask(method, path, body)
        assert code_of(answer) == (503, "store_unavailable")
        assert "retry-after" in answer.headers
    # it might be a key that the store has: not 401
    assert (await office.ask("GET", "/keys", key="sk-sg-some-key")).status_code == 503
    assert (await office.ask("GET", "/keys", key=None)).status_code == 401
    office.close()


async def test_db_05_a_frozen_store_is_503_in_bounded_time(tmp_path: Path) -> None:
    with Server() as server:
        office = Office(tmp_path, f"store: {server.database()}\n")
        await office.given("POST", "/keys", {"name": "a"})
        server.freeze()
        try:
            answer = await office.ask("POST", "/keys", {"name": "b"})
        finally:
            server.thaw()
        assert code_of(answer) == (503, "store_unavailable")
        assert answer.elapsed.total_seconds() < 2
        await office.given("POST", "/keys", {"name": "c"})
        office.close()


# the document


def test_the_document_has_every_route() -> None:
    paths = json.loads(document())["paths"]
    told = {
        (method.upper(), path.removeprefix("/admin/v1"))
        for path, operations in paths.items()
        for method in operations
    }
    assert told == {(route.method, route.path) for route in ROUTES}


def test_the_document_is_openapi() -> None:
    OpenAPIV31SpecValidator(json.loads(document())).validate()


def test_the_documents_references_lead_somewhere() -> None:
    text = document().decode()
    schemas = json.loads(text)["components"]["schemas"]
    references = set(re.findall(r'"#/components/schemas/([^"]+)"', text))
    assert references <= set(schemas)
    ids = re.findall(r'"operationId":"([^"]+)"', text)
    assert len(ids) == len(set(ids)) == len(ROUTES)


@pytest.mark.parametrize("name", ["NewKey", "ChangeKey", "Limit", "RotateKey"])
def test_the_documents_forms_are_the_types(name: str) -> None:
    schema = json.loads(document())["components"]["schemas"][name]
    assert schema["additionalProperties"] is False
    kind = next(
        route.form for route in ROUTES if route.form is not None and route.form.__name__ == name
    )
    assert set(schema["properties"]) == set(kind.__struct_fields__)
    required = {field.name for field in msgspec.structs.fields(kind) if field.required}
    assert set(schema.get("required", [])) == required


async def test_the_document_is_served_to_administrators(office: Office) -> None:
    assert (await office.ask("GET", "/openapi.json")).content == document()
