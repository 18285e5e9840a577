"""What a vendor answers with a 400 must not be what translation writes. Our own cases."""

from typing import Any

import pytest

from .translate import A_TOOL, HELLO, TOOL, translate
from .vendor_types import fault

OLD = "claude-sonnet-4-5-20250929"
NEW = "claude-opus-4-8"


def call(name: str, arguments: str = "{}", **more: Any) -> dict[str, Any]:
    function = {"name": "f", "arguments": arguments}
    return {"id": name, "type": "function", "function": function, **more}


def loop(**assistant: Any) -> list[dict[str, Any]]:
    """A talk in the middle of a tool call."""
    asked = {"role": "assistant", "content": None, "tool_calls": [call("a")], **assistant}
    return [*HELLO, asked, {"role": "tool", "tool_call_id": "a", "content": "1"}]


SIGNED = {"thinking_blocks": [{"type": "thinking", "thinking": "t", "signature": "s"}]}
EFFORT = {"reasoning_effort": "high", "max_tokens": 10000}


@pytest.mark.parametrize(
    ("model", "request_", "thinking", "effort", "told"),
    [
        (OLD, EFFORT, {"type": "enabled", "budget_tokens": 8000}, None, []),
        ("claude-3-7-sonnet-latest", EFFORT, {"type": "enabled", "budget_tokens": 8000}, None, []),
        ("claude-sonnet-4.5", EFFORT, {"type": "enabled", "budget_tokens": 8000}, None, []),
        ("claude-sonnet-4@20250514", EFFORT, {"type": "enabled", "budget_tokens": 8000}, None, []),
        ("claude-3-5-haiku-latest", EFFORT, None, None, ["reasoning_effort"]),
        ("claude-opus-4-6", EFFORT, {"type": "adaptive"}, "high", []),
        (NEW, EFFORT, {"type": "adaptive"}, "high", []),
        (NEW, {"reasoning_effort": "minimal"}, {"type": "adaptive"}, "low", []),
        (NEW, {"reasoning_effort": "none"}, {"type": "disabled"}, None, []),
        (NEW, {"reasoning": {"enabled": True}}, {"type": "adaptive"}, "medium", []),
        (NEW, {"reasoning": {"effort": "none"}}, {"type": "disabled"}, None, []),
        # Newer models know no budgets.
        (
            NEW,
            {"thinking": {"type": "enabled", "budget_tokens": 2000}, "max_tokens": 10000},
            {"type": "adaptive"},
            "low",
            [],
        ),
        # The bound leaves no room to think: the client's bound stands.
        (OLD, {"reasoning_effort": "high", "max_tokens": 500}, None, None, ["reasoning_effort"]),
        # No thinking beside a forced call.
        (
            OLD,
            {**EFFORT, "tools": [TOOL], "tool_choice": "required"},
            None,
            None,
            ["reasoning_effort"],
        ),
        (
            NEW,
            {**EFFORT, "tools": [TOOL], "tool_choice": "required"},
            None,
            "high",
            ["reasoning_effort"],
        ),
        # A tool loop whose thoughts the client could not keep.
        (OLD, {**EFFORT, "messages": loop()}, None, None, ["reasoning_effort"]),
        (NEW, {**EFFORT, "messages": loop()}, {"type": "adaptive"}, "high", []),
        (
            OLD,
            {**EFFORT, "messages": loop(**SIGNED)},
            {"type": "enabled", "budget_tokens": 8000},
            None,
            [],
        ),
    ],
)
def test_reasoning_is_asked_as_the_model_takes_it(
    model: str,
    request_: dict[str, Any],
    thinking: dict[str, Any] | None,
    effort: str | None,
    told: list[str],
) -> None:
    out, dropped = translate("openai", "anthropic", {"messages": HELLO, **request_}, model=model)
    assert out.get("thinking") == thinking
    assert out.get("output_config", {}).get("effort") == effort
    assert dropped == told
    assert out["max_tokens"] == request_.get("max_tokens", 4096)
    assert fault("anthropic", out) is None


