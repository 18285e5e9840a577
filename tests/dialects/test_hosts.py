"""Requests to Cohere's chat and to Ollama's own, field by field, and all recorded ones, for Bedrock
too, against the types of their SDKs.
"""

import base64
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from sluicegate.dialects import DIALECTS, UPSTREAM_DIALECTS
from sluicegate.dialects.base import Host
from sluicegate.errors import InvalidRequestError, UnsupportedFieldError

from ..replay.records import load
from .host_models import fault

THINKER = "command-a-reasoning-08-2025"
COMMAND = "command-a-03-2025"
CLAUDE = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
LLAMA = "llama3.2"
GPT_OSS = "gpt-oss:20b"
HI = {"messages": [{"role": "user", "content": "hi"}]}
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
TOOL = {"type": "function", "function": {"name": "f", "parameters": SCHEMA}}
OTHER = {"type": "function", "function": {"name": "g", "parameters": SCHEMA}}
STRICT = {**SCHEMA, "required": ["a"]}
PNG = base64.b64encode(b"png").decode()
INLINE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
LINKED = {"type": "image_url", "image_url": {"url": "https://h/a.png"}}
FORM = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}


def strict(**function: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "f", "strict": True, **function}}


def named(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name}}


def translate(
    request: dict[str, Any],
    target: str,
    model: str = "m",
    source: str = "openai",
    *,
    drop: bool = False,
) -> tuple[dict[str, Any], list[str]]:
    """The host's request, which its SDK's types accept, and what was left out."""
    body = json.dumps({"model": "x", **request}).encode()
    out, dropped = UPSTREAM_DIALECTS[target].encode_request(
        DIALECTS[source].decode_request(body),
        model=model,
        stream=False,
        drop_unsupported=drop,
        default_max_tokens=4096,
        host=Host(),
    )
    said = json.loads(out)
    assert fault(target, said) is None, said
    return said, dropped


