"""Requests to Bedrock's Converse, field by field; recorded ones are in `test_hosts.py`."""

import base64
import json
from itertools import pairwise
from typing import Any

import pytest

from sluicegate.dialects import DIALECTS, UPSTREAM_DIALECTS
from sluicegate.dialects.base import Host
from sluicegate.errors import UnsupportedFieldError

from .bedrock_model import fault

CLAUDE = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
OLD_CLAUDE = "anthropic.claude-3-7-sonnet-20250219-v1:0"
NOVA = "us.amazon.nova-2-lite-v1:0"
LLAMA = "us.meta.llama3-3-70b-instruct-v1:0"
HI = {"messages": [{"role": "user", "content": "hi"}]}
TALK = [{"role": "user", "content": [{"text": "hi"}]}]
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
SPEC = {"toolSpec": {"name": "f", "inputSchema": {"json": {"type": "object"}}}}
SCHEMA = {"type": "object", "properties": {}}
CALLED = [
    {"role": "user", "content": "hi"},
    {
        "role": "assistant",
        "tool_calls": [
            {"id": "a b", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        ],
    },
    {"role": "tool", "tool_call_id": "a b", "content": "5"},
]


def translate(
    request: dict[str, Any], source: str = "openai", model: str = CLAUDE, *, drop: bool = False
) -> tuple[dict[str, Any], list[str]]:
    """The Converse request, which AWS's model accepts."""
    body = json.dumps({"model": "x", **request}).encode()
    out, dropped = UPSTREAM_DIALECTS["bedrock"].encode_request(
        DIALECTS[source].decode_request(body),
        model=model,
        stream=False,
        drop_unsupported=drop,
        default_max_tokens=4096,
        host=Host(),
    )
    said = json.loads(out)
    assert fault(said) is None
    return said, dropped


def schema(**fields: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA, **fields}}


#: (model, what a Chat Completions request adds, what the Converse request has beside its messages)
FIELDS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    (
        CLAUDE,
        {"max_tokens": 7, "temperature": 0.5, "top_p": 0.9, "stop": ["a"]},
        {
            "inferenceConfig": {
                "maxTokens": 7,
                "temperature": 0.5,
                "topP": 0.9,
                "stopSequences": ["a"],
            }
        },
    ),
    (CLAUDE, {"tools": [TOOL]}, {"toolConfig": {"tools": [SPEC]}}),
    (
        CLAUDE,
        {"tools": [TOOL], "tool_choice": "required"},
        {"toolConfig": {"tools": [SPEC], "toolChoice": {"any": {}}}},
    ),
    (
        CLAUDE,
        {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "f"}}},
        {"toolConfig": {"tools": [SPEC], "toolChoice": {"tool": {"name": "f"}}}},
    ),
    (CLAUDE, {"tools": [TOOL], "tool_choice": "none"}, {}),
    (
        CLAUDE,
        {"tools": [TOOL], "parallel_tool_calls": False},
        {
            "toolConfig": {"tools": [SPEC]},
            "additionalModelRequestFields": {
                "tool_choice": {"type": "auto", "disable_parallel_tool_use": True}
            },
        },
    ),
    (CLAUDE, {"service_tier": "flex"}, {"serviceTier": {"type": "flex"}}),
    (CLAUDE, {"service_tier": "default"}, {}),
    (
        CLAUDE,
        {"response_format": schema()},
        {
            "outputConfig": {
                "textFormat": {
                    "type": "json_schema",
                    "structure": {"jsonSchema": {"schema": json.dumps(SCHEMA), "name": "n"}},
                }
            }
        },
    ),
    (
        CLAUDE,
        {"response_format": {"type": "json_object"}},
        {"system": [{"text": "Answer with one JSON object and nothing else."}]},
    ),
    (
        OLD_CLAUDE,
        {"reasoning_effort": "low", "max_tokens": 8000},
        {
            "inferenceConfig": {"maxTokens": 8000},
            "additionalModelRequestFields": {
                "thinking": {"type": "enabled", "budget_tokens": 1600}
            },
        },
    ),
    (
        NOVA,
        {"reasoning_effort": "high"},
        {
            "additionalModelRequestFields": {
                "reasoningConfig": {"type": "enabled", "maxReasoningEffort": "high"}
            }
        },
    ),
    (
        "openai.gpt-oss-120b-1:0",
        {"reasoning_effort": "low"},
        {"additionalModelRequestFields": {"reasoning_effort": "low"}},
    ),
    (
        CLAUDE,
        {"guardrailConfig": {"guardrailIdentifier": "g1", "guardrailVersion": "1"}},
        {"guardrailConfig": {"guardrailIdentifier": "g1", "guardrailVersion": "1"}},
    ),
    (
        CLAUDE,
        {"additionalModelRequestFields": {"anthropic_beta": ["b"]}},
        {"additionalModelRequestFields": {"anthropic_beta": ["b"]}},
    ),
]