def test_our_own_default_bound_makes_room_for_a_budget() -> None:
    thinking = {"type": "enabled", "budget_tokens": 8000}
    out, _ = translate("openai", "anthropic", {"messages": HELLO, "thinking": thinking}, model=OLD)
    assert out["max_tokens"] > 8000


@pytest.mark.parametrize(
    ("model", "messages", "stays"),
    [
        (NEW, [*HELLO, {"role": "system", "content": "s"}], True),
        (
            NEW,
            [
                *HELLO,
                {"role": "developer", "content": "s"},
                {"role": "assistant", "content": "a"},
                *HELLO,
            ],
            True,
        ),
        (
            NEW,
            [
                *HELLO,
                {"role": "assistant", "content": "a"},
                {"role": "system", "content": "s"},
                *HELLO,
            ],
            False,
        ),
        (NEW, [*HELLO, {"role": "system", "content": "s"}, *HELLO], False),
        (NEW, [{"role": "system", "name": "n", "content": "s"}, *HELLO], False),
        (OLD, [*HELLO, {"role": "system", "content": "s"}], False),
        ("claude-opus-4-7", [*HELLO, {"role": "system", "content": "s"}], False),
    ],
)
def test_a_late_system_message_stands_only_where_the_model_takes_it(
    model: str, messages: list[dict[str, Any]], stays: bool
) -> None:
    out, _ = translate("openai", "anthropic", {"messages": messages}, model=model)
    assert ("system" in [message["role"] for message in out["messages"]]) is stays
    assert (out.get("system") == [{"type": "text", "text": "s"}]) is not stays
    assert fault("anthropic", out) is None


def test_ids_of_other_hosts_become_acceptable_in_call_and_result_alike() -> None:
    messages = [
        *HELLO,
        {"role": "assistant", "tool_calls": [call("functions.f:0")]},
        {"role": "tool", "tool_call_id": "functions.f:0", "content": "1"},
    ]
    out, _ = translate("openai", "anthropic", {"messages": messages})
    assert out["messages"][1]["content"][0]["id"] == "functions_f_0"
    assert out["messages"][2]["content"][0]["tool_use_id"] == "functions_f_0"


@pytest.mark.parametrize("given", ["[1]", "{", "1", '{"a":NaN}'])
def test_arguments_that_are_no_object_are_kept_in_one(given: str) -> None:
    messages = [*HELLO, {"role": "assistant", "tool_calls": [call("a", given)]}]
    out, _ = translate("openai", "anthropic", {"messages": messages})
    assert out["messages"][1]["content"][0]["input"] == {"arguments": given}


def test_arguments_keep_their_numbers_and_order() -> None:
    given = '{"z": 1.00, "a": 12345678901234567890123}'
    messages = [*HELLO, {"role": "assistant", "tool_calls": [call("a", given)]}]
    out, _ = translate("openai", "anthropic", {"messages": messages})
    assert list(out["messages"][1]["content"][0]["input"]) == ["z", "a"]
    assert out["messages"][1]["content"][0]["input"]["a"] == 12345678901234567890123


@pytest.mark.parametrize("blank", ["", " ", "\n"])
def test_blank_text_is_no_block(blank: str) -> None:
    messages = [*HELLO, {"role": "assistant", "content": blank, "tool_calls": [call("a")]}]
    out, _ = translate("openai", "anthropic", {"messages": messages})
    assert [block["type"] for block in out["messages"][1]["content"]] == ["tool_use"]


def test_thoughts_without_signature_are_left_out_and_told() -> None:
    for thought in (
        {"reasoning_content": "t"},
        {"thinking_blocks": [{"type": "thinking", "thinking": "t", "signature": ""}]},
        {"reasoning_details": [{"type": "reasoning.text", "text": "t"}]},
        {
            "reasoning_details": [
                {"type": "reasoning.encrypted", "data": "d", "format": "google-gemini-v1"}
            ]
        },
    ):
        messages = [*HELLO, {"role": "assistant", "content": "a", **thought}, *HELLO]
        out, dropped = translate("openai", "anthropic", {"messages": messages})
        assert out["messages"][1]["content"] == [{"type": "text", "text": "a"}]
        assert len(dropped) == 1


