"""Responses requests for the other dialects' providers, and theirs for a provider of Responses."""

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluicegate.dialects import DIALECTS
from sluicegate.dialects.base import Host
from sluicegate.errors import GatewayError, InvalidRequestError, UnsupportedFieldError

from .test_hostile_requests import ATOM, NAMES, VALUE
from .test_recorded_requests import recorded
from .translate import A_HELLO, A_TOOL, HELLO, TOOL, translate
from .vendor_types import fault

R: Final = "openai_responses"
R_TOOL: Final = {"type": "function", "name": "f", "parameters": {"type": "object"}}
PNG: Final = "data:image/png;base64,AAAA"
OWN: Final = "openai_responses:rs_1:gAAA"
HI: Final = {"role": "user", "content": "hi"}

#: name: (request, what of it a Chat Completions provider gets)
TO_CHAT: Final[dict[str, tuple[dict[str, Any], dict[str, Any]]]] = {
    "text": ({"input": "hi"}, {"messages": [HI]}),
    "instructions": (
        {"instructions": "be brief", "input": [HI]},
        {"messages": [{"role": "system", "content": "be brief"}, HI]},
    ),
    "developer": (
        {"input": [{"role": "developer", "content": "be brief"}, HI]},
        {"messages": [{"role": "system", "content": "be brief"}, HI]},
    ),
    "picture": (
        {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": PNG}]}]},
        {
            "messages": [
                {
                    "role": "user",
                    "content": [{"type": "image_url", "image_url": {"url": PNG}}],
                }
            ]
        },
    ),
    "call and result": (
        {
            "input": [
                HI,
                {"type": "reasoning", "id": "rs_1", "summary": []},
                {
                    "type": "message",
                    "id": "msg_1",
                    "status": "completed",
                    "role": "assistant",
                    "content": [{"type": "output_text", "text": "a", "annotations": []}],
                },
                {
                    "type": "function_call",
                    "id": "fc_1",
                    "call_id": "c1",
                    "name": "f",
                    "arguments": "{}",
                    "status": "completed",
                },
                {"type": "function_call_output", "call_id": "c1", "output": "b"},
            ]
        },
        {
            "messages": [
                HI,
                {
                    "role": "assistant",
                    "content": "a",
                    "tool_calls": [
                        {
                            "id": "c1",
                            "type": "function",
                            "function": {"name": "f", "arguments": "{}"},
                        }
                    ],
                },
                {"role": "tool", "tool_call_id": "c1", "content": "b"},
            ]
        },
    ),
    "bounds": (
        {"input": "hi", "max_output_tokens": 9, "temperature": 0.5, "top_p": 0.9},
        {"max_completion_tokens": 9, "temperature": 0.5, "top_p": 0.9},
    ),
    "tools": (
        {
            "input": "hi",
            "tools": [R_TOOL],
            "tool_choice": {"type": "function", "name": "f"},
            "parallel_tool_calls": False,
        },
        {
            "tools": [TOOL],
            "tool_choice": {"type": "function", "function": {"name": "f"}},
            "parallel_tool_calls": False,
        },
    ),
    "structured": (
        {
            "input": "hi",
            "text": {"format": {"type": "json_schema", "name": "n", "schema": {}, "strict": True}},
        },
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "n", "schema": {}, "strict": True},
            }
        },
    ),
    "effort": ({"input": "hi", "reasoning": {"effort": "low"}}, {"reasoning_effort": "low"}),
    "nothing more": (
        {
            "input": "hi",
            "store": False,
            "truncation": "disabled",
            "include": ["reasoning.encrypted_content"],
            "background": False,
            "previous_response_id": None,
        },
        {"messages": [HI]},
    ),
}


@pytest.mark.parametrize("name", TO_CHAT)
def test_a_response_is_asked_of_chat_completions(name: str) -> None:
    request, wanted = TO_CHAT[name]
    out, _ = translate(R, "openai", request)
    assert {key: out[key] for key in wanted} == wanted
    assert fault("openai", out) is None


