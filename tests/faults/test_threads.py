"""Threads of messages, which Anthropic keeps: nobody goes on from another tenant's."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import httpx
import pytest

from ..gateway import KEY, OTHER_KEY, Gateway
from ..upstream import ScriptedUpstream
from .checks import assert_row, only_row, ref
from .conftest import Start

SAID = [{"role": "user", "content": "one two three"}]
PLACES = {
    "messages": ("/v1/messages", "a/"),
    "count": ("/v1/messages/count_tokens", "a/"),
    "passthrough": ("/passthrough/a/v1/messages", ""),
}


def _send(
    gateway: Gateway, model: str, key: str = KEY, path: str = "/v1/messages", **fields: Any
) -> httpx.Response:
    body = {"model": model, "max_tokens": 9, "messages": SAID} | fields
    headers = {"x-api-key": key, "anthropic-version": "2023-06-01", "x-request-id": model[-12:]}
    return httpx.post(f"{gateway.url}{path}", json=body, headers=headers, timeout=10)


def _after(message_id: str) -> dict[str, str]:
    return {"type": "continue", "previous_message_id": message_id}


def _begun(gateway: Gateway, name: str, *, stream: bool = False) -> str:
    made = _send(gateway, f"a/ok-2@{name}", thread={"type": "create"}, stream=stream)
    assert made.status_code == 200, made.text
    if not stream:
        return str(made.json()["id"])
    first = next(line for line in made.text.splitlines() if line.startswith("data: "))
    return str(json.loads(first[6:])["message"]["id"])


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("place", PLACES)
def test_au_11_a_thread_is_its_tenants_own(
    gateway: Gateway, upstream: ScriptedUpstream, place: str, stream: bool
) -> None:
    begun = _begun(gateway, ref("thread"), stream=stream)
    path, prefix = PLACES[place]
    model = f"ok-2@{ref('on')}"
    refused = _send(gateway, f"{prefix}{model}", OTHER_KEY, path, thread=_after(begun))
    error = refused.json()["error"]
    assert (refused.status_code, error["code"]) == (404, "thread_not_found")
    if place != "passthrough":  # there errors are in OpenAI's shape
        assert error["details"] == {"error_code": "thread_not_found"}
    assert not upstream.of(model)
    gone_on = _send(gateway, f"{prefix}{model}", KEY, path, thread=_after(begun))
    assert gone_on.status_code == 200, gone_on.text
    if place != "count":
        [seen] = upstream.of(model)
        assert seen.json["thread"] == _after(begun)


def test_the_sdk_knows_that_a_thread_is_not_there(gateway: Gateway) -> None:
    begun = _begun(gateway, ref("sdk"))
    sdk = anthropic.Anthropic(base_url=gateway.url, api_key=OTHER_KEY, max_retries=0)
    with sdk as client, pytest.raises(anthropic.NotFoundError) as told:
        client.beta.messages.create(
            model=f"a/ok-2@{ref('sdk')}",
            max_tokens=9,
            messages=[{"role": "user", "content": "x"}],
            thread={"type": "continue", "previous_message_id": begun},
            betas=["message-threads-2026-08-12"],
        )
    assert type(told.value).__name__ == "ThreadNotFoundError"


def test_au_11_what_was_begun_past_the_gateways_own_paths_has_a_tenant_too(
    gateway: Gateway,
) -> None:
    path = "/passthrough/a/v1/messages"
    made = _send(gateway, f"ok-2@{ref('past')}", path=path, thread={"type": "create"}).json()
    for key, status in ((OTHER_KEY, 404), (KEY, 200)):
        on = _send(gateway, f"a/ok-2@{ref('past')}", key, thread=_after(made["id"]))
        assert on.status_code == status, on.text


def test_a_thread_goes_on_where_it_was_begun(gateway: Gateway) -> None:
    """Another provider of the dialect does not have it."""
    begun = _begun(gateway, ref("where"))
    elsewhere = _send(gateway, f"v/ok-2@{ref('where')}", thread=_after(begun))
    assert (elsewhere.status_code, elsewhere.json()["error"]["code"]) == (404, "thread_not_found")


def test_a_message_that_nobody_here_has_heard_of_is_the_providers_to_find(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    model = f"ok-2@{ref('unknown')}"
    assert _send(gateway, f"a/{model}", thread=_after("msg_elsewhere")).status_code == 200
    assert len(upstream.of(model)) == 1


def test_au_11_a_restart_does_not_make_threads_everybodys(own_gateway: Start) -> None:
    gateway = own_gateway()
    name = ref("restart")
    begun = _begun(gateway, name)
    assert_row(only_row(gateway, f"ok-2@{name}"[-12:]), outcome="ok")
    gateway.stop()
    gateway.start()
    on = _send(gateway, f"a/ok-2@{ref('on')}", OTHER_KEY, thread=_after(begun))
    assert on.status_code == 404
