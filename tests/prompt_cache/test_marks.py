"""Marks for the vendor's own prompt cache, as an upstream gets them from a running gateway."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import httpx
import pytest
from anthropic.types import MessageParam, TextBlockParam, ToolParam
from pydantic import TypeAdapter

from ..gateway import KEY, OTHER_KEY, Gateway
from ..upstream import ScriptedUpstream

JSON = dict[str, Any]
EPHEMERAL = {"type": "ephemeral"}
#: Longer than any model's minimum, which is 4,096 tokens; the tools together are, too.
SYSTEM = "You are a careful agent, and say what you do. " * 600
TOOLS: list[ToolParam] = [
    {"name": name, "description": "Looks. " * 1500, "input_schema": {"type": "object"}}
    for name in ("read", "write")
]


@pytest.fixture(scope="module")
def gateway(upstream: ScriptedUpstream, module_path: Path) -> Iterator[Gateway]:
    auto = {"prompt_cache": "auto"}
    settings = {
        "providers": {"a": auto, "i": auto, "v": auto},
        "models": {
            "plain": {"targets": ["a/ok-2@plain"], "prompt_cache": "off"},
            "mixed": {"targets": ["dead/x", "a/ok-2@mixed"]},
        },
    }
    with Gateway(upstream.url, module_path, **settings) as running:
        yield running


def name_at(provider: str) -> tuple[str, str]:
    """A model's name for the gateway, and for its upstream."""
    model = f"ok-2@{uuid.uuid4().hex[:12]}"
    return f"{provider}/{model}", model


def conversation(turns: int) -> list[MessageParam]:
    """What an agent has said and done until now."""
    said: list[MessageParam] = [{"role": "user", "content": "Mend the build."}]
    for turn in range(turns):
        call = f"toolu_{turn}"
        said += [
            {
                "role": "assistant",
                "content": [
                    {"type": "text", "text": f"Step {turn}."},
                    {"type": "tool_use", "id": call, "name": "read", "input": {"path": "a"}},
                ],
            },
            {
                "role": "user",
                "content": [{"type": "tool_result", "tool_use_id": call, "content": "ok"}],
            },
        ]
    return said


def marks(body: JSON) -> list[str]:
    """Where an upstream's request is marked: `tools[1]`, `system[0]`, `messages[2][0]`."""
    found = [f"tools[{n}]" for n, tool in enumerate(body.get("tools", ())) if is_marked(tool)]
    system = body.get("system", "")
    if not isinstance(system, str):
        found += [f"system[{n}]" for n, block in enumerate(system) if is_marked(block)]
    for at, message in enumerate(body["messages"]):
        if not isinstance(message["content"], str):
            blocks = enumerate(message["content"])
            found += [f"messages[{at}][{n}]" for n, block in blocks if is_marked(block)]
    assert json.dumps(body).count('"cache_control"') == len(found), "no mark stands elsewhere"
    return found


def is_marked(block: JSON) -> bool:
    assert block.get("cache_control", EPHEMERAL) == EPHEMERAL
    return "cache_control" in block


