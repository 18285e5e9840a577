"""Marks for the prompt cache of Bedrock's Converse, as an upstream gets them from a running gateway."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ..dialects.bedrock_model import fault
from ..gateway import KEY, OTHER_KEY, Gateway
from ..upstream import ScriptedUpstream
from .test_marks import EPHEMERAL, JSON, SYSTEM, body_of, post

CLAUDE = "anthropic.claude-haiku-4-5"
NOVA = "us.amazon.nova-pro-v1"
LLAMA = "meta.llama3-70b-instruct-v1"


@pytest.fixture(scope="module")
def gateway(upstream: ScriptedUpstream, module_path: Path) -> Iterator[Gateway]:
    providers = {"b": {"prompt_cache": "auto", "unsupported": "drop"}}
    with Gateway(upstream.url, module_path, providers=providers) as running:
        yield running


def name_of(kind: str, behaviour: str = "ok-2") -> tuple[str, str]:
    """A model's name for the gateway, and for its upstream."""
    model = f"{behaviour}@{kind}-{uuid.uuid4().hex[:12]}"
    return f"b/{model}", model


def marks(body: JSON) -> list[str]:
    """Behind what an upstream's request is marked: `tools[1]`, `system[0]`, `messages[2][0]`."""
    lists = {
        "tools": body.get("toolConfig", {}).get("tools", []),
        "system": body.get("system", []),
        **{f"messages[{at}]": message["content"] for at, message in enumerate(body["messages"])},
    }
    found = []
    for name, blocks in lists.items():
        count = 0
        for block in blocks:
            if "cachePoint" in block:
                assert block == {"cachePoint": {"type": "default"}}
                found.append(f"{name}[{count - 1}]")
            else:
                count += 1
    assert json.dumps(body).count('"cachePoint"') == len(found), "no mark stands elsewhere"
    return found


def without_marks(value: Any) -> Any:
    """A request as it was before it was marked."""
    if isinstance(value, list):
        return [
            without_marks(item) for item in value if item != {"cachePoint": {"type": "default"}}
        ]
    if not isinstance(value, dict):
        return value
    return {name: without_marks(item) for name, item in value.items()}


def sent(gateway: Gateway, upstream: ScriptedUpstream, kind: str, bodies: list[JSON]) -> list[JSON]:
    """What the upstream got of these, each of which is one that AWS's own model allows."""
    name, model = name_of(kind)
    for body in bodies:
        post(gateway, {**body, "model": name})
    found = [exchange.json for exchange in upstream.of(model)]
    assert [fault(body) for body in found] == [None] * len(bodies)
    return found


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_the_mark_moves_on_with_an_agents_conversation(
    gateway: Gateway, upstream: ScriptedUpstream, *, stream: bool
) -> None:
    asked = [{**body_of("", turn), "stream": stream} for turn in range(4)]
    bodies = sent(gateway, upstream, CLAUDE, asked)
    heads = ["tools[1]", "system[0]"]
    assert [marks(body) for body in bodies] == [
        [],
        [*heads, "messages[0][0]", "messages[2][0]"],
        [*heads, "messages[2][0]", "messages[4][0]"],
        [*heads, "messages[4][0]", "messages[6][0]"],
    ]
    unmarked = sent(gateway, upstream, LLAMA, [asked[3]])
    assert without_marks(bodies[3]) == unmarked[0]


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        # Only texts of its system's words and messages, of which the last that it takes is the model's.
        (NOVA, ["system[0]", "messages[1][0]"]),
        (LLAMA, []),
        ("anthropic.claude-3-haiku-20240307-v1", []),
    ],
    ids=["nova", "llama", "an old claude"],
)
def test_a_model_is_marked_where_it_takes_marks(
    gateway: Gateway, upstream: ScriptedUpstream, kind: str, wanted: list[str]
) -> None:
    # Less than Nova keeps at most.
    body = {**body_of("", 1), "system": SYSTEM, "tools": body_of("", 1)["tools"][:1]}
    _, second = sent(gateway, upstream, kind, [body, body])
    assert marks(second) == wanted


def test_only_a_tenants_own_repetitions_count(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    name, model = name_of(CLAUDE)
    for key in (KEY, OTHER_KEY, KEY):
        post(gateway, body_of(name, 0), key)
    assert [bool(marks(each.json)) for each in upstream.of(model)] == [False, False, True]


@pytest.mark.parametrize("kind", [CLAUDE, NOVA], ids=["taken", "left out"])
def test_the_clients_own_marks_are_the_only_ones(
    gateway: Gateway, upstream: ScriptedUpstream, kind: str
) -> None:
    """Where the model takes none at that place, there is none."""
    body = body_of("", 1)
    body["tools"] = [{**tool, "cache_control": EPHEMERAL} for tool in body["tools"][:1]]
    found = sent(gateway, upstream, kind, [body] * 3)
    assert [marks(each) for each in found] == [["tools[0]"] if kind == CLAUDE else []] * 3


def test_what_was_read_of_it_is_money_saved(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    """600 tokens at half a dollar per million instead of one (`gateway.PRICE`)."""
    name, _ = name_of(CLAUDE, "fault-usage-cached")
    ref = uuid.uuid4().hex
    answer = httpx.post(
        f"{gateway.url}/v1/messages",
        json={"model": name, "max_tokens": 9, "messages": [{"role": "user", "content": "Hi."}]},
        headers={"x-api-key": KEY, "x-request-id": ref},
        timeout=10,
    )
    assert answer.json()["usage"]["cache_read_input_tokens"] == 600
    [row] = gateway.rows(ref)
    assert (row["cached_input_tokens"], row["prompt_cache_saved_usd"]) == (600, "0.0003")
