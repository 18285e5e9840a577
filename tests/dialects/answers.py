"""Whole answers of each vendor, and what a client of the other must read in them.

Each case is `(answer, expected)`: the answer's fields over those of an ordinary one, and the parts
of the translated answer that the case is about.
"""

from typing import Any, Final

Case = tuple[dict[str, Any], dict[str, Any]]


def call(name: str, arguments: str, identity: str = "call_1") -> dict[str, Any]:
    """A tool call as Chat Completions writes it."""
    return {"id": identity, "type": "function", "function": {"name": name, "arguments": arguments}}


def use(name: str, given: Any, identity: str = "call_1") -> dict[str, Any]:
    """The same as Messages writes it."""
    return {"type": "tool_use", "id": identity, "name": name, "input": given}


def text(said: str) -> dict[str, Any]:
    """A text block."""
    return {"type": "text", "text": said}


def completion(
    message: dict[str, Any], finish: str | None = "stop", **fields: Any
) -> dict[str, Any]:
    """A chat completion; `fields` over the ordinary ones."""
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1700000000,
        "model": "made-up",
        "choices": [choice],
        "usage": {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13},
        **fields,
    }


def message(
    content: list[dict[str, Any]], stop: str | None = "end_turn", **fields: Any
) -> dict[str, Any]:
    """A message; `fields` over the ordinary ones."""
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "made-up",
        "content": content,
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": {"input_tokens": 9, "output_tokens": 4},
        **fields,
    }


def openai_usage(**fields: Any) -> dict[str, Any]:
    """An answer that differs in its usage alone."""
    return completion({"content": "hi"}, usage=fields)


def anthropic_usage(**fields: Any) -> dict[str, Any]:
    """An answer that differs in its usage alone."""
    return message([text("hi")], usage=fields)


def annotated(url: str, title: str) -> dict[str, Any]:
    """A source as Chat Completions writes it."""
    place = {"url": url, "title": title, "start_index": 0, "end_index": 2}
    return {"type": "url_citation", "url_citation": place}


def cited(url: str, title: str = "") -> dict[str, Any]:
    """The same as Messages writes it."""
    return {"type": "web_search_result_location", "url": url, "title": title, "cited_text": ""}


GEMINIS: Final = {"extra_content": {"google": {"thought_signature": "AB=="}}}
BIG: Final = 12345678901234567890123
ODD: Final = 0.1 + 0.2
DEEP: Final = {"z": [{"a": None}, True, -1.5e-7], "a": "\u2028\u00fc \U0001f680", "": {}}

