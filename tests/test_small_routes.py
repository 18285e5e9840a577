"""The routes beside the two that converse: counting, embeddings, the list of models."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import anthropic
import httpx
import openai
import pytest

from tests.gateway import KEY, Gateway
from tests.upstream import ScriptedUpstream


@pytest.mark.parametrize("provider", ["a", "u"])
def test_the_official_client_gets_a_count(provider: str, tmp_path: Path) -> None:
    with ScriptedUpstream() as upstream, Gateway(upstream.url, tmp_path) as gateway:
        client = anthropic.Anthropic(base_url=gateway.url, api_key=KEY, max_retries=0)
        answer = client.messages.with_raw_response.count_tokens(
            model=f"{provider}/ok-3",
            system="Be brief.",
            messages=[{"role": "user", "content": "How many tokens is this?"}],
        )
        assert 1 <= answer.parse().input_tokens <= 60
        assert answer.headers["x-sluicegate-request-id"]


def test_the_log_says_why_a_provider_failed(tmp_path: Path) -> None:
    """The client is not told, so that it learns nothing of hosts; somebody must be."""
    with ScriptedUpstream() as upstream, Gateway(upstream.url, tmp_path) as gateway:
        ids = {}
        for model in ("dead/m", "u/fault-503", "u/fault-400", "u/fault-auth-rejected"):
            body = {"model": model, "messages": [{"role": "user", "content": "?"}]}
            answer = httpx.post(
                f"{gateway.url}/v1/chat/completions", json=body, headers={"x-api-key": KEY}
            )
            ids[model] = answer.headers["x-sluicegate-request-id"]
        log = gateway.log_path.read_text()
        assert f"{ids['dead/m']}: dead/m: upstream_connect_error: " in log
        assert f"{ids['u/fault-503']}: u/fault-503: upstream_status: status 503" in log
        assert ids["u/fault-400"] not in log  # the caller's own mistake
        assert log.count("request ") == 3
        assert "sk-" not in log


def test_a_refusal_names_the_model_in_the_ledger(tmp_path: Path) -> None:
    with ScriptedUpstream() as upstream, Gateway(upstream.url, tmp_path) as gateway:
        headers = {"authorization": f"Bearer {KEY}", "x-request-id": "r1"}
        body = {"model": "nobody/knows", "messages": []}
        answer = httpx.post(f"{gateway.url}/v1/chat/completions", json=body, headers=headers)
        assert answer.status_code == 404
        row = next(row for row in gateway.ledger() if row["outcome"] == "refused")
        assert row["requested_model"] == "nobody/knows"
        assert row["attempt"] == 0
        assert row["client_status"] == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nowhere"),
        ("GET", "/v1/models"),
        ("GET", "/health/live"),
        ("POST", "/v1/chat/completions"),
        ("POST", "/v1/messages/count_tokens"),
    ],
)
def test_every_response_has_a_request_id(method: str, path: str, tmp_path: Path) -> None:
    with Gateway("http://127.0.0.1:1", tmp_path, server={"max_body_bytes": 100}) as gateway:
        body = {"model": "u/m", "messages": []} if path.endswith("tokens") else {"user": "x" * 100}
        asked = httpx.request(method, gateway.url + path, json=body, headers={"x-api-key": KEY})
        request_id = asked.headers["x-sluicegate-request-id"]
        assert request_id
        if asked.is_error:
            assert asked.json()["error"]["request_id"] == request_id


def test_one_version_of_the_vendors_api_goes_upstream(tmp_path: Path) -> None:
    with ScriptedUpstream() as upstream, Gateway(upstream.url, tmp_path) as gateway:
        body = {"model": "a/ok-3", "max_tokens": 9, "messages": [{"role": "user", "content": "?"}]}
        for version in ("2031-01-01", None):
            headers = {"x-api-key": KEY} | ({"anthropic-version": version} if version else {})
            assert httpx.post(f"{gateway.url}/v1/messages", json=body, headers=headers).is_success
        sent = [
            [value for name, value in exchange.headers if name.lower() == "anthropic-version"]
            for exchange in upstream.of("ok-3")
        ]
        assert sent == [["2031-01-01"], ["2023-06-01"]]


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer nobody"}])
def test_the_list_of_models_wants_a_key(headers: dict[str, str], tmp_path: Path) -> None:
    with Gateway("http://127.0.0.1:1", tmp_path) as gateway:
        assert httpx.get(f"{gateway.url}/v1/models", headers=headers).status_code == 401
        listed = httpx.get(f"{gateway.url}/v1/models", headers={"x-api-key": KEY})
        assert listed.json()["object"] == "list"


@pytest.mark.parametrize("provider", ["u", "a"])
def test_a_translated_stream_says_its_usage_and_its_cost_last(
    provider: str, tmp_path: Path
) -> None:
    """The upstream's usage, or ours where it has none; the same figures as in the ledger."""
    for model in ("ok-5", "fault-usage-missing"):
        folder = tmp_path / model
        folder.mkdir()
        with ScriptedUpstream() as upstream, Gateway(upstream.url, folder) as gateway:
            seen = last_usage(gateway, provider, model)
            row = gateway.ledger()[-1]
            assert seen["output"] == row["output_tokens"] > 0
            assert Decimal(str(seen["cost_usd"])) == Decimal(row["cost_usd"]) > 0


def last_usage(gateway: Gateway, provider: str, model: str) -> dict[str, Any]:
    """Through the client of the other dialect."""
    asked: Any = [{"role": "user", "content": "hi"}]
    if provider == "u":
        claude = anthropic.Anthropic(base_url=gateway.url, api_key=KEY, max_retries=0)
        events = claude.messages.create(
            model=f"u/{model}", max_tokens=50, messages=asked, stream=True
        )
        usage: Any = [event.usage for event in events if event.type == "message_delta"][-1]
        return {"output": usage.output_tokens, "cost_usd": usage.cost_usd}
    client = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=KEY, max_retries=0)
    chunks = client.chat.completions.create(
        model=f"a/{model}", messages=asked, stream=True, stream_options={"include_usage": True}
    )
    usage = [chunk.usage for chunk in chunks if chunk.usage][-1]
    return {"output": usage.completion_tokens, "cost_usd": usage.cost_usd}
