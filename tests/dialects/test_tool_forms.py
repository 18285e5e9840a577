"""Tools that are no plain functions: free text, groups, tools that come later, and those that only
the vendor runs.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from sluicegate.dialects import CLIENT_DIALECTS, DIALECTS, UPSTREAM_DIALECTS
from sluicegate.dialects.base import Host

HELLO = [{"role": "user", "content": "hi"}]
GRAMMAR = 'start: "a"'
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
OTHERS = ["openai", "anthropic", "gemini", "bedrock", "cohere", "ollama"]


def free_text(source: str) -> dict[str, Any]:
    """A tool of free text as the dialect declares it."""
    tool: dict[str, Any] = {"name": "patch", "description": "d"}
    if source == "openai":
        grammar = {"type": "grammar", "grammar": {"syntax": "lark", "definition": GRAMMAR}}
        return {"type": "custom", "custom": tool | {"format": grammar}}
    form = {"type": "grammar", "syntax": "lark", "definition": GRAMMAR}
    return {"type": "custom", **tool, "format": form}


def asked(source: str, items: list[Any], **more: Any) -> dict[str, Any]:
    return {"model": "m", "input" if source == "openai_responses" else "messages": items, **more}


def translate(
    source: str, target: str, request: dict[str, Any]
) -> tuple[dict[str, Any], list[str], list[Any]]:
    """The request, what was left out, and the forms that the core is told."""
    conversation = CLIENT_DIALECTS[source].decode_request(json.dumps(request).encode())
    body, dropped = UPSTREAM_DIALECTS[target].encode_request(
        conversation,
        model="m",
        stream=False,
        drop_unsupported=False,
        default_max_tokens=9,
        host=Host(),
    )
    return json.loads(body), dropped, conversation.forms()


def functions(target: str, request: dict[str, Any]) -> dict[str, tuple[str | None, Any]]:
    """Description and schema of each function, by its name."""
    out: dict[str, tuple[str | None, Any]] = {}
    if target == "bedrock":
        for tool in request.get("toolConfig", {}).get("tools", []):
            spec = tool["toolSpec"]
            out[spec["name"]] = (spec.get("description"), spec["inputSchema"]["json"])
        return out
    for tool in request.get("tools", []):
        inner = tool.get("functionDeclarations") or [tool.get("function") or tool]
        for each in inner:
            keys = ("parameters", "input_schema", "parametersJsonSchema")
            schema = next((each[key] for key in keys if key in each), None)
            out[each["name"]] = (each.get("description"), schema)
    return out


@pytest.mark.parametrize("target", OTHERS)
@pytest.mark.parametrize("source", ["openai", "openai_responses"])
def test_a_tool_of_free_text_is_a_function_with_one_text(source: str, target: str) -> None:
    if source == target:
        return
    request = asked(source, HELLO, tools=[free_text(source)])
    said, dropped, forms = translate(source, target, request)
    description, schema = functions(target, said)["patch"]
    assert description == "d"
    assert GRAMMAR in schema["properties"]["input"]["description"]
    assert schema["required"] == ["input"]
    assert forms == [("patch", "patch", None, True)]
    assert dropped == ["tools[0].custom.format" if source == "openai" else "tools[0].format"]


CALLED = {"input": 'a\n"b"'}


def objects(value: Any) -> Iterator[Any]:
    """All objects in a request, those in texts too."""
    if isinstance(value, str) and value.startswith("{"):
        value = json.loads(value)
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value:
        if isinstance(inner, dict | list) or (isinstance(inner, str) and inner.startswith("{")):
            yield from objects(inner)


@pytest.mark.parametrize("target", OTHERS)
def test_calls_with_free_text_and_their_results_are_calls_of_that_function(target: str) -> None:
    items = [
        *HELLO,
        {"type": "custom_tool_call", "call_id": "c", "name": "patch", **CALLED},
        {"type": "custom_tool_call_output", "call_id": "c", "output": "done"},
    ]
    request = asked("openai_responses", items, tools=[free_text("openai_responses")])
    said, _, _ = translate("openai_responses", target, request)
    assert "done" in json.dumps(said)
    assert CALLED in list(objects(said))


@pytest.mark.parametrize(
    ("source", "choice"),
    [
        ("openai", {"type": "custom", "custom": {"name": "patch"}}),
        ("openai_responses", {"type": "custom", "name": "patch"}),
    ],
)
def test_a_tool_of_free_text_can_be_demanded(source: str, choice: dict[str, Any]) -> None:
    request = asked(source, HELLO, tools=[free_text(source)], tool_choice=choice)
    said, _, _ = translate(source, "anthropic", request)
    assert said["tool_choice"] == {"type": "tool", "name": "patch"}


def test_a_group_of_tools_is_functions_with_its_name_before_theirs() -> None:
    group = {
        "type": "namespace",
        "name": "crm",
        "description": "d",
        "tools": [{"type": "function", "name": "find", "parameters": SCHEMA}],
    }
    items = [
        *HELLO,
        {
            "type": "function_call",
            "call_id": "c",
            "namespace": "crm",
            "name": "find",
            "arguments": "{}",
        },
        {"type": "function_call_output", "call_id": "c", "output": "1"},
    ]
    request = asked("openai_responses", items, tools=[group, {"type": "tool_search"}])
    said, dropped, forms = translate("openai_responses", "openai", request)
    assert functions("openai", said) == {"crm__find": (None, SCHEMA)}
    assert said["messages"][1]["tool_calls"][0]["function"]["name"] == "crm__find"
    assert forms == [("crm__find", "find", "crm", False)]
    assert dropped == ["tools[0].description", "tools[1]"]


LATER = {"type": "function", "name": "f", "parameters": SCHEMA}


@pytest.mark.parametrize("target", OTHERS)
@pytest.mark.parametrize("kind", ["additional_tools", "tool_search_output"])
def test_tools_that_an_item_brings_are_there_from_the_start(kind: str, target: str) -> None:
    items = [*HELLO, {"type": kind, "tools": [LATER]}, {"role": "user", "content": "go"}]
    said, dropped, _ = translate("openai_responses", target, asked("openai_responses", items))
    assert functions(target, said)["f"][1] == SCHEMA
    assert dropped == ["input[1]"]
    assert kind not in json.dumps(said)


@pytest.mark.parametrize("target", OTHERS)
@pytest.mark.parametrize("mode", ["auto", "required"])
def test_only_the_tools_that_may_be_called_are_offered(mode: str, target: str) -> None:
    tools = [LATER | {"name": name} for name in "fgh"]
    allowed = [{"type": "function", "name": name} for name in "gh"]
    choice = {"type": "allowed_tools", "mode": mode, "tools": allowed}
    request = asked("openai_responses", HELLO, tools=tools, tool_choice=choice)
    said, _, _ = translate("openai_responses", target, request)
    assert list(functions(target, said)) == ["g", "h"]


@pytest.mark.parametrize(
    "kind", ["web_search_call", "file_search_call", "code_interpreter_call", "tool_search_call"]
)
@pytest.mark.parametrize("target", OTHERS)
def test_what_a_vendors_tool_did_before_is_left_out_and_told(kind: str, target: str) -> None:
    items = [*HELLO, {"type": kind, "id": "x"}, {"role": "assistant", "content": "so"}]
    request = asked("openai_responses", [*items, *HELLO])
    said, dropped, _ = translate("openai_responses", target, request)
    assert dropped == ["input[1]"]
    assert "so" in json.dumps(said)


@pytest.mark.parametrize("target", ["openai", "gemini", "bedrock", "cohere", "ollama"])
def test_anthropics_search_among_tools_is_not_needed(target: str) -> None:
    used = [
        {"type": "server_tool_use", "id": "s", "name": "tool_search_tool_bm25", "input": {}},
        {"type": "tool_search_tool_result", "tool_use_id": "s", "content": []},
        {"type": "text", "text": "so"},
    ]
    tools = [
        {"type": "tool_search_tool_bm25_20251119", "name": "tool_search_tool_bm25"},
        {"name": "f", "input_schema": SCHEMA, "defer_loading": True},
    ]
    messages = [*HELLO, {"role": "assistant", "content": used}, *HELLO]
    request = {"model": "m", "max_tokens": 9, "messages": messages, "tools": tools}
    said, dropped, _ = translate("anthropic", target, request)
    assert list(functions(target, said)) == ["f"]
    assert set(dropped) == {
        "messages[1].content[0]",
        "messages[1].content[1]",
        "tools[0]",
        "tools[1].defer_loading",
    }


@pytest.mark.parametrize("dialect", ["openai", "openai_responses"])
def test_their_own_dialect_writes_them_back_as_they_were(dialect: str) -> None:
    call: dict[str, Any] = {"type": "custom_tool_call", "call_id": "c", "name": "patch", **CALLED}
    items: list[Any] = [*HELLO, call]
    if dialect == "openai":
        inner = {"id": "c", "type": "custom", "custom": {"name": "patch", **CALLED}}
        items = [*HELLO, {"role": "assistant", "content": None, "tool_calls": [inner]}]
    request = asked(dialect, items, tools=[free_text(dialect)])
    if dialect == "openai_responses":
        request["input"].append({"type": "additional_tools", "tools": [LATER]})
        request["tools"].append({"type": "namespace", "name": "n", "tools": [LATER]})
    said, dropped, _ = translate(dialect, dialect, request)
    assert said["tools"] == request["tools"]
    key = "input" if dialect == "openai_responses" else "messages"
    assert json.dumps(items[1]) in json.dumps(said[key]) or said[key][1] == items[1]
    assert dropped == []


def test_calls_and_results_without_ids_belong_together() -> None:
    """As hosts without ids have them in their answers: the first result is the first call's."""
    calls = [{"type": "function", "function": {"name": n, "arguments": {"a": 1}}} for n in "fg"]
    messages = [
        *HELLO,
        {"role": "assistant", "content": "", "tool_calls": calls},
        {"role": "tool", "content": "1"},
        {"role": "tool", "name": "g", "content": "2"},
    ]
    conversation = DIALECTS["openai"].decode_request(
        json.dumps({"model": "m", "messages": messages}).encode()
    )
    body, _ = DIALECTS["anthropic"].encode_request(
        conversation,
        model="m",
        stream=False,
        drop_unsupported=False,
        default_max_tokens=9,
        host=Host(),
    )
    said = json.loads(body)["messages"]
    given = [(block["id"], block["name"], block["input"]) for block in said[1]["content"]]
    assert given == [("call_1", "f", {"a": 1}), ("call_2", "g", {"a": 1})]
    got = [(block["tool_use_id"], block["content"][0]["text"]) for block in said[2]["content"]]
    assert got == [("call_1", "1"), ("call_2", "2")]
