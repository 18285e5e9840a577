"""Messages requests and what they must become as Chat Completions. Our own cases."""

import json
from typing import Any

import pytest

from sluicegate.dialects.base import Host
from sluicegate.errors import UnsupportedFieldError

from .translate import A_TOOL, ALL_EXTENSIONS, HELLO, TOOL, translate
from .vendor_types import fault

# What an Anthropic request adds, and what must then stand in the OpenAI one.
TO_OPENAI: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "bound": ({}, {"max_completion_tokens": 9}),
    "system": ({"system": "s"}, {"messages": [{"role": "system", "content": "s"}, *HELLO]}),
    "stops": ({"stop_sequences": ["x"]}, {"stop": ["x"]}),
    "user": ({"metadata": {"user_id": "u"}}, {"user": "u"}),
    "tools": ({"tools": [A_TOOL]}, {"tools": [TOOL]}),
    "any": ({"tools": [A_TOOL], "tool_choice": {"type": "any"}}, {"tool_choice": "required"}),
    "serial": (
        {"tools": [A_TOOL], "tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
        {"tool_choice": "auto", "parallel_tool_calls": False},
    ),
    "named": (
        {"tools": [A_TOOL], "tool_choice": {"type": "tool", "name": "f"}},
        {"tool_choice": {"type": "function", "function": {"name": "f"}}},
    ),
    "budget": (
        {"max_tokens": 10000, "thinking": {"type": "enabled", "budget_tokens": 8000}},
        {"reasoning_effort": "high"},
    ),
    "effort": ({"output_config": {"effort": "max"}}, {"reasoning_effort": "high"}),
    "schema": (
        {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}},
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "answer", "schema": {"type": "object"}, "strict": True},
            }
        },
    ),
    "text document": (
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "document",
                            "title": "T",
                            "source": {"type": "text", "media_type": "text/plain", "data": "body"},
                        }
                    ],
                }
            ]
        },
        {"messages": [{"role": "user", "content": "T:\nbody"}]},
    ),
    "tool round": (
        {
            "messages": [
                *HELLO,
                {
                    "role": "assistant",
                    "content": [
                        {"type": "thinking", "thinking": "t", "signature": "s"},
                        {"type": "text", "text": "calling"},
                        {"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}},
                    ],
                },
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "tool_result",
                            "tool_use_id": "a",
                            "is_error": True,
                            "content": "bad",
                        },
                        {"type": "text", "text": "go on"},
                    ],
                },
            ]
        },
        {
            "messages": [
                *HELLO,
                {
                    "role": "assistant",
                    "content": "calling",
                    "tool_calls": [
                        {
                            "id": "a",
                            "type": "function",
                            "function": {"name": "f", "arguments": '{"x": 1}'},
                        }
                    ],
                    "reasoning_content": "t",
                    "thinking_blocks": [{"type": "thinking", "thinking": "t", "signature": "s"}],
                },
                {"role": "tool", "tool_call_id": "a", "content": "Error: bad"},
                {"role": "user", "content": "go on"},
            ]
        },
    ),
    "image from a tool": (
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "tool_result",
                            "tool_use_id": "a",
                            "content": [
                                {
                                    "type": "image",
                                    "source": {"type": "url", "url": "https://h/i.png"},
                                },
                            ],
                        }
                    ],
                }
            ]
        },
        {
            "messages": [
                {"role": "tool", "tool_call_id": "a", "content": ""},
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "Shown by the tool call a:"},
                        {"type": "image_url", "image_url": {"url": "https://h/i.png"}},
                    ],
                },
            ]
        },
    ),
    "stream": ({"stream": True}, {"stream": True, "stream_options": {"include_usage": True}}),
    "none": ({"tools": [A_TOOL], "tool_choice": {"type": "none"}}, {"tool_choice": "none"}),
    "parallel": (
        {"tools": [A_TOOL], "tool_choice": {"type": "auto", "disable_parallel_tool_use": False}},
        {"tool_choice": "auto", "parallel_tool_calls": True},
    ),
    "tier": ({"service_tier": "standard_only"}, {"service_tier": "default"}),
    "older schema": (
        {"output_format": {"type": "json_schema", "schema": {"type": "object"}}},
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "answer", "schema": {"type": "object"}, "strict": True},
            }
        },
    ),
    "small budget": (
        {"max_tokens": 10000, "thinking": {"type": "enabled", "budget_tokens": 2000}},
        {"reasoning_effort": "low"},
    ),
    "image inline": (
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "image",
                            "source": {"type": "base64", "media_type": "image/gif", "data": "R0lG"},
                        }
                    ],
                }
            ]
        },
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "image_url", "image_url": {"url": "data:image/gif;base64,R0lG"}}
                    ],
                }
            ]
        },
    ),
    "marks": (
        {
            "system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}],
            "tools": [{**A_TOOL, "cache_control": {"type": "ephemeral"}}],
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "tool_result",
                            "tool_use_id": "a",
                            "content": "1",
                            "cache_control": {"type": "ephemeral", "ttl": "1h"},
                        }
                    ],
                }
            ],
        },
        {
            "tools": [{**TOOL, "cache_control": {"type": "ephemeral"}}],
            "messages": [
                {
                    "role": "system",
                    "content": [
                        {"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}
                    ],
                },
                {
                    "role": "tool",
                    "tool_call_id": "a",
                    "content": "1",
                    "cache_control": {"type": "ephemeral", "ttl": "1h"},
                },
            ],
        },
    ),
    "redacted thought": (
        {
            "messages": [
                *HELLO,
                {
                    "role": "assistant",
                    "content": [
                        {"type": "redacted_thinking", "data": "d"},
                        {"type": "text", "text": "a"},
                        {"type": "text", "text": "b"},
                    ],
                },
            ]
        },
        {
            "messages": [
                *HELLO,
                {
                    "role": "assistant",
                    "content": "ab",
                    "thinking_blocks": [{"type": "redacted_thinking", "data": "d"}],
                },
            ]
        },
    ),
    "tool reference": (
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "tool_result",
                            "tool_use_id": "a",
                            "content": [{"type": "tool_reference", "tool_name": "f"}],
                        }
                    ],
                }
            ]
        },
        {
            "messages": [
                {"role": "tool", "tool_call_id": "a", "content": "The tool f is available."}
            ]
        },
    ),
    "late system": (
        {"messages": [*HELLO, {"role": "system", "content": "s"}]},
        {"messages": [*HELLO, {"role": "system", "content": "s"}]},
    ),
}


