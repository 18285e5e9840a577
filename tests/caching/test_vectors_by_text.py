"""Vectors that are kept text by text: only texts that nobody asked for go to the provider."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import httpx
import pytest

from ..faults.checks import assert_row, ref
from ..faults.conftest import Start
from ..gateway import OTHER_KEY, Gateway, merge
from ..upstream import ScriptedUpstream
from .checks import ON, told


def ask(gateway: Gateway, model: str, texts: Any, **fields: Any) -> httpx.Response:
    """Vectors of these texts."""
    answer = httpx.post(
        f"{gateway.url}/v1/embeddings",
        headers={"authorization": f"Bearer {gateway.key}", "x-request-id": ref("vectors")},
        json={"model": model, "input": texts, **fields},
        timeout=30,
    )
    assert answer.status_code == 200, answer.text
    return answer


def asked(upstream: ScriptedUpstream, name: str) -> list[Any]:
    """What of texts the provider was asked for, request by request."""
    return [json.loads(exchange.body)["input"] for exchange in upstream.of(name)]


@pytest.mark.parametrize("coding", ["float", "base64"])
def test_only_new_texts_go_to_the_provider(
    gateways: Start, upstream: ScriptedUpstream, coding: str
) -> None:
    gateway = gateways(**ON)
    name = f"ok-1@{ref('texts')}"
    own = ref("")
    one, two, three, four = (f"{own} {'x' * length}" for length in (1, 2, 3, 4))

    first = ask(gateway, f"u/{name}", [one, two], encoding_format=coding)
    mixed = ask(gateway, f"u/{name}", [three, one, four, one], encoding_format=coding)
    kept = ask(gateway, f"u/{name}", [four, two], encoding_format=coding)
    other = ask(gateway, f"u/{name}", [one, three], encoding_format=coding, dimensions=2)

    assert [told(answer) for answer in (first, mixed, kept, other)] == [
        "miss",
        "miss",
        "hit",
        "miss",
    ]
    assert asked(upstream, name) == [[one, two], [three, four], [one, three]]
    whole = ask(gateway, f"u/{name}-whole", [three, one, four, one], encoding_format=coding)
    assert mixed.json()["data"] == whole.json()["data"]
    assert mixed.json()["usage"] == whole.json()["usage"]
    [row] = gateway.rows(mixed.request.headers["x-request-id"])
    assert (
        int(row["input_tokens"]) + int(row["saved_input_tokens"])
        == (whole.json()["usage"]["prompt_tokens"])
    )
    assert Decimal(row["saved_usd"]) > 0
    [row] = gateway.rows(kept.request.headers["x-request-id"])
    assert_row(row, attempt=0, outcome="cached", basis="none", cost_usd=0)
    assert int(row["saved_input_tokens"]) == kept.json()["usage"]["prompt_tokens"]


def test_texts_of_one_tenant_are_nothing_to_another(
    gateways: Start, upstream: ScriptedUpstream
) -> None:
    gateway = gateways(**ON)
    name = f"ok-1@{ref('texts')}"
    own = ref("")
    ask(gateway, f"u/{name}", [f"{own} 1", f"{own} 2"])
    gateway.key, key = OTHER_KEY, gateway.key
    try:
        ask(gateway, f"u/{name}", [f"{own} 2", f"{own} 3"])
    finally:
        gateway.key = key
    assert asked(upstream, name)[1] == [f"{own} 2", f"{own} 3"]


def test_more_than_a_screen_of_kept_vectors_is_a_hit_too(
    gateways: Start, upstream: ScriptedUpstream
) -> None:
    gateway = gateways(**ON)
    name = f"ok-1@{ref('texts')}"
    texts = [f"{ref('')} {number}" for number in range(1500)]
    ask(gateway, f"u/{name}", texts)
    again = ask(gateway, f"u/{name}", texts[::-1])
    assert told(again) == "hit"
    assert [item["index"] for item in again.json()["data"]] == list(range(1500))
    assert len(upstream.of(name)) == 1
    assert told(ask(gateway, f"u/{name}", texts[0])) == "hit"  # alone, and in no list


def test_vectors_of_two_models_are_never_one_answer(
    gateways: Start, upstream: ScriptedUpstream
) -> None:
    """Where a name has several models behind it, whoever answers is asked for all texts."""
    first, second = f"fault-500-then-ok-2@{ref('texts')}", f"ok-1@{ref('texts')}"
    gateway = gateways(**merge(ON, {"models": {"m": {"targets": [f"u/{first}", f"u/{second}"]}}}))
    own = ref("")
    for texts in ([f"{own} 1", f"{own} 2"], [f"{own} 2", f"{own} 3"]):
        by = ask(gateway, "m", texts).headers["x-sluicegate-model"]
        assert asked(upstream, by)[-1] == texts
    assert told(ask(gateway, "m", [f"{own} 2", f"{own} 3"])) == "hit"