def without_marks(value: Any) -> Any:
    """A request as it was before it was marked: a text is a block that is alone."""
    if isinstance(value, list):
        return [without_marks(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {name: without_marks(item) for name, item in value.items() if name != "cache_control"}


def post(gateway: Gateway, body: JSON, key: str = KEY) -> None:
    answer = httpx.post(
        f"{gateway.url}/v1/messages",
        content=json.dumps(body),
        headers={"x-api-key": key, "content-type": "application/json"},
        timeout=10,
    )
    assert answer.status_code == 200, answer.text


def body_of(model: str, turns: int) -> JSON:
    return {
        "model": model,
        "max_tokens": 100,
        "system": SYSTEM,
        "tools": TOOLS,
        "messages": conversation(turns),
    }


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_the_mark_moves_on_with_an_agents_conversation(
    gateway: Gateway, upstream: ScriptedUpstream, *, stream: bool
) -> None:
    name, model = name_at("a")
    with anthropic.Anthropic(base_url=gateway.url, api_key=KEY, max_retries=0) as client:
        for turn in range(4):
            ask: JSON = body_of(name, turn)
            if stream:
                with client.messages.stream(**ask) as events:
                    assert events.get_final_text()
            else:
                assert client.messages.create(**ask).content
    bodies = [exchange.json for exchange in upstream.of(model)]
    heads = ["tools[1]", "system[0]"]
    assert [marks(body) for body in bodies] == [
        [],
        [*heads, "messages[0][0]", "messages[2][0]"],
        [*heads, "messages[2][0]", "messages[4][0]"],
        [*heads, "messages[4][0]", "messages[6][0]"],
    ]
    assert bodies[3]["system"] == [{"type": "text", "text": SYSTEM, "cache_control": EPHEMERAL}]
    assert without_marks(bodies[3]["messages"]) == conversation(3)
    assert without_marks(bodies[3]["tools"]) == TOOLS
    for body in bodies:  # the SDK's own types, and none of another field
        system = body["system"]
        if not isinstance(system, str):
            TypeAdapter(list[TextBlockParam]).validate_python(system)
        TypeAdapter(list[MessageParam]).validate_python(body["messages"])
        TypeAdapter(list[ToolParam]).validate_python(body["tools"])


@pytest.mark.parametrize("provider", ["i", "v"], ids=["bedrock", "vertex"])
def test_claude_on_the_clouds_is_marked_in_its_envelope(
    gateway: Gateway, upstream: ScriptedUpstream, provider: str
) -> None:
    name, model = name_at(provider)
    for turn in range(2):
        post(gateway, body_of(name, turn))
    first, second = (exchange.json for exchange in upstream.of(model))
    assert marks(first) == []
    assert marks(second) == ["tools[1]", "system[0]", "messages[0][0]", "messages[2][0]"]
    assert "anthropic_version" in second


def test_a_translated_request_is_marked_too(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    name, model = name_at("a")
    said = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": "Hello."}]
    for _ in range(2):
        answer = httpx.post(
            f"{gateway.url}/v1/chat/completions",
            json={"model": name, "messages": said},
            headers={"authorization": f"Bearer {KEY}"},
            timeout=10,
        )
        assert answer.status_code == 200, answer.text
    first, second = (exchange.json for exchange in upstream.of(model))
    assert marks(first) == []
    assert marks(second) == ["system[0]", "messages[0][0]"]


def test_only_a_tenants_own_repetitions_count(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    name, model = name_at("a")
    for key in (KEY, OTHER_KEY, KEY):
        post(gateway, body_of(name, 0), key)
    assert [bool(marks(exchange.json)) for exchange in upstream.of(model)] == [False, False, True]


def test_the_clients_own_mark_is_the_only_one(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    name, model = name_at("a")
    body = body_of(name, 1)
    body["messages"][0]["content"] = [{"type": "text", "text": "Mend.", "cache_control": EPHEMERAL}]
    for _ in range(3):
        post(gateway, body)
    found = [marks(exchange.json) for exchange in upstream.of(model)]
    assert found == [["messages[0][0]"]] * 3
    assert [exchange.json["system"] for exchange in upstream.of(model)] == [SYSTEM] * 3


def test_a_model_that_is_set_off_gets_the_clients_bytes(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    for model in ("plain", "mixed"):
        for _ in range(2):
            post(gateway, body_of(model, 1))
    assert [marks(exchange.json) for exchange in upstream.of("ok-2@plain")] == [[], []]
    assert [bool(marks(each.json)) for each in upstream.of("ok-2@mixed")] == [False, True]


#: Dollars, each a twentieth more than the one before.
BUDGETS = [round(0.004 * 1.05**step, 9) for step in range(40)]


def least_budget(upstream: ScriptedUpstream, folder: Path, setting: str) -> float:
    """The smallest of the budgets that lets one long request pass."""
    folder.mkdir()
    keys = [
        {
            "name": f"k{n}",
            "key": f"sluicegate-test-key-{n}",
            "budget_usd": usd,
            "budget_period": "total",
        }
        for n, usd in enumerate(BUDGETS)
    ]
    providers = {"a": {"prompt_cache": setting}}
    with Gateway(upstream.url, folder, providers=providers, keys=keys) as gateway:
        body = {
            "model": name_at("a")[0],
            "max_tokens": 10,
            "messages": [{"role": "user", "content": SYSTEM}],
        }
        for key, usd in zip(keys, BUDGETS, strict=True):
            answer = httpx.post(
                f"{gateway.url}/v1/messages", json=body, headers={"x-api-key": str(key["key"])}
            )
            if answer.status_code == 200:
                return usd
            assert answer.status_code == 402, answer.text
    raise AssertionError("no budget was enough")


def test_what_may_be_written_to_the_cache_is_held_at_its_price(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    """A write costs a quarter more (`gateway.PRICE`), so a budget must hold as much more."""
    off, auto = (least_budget(upstream, tmp_path / word, word) for word in ("off", "auto"))
    assert auto / off == pytest.approx(1.25, rel=0.06)