@pytest.mark.parametrize(("added", "expected"), TO_OPENAI.values(), ids=TO_OPENAI.keys())
def test_anthropic_to_openai(added: dict[str, Any], expected: dict[str, Any]) -> None:
    out, _ = translate("anthropic", "openai", {"max_tokens": 9, "messages": HELLO, **added})
    assert {name: out.get(name) for name in expected} == expected
    assert fault("openai", out) is None


MARK = {"cache_control": {"type": "ephemeral"}}
MARKED = {
    "system": [{"type": "text", "text": "s", **MARK}],
    "tools": [{**A_TOOL, **MARK}],
    "messages": [
        *HELLO,
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "t", "signature": "s"},
                {"type": "redacted_thinking", "data": "d"},
                {"type": "tool_use", "id": "a", "name": "f", "input": {}, **MARK},
            ],
        },
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "a", "content": "1", **MARK}],
        },
    ],
}
MARKS = [
    "system[0].cache_control",
    "messages[1].content[2].cache_control",
    "messages[2].content[0].cache_control",
    "tools[0].cache_control",
]
THOUGHTS = ["messages[1].content[0]", "messages[1].content[1]"]


@pytest.mark.parametrize(
    ("extensions", "told"),
    [
        (set(), [*MARKS, *THOUGHTS]),
        ({"cache_control"}, THOUGHTS),
        ({"thinking_blocks"}, MARKS),
        (
            {"cache_control", "reasoning_content"},
            ["messages[1].content[0].signature", "messages[1].content[1]"],
        ),
        ({"cache_control", "reasoning_content", "thinking_blocks"}, []),
    ],
    ids=["none", "marks", "blocks", "texts", "all"],
)
def test_a_host_gets_only_the_extensions_that_it_takes(
    extensions: set[str], told: list[str]
) -> None:
    request = {"max_tokens": 9, **MARKED}
    out, dropped = translate("anthropic", "openai", request, host=Host(frozenset(extensions)))
    written = json.dumps(out)
    assert {name for name in ALL_EXTENSIONS.extensions if f'"{name}"' in written} == extensions
    assert sorted(dropped) == sorted(told)


