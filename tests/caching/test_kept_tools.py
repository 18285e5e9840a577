"""Kept answers to requests that had to be translated: tools come back as their client called them,
and what was left out is named.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from ..client import Got
from ..faults.checks import ask, eventually, forms
from ..faults.conftest import Start
from ..gateway import Gateway, merge
from ..upstream import ScriptedUpstream
from .checks import ON, calls, named, told

NAMES = ["get_weather", "get_time"]
"""What the scripted upstream calls."""
KEPT = merge(ON, {"cache": {"exact": {"tool_calls": True}}})
FREE_TEXT = {
    "openai": [{"type": "custom", "custom": {"name": name}} for name in NAMES],
    "openai_responses": [{"type": "custom", "name": name} for name in NAMES],
}
TYPES = {"openai": "custom", "openai_responses": "custom_tool_call"}
FIRST = pytest.mark.parametrize("streams_first", [False, True], ids=["whole first", "stream first"])


def of_chat(got: Got) -> list[dict[str, Any]]:
    """The calls of an answer, with all that its client reads of them but their ids."""
    if not got.is_stream:
        made = json.loads(got.raw)["choices"][0]["message"].get("tool_calls", [])
        return [{name: call[name] for name in call if name not in {"id", "index"}} for call in made]
    parts: dict[int, dict[str, Any]] = {}
    for payload in got.payloads:
        for choice in payload["choices"]:
            for part in choice["delta"].get("tool_calls", []):
                call = parts.setdefault(part["index"], {"type": part.get("type")})
                kind = str(call["type"])
                for name, text in part.get(kind, {}).items():
                    whole = call.setdefault(kind, {})
                    whole[name] = whole.get(name, "") + text
    return [parts[index] for index in sorted(parts)]


def of_responses(got: Got) -> list[dict[str, Any]]:
    """The same."""
    response = got.payloads[-1]["response"] if got.is_stream else json.loads(got.raw)
    return [
        {name: item[name] for name in item if name not in {"id", "call_id"}}
        for item in response["output"]
        if item["type"].endswith("_call")
    ]


def even(value: Any) -> Any:
    """With JSON in texts read: dialects that have objects write it anew."""
    if isinstance(value, str) and value.startswith("{"):
        return json.loads(value)
    if isinstance(value, dict):
        return {name: even(inner) for name, inner in value.items()}
    return value


READ = {"openai": of_chat, "openai_responses": of_responses}


@forms
@FIRST
@pytest.mark.parametrize("provider", ["a", "g", "c"])
@pytest.mark.parametrize("dialect", READ)
def test_kept_calls_of_tools_of_free_text_are_what_they_were(
    gateways: Start,
    upstream: ScriptedUpstream,
    dialect: str,
    provider: str,
    streams_first: bool,
    stream: bool,
) -> None:
    gateway, model = gateways(**KEPT), named("kept-tools", "ok-tools", provider)
    more: dict[str, Any] = {"dialect": dialect, "fields": {"tools": FREE_TEXT[dialect]}}
    first = ask(gateway, model, stream=streams_first, **more)
    hit = ask(gateway, model, stream=stream, **more)
    assert (told(first), told(hit), calls(upstream, model)) == ("miss", "hit", 1)
    made = READ[dialect](hit)
    assert list(map(even, made)) == list(map(even, READ[dialect](first)))
    assert [call["type"] for call in made] == [TYPES[dialect]] * len(NAMES)


def seeded(gateway: Gateway, model: str, text: str, *, stream: bool) -> Got:
    """An answer to a request with a field that Messages has not."""
    return ask(gateway, model, text=text, stream=stream, fields={"seed": 1})


@forms
def test_a_kept_answer_names_what_was_left_out(
    gateways: Start, upstream: ScriptedUpstream, stream: bool
) -> None:
    gateway = gateways(**merge(ON, {"providers": {"a": {"unsupported": "drop"}}}))
    model = named("kept-dropped", "ok-5", "a")
    first, hit = (seeded(gateway, model, "one two", stream=stream) for _ in range(2))
    assert (told(hit), calls(upstream, model)) == ("hit", 1)
    assert hit.headers["x-sluicegate-dropped"] == first.headers["x-sluicegate-dropped"] == "seed"
    assert "x-sluicegate-dropped" not in ask(gateway, model, stream=stream).headers


@forms
def test_an_answer_to_what_means_the_same_names_what_was_left_out(
    gateways: Start, stream: bool
) -> None:
    semantic = {"enabled": True, "threshold": 0.6}
    more = {"providers": {"a": {"unsupported": "drop"}}, "cache": {"semantic": semantic}}
    gateway, model = gateways(**merge(ON, more)), named("kept-dropped", "ok-5", "a")
    seeded(gateway, model, "How do I reset my password?", stream=stream)
    asked: list[Got] = []

    def is_alike() -> bool:
        text = "How can I reset my password?" + " " * len(asked)
        asked.append(seeded(gateway, model, text, stream=stream))
        return told(asked[-1]) == "semantic"

    assert eventually(is_alike)
    assert asked[-1].headers["x-sluicegate-dropped"] == "seed"
