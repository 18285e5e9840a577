"""Tools of free text: the official SDK reads calls of them, whatever the provider speaks."""

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from ..gateway import KEY, Gateway
from ..upstream import ScriptedUpstream
from .checks import ref

PROVIDERS = ["a", "g", "b", "c", "o"]
FORMS = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


@pytest.fixture
def client(gateway: Gateway) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=KEY, max_retries=0) as made:
        yield made


#: The scripted upstream calls functions of its own. Of arguments that are one text that is the
#: input, and of others all of them.
GIVEN = [
    ("get_weather", '{"city": "Z\u00fcrich", "unit":"\\u00b0C"}'),
    ("get_time", "Europe/Zurich"),
]


def same(made: list[tuple[str, str]]) -> bool:
    """Whether these are the calls; dialects that have objects write them anew."""
    return [(name, plain(text)) for name, text in made] == [(n, plain(t)) for n, t in GIVEN]


def plain(text: str) -> Any:
    return json.loads(text) if text.startswith("{") else text


@FORMS
@pytest.mark.parametrize("provider", PROVIDERS)
def test_calls_of_tools_of_free_text_are_items_of_their_own(
    client: openai.OpenAI, upstream: ScriptedUpstream, provider: str, stream: bool
) -> None:
    tools: list[Any] = [{"type": "custom", "name": name} for name, _ in GIVEN]
    asked: dict[str, Any] = {
        "model": f"{provider}/ok-tools@{ref('free')}",
        "input": "x",
        "tools": tools,
    }
    if stream:
        with client.responses.stream(**asked) as events:
            said: dict[str, str] = {}
            for event in events:
                if event.type == "response.custom_tool_call_input.delta":
                    said[event.item_id] = said.get(event.item_id, "") + event.delta
            response = events.get_final_response()
    else:
        response = client.responses.create(**asked)
    calls = [item for item in response.output if item.type == "custom_tool_call"]
    assert same([(call.name, call.input) for call in calls])
    if stream:
        assert [said[str(call.id)] for call in calls] == [call.input for call in calls]
    # And back: the provider gets the calls and their results as those of functions.
    outputs = [
        {"type": "custom_tool_call_output", "call_id": call.call_id, "output": "done"}
        for call in calls
    ]
    name = f"ok-3@{ref('free')}"
    sent: list[Any] = [{"role": "user", "content": "x"}, *(c.to_dict() for c in calls), *outputs]
    client.responses.create(model=f"{provider}/{name}", input=sent, tools=tools)
    [exchange] = upstream.of(name)
    text = exchange.body.decode()
    assert text.count("done") == len(calls)
    assert all(name in text for name, _ in GIVEN)


@FORMS
@pytest.mark.parametrize("provider", PROVIDERS)
def test_chat_clients_get_calls_of_custom_tools(
    client: openai.OpenAI, provider: str, stream: bool
) -> None:
    asked: dict[str, Any] = {
        "model": f"{provider}/ok-tools@{ref('custom')}",
        "messages": [{"role": "user", "content": "x"}],
        "tools": [{"type": "custom", "custom": {"name": name}} for name, _ in GIVEN],
    }
    made: dict[int, dict[str, str]] = {}
    if stream:
        for chunk in client.chat.completions.create(stream=True, **asked):
            for choice in chunk.choices:
                for call in choice.delta.tool_calls or []:
                    place = made.setdefault(call.index, {"name": "", "input": ""})
                    for field, text in (call.to_dict().get("custom") or {}).items():  # type: ignore[attr-defined]
                        place[field] += text
    else:
        message = client.chat.completions.create(**asked).choices[0].message
        for index, call in enumerate(message.tool_calls or []):
            assert call.type == "custom"
            made[index] = {"name": call.custom.name, "input": call.custom.input}
    assert same([(call["name"], call["input"]) for call in made.values()])
