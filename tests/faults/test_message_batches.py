"""Message batches: Anthropic's SDK in front of providers of Anthropic's and Gemini's batches."""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import anthropic
import openai
import pytest

from ..gateway import KEY, OTHER_KEY, Gateway
from ..upstream import ScriptedUpstream
from .checks import ref
from .conftest import Start

KEYS = [{"name": "one", "key": KEY}, {"name": "two", "key": OTHER_KEY}]


@pytest.fixture(scope="module")
def house(gateways: Start) -> Gateway:
    return gateways(keys=KEYS)


def sdk(gateway: Gateway, key: str = KEY) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=gateway.url, api_key=key, max_retries=0)


def requests(models: list[str]) -> Any:
    return [
        {
            "custom_id": f"c {number}",  # of characters that the provider does not take
            "params": {
                "model": model,
                "max_tokens": 50,
                "messages": [{"role": "user", "content": "say it"}],
            },
        }
        for number, model in enumerate(models)
    ]


def ended(client: anthropic.Anthropic, name: str) -> Any:
    end = time.monotonic() + 15
    while (batch := client.messages.batches.retrieve(name)).processing_status != "ended":
        assert time.monotonic() < end, batch
        time.sleep(0.1)
    return batch


def answered(gateway: Gateway, name: str) -> list[dict[str, Any]]:
    rows = [row for row in gateway.ledger() if name in (row["requested_model"] or "")]
    assert not [row for row in rows if row["basis"] == "estimated"]
    return [row for row in rows if row["operation"] == "chat"]


@pytest.mark.parametrize("provider", ["a", "g"])
def test_requests_are_answered_one_by_one(
    house: Gateway, upstream: ScriptedUpstream, provider: str
) -> None:
    name = ref("messages")
    client = sdk(house)
    batch = client.messages.batches.create(requests=requests([f"{provider}/ok-6@{name}"] * 3))
    assert (batch.processing_status, batch.request_counts.processing) == ("in_progress", 3)
    done = ended(client, batch.id)
    assert done.request_counts.succeeded == 3
    results = {each.custom_id: each.result for each in client.messages.batches.results(batch.id)}
    assert set(results) == {"c 0", "c 1", "c 2"}
    for result in results.values():
        assert result.type == "succeeded"
        [block] = result.message.content
        assert block.type == "text"
        assert block.text == upstream.text(f"ok-6@{name}")
        assert result.message.usage.output_tokens == 6
    rows = answered(house, name)
    assert [row["output_tokens"] for row in rows] == [6, 6, 6]
    assert {row["dialect"] for row in rows} == {"anthropic"}
    assert all(Decimal(row["cost_usd"]) > 0 for row in rows)


def test_what_failed_and_what_was_cancelled_is_told(
    house: Gateway, upstream: ScriptedUpstream
) -> None:
    name = ref("messages")
    upstream.depot.held.add(name)
    client = sdk(house)
    models = [f"a/ok-4@{name}", f"a/fault-400@{name}", f"a/ok-4@{name}", f"a/ok-4@{name}"]
    batch = client.messages.batches.create(requests=requests(models))
    assert client.messages.batches.cancel(batch.id).processing_status in {"canceling", "ended"}
    done = ended(client, batch.id)
    counts = done.request_counts
    assert (counts.succeeded, counts.errored, counts.canceled) == (1, 1, 2)
    kinds = [each.result.type for each in client.messages.batches.results(batch.id)]
    assert kinds == ["succeeded", "errored", "canceled", "canceled"]
    good, bad = answered(house, name)
    assert (good["outcome"], good["output_tokens"]) == ("ok", 4)
    assert (bad["outcome"], bad["basis"]) == ("error", "none")


def test_au_05_message_batches_are_their_tenants_and_no_batches_of_openai(house: Gateway) -> None:
    name = ref("messages")
    client, other = sdk(house), sdk(house, OTHER_KEY)
    batch = client.messages.batches.create(requests=requests([f"a/ok-1@{name}"]))
    ended(client, batch.id)
    attempts: list[Callable[[], Any]] = [
        lambda: other.messages.batches.retrieve(batch.id),
        lambda: other.messages.batches.cancel(batch.id),
        lambda: other.messages.batches.delete(batch.id),
        lambda: other.messages.batches.list(after_id=batch.id),
    ]
    for attempt in attempts:
        with pytest.raises(anthropic.NotFoundError):
            attempt()
    assert not other.messages.batches.list().data
    of_openai = openai.OpenAI(base_url=f"{house.url}/v1", api_key=KEY, max_retries=0)
    with pytest.raises(openai.NotFoundError):
        of_openai.batches.retrieve(batch.id)
    assert not of_openai.batches.list().data
    assert client.messages.batches.delete(batch.id).type == "message_batch_deleted"
    with pytest.raises(anthropic.NotFoundError):
        client.messages.batches.retrieve(batch.id)
    assert len(answered(house, name)) == 1


def test_lists_go_both_ways(gateways: Start) -> None:
    gateway = gateways(keys=[{"name": "lists", "key": KEY}])
    client = sdk(gateway)
    made = [client.messages.batches.create(requests=requests(["a/ok-1"])).id for _ in range(4)]
    assert [each.id for each in client.messages.batches.list(limit=3)] == made[::-1]
    page = client.messages.batches.list(limit=2, before_id=made[0])
    assert [each.id for each in page.data] == [made[2], made[1]]


@pytest.mark.parametrize("case", ["unknown model", "another provider", "twice", "none"])
def test_a_bad_request_is_refused_by_its_place(house: Gateway, case: str) -> None:
    bad = {
        "unknown model": requests(["a/ok", "nobody/ok"]),
        "another provider": requests(["a/ok", "g/ok"]),
        "twice": requests(["a/ok"]) * 2,
        "none": [],
    }[case]
    with pytest.raises(anthropic.APIStatusError) as refused:
        sdk(house).messages.batches.create(requests=bad)
    assert refused.value.status_code in {400, 404}
    if case != "none":
        assert "requests[1]" in str(refused.value)


def test_br_09_message_batches_spend_the_same_budget(
    own_gateway: Start, upstream: ScriptedUpstream
) -> None:
    name = ref("messages")
    gateway = own_gateway(keys=[{"name": "one", "key": KEY, "budget_usd": 0.0001}])
    with pytest.raises(anthropic.APIStatusError) as refused:
        sdk(gateway).messages.batches.create(requests=requests([f"a/ok-6@{name}"] * 3))
    assert refused.value.status_code == 402
    assert not upstream.depot.jobs_of(name)
