"""Chat Completions requests and what they must become as Messages. Our own cases."""

from typing import Any

import pytest

from .translate import A_HELLO, A_TOOL, HELLO, TOOL, translate
from .vendor_types import fault

JPG = "data:image/JPG;base64,"


def asking(part: dict[str, Any]) -> list[dict[str, Any]]:
    """A user's message of one part."""
    return [{"role": "user", "content": [part]}]


def file(name: str, data: str) -> dict[str, Any]:
    """A file as Chat Completions takes it."""
    return {"type": "file", "file": {"filename": name, "file_data": data}}


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
    "tool whose parameters have no type": (
        {
            "tools": [
                {"type": "function", "function": {"name": "f", "parameters": {"required": ["a"]}}}
            ]
        },
        {"tools": [{"name": "f", "input_schema": {"type": "object", "required": ["a"]}}]},
    ),
    "image of an unregistered type": (
        {"messages": asking({"type": "image_url", "image_url": {"url": f"{JPG}AAAA"}})},
        {
            "messages": asking(
                {
                    "type": "image",
                    "source": {"type": "base64", "media_type": "image/jpeg", "data": "AAAA"},
                }
            )
        },
    ),
    "file of text": (
        {"messages": asking(file("a.csv", "data:text/csv;base64,w7w7MQ=="))},
        {
            "messages": asking(
                {
                    "type": "document",
                    "title": "a.csv",
                    "source": {"type": "text", "media_type": "text/plain", "data": "\u00fc;1"},
                }
            )
        },
    ),
    "file that is an image": (
        {"messages": asking(file("a.png", "data:image/png;base64,AAAA"))},
        {
            "messages": asking(
                {
                    "type": "image",
                    "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"},
                }
            )
        },
    ),
    "what hosts add to their answers": (
        {
            "messages": [
                *HELLO,
                {
                    "role": "assistant",
                    "content": None,
                    "refusal": None,
                    "annotations": [],
                    "audio": None,
                    "function_call": None,
                    "executed_tools": [{"type": "search"}],
                    "tool_calls": [
                        {
                            "id": "a",
                            "type": "function",
                            "index": 0,
                            "function": {"name": "f", "arguments": "{}"},
                            "extra_content": {"google": {"thought_signature": "s"}},
                        }
                    ],
                },
            ]
        },
        {
            "messages": [
                *A_HELLO,
                {
                    "role": "assistant",
                    "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {}}],
                },
            ]
        },
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


@pytest.mark.parametrize(("added", "expected"), TO_ANTHROPIC.values(), ids=TO_ANTHROPIC.keys())
def test_openai_to_anthropic(added: dict[str, Any], expected: dict[str, Any]) -> None:
    out, _ = translate("openai", "anthropic", {"messages": HELLO, **added})
    assert {name: out.get(name) for name in expected} == expected
    assert fault("anthropic", out) is None


@pytest.mark.parametrize(
    ("annotations", "told"),
    [([{"type": "url_citation"}], ["messages[1].annotations"]), ([], []), (None, [])],
    ids=["some", "none", "null"],
)
def test_sources_of_an_earlier_answer_are_left_out_and_told(
    annotations: Any, told: list[str]
) -> None:
    answer = {"role": "assistant", "content": "a", "annotations": annotations}
    out, dropped = translate("openai", "anthropic", {"messages": [*HELLO, answer]})
    assert out["messages"][1] == {"role": "assistant", "content": [{"type": "text", "text": "a"}]}
    assert dropped == told
