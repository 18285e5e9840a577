"""Requests of one dialect and what they must become in the other. Our own cases; they always run."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluicegate.dialects import DIALECTS
from sluicegate.errors import GatewayError, InvalidRequestError, UnsupportedFieldError

from .vendor_types import fault

HELLO = [{"role": "user", "content": "hi"}]
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
A_TOOL = {"name": "f", "input_schema": {"type": "object"}}
A_HELLO = [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]


def translate(
    source: str, target: str, request: dict[str, Any], drop: bool = False, model: str = "m"
) -> tuple[dict[str, Any], list[str]]:
    body = json.dumps({"model": "x", **request}).encode()
    out, dropped = DIALECTS[target].encode_request(
        DIALECTS[source].decode_request(body),
        model=model,
        stream=bool(request.get("stream")),
        drop_unsupported=drop,
        default_max_tokens=4096,
    )
    return json.loads(out), dropped


# What an OpenAI request adds, and what must then stand in the Anthropic one.
TO_ANTHROPIC: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "bound": ({"max_tokens": 7}, {"max_tokens": 7}),
    "newer bound": ({"max_completion_tokens": 7}, {"max_tokens": 7}),
    "no bound": ({}, {"max_tokens": 4096}),
    "system": (
        {"messages": [{"role": "system", "content": "s"}, *HELLO]},
        {"system": [{"type": "text", "text": "s"}], "messages": A_HELLO},
    ),
    "developer": (
        {"messages": [{"role": "developer", "content": "s"}, *HELLO]},
        {"system": [{"type": "text", "text": "s"}]},
    ),
    "late system": (
        {"messages": [*HELLO, {"role": "system", "content": "s"}]},
        {"messages": [*A_HELLO, {"role": "system", "content": [{"type": "text", "text": "s"}]}]},
    ),
    "sampling": ({"temperature": 0.5, "top_p": 0.9}, {"temperature": 0.5, "top_p": 0.9}),
    "stop": ({"stop": "x"}, {"stop_sequences": ["x"]}),
    "stops": ({"stop": ["x", "y"]}, {"stop_sequences": ["x", "y"]}),
    "user": ({"user": "u1"}, {"metadata": {"user_id": "u1"}}),
    "tools": ({"tools": [TOOL]}, {"tools": [A_TOOL]}),
    "tool choice auto": (
        {"tools": [TOOL], "tool_choice": "auto"},
        {"tool_choice": {"type": "auto"}},
    ),
    "tool choice none": (
        {"tools": [TOOL], "tool_choice": "none"},
        {"tool_choice": {"type": "none"}},
    ),
    "tool choice required": (
        {"tools": [TOOL], "tool_choice": "required"},
        {"tool_choice": {"type": "any"}},
    ),
    "tool choice named": (
        {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "f"}}},
        {"tool_choice": {"type": "tool", "name": "f"}},
    ),
    "serial tools": (
        {"tools": [TOOL], "parallel_tool_calls": False},
        {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
    ),
    "tool round": (
        {
            "messages": [
                *HELLO,
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [
                        {
                            "id": "a",
                            "type": "function",
                            "function": {"name": "f", "arguments": '{"x":1}'},
                        },
                        {"id": "b", "type": "function", "function": {"name": "f", "arguments": ""}},
                    ],
                },
                {"role": "tool", "tool_call_id": "a", "content": "1"},
                {"role": "tool", "tool_call_id": "b", "content": "2"},
            ]
        },
        {
            "messages": [
                *A_HELLO,
                {
                    "role": "assistant",
                    "content": [
                        {"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}},
                        {"type": "tool_use", "id": "b", "name": "f", "input": {}},
                    ],
                },
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "tool_result",
                            "tool_use_id": "a",
                            "content": [{"type": "text", "text": "1"}],
                        },
                        {
                            "type": "tool_result",
                            "tool_use_id": "b",
                            "content": [{"type": "text", "text": "2"}],
                        },
                    ],
                },
            ]
        },
    ),
    "image by url": (
        {
            "messages": [
                {
                    "role": "user",
                    "content": [{"type": "image_url", "image_url": {"url": "https://h/i.png"}}],
                }
            ]
        },
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "image", "source": {"type": "url", "url": "https://h/i.png"}}
                    ],
                }
            ]
        },
    ),
    "image inline": (
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
    ),
    "document": (
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "file",
                            "file": {
                                "filename": "a.pdf",
                                "file_data": "data:application/pdf;base64,JVBE",
                            },
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
                        {
                            "type": "document",
                            "source": {
                                "type": "base64",
                                "media_type": "application/pdf",
                                "data": "JVBE",
                            },
                            "title": "a.pdf",
                        }
                    ],
                }
            ]
        },
    ),
    "schema": (
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "n", "schema": {"type": "object"}},
            }
        },
        {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}},
    ),
    "effort": (
        {"reasoning_effort": "high"},
        {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}},
    ),
    "no reasoning": ({"reasoning_effort": "none"}, {"thinking": {"type": "disabled"}}),
    "thinking blocks": (
        {
            "messages": [
                *HELLO,
                {
                    "role": "assistant",
                    "content": "a",
                    "thinking_blocks": [
                        {"type": "thinking", "thinking": "t", "signature": "s"},
                        {"type": "redacted_thinking", "data": "d"},
                    ],
                },
            ]
        },
        {
            "messages": [
                *A_HELLO,
                {
                    "role": "assistant",
                    "content": [
                        {"type": "thinking", "thinking": "t", "signature": "s"},
                        {"type": "redacted_thinking", "data": "d"},
                        {"type": "text", "text": "a"},
                    ],
                },
            ]
        },
    ),
    "cache control": (
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "text",
                            "text": "hi",
                            "cache_control": {"type": "ephemeral", "ttl": "1h"},
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
                        {
                            "type": "text",
                            "text": "hi",
                            "cache_control": {"type": "ephemeral", "ttl": "1h"},
                        }
                    ],
                }
            ]
        },
    ),
    "refusal": (
        {"messages": [*HELLO, {"role": "assistant", "refusal": "no"}]},
        {
            "messages": [
                *A_HELLO,
                {"role": "assistant", "content": [{"type": "text", "text": "no"}]},
            ]
        },
    ),
    "tier": ({"service_tier": "default"}, {"service_tier": "standard_only"}),
    "tier without a counterpart": ({"service_tier": "flex"}, {"service_tier": None}),
    "stream options": (
        {"stream": True, "stream_options": {"include_usage": True, "include_obfuscation": False}},
        {"stream": True},
    ),
    "json object": (
        {"response_format": {"type": "json_object"}},
        {"system": [{"type": "text", "text": "Answer with one JSON object and nothing else."}]},
    ),
    "defaults": ({"modalities": ["text"], "logit_bias": {}}, {"messages": A_HELLO}),
    "text form": ({"response_format": {"type": "text"}}, {"system": None, "output_config": None}),
    "strict tool": (
        {
            "tools": [
                {
                    "type": "function",
                    "function": {
                        "name": "f",
                        "description": "d",
                        "strict": True,
                        "parameters": {"type": "object"},
                    },
                }
            ]
        },
        {
            "tools": [
                {
                    "name": "f",
                    "description": "d",
                    "strict": True,
                    "input_schema": {"type": "object"},
                }
            ]
        },
    ),
    "tool without parameters": (
        {"tools": [{"type": "function", "function": {"name": "f"}}]},
        {"tools": [A_TOOL]},
    ),
    "empty tools": ({"tools": [], "parallel_tool_calls": True}, {"tools": None}),
    "several users": (
        {"messages": [*HELLO, *HELLO]},
        {"messages": [{"role": "user", "content": [*A_HELLO[0]["content"]] * 2}]},
    ),
    "mark on a message": (
        {"messages": [{**HELLO[0], "cache_control": {"type": "ephemeral"}}]},
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}
                    ],
                }
            ]
        },
    ),
    "prefill": (
        {"messages": [*HELLO, {"role": "assistant", "content": "a", "prefix": True}]},
        {
            "messages": [
                *A_HELLO,
                {"role": "assistant", "content": [{"type": "text", "text": "a"}]},
            ]
        },
    ),
    "harmless": (
        {"store": True, "prompt_cache_key": "k", "metadata": {"a": "b"}},
        {"max_tokens": 4096},
    ),
}

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


@pytest.mark.parametrize(("added", "expected"), TO_ANTHROPIC.values(), ids=TO_ANTHROPIC.keys())
def test_openai_to_anthropic(added: dict[str, Any], expected: dict[str, Any]) -> None:
    out, _ = translate("openai", "anthropic", {"messages": HELLO, **added})
    assert {name: out.get(name) for name in expected} == expected
    assert fault("anthropic", out) is None


@pytest.mark.parametrize(("added", "expected"), TO_OPENAI.values(), ids=TO_OPENAI.keys())
def test_anthropic_to_openai(added: dict[str, Any], expected: dict[str, Any]) -> None:
    out, _ = translate("anthropic", "openai", {"max_tokens": 9, "messages": HELLO, **added})
    assert {name: out.get(name) for name in expected} == expected
    assert fault("openai", out) is None


@pytest.mark.parametrize(
    ("source", "added", "field"),
    [
        ("openai", {"n": 2}, "n"),
        ("openai", {"seed": 1}, "seed"),
        ("openai", {"logprobs": True}, "logprobs"),
        ("openai", {"presence_penalty": 0.5}, "presence_penalty"),
        ("openai", {"temperature": 1.5}, "temperature"),
        ("openai", {"nobody_knows": 1}, "nobody_knows"),
        ("openai", {"tools": [{"type": "web_search"}]}, "tools[0]"),
        ("openai", {"tools": [{"type": "custom", "custom": {"name": "c"}}]}, "tools[0]"),
        ("openai", {"functions": [{"name": "f"}]}, "functions"),
        ("openai", {"function_call": "auto"}, "function_call"),
        ("openai", {"frequency_penalty": -1}, "frequency_penalty"),
        ("openai", {"top_logprobs": 2}, "top_logprobs"),
        ("openai", {"logit_bias": {"1": 2}}, "logit_bias"),
        ("openai", {"web_search_options": {}}, "web_search_options"),
        ("openai", {"audio": {"voice": "v", "format": "wav"}}, "audio"),
        (
            "openai",
            {"tool_choice": {"type": "allowed_tools", "allowed_tools": {}}},
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
        ("anthropic", {"top_k": 3}, "top_k"),
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


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "role",
                    "content",
                    "type",
                    "text",
                    "messages",
                    "tools",
                    "function",
                    "name",
                    "source",
                    "system",
                    "tool_calls",
                    "id",
                    "input",
                    "x",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@settings(max_examples=300, deadline=None)
@given(
    fields=st.dictionaries(
        st.sampled_from(
            [
                "messages",
                "tools",
                "tool_choice",
                "system",
                "stop",
                "response_format",
                "thinking",
                "reasoning",
                "metadata",
            ]
        ),
        JSON,
    ),
    dialect=st.sampled_from(["openai", "anthropic"]),
)
def test_no_request_raises_anything_but_an_error_for_the_client(
    fields: dict[str, Any], dialect: str
) -> None:
    for target in DIALECTS:
        try:
            translate(dialect, target, fields)
        except GatewayError as error:
            assert 400 <= error.status < 500