@pytest.mark.parametrize(("model", "fields", "wanted"), FIELDS)
def test_a_field_is_said_in_converses_words(
    model: str, fields: dict[str, Any], wanted: dict[str, Any]
) -> None:
    said, dropped = translate({**HI, **fields}, model=model)
    assert said.pop("messages") == TALK
    assert said == wanted
    assert dropped == []


@pytest.mark.parametrize(
    ("model", "fields", "field"),
    [
        (CLAUDE, {"n": 2}, "n"),
        (CLAUDE, {"logprobs": True}, "logprobs"),
        (CLAUDE, {"temperature": 1.5}, "temperature"),
        (CLAUDE, {"frequency_penalty": 1}, "frequency_penalty"),
        (LLAMA, {"response_format": schema()}, "response_format"),
        (CLAUDE, {"messages": CALLED, "tools": [TOOL], "tool_choice": "none"}, "tool_choice"),
        (
            CLAUDE,
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [{"type": "image_url", "image_url": {"url": "https://h/a.png"}}],
                    }
                ]
            },
            "messages[0].content[0]",
        ),
    ],
)
def test_what_converse_cannot_say_is_refused_by_name(
    model: str, fields: dict[str, Any], field: str
) -> None:
    with pytest.raises(UnsupportedFieldError) as refused:
        translate({**HI, **fields}, model=model)
    assert refused.value.field == field
    if "messages" not in fields:
        _, dropped = translate({**HI, **fields}, model=model, drop=True)
        assert field in dropped


@pytest.mark.parametrize(
    ("model", "fields", "dropped"),
    [
        (LLAMA, {"reasoning_effort": "low"}, "reasoning_effort"),
        (CLAUDE, {"user": "u"}, "user"),
        (CLAUDE, {"service_tier": "auto"}, "service_tier"),
    ],
)
def test_what_only_tunes_is_left_out_and_told(
    model: str, fields: dict[str, Any], dropped: str
) -> None:
    said, told = translate({**HI, **fields}, model=model)
    assert said == {"messages": TALK}
    assert told == [dropped]


def test_calls_and_results_keep_their_order_and_their_ids() -> None:
    said, _ = translate({"messages": CALLED, "tools": [TOOL]})
    _, call, result = said["messages"]
    assert call == {
        "role": "assistant",
        "content": [{"toolUse": {"toolUseId": "a_b", "name": "f", "input": {}}}],
    }
    assert result == {
        "role": "user",
        "content": [{"toolResult": {"toolUseId": "a_b", "content": [{"text": "5"}]}}],
    }


def test_an_id_that_is_too_long_is_the_same_for_a_call_and_its_result() -> None:
    long = json.dumps(CALLED).replace("a b", "x" * 200)
    said, _ = translate({"messages": json.loads(long), "tools": [TOOL]})
    _, call, result = said["messages"]
    identity = call["content"][0]["toolUse"]["toolUseId"]
    assert len(identity) == 64
    assert result["content"][0]["toolResult"]["toolUseId"] == identity


def anthropic(content: list[dict[str, Any]], role: str = "user") -> dict[str, Any]:
    first = [{"role": "user", "content": "hi"}] if role == "assistant" else []
    return {"max_tokens": 9, "messages": [*first, {"role": role, "content": content}]}


DATA = base64.b64encode(b"data").decode()
BASE64 = {"type": "base64", "data": DATA}

