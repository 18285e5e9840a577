"""Streams as hosts write them, and what a client of the other vendor must read in them.

Each case is `(events, expected)`: the events' data in order, and the parts of the joined answer
that the case is about. Made by hand after the hosts' own documentation; none was recorded.
"""

from typing import Any, Final

from .answers import GEMINIS, annotated, cited

Case = tuple[list[Any], dict[str, Any]]

ID: Final = {"id": "c-1", "object": "chat.completion.chunk", "created": 1764000000, "model": "m"}
USAGE: Final = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}
DONE: Final = "[DONE]"


def chunk(delta: dict[str, Any] | None, finish: Any = None, **more: Any) -> dict[str, Any]:
    """A chunk of one choice; `more` stands beside the choices."""
    choice: dict[str, Any] = {"index": 0, "finish_reason": finish}
    if delta is not None:
        choice["delta"] = delta
    return {**ID, "choices": [choice], **more}


def usage(**counts: Any) -> dict[str, Any]:
    """The chunk of usage alone."""
    return {**ID, "choices": [], "usage": {**USAGE, **counts}}


def calls(*fragments: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A chunk with fragments of tool calls."""
    return chunk({"tool_calls": list(fragments), **more})


def fragment(at: int | None, arguments: Any = None, name: Any = None, **more: Any) -> Any:
    """A fragment of a tool call."""
    function = {"name": name, "arguments": arguments}
    said = {key: value for key, value in function.items() if value is not None}
    return {**({} if at is None else {"index": at}), "function": said, **more}


def started(**counts: Any) -> dict[str, Any]:
    """The first event of a message."""
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 9, "output_tokens": 1, **counts},
    }
    return {"type": "message_start", "message": message}


def block(at: int, begins: dict[str, Any], *pieces: dict[str, Any]) -> list[dict[str, Any]]:
    """The events of one block."""
    return [
        {"type": "content_block_start", "index": at, "content_block": begins},
        *({"type": "content_block_delta", "index": at, "delta": piece} for piece in pieces),
        {"type": "content_block_stop", "index": at},
    ]


def words(at: int, *said: str) -> list[dict[str, Any]]:
    """The events of a block of text."""
    pieces = [{"type": "text_delta", "text": word} for word in said]
    return block(at, {"type": "text", "text": ""}, *pieces)


def stopped(reason: str | None = "end_turn", **more: Any) -> list[dict[str, Any]]:
    """The end of a message; `more` stands beside its delta."""
    delta = {"stop_reason": reason, "stop_sequence": None, **more.pop("delta", {})}
    counts = more.pop("usage", {"output_tokens": 4})
    return [
        {"type": "message_delta", "delta": delta, "usage": counts, **more},
        {"type": "message_stop"},
    ]


def text(said: str) -> dict[str, Any]:
    return {"type": "text", "text": said}


def use(given: Any, name: str = "f", identity: str = "a") -> dict[str, Any]:
    return {"type": "tool_use", "id": identity, "name": name, "input": given}


def thought(said: str, signature: str = "") -> dict[str, Any]:
    return {"type": "thinking", "thinking": said, "signature": signature}


ROLE: Final = {"role": "assistant", "content": ""}
HI: Final = [chunk(ROLE), chunk({"content": "hi"}), chunk({}, "stop")]

TO_ANTHROPIC: Final[dict[str, Case]] = {
    # https://docs.vllm.ai/en/latest/serving/openai_compatible_server/
    "vllm": (
        [
            chunk(ROLE, logprobs=None, prompt_token_ids=None, usage=None),
            chunk({"reasoning_content": "2+2"}),
            chunk({"content": "4", "reasoning_content": None, "tool_calls": []}),
            chunk({"content": ""}, "stop", usage=None),
            usage(),
            DONE,
        ],
        {
            "content": [thought("2+2"), text("4")],
            "stop_reason": "end_turn",
            "usage": {"input_tokens": 9, "output_tokens": 4},
        },
    ),
    # https://console.groq.com/docs/reasoning
    "groq": (
        [
            chunk(ROLE, x_groq={"id": "req_1", "seed": 1}),
            chunk({"reasoning": "th", "channel": "analysis"}),
            chunk({"reasoning": "ink"}),
            chunk({"content": "hi"}),
            chunk({}, "stop", x_groq={"id": "req_1", "usage": {**USAGE, "queue_time": 0.1}}),
            DONE,
        ],
        {
            "content": [thought("think"), text("hi")],
            "usage": {"input_tokens": 9, "output_tokens": 4},
        },
    ),
    # https://api-docs.deepseek.com/guides/reasoning_model
    "deepseek": (
        [
            chunk({"role": "assistant", "content": None, "reasoning_content": ""}),
            chunk({"content": None, "reasoning_content": "so"}),
            chunk({"content": "hi", "reasoning_content": None}),
            chunk(
                {"content": "", "reasoning_content": None},
                "stop",
                usage={
                    **USAGE,
                    "prompt_cache_hit_tokens": 6,
                    "prompt_cache_miss_tokens": 3,
                    "completion_tokens_details": {"reasoning_tokens": 2},
                },
            ),
            DONE,
        ],
        {
            "content": [thought("so"), text("hi")],
            "usage": {"input_tokens": 3, "cache_read_input_tokens": 6, "output_tokens": 4},
        },
    ),
    # https://docs.mistral.ai/capabilities/reasoning/
    "mistral": (
        [
            chunk({"role": "assistant", "content": ""}, p="abc"),
            chunk({"content": [{"type": "thinking", "thinking": [text("so")]}]}, p="a"),
            chunk({"content": [{"type": "thinking", "thinking": [text("!")], "closed": True}]}),
            chunk({"content": [text("h")]}),
            chunk({"content": "i"}, p="abcd"),
            chunk(
                {"content": "", "tool_calls": [fragment(0, '{"x": 1}', "f", id="a")]},
                "tool_calls",
                usage=USAGE,
            ),
            DONE,
        ],
        {"content": [thought("so!"), text("hi"), use({"x": 1})], "stop_reason": "tool_use"},
    ),
    # https://docs.x.ai/docs/guides/streaming-response: usage grows from chunk to chunk
    "xai": (
        [
            chunk({"role": "assistant", "reasoning_content": "so"}, usage={"prompt_tokens": 9}),
            chunk({"content": "hi"}, usage={"prompt_tokens": 9, "completion_tokens": 1}),
            chunk({"content": ""}, "stop", usage=USAGE),
            {**ID, "choices": [], "usage": USAGE, "citations": ["https://h"]},
            DONE,
        ],
        {
            "content": [thought("so"), text("hi")],
            "usage": {"input_tokens": 9, "output_tokens": 4},
        },
    ),
    # https://openrouter.ai/docs/use-cases/reasoning-tokens
    "openrouter": (
        [
            ": OPENROUTER PROCESSING",
            chunk(
                {
                    **ROLE,
                    "reasoning": "so",
                    "reasoning_details": [
                        {
                            "type": "reasoning.text",
                            "text": "so",
                            "format": "anthropic-claude-v1",
                            "index": 0,
                        }
                    ],
                },
                provider="Anthropic",
                native_finish_reason=None,
            ),
            ": OPENROUTER PROCESSING",
            chunk(
                {
                    "content": "",
                    "reasoning_details": [
                        {
                            "type": "reasoning.text",
                            "signature": "sig",
                            "format": "anthropic-claude-v1",
                            "index": 0,
                        }
                    ],
                }
            ),
            chunk({"role": "assistant", "content": "hi"}),
            chunk({"role": "assistant", "content": ""}, "stop", native_finish_reason="end_turn"),
            usage(cost=0.01, is_byok=False, prompt_tokens_details={"cached_tokens": 0}),
            DONE,
        ],
        {"content": [thought("so", "sig"), text("hi")]},
    ),
    # https://learn.microsoft.com/azure/ai-services/openai/concepts/content-streaming
    "azure": (
        [
            {
                "id": "",
                "object": "",
                "created": 0,
                "model": "",
                "choices": [],
                "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": {}}],
            },
            chunk({**ROLE, "refusal": None}, content_filter_results={}),
            chunk({"content": "hi"}),
            {
                "id": "",
                "object": "",
                "created": 0,
                "model": "",
                "choices": [
                    {
                        "index": 0,
                        "finish_reason": None,
                        "content_filter_results": {"hate": {"filtered": False}},
                        "content_filter_offsets": {"check_offset": 1, "start_offset": 1},
                    }
                ],
            },
            chunk({}, "content_filter"),
            usage(),
            DONE,
        ],
        {"content": [text("hi")], "stop_reason": "refusal", "model": "m", "id": "c-1"},
    ),
    # https://docs.together.ai/docs/chat-overview: the text once more beside the delta
    "together": (
        [
            {
                **ID,
                "choices": [
                    {
                        "index": 0,
                        "text": "hi",
                        "logprobs": None,
                        "finish_reason": None,
                        "seed": None,
                        "delta": {"token_id": 5, "role": "assistant", "content": "hi"},
                    }
                ],
                "usage": None,
            },
            chunk({"token_id": 2, "role": "assistant", "content": ""}, "eos", usage=USAGE),
            DONE,
        ],
        {"content": [text("hi")], "stop_reason": "end_turn"},
    ),
    # https://platform.moonshot.ai/docs/api/chat: usage inside the choice
    "moonshot": (
        [
            chunk(ROLE),
            chunk({"content": "hi"}),
            {
                **ID,
                "choices": [{"index": 0, "delta": {}, "finish_reason": "stop", "usage": USAGE}],
            },
            DONE,
        ],
        {"content": [text("hi")], "usage": {"input_tokens": 9, "output_tokens": 4}},
    ),
    # https://www.minimax.io/platform/document/ChatCompletion_v2: the whole message at the end
    "minimax": (
        [
            chunk({"role": "assistant", "content": "h", "name": "MiniMax AI", "audio_content": ""}),
            chunk({"content": "i"}),
            {
                **ID,
                "object": "chat.completion",
                "choices": [
                    {
                        "index": 0,
                        "finish_reason": "stop",
                        "message": {"role": "assistant", "content": "hi"},
                    }
                ],
                "usage": {**USAGE, "total_characters": 0},
                "base_resp": {"status_code": 0, "status_msg": ""},
            },
            DONE,
        ],
        {"content": [text("hi")], "stop_reason": "end_turn"},
    ),
    # https://docs.perplexity.ai/api-reference/chat-completions-post: both, from chunk to chunk
    "perplexity": (
        [
            {
                **ID,
                "object": "chat.completion.chunk",
                "citations": ["https://h/1"],
                "search_results": [{"title": "T", "url": "https://h/1", "date": None}],
                "choices": [
                    {
                        "index": 0,
                        "finish_reason": finish,
                        "message": {"role": "assistant", "content": so_far},
                        "delta": {"role": "assistant", "content": said},
                    }
                ],
                "usage": {**USAGE, "search_context_size": "low"},
            }
            for said, so_far, finish in [("h", "h", None), ("i", "hi", None), ("", "hi", "stop")]
        ],
        {
            "content": [text("hi") | {"citations": [cited("https://h/1", "T")]}],
            "stop_reason": "end_turn",
        },
    ),
    "sources behind the end": (
        [*HI, {**ID, "choices": [], "usage": USAGE, "citations": ["https://h/1"]}, DONE],
        {"content": [text("hi") | {"citations": [cited("https://h/1")]}]},
    ),
    "annotations": (
        [
            chunk({"role": "assistant", "content": "hi"}),
            chunk({"annotations": [annotated("https://h/1", "T")]}),
            chunk({}, "stop"),
            DONE,
        ],
        {"content": [text("hi") | {"citations": [cited("https://h/1", "T")]}]},
    ),
    # https://ai.google.dev/gemini-api/docs/thought-signatures
    "gemini's signatures": (
        [
            chunk({"role": "assistant", "content": "hi"}),
            chunk({"content": " there", "extra_content": {"google": {"thought_signature": "T="}}}),
            calls(fragment(0, "{}", "f", id="a") | GEMINIS),
            chunk({}, "tool_calls"),
            DONE,
        ],
        {
            "content": [
                text("hi there"),
                thought("", "sgGeminiT="),
                thought("", "sgGeminiAB=="),
                use({}),
            ]
        },
    ),
    # https://ai.google.dev/gemini-api/docs/openai: every call whole and under index 0
    "gemini": (
        [
            {
                "id": "x",
                "object": "chat.completion.chunk",
                "created": 1,
                "model": "gemini",
                "choices": [
                    {
                        "index": 0,
                        "delta": {
                            "role": "assistant",
                            "tool_calls": [
                                {
                                    "id": f"function-call-{at}",
                                    "index": 0,
                                    "type": "function",
                                    "function": {"name": "f", "arguments": f'{{"n":{at}}}'},
                                    "extra_content": {"google": {"thought_signature": "c2ln"}},
                                }
                            ],
                        },
                    }
                ],
            }
            for at in (1, 2)
        ]
        + [chunk({"role": "assistant"}, "stop", usage=USAGE), DONE],
        {
            "content": [
                thought("", "sgGeminic2ln"),
                use({"n": 1}, identity="function-call-1"),
                thought("", "sgGeminic2ln"),
                use({"n": 2}, identity="function-call-2"),
            ],
            "stop_reason": "tool_use",
        },
    ),
    "interleaved calls": (
        [
            chunk({"role": "assistant", "content": None}),
            calls(fragment(0, "", "f", id="a", type="function")),
            calls(fragment(1, "", "g", id="b", type="function")),
            calls(fragment(0, '{"x"'), fragment(1, '{"y')),
            calls(fragment(1, '":2}')),
            calls(fragment(0, ":1}")),
            chunk({}, "tool_calls"),
            usage(),
            DONE,
        ],
        {"content": [use({"x": 1}), use({"y": 2}, "g", "b")], "stop_reason": "tool_use"},
    ),
    # https://www.alibabacloud.com/help/en/model-studio/qwen-function-calling: empty names go on
    "qwen calls": (
        [
            chunk({"role": "assistant", "content": None}),
            calls(fragment(0, "", "f", id="a", type="function"), content=None),
            calls(fragment(0, '{"x":', "", id="", type="function"), content=None),
            calls(fragment(0, " 1}", "", id="", type="function"), content=None),
            chunk({"content": ""}, "tool_calls"),
            usage(),
            DONE,
        ],
        {"content": [use({"x": 1})], "stop_reason": "tool_use"},
    ),
    "calls with the id alone at first": (
        [
            calls({"index": 0, "id": "a", "type": "function"}),
            calls(fragment(0, None, "f")),
            calls(fragment(0, "{}")),
            chunk({}, "tool_calls"),
            DONE,
        ],
        {"content": [use({})]},
    ),
    # https://huggingface.co/docs/text-generation-inference/messages_api, versions 1 and 2
    "calls that are no list": (
        [
            chunk({"role": "assistant", "tool_calls": fragment(0, '{"x":', "f", id="a")}),
            chunk({"role": "assistant", "tool_calls": fragment(0, "1}")}),
            chunk({"content": ""}, "eos_token"),
            DONE,
        ],
        {"content": [use({"x": 1})], "stop_reason": "tool_use"},
    ),
    "calls with numbers for ids": (
        [calls(fragment(0, "{}", "f", id=7)), chunk({}, "tool_calls"), DONE],
        {"content": [use({}, identity="7")]},
    ),
    "ollama": (
        [
            chunk({**ROLE, "reasoning": "so"}),
            calls(fragment(0, '{"x":1}', "f", id="a", type="function"), role="assistant"),
            calls(fragment(1, '{"x":2}', "f", id="b", type="function"), role="assistant"),
            chunk({"role": "assistant", "content": ""}, "stop"),
            DONE,
        ],
        {
            "content": [thought("so"), use({"x": 1}), use({"x": 2}, identity="b")],
            "stop_reason": "tool_use",
        },
    ),
    "text between calls": (
        [
            chunk({"content": "a"}),
            calls(fragment(0, "{}", "f", id="a")),
            chunk({"content": "b"}),
            calls(fragment(1, '{"x":1}', "f", id="b")),
            chunk({}, "tool_calls"),
            DONE,
        ],
        {"content": [text("a"), use({}), text("b"), use({"x": 1}, identity="b")]},
    ),
    "a refusal": (
        [chunk({**ROLE, "refusal": ""}), chunk({"refusal": "no"}), chunk({}, "stop"), DONE],
        {"content": [text("no")], "stop_reason": "refusal"},
    ),
    "usage in every chunk, null and early": (
        [
            chunk(ROLE, usage={"prompt_tokens": 9, "completion_tokens": 0, "total_tokens": 9}),
            chunk({"content": "hi"}, usage=None),
            usage(),
            chunk({}, "length"),
            DONE,
        ],
        {
            "content": [text("hi")],
            "stop_reason": "max_tokens",
            "usage": {"input_tokens": 9, "output_tokens": 4},
        },
    ),
    "no reason, no terminator, usage last": (
        [chunk(ROLE), chunk({"content": "hi"}), chunk({}, "stop"), usage()],
        {"content": [text("hi")], "stop_reason": "end_turn"},
    ),
    # https://github.com/ggml-org/llama.cpp/tree/master/tools/server
    "llama.cpp": (
        [
            chunk({"role": "assistant", "content": None}, system_fingerprint="b1"),
            chunk({"content": "hi"}),
            chunk({}, "stop", timings={"prompt_n": 9}),
            {**ID, "choices": [], "usage": USAGE, "timings": {"prompt_n": 9}},
            DONE,
        ],
        {"content": [text("hi")], "usage": {"input_tokens": 9, "output_tokens": 4}},
    ),
    "fields of the wrong kind that nobody needs": (
        [
            {**chunk(ROLE), "created": "now", "model": None, "system_fingerprint": 5},
            chunk({"content": "hi", "annotations": None, "audio": None, "function_call": None}),
            {**ID, "choices": None, "usage": None},
            chunk({}, "stop", service_tier=None),
            DONE,
        ],
        {"content": [text("hi")]},
    ),
    "every count": (
        [
            *HI,
            usage(
                prompt_tokens=100,
                completion_tokens=40,
                prompt_tokens_details={"cached_tokens": 60, "cache_write_tokens": 30},
                completion_tokens_details={"reasoning_tokens": 30, "audio_tokens": 0},
            ),
            DONE,
        ],
        {
            "usage": {
                "input_tokens": 10,
                "cache_read_input_tokens": 60,
                "cache_creation_input_tokens": 30,
                "output_tokens": 40,
                "output_tokens_details": {"thinking_tokens": 30},
            }
        },
    ),
}

SEARCH: Final = {
    "type": "web_search_result_location",
    "url": "https://h/p",
    "title": "T",
    "cited_text": "c",
    "encrypted_index": "e",
}


def call(arguments: str, name: str = "f", identity: str = "a") -> dict[str, Any]:
    return {"id": identity, "type": "function", "function": {"name": name, "arguments": arguments}}


def tool(at: int, *pieces: str, name: str = "f", identity: str = "a") -> list[dict[str, Any]]:
    """The events of a tool call."""
    deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
    return block(at, use({}, name, identity), *deltas)


def answer(finish: str = "stop", **message: Any) -> dict[str, Any]:
    """What the case expects of the one choice."""
    return {"choices": [{"finish_reason": finish, "message": message}]}


TO_OPENAI: Final[dict[str, Case]] = {
    "text": (
        [started(), {"type": "ping"}, *words(0, "h", "i"), *stopped()],
        {
            **answer(content="hi"),
            "usage": {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13},
        },
    ),
    # https://platform.claude.com/docs/en/build-with-claude/extended-thinking
    "signed thought": (
        [
            started(),
            *block(
                0,
                thought(""),
                {"type": "thinking_delta", "thinking": "s"},
                {"type": "thinking_delta", "thinking": "o"},
                {"type": "signature_delta", "signature": "sig"},
            ),
            *block(1, {"type": "redacted_thinking", "data": "xyz"}),
            *words(2, "hi"),
            *stopped(),
        ],
        answer(
            content="hi",
            reasoning_content="so",
            thinking_blocks=[
                {"type": "thinking", "thinking": "so", "signature": "sig"},
                {"type": "redacted_thinking", "data": "xyz"},
            ],
        ),
    ),
    "a thought that is not shown": (
        [
            started(),
            *block(0, thought(""), {"type": "signature_delta", "signature": "sig"}),
            *tool(1, "", '{"x"', ":1}"),
            *stopped("tool_use"),
        ],
        answer(
            "tool_calls",
            thinking_blocks=[{"type": "thinking", "signature": "sig"}],
            tool_calls=[call('{"x":1}')],
        ),
    ),
    "thoughts between calls": (
        [
            started(),
            *block(
                0,
                thought(""),
                {"type": "thinking_delta", "thinking": "a"},
                {"type": "signature_delta", "signature": "s1"},
            ),
            *tool(1, "{}"),
            *block(
                2,
                thought(""),
                {"type": "thinking_delta", "thinking": "b"},
                {"type": "signature_delta", "signature": "s2"},
            ),
            *tool(3, '{"y":2}', name="g", identity="b"),
            *stopped("tool_use"),
        ],
        answer(
            "tool_calls",
            reasoning_content="ab",
            thinking_blocks=[
                {"type": "thinking", "thinking": "a", "signature": "s1"},
                {"type": "thinking", "thinking": "b", "signature": "s2"},
            ],
            tool_calls=[call("{}"), call('{"y":2}', "g", "b")],
        ),
    ),
    "a call without arguments": (
        [started(), *words(0, "look"), *tool(1), *stopped("tool_use")],
        answer("tool_calls", content="look", tool_calls=[call("{}")]),
    ),
    # https://platform.claude.com/docs/en/agents-and-tools/tool-use/web-search-tool
    "web search": (
        [
            started(),
            *words(0, "I look. "),
            *block(
                1,
                {
                    "type": "server_tool_use",
                    "id": "srvtoolu_1",
                    "name": "web_search",
                    "input": {},
                },
                {"type": "input_json_delta", "partial_json": '{"query":"q"}'},
            ),
            *block(
                2,
                {
                    "type": "web_search_tool_result",
                    "tool_use_id": "srvtoolu_1",
                    "content": [
                        {
                            "type": "web_search_result",
                            "title": "T",
                            "url": "https://h/p",
                            "encrypted_content": "e",
                            "page_age": None,
                        }
                    ],
                },
            ),
            *words(3, "So: "),
            *block(
                4,
                {"type": "text", "text": "", "citations": []},
                {"type": "text_delta", "text": "it "},
                {"type": "text_delta", "text": "is\u00fc."},
                {"type": "citations_delta", "citation": SEARCH},
            ),
            *words(5, " Yes."),
            *stopped(
                usage={
                    "input_tokens": 900,
                    "output_tokens": 4,
                    "server_tool_use": {"web_search_requests": 1},
                }
            ),
        ],
        {
            **answer(
                content="I look. So: it is\u00fc. Yes.",
                annotations=[
                    {
                        "type": "url_citation",
                        "url_citation": {
                            "url": "https://h/p",
                            "title": "T",
                            "start_index": 12,
                            "end_index": 19,
                        },
                    }
                ],
            ),
            "usage": {"prompt_tokens": 900, "completion_tokens": 4},
        },
    ),
    "a source told ahead of its text": (
        [
            started(),
            *words(0, "So: "),
            *block(
                1,
                {"type": "text", "text": "", "citations": []},
                {"type": "citations_delta", "citation": SEARCH},
                {"type": "text_delta", "text": "it is."},
            ),
            *stopped(),
        ],
        answer(
            content="So: it is.",
            annotations=[
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
        ),
    ),
    # https://platform.claude.com/docs/en/agents-and-tools/mcp-connector
    "mcp": (
        [
            started(),
            *block(
                0,
                {
                    "type": "mcp_tool_use",
                    "id": "mcptoolu_1",
                    "name": "echo",
                    "server_name": "s",
                    "input": {},
                },
                {"type": "input_json_delta", "partial_json": '{"a":1}'},
            ),
            *block(
                1,
                {
                    "type": "mcp_tool_result",
                    "tool_use_id": "mcptoolu_1",
                    "is_error": False,
                    "content": [text("1")],
                },
            ),
            *words(2, "done"),
            *stopped(),
        ],
        answer(content="done"),
    ),
    "pause": ([started(), *words(0, "hi"), *stopped("pause_turn")], answer(content="hi")),
    "window": (
        [started(), *words(0, "hi"), *stopped("model_context_window_exceeded")],
        answer("length", content="hi"),
    ),
    "stop sequence": (
        [
            started(),
            *words(0, "hi"),
            *stopped("stop_sequence", delta={"stop_sequence": "###"}),
        ],
        answer("stop", content="hi"),
    ),
    # https://platform.claude.com/docs/en/test-and-evaluate/strengthen-guardrails/handle-streaming-refusals
    "refusal": (
        [
            started(),
            *stopped(
                "refusal",
                delta={
                    "stop_details": {"type": "refusal", "category": "cyber", "explanation": "no"}
                },
            ),
        ],
        answer("content_filter"),
    ),
    "why it declined": (
        [
            started(),
            *words(0, "hi"),
            *stopped("refusal", delta={"stop_details": {"type": "refusal", "category": "cyber"}}),
        ],
        answer("content_filter", stop_details={"type": "refusal", "category": "cyber"}),
    ),
    # https://platform.claude.com/docs/en/build-with-claude/context-editing
    "context editing": (
        [
            started(),
            *words(0, "hi"),
            *stopped(
                context_management={
                    "applied_edits": [{"type": "clear_tool_uses_20250919", "cleared_tool_uses": 8}]
                }
            ),
        ],
        answer(content="hi"),
    ),
    "what is not known yet": (
        [
            started(service_tier="standard", inference_geo="eu"),
            {"type": "weather", "sunny": True},
            *block(0, {"type": "crystal", "ball": 1}, {"type": "glow_delta", "glow": "x"}),
            *block(1, {"type": "text", "text": ""}, {"type": "text_delta", "text": "hi"}),
            *stopped(),
        ],
        answer(content="hi"),
    ),
    "every count": (
        [
            started(
                input_tokens=10,
                cache_read_input_tokens=60,
                cache_creation_input_tokens=30,
                cache_creation={"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 10},
            ),
            *words(0, "hi"),
            *stopped(
                usage={
                    "input_tokens": 10,
                    "cache_read_input_tokens": 60,
                    "cache_creation_input_tokens": 30,
                    "output_tokens": 40,
                    "output_tokens_details": {"thinking_tokens": 30},
                }
            ),
        ],
        {
            "usage": {
                "prompt_tokens": 100,
                "completion_tokens": 40,
                "total_tokens": 140,
                "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 30},
                "completion_tokens_details": {"reasoning_tokens": 30},
            }
        },
    ),
    # Hosts of this dialect that count at the end only, and name events in the data alone.
    "counts at the end": (
        [
            started(input_tokens=0, output_tokens=0),
            *words(0, "hi"),
            *stopped(usage={"input_tokens": 9, "output_tokens": 4, "cache_read_input_tokens": 5}),
        ],
        {"usage": {"prompt_tokens": 14, "completion_tokens": 4}},
    ),
    "several deltas of the message": (
        [
            started(),
            *words(0, "hi"),
            stopped(usage={"output_tokens": 2})[0],
            *stopped(usage={"output_tokens": 4}),
        ],
        {**answer(content="hi"), "usage": {"completion_tokens": 4}},
    ),
    "a call cut by its bound": (
        [started(), *tool(0, '{"x": "lo'), *stopped("max_tokens")],
        answer("length", tool_calls=[call('{"x": "lo')]),
    ),
    "text in the block's start": (
        [started(), *block(0, text("hi")), *stopped()],
        answer(content="hi"),
    ),
    "a call whole in its block's start": (
        [started(), *block(0, use({"x": 1})), *stopped("tool_use")],
        answer("tool_calls", tool_calls=[call('{"x": 1}')]),
    ),
    # https://platform.claude.com/docs/en/build-with-claude/compaction
    "compaction": (
        [
            started(),
            *block(
                0,
                {"type": "compaction", "content": ""},
                {"type": "compaction_delta", "content": "sum"},
            ),
            *words(1, "hi"),
            *stopped(),
        ],
        answer(content="hi"),
    ),
}