def test_results_of_parallel_calls_stay_together_whatever_they_show() -> None:
    image = {"type": "image", "source": {"type": "url", "url": "https://h/i.png"}}
    results = [
        {"type": "tool_result", "tool_use_id": "a", "content": [image]},
        {"type": "tool_result", "tool_use_id": "b", "content": "2"},
        {"type": "text", "text": "go on"},
    ]
    calls = [{"type": "tool_use", "id": name, "name": "f", "input": {}} for name in "ab"]
    messages = [
        *HELLO,
        {"role": "assistant", "content": calls},
        {"role": "user", "content": results},
    ]
    out, _ = translate("anthropic", "openai", {"max_tokens": 9, "messages": messages})
    assert [message["role"] for message in out["messages"]] == [
        "user",
        "assistant",
        "tool",
        "tool",
        "user",
    ]
    assert [part["type"] for part in out["messages"][-1]["content"]] == [
        "text",
        "image_url",
        "text",
    ]
    assert fault("openai", out) is None


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("bad", "Error: bad"),
        ([], "Error: the tool failed"),
        (
            [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
            [{"type": "text", "text": "Error: a"}, {"type": "text", "text": "b"}],
        ),
    ],
)
def test_a_failed_tool_says_so(content: Any, expected: Any) -> None:
    result = {"type": "tool_result", "tool_use_id": "a", "is_error": True, "content": content}
    messages = [{"role": "user", "content": [result]}]
    out, _ = translate("anthropic", "openai", {"max_tokens": 9, "messages": messages})
    assert out["messages"][0]["content"] == expected


@pytest.mark.parametrize(
    ("added", "told"),
    [
        ({"thinking": {"type": "disabled"}}, ["thinking"]),
        ({"thinking": {"type": "adaptive"}}, ["thinking"]),
        ({"service_tier": "auto"}, []),
        ({"context_management": {"edits": []}, "speed": "fast"}, ["context_management", "speed"]),
        (
            {"tools": [{**A_TOOL, "eager_input_streaming": True, "input_examples": [{}]}]},
            ["tools[0].eager_input_streaming", "tools[0].input_examples"],
        ),
        (
            {
                "system": [
                    {
                        "type": "text",
                        "text": "s",
                        "cache_control": {"type": "ephemeral", "scope": "global"},
                    }
                ]
            },
            ["system[0].cache_control.scope"],
        ),
        (
            {
                "messages": [
                    *HELLO,
                    {
                        "role": "assistant",
                        "content": [
                            {
                                "type": "tool_use",
                                "id": "a",
                                "name": "f",
                                "input": {},
                                "caller": {"type": "direct"},
                            }
                        ],
                    },
                ]
            },
            ["messages[1].content[0].caller"],
        ),
    ],
    ids=str,
)
def test_what_agents_send_by_themselves_is_left_out_and_told(
    added: dict[str, Any], told: list[str]
) -> None:
    request = {"max_tokens": 9, "messages": HELLO, **added}
    out, dropped = translate("anthropic", "openai", request)
    assert dropped == told
    assert fault("openai", out) is None


@pytest.mark.parametrize("model", ["gpt-4o-mini", "openai/gpt-4.1", "gpt-3.5-turbo"])
def test_models_that_do_not_reason_are_not_asked_to(model: str) -> None:
    request = {"max_tokens": 9, "messages": HELLO, "output_config": {"effort": "high"}}
    out, dropped = translate("anthropic", "openai", request, model=model)
    assert "reasoning_effort" not in out
    assert dropped == ["output_config.effort"]


def test_a_name_is_read_in_the_text_and_the_conversation_stays_as_it_is() -> None:
    messages = [{"role": "user", "name": "ann", "content": "hi"}]
    for _ in range(2):
        out, _ = translate("openai", "anthropic", {"messages": messages})
        assert out["messages"][0]["content"][0]["text"] == "ann: hi"
