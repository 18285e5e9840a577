"""Azure OpenAI over sockets: deployments in the path, a key in a header of its own, its chunks."""

from __future__ import annotations

import httpx
import pytest

from ..gateway import UPSTREAM_KEYS, Gateway
from ..upstream import ScriptedUpstream
from .checks import ask, assert_good, assert_row, forms, ref
from .conftest import Start

VERSIONED = "?api-version=2024-10-21"


@forms
@pytest.mark.parametrize("dialect", ["openai", "anthropic", "gemini"])
def test_the_path_names_the_deployment(
    gateway: Gateway, upstream: ScriptedUpstream, dialect: str, stream: bool
) -> None:
    name = f"ok-5@{ref('azure')}"
    got = ask(gateway, f"z/{name}", dialect=dialect, stream=stream)
    assert got.status == 200
    [exchange] = upstream.of(name)
    encoded = name.replace("@", "%40")
    assert exchange.path == f"/openai/deployments/{encoded}/chat/completions{VERSIONED}"
    assert exchange.header("api-key") == UPSTREAM_KEYS["z"]
    assert exchange.header("authorization") is None
    assert_row(gateway.rows(got.ref)[0], routed_model=name, output_tokens=5, basis="reported")


def test_responses_and_embeddings_have_their_own_paths(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    name = f"ok-5@{ref('beside')}"
    headers = {"authorization": f"Bearer {gateway.key}"}
    for path, body in [
        ("responses", {"model": f"z/{name}", "input": "hi"}),
        ("embeddings", {"model": f"z/{name}", "input": "hi"}),
    ]:
        httpx.post(f"{gateway.url}/v1/{path}", json=body, headers=headers, timeout=20)
    encoded = name.replace("@", "%40")
    asked = {exchange.path for exchange in [*upstream.of(name), *upstream.log.unrouted]}
    assert f"/openai/responses{VERSIONED}" in asked
    assert f"/openai/deployments/{encoded}/embeddings{VERSIONED}" in asked


def test_without_a_version_the_body_names_the_deployment(
    own_gateway: Start, upstream: ScriptedUpstream
) -> None:
    v1 = {"base_url": f"{upstream.url}/openai/v1", "api_version": None}
    gateway = own_gateway(providers={"z": v1})
    name = f"ok-5@{ref('v1')}"
    assert_good(ask(gateway, f"z/{name}", stream=True), 5)
    [exchange] = upstream.of(name)
    assert exchange.path == "/openai/v1/chat/completions"
    assert exchange.json["model"] == name


def test_a_token_of_entra_is_a_bearer_token(own_gateway: Start, upstream: ScriptedUpstream) -> None:
    gateway = own_gateway(providers={"z": {"auth": "bearer"}})
    name = f"ok-1@{ref('entra')}"
    assert_good(ask(gateway, f"z/{name}"), 1)
    [exchange] = upstream.of(name)
    assert exchange.header("authorization") == f"Bearer {UPSTREAM_KEYS['z']}"
    assert exchange.header("api-key") is None


def test_chunks_that_only_say_what_was_filtered_are_no_content(gateway: Gateway) -> None:
    got = ask(gateway, f"z/fault-empty-choices@{ref('filter')}", dialect="anthropic", stream=True)
    assert_good(got)