TO_ANTHROPIC: Final[dict[str, Case]] = {
    "sources beside the answer": (
        completion(
            {"content": "hi"},
            citations=["https://h/1"],
            search_results=[{"title": "One", "url": "https://h/1", "date": "2026-01-02"}],
        ),
        {"content": [{"text": "hi", "citations": [cited("https://h/1", "One")]}]},
    ),
    "sources by URL alone": (
        completion({"content": "hi"}, citations=["https://h/1", 7, {"no": "url"}]),
        {"content": [{"text": "hi", "citations": [cited("https://h/1")]}]},
    ),
    "annotations": (
        completion({"content": "hi", "annotations": [annotated("https://h/1", "One"), {"x": 1}]}),
        {"content": [{"text": "hi", "citations": [cited("https://h/1", "One")]}]},
    ),
    "a tier with a price of its own": (
        completion({"content": "hi"}, service_tier="priority"),
        {"usage": {"service_tier": "priority"}},
    ),
    "a signature of Gemini's": (
        completion(
            {
                "content": None,
                "tool_calls": [
                    call("f", "{}", "call_1") | GEMINIS,
                    call("g", "{}", "call_2"),
                ],
            },
            "tool_calls",
        ),
        {
            "content": [
                {"type": "thinking", "thinking": "", "signature": "sgGeminiAB=="},
                use("f", {}, "call_1"),
                use("g", {}, "call_2"),
            ]
        },
    ),
    "text": (completion({"content": "hi"}), {"content": [text("hi")], "stop_reason": "end_turn"}),
    "spaces": (completion({"content": "  a \n\n"}), {"content": [text("  a \n\n")]}),
    "unicode": (
        completion({"content": "\u00fc\u2028\U0001f680\u05e9"}),
        {"content": [text("\u00fc\u2028\U0001f680\u05e9")]},
    ),
    "nothing": (completion({"content": ""}), {"content": [], "stop_reason": "end_turn"}),
    "null": (completion({"content": None}), {"content": [], "stop_reason": "end_turn"}),
    "content in a list": (
        completion({"content": [text("a"), text("b")]}),
        {"content": [text("ab")]},
    ),
    "content that is an object": (  # Cloudflare's JSON mode
        completion({"content": {"b": 1, "a": [2]}}),
        {"content": [text('{"b": 1, "a": [2]}')]},
    ),
    "length": (completion({"content": "hi"}, "length"), {"stop_reason": "max_tokens"}),
    "filter": (completion({"content": "hi"}, "content_filter"), {"stop_reason": "refusal"}),
    "no reason": (completion({"content": "hi"}, None), {"stop_reason": "end_turn"}),
    "unknown reason": (completion({"content": "hi"}, "bored"), {"stop_reason": "end_turn"}),
    "refusal": (
        completion({"content": None, "refusal": "no"}),
        {"content": [text("no")]},
    ),
    "one call": (
        completion({"content": None, "tool_calls": [call("f", '{"x":1}')]}, "tool_calls"),
        {"content": [use("f", {"x": 1})], "stop_reason": "tool_use"},
    ),
    "text and a call": (
        completion({"content": "look", "tool_calls": [call("f", "{}")]}, "tool_calls"),
        {"content": [text("look"), use("f", {})]},
    ),
    "two calls": (
        completion(
            {"tool_calls": [call("f", '{"x":1}'), call("g", '{"y":2}', "call_2")]}, "tool_calls"
        ),
        {"content": [use("f", {"x": 1}), use("g", {"y": 2}, "call_2")]},
    ),
    "the same tool twice": (
        completion({"tool_calls": [call("f", "{}"), call("f", "{}", "call_2")]}, "tool_calls"),
        {"content": [use("f", {}), use("f", {}, "call_2")]},
    ),
    "a call that ends with stop": (
        completion({"tool_calls": [call("f", "{}")]}, "stop"),
        {"stop_reason": "tool_use"},
    ),
    "a call cut by its bound": (
        completion({"tool_calls": [call("f", '{"x":')]}, "length"),
        {"content": [use("f", {"arguments": '{"x":'})], "stop_reason": "max_tokens"},
    ),
    "no arguments": (completion({"tool_calls": [call("f", "")]}), {"content": [use("f", {})]}),
    "deep arguments": (
        completion(
            {
                "tool_calls": [
                    call(
                        "f", '{"z":[{"a":null},true,-1.5e-7],"a":"\\u2028\u00fc \U0001f680","":{}}'
                    )
                ]
            }
        ),
        {"content": [use("f", DEEP)]},
    ),
    "great numbers": (
        completion({"tool_calls": [call("f", f'{{"n":{BIG},"m":9007199254740993}}')]}),
        {"content": [use("f", {"n": BIG, "m": 9007199254740993})]},
    ),
    "odd numbers": (
        completion(
            {"tool_calls": [call("f", f'{{"n":{ODD!r},"m":5e-324,"k":1.7976931348623157e308}}')]}
        ),
        {"content": [use("f", {"n": ODD, "m": 5e-324, "k": 1.7976931348623157e308})]},
    ),
    "arguments that are an object": (
        completion({"tool_calls": [call("f", {"x": 1})]}),  # type: ignore[arg-type]
        {"content": [use("f", {"x": 1})]},
    ),
    "arguments that are a list": (
        completion({"tool_calls": [call("f", "[1]")]}),
        {"content": [use("f", {"arguments": "[1]"})]},
    ),
    "arguments that are no json": (
        completion({"tool_calls": [call("f", "x=1")]}),
        {"content": [use("f", {"arguments": "x=1"})]},
    ),
    "thought": (
        completion({"content": "4", "reasoning_content": "2+2"}),
        {"content": [{"type": "thinking", "thinking": "2+2", "signature": ""}, text("4")]},
    ),
    "thought, as groq says it": (
        completion({"content": "4", "reasoning": "2+2"}),
        {"content": [{"type": "thinking", "thinking": "2+2", "signature": ""}, text("4")]},
    ),
    "signed thought": (
        completion(
            {
                "content": "4",
                "reasoning_content": "2+2",
                "thinking_blocks": [
                    {"type": "thinking", "thinking": "2+2", "signature": "s"},
                    {"type": "redacted_thinking", "data": "d"},
                ],
            }
        ),
        {
            "content": [
                {"type": "thinking", "thinking": "2+2", "signature": "s"},
                {"type": "redacted_thinking", "data": "d"},
                text("4"),
            ]
        },
    ),
    "a call of the old kind": (
        completion({"function_call": {"name": "f", "arguments": '{"x":1}'}}, "function_call"),
        {
            "content": [{"type": "tool_use", "name": "f", "input": {"x": 1}}],
            "stop_reason": "tool_use",
        },
    ),
    "usage": (
        openai_usage(prompt_tokens=9, completion_tokens=4, total_tokens=13),
        {"usage": {"input_tokens": 9, "output_tokens": 4}},
    ),
    "usage with a cache": (
        openai_usage(
            prompt_tokens=100, completion_tokens=4, prompt_tokens_details={"cached_tokens": 60}
        ),
        {"usage": {"input_tokens": 40, "cache_read_input_tokens": 60, "output_tokens": 4}},
    ),
    "usage with cache writes": (
        openai_usage(
            prompt_tokens=100,
            completion_tokens=4,
            prompt_tokens_details={"cached_tokens": 60, "cache_write_tokens": 30},
        ),
        {
            "usage": {
                "input_tokens": 10,
                "cache_read_input_tokens": 60,
                "cache_creation_input_tokens": 30,
            }
        },
    ),
    "usage with reasoning": (
        openai_usage(
            prompt_tokens=9,
            completion_tokens=40,
            completion_tokens_details={"reasoning_tokens": 30},
        ),
        {"usage": {"input_tokens": 9, "output_tokens": 40}},
    ),
    "extra fields": (
        completion({"content": "hi"}, system_fingerprint="fp", service_tier="default"),
        {"content": [text("hi")]},
    ),
}

