"""What the other dialect cannot say, or no dialect: refused by name, or dropped and told."""

from typing import Any

import pytest

from sluicegate.dialects import DIALECTS
from sluicegate.dialects.base import Host
from sluicegate.errors import InvalidRequestError, UnsupportedFieldError

from .translate import HELLO, translate

_ONE = {"name": "f", "input_schema": {"type": "object"}}


@pytest.mark.parametrize(
    ("tools", "choice", "goes"),
    [
        ([_ONE, _ONE | {"name": "g"}], {"type": "tool", "name": "f"}, True),
        ([_ONE], {"type": "any"}, True),
        ([_ONE, _ONE | {"name": "g"}], {"type": "any"}, False),
        ([_ONE], {"type": "auto"}, False),
    ],
)
def test_one_call_is_asked_for_in_words_unless_one_function_must_be_called(
    tools: list[dict[str, Any]], choice: dict[str, Any], goes: bool
) -> None:
    """Clients that want an answer in a function's form ask for one call at once: to Gemini too."""
    once = choice | {"disable_parallel_tool_use": True}
    asked = {"max_tokens": 9, "messages": HELLO, "tools": tools, "tool_choice": once}
    out, dropped = translate("anthropic", "gemini", asked)
    assert dropped == ["parallel_tool_calls"]
    mode = "AUTO" if choice["type"] == "auto" else "ANY"
    assert out["toolConfig"]["functionCallingConfig"]["mode"] == mode
    assert ("one tool at a time" in str(out.get("systemInstruction"))) is not goes


@pytest.mark.parametrize("target", ["openai", "anthropic", "gemini"])
def test_what_sdks_write_into_the_items_that_they_send_back(target: str) -> None:
    """What openai-node has parsed beside a call, and the AI SDK's word for a thought before it."""
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    items = [
        {"role": "user", "content": "hi"},
        {"type": "item_reference", "id": "rs_1"},
        call | {"parsed_arguments": {}},
        {"type": "function_call_output", "call_id": "c", "output": "done"},
    ]
    _, dropped = translate("openai_responses", target, {"input": items})
    assert sorted(dropped) == ["input[1]", "input[2].parsed_arguments"]
    said = {"type": "item_reference", "id": "msg_1"}
    with pytest.raises(UnsupportedFieldError):
        translate("openai_responses", target, {"input": [items[0], said]})


@pytest.mark.parametrize("drop", [False, True])
@pytest.mark.parametrize("target", ["openai", "openai_responses", "gemini"])
def test_a_thread_of_messages_may_begin_and_goes_on_nowhere(target: str, drop: bool) -> None:
    """Anthropic's SDK begins one in its loop over tools; told so, it sends the whole conversation."""
    asked = {"max_tokens": 9, "messages": HELLO}
    begin = {**asked, "thread": {"type": "create"}}
    out, dropped = translate("anthropic", target, begin, drop=drop)
    assert "thread" not in out
    assert dropped == ["thread"]
    go_on = {**asked, "thread": {"type": "continue", "previous_message_id": "msg_1"}}
    with pytest.raises(InvalidRequestError) as raised:
        translate("anthropic", target, go_on, drop=drop)
    assert raised.value.details == {"error_code": "thread_not_found"}


