"""Counts of tokens where a provider that has them fails and the next has none."""

from typing import Any

import httpx
import pytest

from ..gateway import KEY
from ..upstream.server import closed_port
from .checks import ref
from .conftest import Start

MESSAGES = [{"role": "user", "content": "one two three"}]
#: (the client's dialect, path, body without a model, where the count stands)
ASKED = [
    ("anthropic", "/v1/messages/count_tokens", {"messages": MESSAGES}, "input_tokens"),
    (
        "gemini",
        "/v1beta/models/{model}:countTokens",
        {"contents": [{"parts": [{"text": "one two three"}]}]},
        "totalTokens",
    ),
]


@pytest.mark.parametrize(("dialect", "path", "body", "field"), ASKED, ids=["anthropic", "gemini"])
@pytest.mark.parametrize("fallback", ["u", "b"])
def test_a_count_fails_over_to_a_provider_that_has_none(
    gateways: Start, dialect: str, path: str, body: dict[str, Any], field: str, fallback: str
) -> None:
    """The gateway counts by itself, as it does where the first target has none."""
    dead = {"dialect": dialect, "base_url": f"http://127.0.0.1:{closed_port()}", "api_key": "none"}
    targets = ["gone/any", f"{fallback}/ok-1@{ref('count')}"]
    models = {"counted": {"strategy": "fallback", "targets": targets}}
    gateway = gateways(providers={"gone": dead}, models=models)
    url = gateway.url + path.replace("{model}", "counted")
    got = httpx.post(url, json={"model": "counted", **body}, headers={"x-api-key": KEY})
    assert got.status_code == 200, got.text
    assert got.json()[field] >= 3