#: (role, an Anthropic block, the blocks of Converse)
BLOCKS: list[tuple[str, dict[str, Any], list[dict[str, Any]]]] = [
    (
        "user",
        {"type": "image", "source": {**BASE64, "media_type": "image/webp"}},
        [{"image": {"format": "webp", "source": {"bytes": DATA}}}],
    ),
    (
        "user",
        {
            "type": "document",
            "source": {**BASE64, "media_type": "application/pdf"},
            "title": "The  plan: v1.2",
            "citations": {"enabled": True},
        },
        [
            {
                "document": {
                    "format": "pdf",
                    "name": "The plan v1 2 1",
                    "source": {"bytes": DATA},
                    "citations": {"enabled": True},
                }
            }
        ],
    ),
    (
        "user",
        {
            "type": "document",
            "source": {"type": "text", "media_type": "text/plain", "data": "data"},
            "context": "c",
        },
        [
            {
                "document": {
                    "format": "txt",
                    "name": "document 1",
                    "source": {"bytes": DATA},
                    "context": "c",
                }
            }
        ],
    ),
    (
        "user",
        {"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        [{"text": "a"}, {"cachePoint": {"type": "default", "ttl": "1h"}}],
    ),
    (
        "user",
        {
            "type": "tool_result",
            "tool_use_id": "t",
            "is_error": True,
            "content": [{"type": "text", "text": "no"}],
        },
        [{"toolResult": {"toolUseId": "t", "content": [{"text": "no"}], "status": "error"}}],
    ),
    (
        "assistant",
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        [{"reasoningContent": {"reasoningText": {"text": "hm", "signature": "s"}}}],
    ),
    (
        "assistant",
        {"type": "redacted_thinking", "data": "data"},
        [{"reasoningContent": {"redactedContent": DATA}}],
    ),
]


@pytest.mark.parametrize(("role", "block", "wanted"), BLOCKS)
def test_a_block_is_said_in_converses_words(
    role: str, block: dict[str, Any], wanted: list[dict[str, Any]]
) -> None:
    said, dropped = translate(anthropic([block], role), "anthropic")
    assert said["messages"][-1] == {"role": role, "content": wanted}
    assert dropped == []


@pytest.mark.parametrize(
    ("model", "wanted"),
    [
        ("anthropic.claude-opus-5", {"text", "image", "toolUse", "toolResult", "toolSpec"}),
        ("us.amazon.nova-lite-v1:0", {"text"}),
        ("anthropic.claude-3-haiku-20240307-v1:0", set()),
        ("anthropic.claude-3-5-sonnet-20240620-v1:0", set()),
        (LLAMA, set()),
    ],
)
def test_marks_stand_where_a_model_takes_them(model: str, wanted: set[str]) -> None:
    """Elsewhere it would refuse the request."""
    png = {"type": "base64", "media_type": "image/png", "data": DATA}
    mark = {"cache_control": {"type": "ephemeral"}}
    asked = anthropic(
        [{"type": "text", "text": "a"} | mark, {"type": "image", "source": png} | mark]
    )
    call = {"type": "tool_use", "id": "t", "name": "f", "input": {}} | mark
    result = {"type": "tool_result", "tool_use_id": "t", "content": "ok"} | mark
    asked["messages"] += [
        {"role": "assistant", "content": [call]},
        {"role": "user", "content": [result]},
    ]
    asked["tools"] = [{"name": "f", "input_schema": {"type": "object"}} | mark]
    said, dropped = translate(asked, "anthropic", model)
    blocks = [*said["toolConfig"]["tools"]]
    for message in said["messages"]:
        blocks += message["content"]
    behind = {next(iter(one)) for one, mark in pairwise(blocks) if "cachePoint" in mark}
    if "cachePoint" in blocks[-1]:
        behind.add(next(iter(blocks[-2])))
    assert behind == wanted
    assert len(dropped) == 5 - len(wanted)
    assert all(path.endswith(".cache_control") for path in dropped)


def test_nova_keeps_what_is_marked_for_five_minutes_whatever_is_asked() -> None:
    marked = {"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    said, dropped = translate(anthropic([marked]), "anthropic", "amazon.nova-pro-v1:0")
    assert said["messages"][0]["content"] == [{"text": "a"}, {"cachePoint": {"type": "default"}}]
    assert dropped == ["messages[0].content[0].cache_control.ttl"]


def test_marks_and_thoughts_stay_away_from_models_that_do_not_know_them() -> None:
    marked = {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}
    said, dropped = translate(anthropic([marked]), "anthropic", LLAMA)
    assert said["messages"] == [{"role": "user", "content": [{"text": "a"}]}]
    assert dropped == ["messages[0].content[0].cache_control"]
    thought = {"type": "thinking", "thinking": "hm", "signature": "s"}
    text = {"type": "text", "text": "a"}
    said, dropped = translate(anthropic([thought, text], "assistant"), "anthropic", LLAMA)
    assert said["messages"][-1] == {"role": "assistant", "content": [{"text": "a"}]}
    assert dropped == ["messages[1].content[0]"]