#: (target, model, what a Chat Completions request adds, what the host's has beside its messages)
FIELDS: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    (
        "ollama",
        LLAMA,
        {
            "max_tokens": 7,
            "temperature": 0.5,
            "top_p": 0.9,
            "stop": "a",
            "seed": 3,
            "presence_penalty": 1.5,
        },
        {
            "options": {
                "num_predict": 7,
                "temperature": 0.5,
                "top_p": 0.9,
                "stop": ["a"],
                "seed": 3,
                "presence_penalty": 1.5,
            }
        },
    ),
    ("ollama", LLAMA, {"options": {"num_ctx": 8192}}, {"options": {"num_ctx": 8192}}),
    (
        "ollama",
        LLAMA,
        {"max_tokens": 7, "options": {"num_ctx": 8192}, "keep_alive": "5m"},
        {"options": {"num_predict": 7, "num_ctx": 8192}, "keep_alive": "5m"},
    ),
    ("ollama", LLAMA, {"response_format": {"type": "json_object"}}, {"format": "json"}),
    ("ollama", LLAMA, {"response_format": FORM}, {"format": SCHEMA}),
    ("ollama", LLAMA, {"logprobs": True, "top_logprobs": 2}, {"logprobs": True, "top_logprobs": 2}),
    ("ollama", LLAMA, {"tools": [TOOL]}, {"tools": [TOOL]}),
    ("ollama", LLAMA, {"tools": [TOOL], "tool_choice": "auto"}, {"tools": [TOOL]}),
    ("ollama", LLAMA, {"tools": [TOOL], "tool_choice": "none"}, {}),
    ("ollama", LLAMA, {"reasoning_effort": "none"}, {"think": False}),
    ("ollama", GPT_OSS, {"reasoning_effort": "low"}, {"think": "low"}),
    ("ollama", GPT_OSS, {"reasoning_effort": "xhigh"}, {"think": "high"}),
    ("ollama", LLAMA, {"think": True}, {"think": True}),
    (
        "cohere",
        COMMAND,
        {
            "max_tokens": 7,
            "temperature": 0.5,
            "top_p": 1.0,
            "top_k": 900,
            "stop": ["a"],
            "seed": 3,
            "frequency_penalty": 0.5,
        },
        {
            "max_tokens": 7,
            "temperature": 0.5,
            "p": 0.99,
            "k": 500,
            "stop_sequences": ["a"],
            "seed": 3,
            "frequency_penalty": 0.5,
        },
    ),
    (
        "cohere",
        COMMAND,
        {"response_format": {"type": "json_object"}},
        {"response_format": {"type": "json_object"}},
    ),
    (
        "cohere",
        COMMAND,
        {"response_format": FORM},
        {"response_format": {"type": "json_object", "json_schema": SCHEMA}},
    ),
    ("cohere", COMMAND, {"tools": [TOOL]}, {"tools": [TOOL]}),
    (
        "cohere",
        COMMAND,
        {"tools": [TOOL], "tool_choice": "none"},
        {"tools": [TOOL], "tool_choice": "NONE"},
    ),
    (
        "cohere",
        COMMAND,
        {"tools": [TOOL], "tool_choice": "required"},
        {"tools": [TOOL], "tool_choice": "REQUIRED"},
    ),
    (
        "cohere",
        COMMAND,
        {"tools": [TOOL, OTHER], "tool_choice": named("g")},
        {"tools": [OTHER], "tool_choice": "REQUIRED"},
    ),
    (
        "cohere",
        COMMAND,
        {"tools": [strict(parameters=STRICT)]},
        {
            "tools": [{"type": "function", "function": {"name": "f", "parameters": STRICT}}],
            "strict_tools": True,
        },
    ),
    ("cohere", THINKER, {"reasoning_effort": "none"}, {"thinking": {"type": "disabled"}}),
    (
        "cohere",
        THINKER,
        {"reasoning_effort": "medium", "max_tokens": 8000},
        {"max_tokens": 8000, "thinking": {"type": "enabled", "token_budget": 4000}},
    ),
    (
        "cohere",
        THINKER,
        {"thinking": {"type": "enabled", "budget_tokens": 700}},
        {"thinking": {"type": "enabled", "token_budget": 700}},
    ),
    (
        "cohere",
        COMMAND,
        {
            "documents": [{"id": "d", "data": {"text": "t"}}],
            "citation_options": {"mode": "OFF"},
            "safety_mode": "STRICT",
        },
        {
            "documents": [{"id": "d", "data": {"text": "t"}}],
            "citation_options": {"mode": "OFF"},
            "safety_mode": "STRICT",
        },
    ),
]


@pytest.mark.parametrize(("target", "model", "fields", "wanted"), FIELDS)
def test_a_field_is_said_in_the_hosts_words(
    target: str, model: str, fields: dict[str, Any], wanted: dict[str, Any]
) -> None:
    said, dropped = translate({**HI, **fields}, target, model)
    assert (said.pop("model"), said.pop("stream"), said.pop("messages")) == (
        model,
        False,
        HI["messages"],
    )
    assert said == wanted
    assert dropped == []


@pytest.mark.parametrize(
    ("target", "fields", "field"),
    [
        ("ollama", {"n": 2}, "n"),
        ("ollama", {"options": 5}, "options"),
        ("ollama", {"documents": []}, "documents"),
        ("ollama", {"messages": [{"role": "user", "content": [LINKED]}]}, "messages[0].content[0]"),
        ("cohere", {"n": 2}, "n"),
        ("cohere", {"logprobs": True}, "logprobs"),
        ("cohere", {"presence_penalty": -1}, "presence_penalty"),
        ("cohere", {"frequency_penalty": 1.5}, "frequency_penalty"),
        ("cohere", {"keep_alive": 5}, "keep_alive"),
        (
            "cohere",
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {"type": "input_audio", "input_audio": {"data": PNG, "format": "wav"}}
                        ],
                    }
                ]
            },
            "messages[0].content[0]",
        ),
    ],
)
def test_what_a_host_cannot_say_is_refused_by_name(
    target: str, fields: dict[str, Any], field: str
) -> None:
    with pytest.raises(UnsupportedFieldError) as refused:
        translate({**HI, **fields}, target)
    assert refused.value.field == field
    if "messages" not in fields:
        _, dropped = translate({**HI, **fields}, target, drop=True)
        assert field in dropped