@pytest.mark.parametrize(
    ("lacks", "there", "told"),
    [
        ("max_completion_tokens", {"max_tokens": 9}, []),
        ("user", {"user": None}, ["metadata.user_id"]),
        ("service_tier", {"service_tier": None}, ["service_tier"]),
        ("reasoning_effort", {"reasoning_effort": None}, ["thinking"]),
        ("stream_options", {"stream_options": None, "stream": True}, []),
        ("response_format", {}, None),
        ("stop", {}, None),
        ("parallel_tool_calls", {"parallel_tool_calls": None}, ["parallel_tool_calls"]),
    ],
)
def test_a_host_gets_no_field_that_it_lacks(
    lacks: str, there: dict[str, Any], told: list[str] | None
) -> None:
    """`told` None: it changes the answer, so the request is refused."""
    request = {
        "max_tokens": 9,
        "messages": HELLO,
        "stream": True,
        "metadata": {"user_id": "u"},
        "service_tier": "auto",
        "thinking": {"type": "enabled", "budget_tokens": 4},
        "stop_sequences": ["x"],
        "tools": [A_TOOL],
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
        "output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}},
    }
    host = Host(lacks=frozenset({lacks}))
    if told is None:
        with pytest.raises(UnsupportedFieldError):
            translate("anthropic", "openai", request, host=host)
    out, dropped = translate("anthropic", "openai", request, host=host, drop=told is None)
    assert lacks not in out
    if told is not None:
        assert {name: out.get(name) for name in there} == there
        assert dropped == told
    assert len(dropped) == (1 if told is None else len(told))


def _sealed(signature: str) -> dict[str, str]:
    return {"type": "thinking", "thinking": "", "signature": signature}


def _call(number: int) -> dict[str, Any]:
    return {"type": "tool_use", "id": f"c{number}", "name": "f", "input": {}}


SEALS: dict[str, tuple[list[dict[str, Any]], str | None, list[str | None]]] = {
    "before a call": ([_sealed("sgGeminiAB"), _call(1), _call(2)], None, ["AB", None]),
    "before each": (
        [_sealed("sgGeminiAB"), _call(1), _sealed("sgGeminiCD"), _call(2)],
        None,
        ["AB", "CD"],
    ),
    "behind a text": ([{"type": "text", "text": "t"}, _sealed("sgGeminiAB")], "AB", []),
    "of text and call": (
        [{"type": "text", "text": "t"}, _sealed("sgGeminiAB"), _sealed("sgGeminiCD"), _call(1)],
        "AB",
        ["CD"],
    ),
}


@pytest.mark.parametrize("case", SEALS)
def test_geminis_signatures_come_back_to_where_they_were(case: str) -> None:
    parts, of_text, of_calls = SEALS[case]
    request = {"max_tokens": 9, "messages": [*HELLO, {"role": "assistant", "content": parts}]}
    host = Host(extensions=frozenset({"thought_signature"}))
    out, dropped = translate("anthropic", "openai", request, host=host)
    said = out["messages"][1]

    def signature(place: dict[str, Any]) -> str | None:
        extra = place.get("extra_content")
        return extra and extra["google"]["thought_signature"]

    assert signature(said) == of_text
    assert [signature(call) for call in said.get("tool_calls", [])] == of_calls
    assert (dropped, "thinking_blocks" in said) == ([], False)
    out, dropped = translate("anthropic", "openai", request, host=Host())
    assert "extra_content" not in json.dumps(out)
    assert len(dropped) == sum(part["type"] == "thinking" for part in parts)
    assert all(path.endswith(".signature") for path in dropped)