TO_OPENAI: Final[dict[str, Case]] = {
    "why it declined": (
        message([], "refusal", stop_details={"type": "refusal", "category": "cyber"}),
        {
            "choices": [
                {
                    "finish_reason": "content_filter",
                    "message": {"stop_details": {"type": "refusal", "category": "cyber"}},
                }
            ]
        },
    ),
    "text": (
        message([text("hi")]),
        {"choices": [{"message": {"content": "hi", "role": "assistant"}, "finish_reason": "stop"}]},
    ),
    "two texts": (
        message([text("a"), text("b")]),
        {"choices": [{"message": {"content": "ab"}}]},
    ),
    "spaces": (message([text("  a \n\n")]), {"choices": [{"message": {"content": "  a \n\n"}}]}),
    "unicode": (
        message([text("\u00fc\u2028\U0001f680\u05e9")]),
        {"choices": [{"message": {"content": "\u00fc\u2028\U0001f680\u05e9"}}]},
    ),
    "nothing": (message([]), {"choices": [{"finish_reason": "stop"}]}),
    "length": (message([text("hi")], "max_tokens"), {"choices": [{"finish_reason": "length"}]}),
    "window": (
        message([text("hi")], "model_context_window_exceeded"),
        {"choices": [{"finish_reason": "length"}]},
    ),
    "stop sequence": (
        message([text("hi")], "stop_sequence", stop_sequence="x"),
        {"choices": [{"finish_reason": "stop"}]},
    ),
    "refusal": (
        message([text("hi")], "refusal"),
        {"choices": [{"finish_reason": "content_filter"}]},
    ),
    "refusal at once": (
        message([], "refusal"),
        {"choices": [{"finish_reason": "content_filter"}]},
    ),
    "pause": (message([text("hi")], "pause_turn"), {"choices": [{"finish_reason": "stop"}]}),
    "unknown reason": (message([text("hi")], "bored"), {"choices": [{"finish_reason": "stop"}]}),
    "one call": (
        message([use("f", {"x": 1})], "tool_use"),
        {
            "choices": [
                {
                    "message": {"content": None, "tool_calls": [call("f", '{"x":1}')]},
                    "finish_reason": "tool_calls",
                }
            ]
        },
    ),
    "text and a call": (
        message([text("look"), use("f", {})], "tool_use"),
        {"choices": [{"message": {"content": "look", "tool_calls": [call("f", "{}")]}}]},
    ),
    "two calls": (
        message([use("f", {"x": 1}), use("g", {"y": 2}, "call_2")], "tool_use"),
        {
            "choices": [
                {"message": {"tool_calls": [call("f", '{"x":1}'), call("g", '{"y":2}', "call_2")]}}
            ]
        },
    ),
    "deep arguments": (
        message([use("f", DEEP)], "tool_use"),
        {"choices": [{"message": {"tool_calls": [call("f", DEEP)]}}]},  # type: ignore[arg-type]
    ),
    "great numbers": (
        message([use("f", {"n": BIG, "m": 9007199254740993})], "tool_use"),
        {"choices": [{"message": {"tool_calls": [call("f", {"n": BIG, "m": 9007199254740993})]}}]},  # type: ignore[arg-type]
    ),
    "odd numbers": (
        message([use("f", {"n": ODD, "m": 5e-324})], "tool_use"),
        {"choices": [{"message": {"tool_calls": [call("f", {"n": ODD, "m": 5e-324})]}}]},  # type: ignore[arg-type]
    ),
    "thought": (
        message([{"type": "thinking", "thinking": "2+2", "signature": "s"}, text("4")]),
        {
            "choices": [
                {
                    "message": {
                        "content": "4",
                        "reasoning_content": "2+2",
                        "thinking_blocks": [
                            {"type": "thinking", "thinking": "2+2", "signature": "s"}
                        ],
                    }
                }
            ]
        },
    ),
    "redacted thought": (
        message([{"type": "redacted_thinking", "data": "d"}, text("4")]),
        {
            "choices": [
                {
                    "message": {
                        "content": "4",
                        "thinking_blocks": [{"type": "redacted_thinking", "data": "d"}],
                    }
                }
            ]
        },
    ),
    "thought, then a call": (
        message(
            [{"type": "thinking", "thinking": "t", "signature": "s"}, use("f", {})], "tool_use"
        ),
        {"choices": [{"message": {"reasoning_content": "t", "tool_calls": [call("f", "{}")]}}]},
    ),
    "web sources": (
        message(
            [
                text("So: "),
                {
                    **text("it is."),
                    "citations": [
                        {
                            "type": "web_search_result_location",
                            "url": "https://h/p",
                            "title": "T",
                            "cited_text": "c",
                            "encrypted_index": "e",
                        }
                    ],
                },
            ]
        ),
        {
            "choices": [
                {
                    "message": {
                        "content": "So: it is.",
                        "annotations": [
                            {
                                "type": "url_citation",
                                "url_citation": {
                                    "url": "https://h/p",
                                    "title": "T",
                                    "start_index": 4,
                                    "end_index": 10,
                                },
                            }
                        ],
                    }
                }
            ]
        },
    ),
    "sources inside a document": (
        message(
            [
                {
                    **text("it is."),
                    "citations": [
                        {
                            "type": "char_location",
                            "cited_text": "c",
                            "document_index": 0,
                            "document_title": "T",
                            "start_char_index": 0,
                            "end_char_index": 1,
                        }
                    ],
                }
            ]
        ),
        {"choices": [{"message": {"content": "it is."}}]},
    ),
    "tools of the vendor's own": (
        message(
            [
                {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}},
                {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
                text("found"),
            ]
        ),
        {"choices": [{"message": {"content": "found"}, "finish_reason": "stop"}]},
    ),
    "usage": (
        anthropic_usage(input_tokens=9, output_tokens=4),
        {"usage": {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}},
    ),
    "usage with a cache": (
        anthropic_usage(input_tokens=40, cache_read_input_tokens=60, output_tokens=4),
        {
            "usage": {
                "prompt_tokens": 100,
                "prompt_tokens_details": {"cached_tokens": 60},
                "total_tokens": 104,
            }
        },
    ),
    "usage with cache writes": (
        anthropic_usage(
            input_tokens=10,
            cache_read_input_tokens=60,
            cache_creation_input_tokens=30,
            cache_creation={"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 10},
            output_tokens=4,
        ),
        {"usage": {"prompt_tokens": 100, "prompt_tokens_details": {"cache_write_tokens": 30}}},
    ),
    "usage with thinking": (
        anthropic_usage(
            input_tokens=9, output_tokens=40, output_tokens_details={"thinking_tokens": 30}
        ),
        {
            "usage": {
                "completion_tokens": 40,
                "completion_tokens_details": {"reasoning_tokens": 30},
            }
        },
    ),
    "extra fields": (
        message([text("hi")], container=None, context_management={"applied_edits": []}),
        {"choices": [{"message": {"content": "hi"}}]},
    ),
}