#: name: (dialect, request, what of it a provider of Responses gets)
FROM: Final[dict[str, tuple[str, dict[str, Any], dict[str, Any]]]] = {
    "chat": (
        "openai",
        {"messages": [{"role": "system", "content": "s"}, *HELLO]},
        {
            "instructions": "s",
            "input": [
                {
                    "type": "message",
                    "role": "user",
                    "content": [{"type": "input_text", "text": "hi"}],
                }
            ],
            "store": False,
            "include": ["reasoning.encrypted_content"],
        },
    ),
    "chat tools": (
        "openai",
        {"messages": HELLO, "tools": [TOOL], "tool_choice": "required"},
        {"tools": [{**R_TOOL, "strict": False}], "tool_choice": "required"},
    ),
    "anthropic tools": (
        "anthropic",
        {"messages": A_HELLO, "max_tokens": 9, "tools": [A_TOOL], "tool_choice": {"type": "any"}},
        {
            "tools": [{**R_TOOL, "strict": False}],
            "tool_choice": "required",
            "max_output_tokens": 9,
        },
    ),
    "a failed tool": (
        "anthropic",
        {
            "max_tokens": 9,
            "messages": [
                *A_HELLO,
                {
                    "role": "assistant",
                    "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}],
                },
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "tool_result",
                            "tool_use_id": "t",
                            "content": "no",
                            "is_error": True,
                        }
                    ],
                },
            ],
        },
        {
            "input": [
                {
                    "type": "message",
                    "role": "user",
                    "content": [{"type": "input_text", "text": "hi"}],
                },
                {"type": "function_call", "call_id": "t", "name": "f", "arguments": '{"a": 1}'},
                {
                    "type": "function_call_output",
                    "call_id": "t",
                    "output": [
                        {"type": "input_text", "text": "Error:"},
                        {"type": "input_text", "text": "no"},
                    ],
                },
            ]
        },
    ),
    "a budget": (
        "anthropic",
        {
            "max_tokens": 10000,
            "messages": A_HELLO,
            "thinking": {"type": "enabled", "budget_tokens": 5000},
        },
        {"reasoning": {"effort": "medium"}},
    ),
}


@pytest.mark.parametrize("name", FROM)
def test_another_dialect_is_asked_of_responses(name: str) -> None:
    dialect, request, wanted = FROM[name]
    out, _ = translate(dialect, R, request)
    assert {key: out[key] for key in wanted} == wanted
    assert fault(R, out) is None


def test_encrypted_reasoning_goes_through_messages_and_back() -> None:
    """A client of Messages keeps what OpenAI encrypted, and gives it back with its item's id."""
    thoughts = [
        {"type": "thinking", "thinking": "hm", "signature": OWN},
        {"type": "redacted_thinking", "data": OWN},
    ]
    turn = {"role": "assistant", "content": [*thoughts, {"type": "text", "text": "a"}]}
    request = {"max_tokens": 9, "messages": [*A_HELLO, turn, *A_HELLO]}
    out, dropped = translate("anthropic", R, request)
    sealed = {"type": "reasoning", "id": "rs_1", "encrypted_content": "gAAA"}
    summary = [{"type": "summary_text", "text": "hm"}]
    assert out["input"][1:3] == [{**sealed, "summary": summary}, {**sealed, "summary": []}]
    assert dropped == []
    out, dropped = translate("openai_responses", "anthropic", {"input": out["input"]})
    assert "thinking" not in json.dumps(out), "the other vendor refuses what it did not sign"
    assert dropped == ["input[1]", "input[2]"]


def test_a_signature_goes_through_responses_and_back() -> None:
    """A client of Responses keeps Anthropic's signatures as encrypted content."""
    summary = [{"type": "summary_text", "text": "hm"}]
    thoughts = [
        {"type": "reasoning", "id": "a", "summary": summary, "encrypted_content": "signature:sig"},
        {"type": "reasoning", "id": "b", "summary": [], "encrypted_content": "redacted:data"},
    ]
    said = {"role": "assistant", "content": "a"}
    out, dropped = translate(R, "anthropic", {"input": [HI, *thoughts, said, HI]})
    assert out["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "hm", "signature": "sig"},
        {"type": "redacted_thinking", "data": "data"},
        {"type": "text", "text": "a"},
    ]
    assert dropped == []


@pytest.mark.parametrize("target", ["openai", "anthropic"])
@pytest.mark.parametrize("drop", [False, True], ids=["refuse", "drop"])
@pytest.mark.parametrize("name", ["conversation", "prompt"])
def test_what_the_provider_does_not_keep_is_never_dropped(
    name: str, drop: bool, target: str
) -> None:
    with pytest.raises(InvalidRequestError) as raised:
        translate(R, target, {"input": "hi", name: {"id": "x"}}, drop=drop)
    assert (raised.value.param, raised.value.code) == (name, "unsupported_field")


@pytest.mark.parametrize("target", ["openai", "anthropic", "gemini"])
@pytest.mark.parametrize("drop", [False, True], ids=["refuse", "drop"])
@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("previous_response_id", "resp_1", "previous_response_not_found"),
        ("background", True, "unsupported_field"),
    ],
)
def test_what_another_answer_depends_on_is_never_dropped(
    name: str, value: object, code: str, drop: bool, target: str
) -> None:
    with pytest.raises(InvalidRequestError) as raised:
        translate(R, target, {"input": "hi", name: value}, drop=drop)
    assert (raised.value.param, raised.value.code) == (name, code)


CANNOT: Final[dict[str, dict[str, Any]]] = {
    "tools[0]": {"tools": [{"type": "web_search"}]},
    "tool_choice": {"tool_choice": {"type": "file_search"}},
    "input[0]": {"input": [{"type": "item_reference", "id": "x"}]},
    "input[0].content[0]": {
        "input": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]
    },
}