@pytest.mark.parametrize("target", ["ollama", "cohere"])
@pytest.mark.parametrize(
    ("fields", "dropped"),
    [
        ({"reasoning_effort": "low"}, "reasoning_effort"),
        ({"user": "u"}, "user"),
        ({"service_tier": "flex"}, "service_tier"),
        ({"metadata": {}}, "metadata"),
    ],
)
def test_what_only_tunes_is_left_out_and_told(
    target: str, fields: dict[str, Any], dropped: str
) -> None:
    said, told = translate({**HI, **fields}, target)
    assert said == {"model": "m", "stream": False, **HI}
    assert told == [dropped]


@pytest.mark.parametrize(
    ("target", "fields", "dropped", "words"),
    [
        ("ollama", {"tool_choice": "required"}, "tool_choice", "call of one of the tools"),
        ("ollama", {"tool_choice": named("f")}, "tool_choice", "call of the tool f"),
        ("ollama", {"parallel_tool_calls": False}, "parallel_tool_calls", "one tool at a time"),
        ("cohere", {"parallel_tool_calls": False}, "parallel_tool_calls", "one tool at a time"),
    ],
)
def test_a_wish_for_calls_that_the_host_has_no_field_for_is_said_in_words(
    target: str, fields: dict[str, Any], dropped: str, words: str
) -> None:
    said, told = translate({**HI, "tools": [TOOL, OTHER], **fields}, target)
    assert told == [dropped]
    assert said["messages"][0]["role"] == "system"
    assert words in said["messages"][0]["content"]
    # A tool that must be called is the only one that can be.
    is_named = fields.get("tool_choice") == named("f")
    assert said["tools"] == ([TOOL] if is_named else [TOOL, OTHER])


@pytest.mark.parametrize("target", ["ollama", "cohere"])
def test_a_schema_that_not_all_tools_can_be_held_to_is_told(target: str) -> None:
    tools = [strict(parameters=STRICT), {**OTHER}]
    said, dropped = translate({**HI, "tools": tools}, target)
    assert "strict_tools" not in said
    assert dropped == ["tools[0].strict"]