@pytest.mark.parametrize(
    ("source", "added", "field"),
    [
        ("openai", {"n": 2}, "n"),
        ("openai", {"logprobs": True}, "logprobs"),
        ("openai", {"presence_penalty": 0.5}, "presence_penalty"),
        ("openai", {"temperature": 1.5}, "temperature"),
        ("openai", {"nobody_knows": 1}, "nobody_knows"),
        ("openai", {"tools": [{"type": "web_search"}]}, "tools[0]"),
        ("openai", {"functions": [{"name": "f"}]}, "functions"),
        ("openai", {"function_call": "auto"}, "function_call"),
        ("openai", {"frequency_penalty": -1}, "frequency_penalty"),
        ("openai", {"top_logprobs": 2}, "top_logprobs"),
        ("openai", {"logit_bias": {"1": 2}}, "logit_bias"),
        ("openai", {"web_search_options": {}}, "web_search_options"),
        ("openai", {"audio": {"voice": "v", "format": "wav"}}, "audio"),
        (
            "openai",
            {"tool_choice": {"type": "web_search"}},
            "tool_choice",
        ),
        (
            "openai",
            {
                "messages": [
                    {"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]}
                ]
            },
            "messages[0].content[0]",
        ),
        (
            "openai",
            {"tools": [{"type": "function", "function": {"name": "f", "odd": 1}}]},
            "tools[0].function.odd",
        ),
        ("openai", {"messages": [{"role": "user", "content": "x", "odd": 1}]}, "messages[0].odd"),
        ("anthropic", {"container": None, "inference_config": {"a": 1}}, "inference_config"),
        (
            "anthropic",
            {"output_config": {"effort": "low", "task_budget": {"total": 1}}},
            "output_config.task_budget",
        ),
        ("openai", {"modalities": ["text", "audio"]}, "modalities"),
        (
            "openai",
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}
                        ],
                    }
                ]
            },
            "messages[0].content[0]",
        ),
        (
            "openai",
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {"type": "file", "file": {"file_data": "data:a/zip;base64,AAAA"}}
                        ],
                    }
                ]
            },
            "messages[0].content[0]",
        ),
        ("anthropic", {"top_k": 3}, "top_k"),
        (
            "anthropic",
            {
                "messages": [
                    {
                        "role": "assistant",
                        "content": [{"type": "tool_result", "tool_use_id": "a", "content": "1"}],
                    }
                ]
            },
            "messages[0].content[0]",
        ),
        (
            "anthropic",
            {
                "messages": [
                    {
                        "role": "assistant",
                        "content": [{"type": "thinking", "thinking": "t", "odd": 1}],
                    }
                ]
            },
            "messages[0].content[0].odd",
        ),
        ("anthropic", {"mcp_servers": []}, "mcp_servers"),
        (
            "anthropic",
            {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
            "tools[0]",
        ),
        (
            "anthropic",
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {"type": "document", "source": {"type": "url", "url": "https://h"}}
                        ],
                    }
                ]
            },
            "messages[0].content[0]",
        ),
    ],
)
def test_what_cannot_be_said_is_refused_by_name_or_dropped_and_told(
    source: str, added: dict[str, Any], field: str
) -> None:
    target = "anthropic" if source == "openai" else "openai"
    request = {"max_tokens": 9, "messages": HELLO, **added}
    with pytest.raises(UnsupportedFieldError) as refused:
        translate(source, target, request)
    assert refused.value.param == field
    assert refused.value.status == 400
    _, dropped = translate(source, target, request, drop=True)
    assert field in dropped


@pytest.mark.parametrize(
    ("source", "target", "tool", "choice"),
    [
        ("openai", "anthropic", {"type": "web_search"}, "required"),
        ("anthropic", "openai", {"type": "web_search_20250305", "name": "w"}, {"type": "any"}),
    ],
)
def test_where_every_tool_is_dropped_so_is_the_choice(
    source: str, target: str, tool: dict[str, Any], choice: Any
) -> None:
    request = {"max_tokens": 9, "messages": HELLO, "tools": [tool], "tool_choice": choice}
    out, dropped = translate(source, target, request, drop=True)
    assert "tools" not in out
    assert "tool_choice" not in out
    assert dropped == ["tools[0]"]


@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
def test_unknown_fields_come_back_byte_for_byte_in_their_own_dialect(dialect: str) -> None:
    body = b'{"model":"x","max_tokens":1,"messages":[{"role":"user","content":"hi","odd":1.00}],"strange":{"a": [1e2]}}'
    out, dropped = DIALECTS[dialect].encode_request(
        DIALECTS[dialect].decode_request(body),
        model="m",
        stream=False,
        drop_unsupported=False,
        default_max_tokens=1,
        host=Host(),
    )
    assert b'"odd":1.00' in out
    assert b'"strange":{"a": [1e2]}' in out
    assert dropped == []


@pytest.mark.parametrize(
    ("dialect", "body", "field"),
    [
        ("openai", b"[]", None),
        ("openai", b"{}", "messages"),
        ("openai", b'{"messages":5}', "messages"),
        ("openai", b'{"messages":[5]}', "messages[0]"),
        ("openai", b'{"messages":[{"content":"x"}]}', "messages[0].role"),
        ("openai", b'{"messages":[{"role":"king","content":"x"}]}', "messages[0].role"),
        (
            "openai",
            b'{"messages":[{"role":"user","content":[{"type":"text"}]}]}',
            "messages[0].content[0].text",
        ),
        ("openai", b'{"messages":[],"temperature":"hot"}', "temperature"),
        ("openai", b'{"messages":[],"tools":[{"type":"function"}]}', "tools[0].function"),
        (
            "anthropic",
            b'{"messages":[{"role":"user","content":[{"type":"image"}]}]}',
            "messages[0].content[0].source",
        ),
        ("anthropic", b'{"messages":[],"tool_choice":{"type":"some"}}', "tool_choice.type"),
        (
            "anthropic",
            b'{"messages":[],"system":[{"type":"image","source":{"type":"url","url":"x"}}]}',
            "system[0].type",
        ),
    ],
)
def test_bad_requests_name_the_field(dialect: str, body: bytes, field: str | None) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        DIALECTS[dialect].decode_request(body)
    assert refused.value.param == field