@pytest.mark.parametrize("target", ["openai", "anthropic"])
@pytest.mark.parametrize("path", CANNOT)
def test_what_only_responses_has_is_refused_by_name(path: str, target: str) -> None:
    request = {"input": "hi", **CANNOT[path]}
    with pytest.raises(UnsupportedFieldError) as raised:
        translate(R, target, request)
    assert raised.value.param == path
    _, dropped = translate(R, target, request, drop=True)
    assert path in dropped


@pytest.mark.parametrize("target", ["openai", "anthropic"])
def test_what_only_tunes_is_left_out_and_told(target: str) -> None:
    tuning: dict[str, Any] = {
        "include": ["message.output_text.logprobs"],
        "max_tool_calls": 3,
        "metadata": {"a": "b"},
        "prompt_cache_key": "k",
        "reasoning": {"summary": "auto"},
        "safety_identifier": "s",
        "store": True,
        "text": {"verbosity": "low"},
        "truncation": "auto",
    }
    _, dropped = translate(R, target, {"input": "hi", **tuning})
    wanted = (set(tuning) - {"reasoning", "text"}) | {"reasoning.summary", "text.verbosity"}
    assert set(dropped) == wanted


def _recorded_responses(corpora: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted((corpora / "provider_traffic").glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                record = json.loads(line)
                is_asked = record["endpoint"] == "responses" and record["method"] == "POST"
                if is_asked and record["path"].endswith("/responses") and record["request_body"]:
                    yield record["id"], json.loads(record["request_body"])


def test_recorded_requests_are_asked_of_the_others(corpora: Path | None) -> None:
    """Each is one that the other vendor's types allow, or is refused by a field of its own."""
    if corpora is None:
        pytest.skip("no recorded traffic here: nothing was shown on it")
    refused: Counter[str] = Counter()
    wrong: list[str] = []
    total = 0
    for record, request in _recorded_responses(corpora):
        for target in ("openai", "anthropic"):
            total += 1
            try:
                out, _ = translate(R, target, request)
            except InvalidRequestError as error:
                refused[f"{target}: {error}"[:140]] += 1
                known = {"unsupported_field", "previous_response_not_found"}
                assert error.code in known, (record, str(error))
                continue
            if (why := fault(target, out)) is not None:
                wrong.append(f"{record} {target}: {why}")
    print(f"\n{total - refused.total()} of {total} carried; refused:")
    for why, count in refused.most_common(12):
        print(f"  {count:4d}  {why}")
    assert wrong == []
    assert refused.total() < 0.35 * total


def test_recorded_requests_of_the_others_are_asked_of_responses(corpora: Path | None) -> None:
    if corpora is None:
        pytest.skip("no recorded traffic here: nothing was shown on it")
    refused: Counter[str] = Counter()
    wrong: list[str] = []
    total = 0
    for record, dialect, request in recorded(corpora):
        total += 1
        try:
            out, _ = translate(dialect, R, {"model": "m", **request})
        except InvalidRequestError as error:
            refused[f"{dialect}: {error.param}"] += 1
            continue
        if (why := fault(R, out)) is not None:
            wrong.append(f"{record} {dialect}: {why}")
    print(f"\n{total - refused.total()} of {total} carried; refused: {refused.most_common(12)}")
    assert wrong == []
    assert refused.total() < 0.2 * total


KINDS: Final = [
    "message",
    "reasoning",
    "function_call",
    "function_call_output",
    "item_reference",
    "custom_tool_call",
    "input_text",
    "output_text",
    "refusal",
    "input_image",
    "input_file",
    "input_audio",
]
ITEM: Final = st.builds(
    lambda kind, fields: {**fields, "type": kind},
    st.sampled_from(KINDS),
    st.dictionaries(
        st.sampled_from([*NAMES, "call_id", "output", "encrypted_content", "summary", "phase"]),
        VALUE,
        max_size=5,
    ),
)
HOSTILE: Final = st.builds(
    lambda fields, given: {**fields, "input": given},
    st.dictionaries(
        st.sampled_from([*NAMES, "instructions", "include", "store", "truncation"]),
        VALUE,
        max_size=4,
    ),
    ATOM | st.lists(ITEM | VALUE, max_size=4),
)


@settings(max_examples=300, deadline=None)
@given(request=HOSTILE, target=st.sampled_from(sorted(DIALECTS)), drop=st.booleans())
def test_hostile_requests_are_refused_or_asked(
    request: dict[str, Any], target: str, drop: bool
) -> None:
    try:
        body = json.dumps(request).encode()
        conversation = DIALECTS[R].decode_request(body)
    except (GatewayError, ValueError) as error:
        assert isinstance(error, InvalidRequestError), error
        return
    try:
        out, _ = DIALECTS[target].encode_request(
            conversation,
            model="m",
            stream=False,
            drop_unsupported=drop,
            default_max_tokens=9,
            host=Host(),
        )
    except UnsupportedFieldError:
        assert not drop or target == R
        return
    json.loads(out)