CALL = {"id": "a b", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
TALK = [
    {"role": "system", "content": "be"},
    {"role": "user", "content": [{"type": "text", "text": "hi"}, INLINE]},
    {"role": "assistant", "content": "so", "reasoning_content": "hm", "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "a b", "content": "5"},
    {"role": "user", "content": "and?"},
]


def test_a_talk_in_ollamas_words() -> None:
    said, dropped = translate({"messages": TALK, "tools": [TOOL]}, "ollama")
    assert said["messages"] == [
        {"role": "system", "content": "be"},
        {"role": "user", "content": "hi", "images": [PNG]},
        {
            "role": "assistant",
            "content": "so",
            "thinking": "hm",
            "tool_calls": [{"id": "a b", "function": {"name": "f", "arguments": {"a": 1}}}],
        },
        {"role": "tool", "content": "5", "tool_name": "f", "tool_call_id": "a b"},
        {"role": "user", "content": "and?"},
    ]
    assert dropped == []


@pytest.mark.parametrize(
    ("model", "spoken"),
    [
        (COMMAND, {"content": "so", "tool_plan": "hm"}),
        (
            THINKER,
            {
                "content": [
                    {"type": "thinking", "thinking": "hm"},
                    {"type": "text", "text": "so"},
                ]
            },
        ),
    ],
)
def test_a_talk_in_coheres_words(model: str, spoken: dict[str, Any]) -> None:
    said, dropped = translate({"messages": TALK, "tools": [TOOL]}, "cohere", model)
    assert said["messages"] == [
        {"role": "system", "content": "be"},
        {"role": "user", "content": [{"type": "text", "text": "hi"}, INLINE]},
        {"role": "assistant", **spoken, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "a b", "content": "5"},
        {"role": "user", "content": "and?"},
    ]
    assert dropped == []


def anthropic(*content: dict[str, Any], role: str = "user") -> dict[str, Any]:
    first = [{"role": "user", "content": "hi"}] if role == "assistant" else []
    return {"max_tokens": 9, "messages": [*first, {"role": role, "content": list(content)}]}


SHOWN = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
RESULT = {
    "type": "tool_result",
    "tool_use_id": "t",
    "is_error": True,
    "content": [{"type": "text", "text": "no"}, SHOWN],
}
SIGNED = {"type": "thinking", "thinking": "hm", "signature": "s"}
TEXT = {"type": "text", "text": "a"}

#: (target, request, its last messages, what is left out)
BLOCKS: list[tuple[str, dict[str, Any], list[dict[str, Any]], list[str]]] = [
    (
        "ollama",
        anthropic(RESULT),
        [{"role": "tool", "content": "Error: no", "tool_call_id": "t", "images": [PNG]}],
        [],
    ),
    (
        "cohere",
        anthropic(RESULT),
        [
            {"role": "tool", "tool_call_id": "t", "content": "Error: no"},
            {"role": "user", "content": [INLINE]},
        ],
        [],
    ),
    (
        "ollama",
        anthropic(SIGNED, TEXT, role="assistant"),
        [{"role": "assistant", "content": "a", "thinking": "hm"}],
        ["messages[1].content[0].signature"],
    ),
    (
        "cohere",
        anthropic(SIGNED, TEXT, role="assistant"),
        [{"role": "assistant", "content": "a"}],
        ["messages[1].content[0]"],
    ),
    (
        "ollama",
        anthropic({**TEXT, "cache_control": {"type": "ephemeral"}}, TEXT),
        [{"role": "user", "content": "a\na"}],
        ["messages[0].content[0].cache_control"],
    ),
    (
        "cohere",
        anthropic(
            {
                "type": "document",
                "source": {"type": "text", "media_type": "text/plain", "data": "d"},
                "title": "t",
            }
        ),
        [{"role": "user", "content": "t:\nd"}],
        [],
    ),
]


@pytest.mark.parametrize(("target", "request_", "wanted", "left_out"), BLOCKS)
def test_a_block_is_said_in_the_hosts_words(
    target: str, request_: dict[str, Any], wanted: list[dict[str, Any]], left_out: list[str]
) -> None:
    said, dropped = translate(request_, target, source="anthropic")
    assert said["messages"][-len(wanted) :] == wanted
    assert dropped == left_out


#: Fields that stand for what only OpenAI keeps.
KEPT = ("conversation", "prompt", "previous_response_id")


@pytest.mark.parametrize(
    ("target", "model"),
    [
        ("ollama", LLAMA),
        ("cohere", COMMAND),
        ("bedrock", CLAUDE),
        ("anthropic", "claude-sonnet-4-5"),
        ("gemini", "gemini-2.5-flash"),
        ("openai", "gpt-5-mini"),
        ("openai_responses", "gpt-5-mini"),
    ],
)
def test_recorded_requests_of_all_dialects_are_ones_that_the_host_takes(
    corpora: Path | None, target: str, model: str
) -> None:
    """Or they are refused by the name of a field that the host does not have."""
    if corpora is None:
        pytest.skip("no recorded traffic here: translation for hosts was not shown on it")
    refused: Counter[str] = Counter()
    wrong: list[str] = []
    total = 0
    for record in load(corpora):
        if record.dialect not in DIALECTS or record.synthetic_request or record.status != 200:
            continue
        if record.dialect == target:
            continue
        total += 1
        try:
            translate(json.loads(record.request), target, model, record.dialect)
        except UnsupportedFieldError as error:
            refused[f"{record.dialect}: {re.sub(r'[0-9]+', 'N', error.field)}"] += 1
        except InvalidRequestError as error:
            # What only the vendor keeps: a conversation, a prompt, an earlier response.
            assert error.param in KEPT, (record.id, error)
            refused[f"{record.dialect}: {error.param}"] += 1
        except (AssertionError, ValueError) as error:
            wrong.append(f"{record.id} {record.dialect}: {error!r:.300}")
    print(f"\n{target}: {total} recorded requests, {refused.total()} refused by name:")
    for field, count in refused.most_common():
        print(f"  {count:4d}  {field}")
    assert wrong == []
    assert refused.total() <= 0.1 * total
