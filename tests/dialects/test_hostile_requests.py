"""Whatever JSON comes, the client gets an error of ours or a request goes out: never a crash."""

import json
from typing import Any, Final

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from sluicegate.dialects import DIALECTS
from sluicegate.errors import GatewayError, InvalidRequestError

from .translate import ALL_EXTENSIONS

NAMES: Final = (  # noqa: SIM905  # a list of sixty words reads as text
    "annotations arguments budget_tokens cache_control citations content context data description"
    " detail display effort enabled file file_data file_id filename format function id image_url"
    " include_usage index input input_audio input_schema is_error json_schema logprobs max_tokens"
    " media_type metadata n name output_config parallel_tool_calls parameters reasoning"
    " reasoning_content reasoning_details reasoning_effort refusal response_format role schema seed"
    " service_tier signature source stop stop_sequences stream_options strict summary system"
    " temperature text thinking thinking_blocks title tool_call_id tool_calls tool_choice"
    " tool_use_id tools top_k ttl type url user user_id"
).split()
WORDS: Final = (  # noqa: SIM905  # as above
    "adaptive any assistant auto base64 content custom developer disabled document enabled file"
    " function high image image_url input_audio json_object json_schema none redacted_thinking"
    " refusal required system text thinking tool tool_result tool_use url user"
).split()
ODD: Final = ("", "\ud800", "é", "{", "[1]", '{"a":NaN}', "null", "data:,x", "data:a;base64,AA")

ATOM = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(WORDS)
    | st.sampled_from(ODD)
)
VALUE = st.recursive(
    ATOM,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5)
    ),
    max_leaves=12,
)
PART = st.builds(
    lambda kind, fields: {**fields, "type": kind},
    st.sampled_from(WORDS),
    st.dictionaries(st.sampled_from(NAMES), VALUE, max_size=4),
)
MESSAGE = st.builds(
    lambda role, content, fields: {**fields, "role": role, "content": content},
    st.sampled_from(["user", "assistant", "system", "tool", "developer"]),
    st.just("x") | st.lists(PART, max_size=3) | VALUE,
    st.dictionaries(st.sampled_from(NAMES), VALUE, max_size=3),
)
REQUEST = st.builds(
    lambda fields, messages: {**fields, "messages": messages},
    st.dictionaries(st.sampled_from(NAMES), VALUE, max_size=4),
    st.lists(MESSAGE, max_size=3) | VALUE,
)


def encode(body: bytes, source: str, target: str, drop: bool) -> bytes:
    out, _ = DIALECTS[target].encode_request(
        DIALECTS[source].decode_request(body),
        model="claude-sonnet-4-5",
        stream=True,
        drop_unsupported=drop,
        default_max_tokens=4096,
        host=ALL_EXTENSIONS,
    )
    return out


@settings(max_examples=400, deadline=None)
@given(request=REQUEST | VALUE, drop=st.booleans())
@pytest.mark.parametrize("source", DIALECTS)
def test_no_json_crashes_a_dialect(source: str, request: Any, drop: bool) -> None:
    """Nor any dialect that it is then said in."""
    body = json.dumps(request).encode()
    try:
        DIALECTS[source].decode_request(body)
    except GatewayError as error:
        assert 400 <= error.status < 500
        return
    for target in DIALECTS:
        note(f"in the dialect {target}")
        try:
            out = encode(body, source, target, drop)
        except GatewayError as error:
            assert 400 <= error.status < 500
        else:
            json.loads(out)


@settings(max_examples=200, deadline=None)
@given(body=st.binary(max_size=200))
@pytest.mark.parametrize("source", DIALECTS)
def test_no_bytes_crash_a_dialect(source: str, body: bytes) -> None:
    with pytest.raises(InvalidRequestError):
        DIALECTS[source].decode_request(body)


DEEP: Final = 50_000


@pytest.mark.parametrize("source", DIALECTS)
@pytest.mark.parametrize("target", DIALECTS)
@pytest.mark.parametrize(
    "body",
    [
        b"[" * DEEP,
        b'{"a":' * DEEP + b"1" + b"}" * DEEP,
        b'{"messages":' + b"[" * DEEP + b"]" * DEEP + b"}",
        b'{"messages":[],"metadata":' + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"}",
        b'{"messages":[{"role":"user","content":'
        + b'[{"type":"tool_result","tool_use_id":"a","content":' * 2000
        + b'"x"'
        + b"}]" * 2000
        + b"}]}",
    ],
    ids=["lists", "objects", "messages", "metadata", "results"],
)
def test_deep_nesting_is_an_error_of_the_client(source: str, target: str, body: bytes) -> None:
    with pytest.raises(InvalidRequestError):
        encode(body, source, target, drop=True)


def test_the_depth_that_the_core_admits_is_read() -> None:
    deep = b'{"a":' * 100 + b"1" + b"}" * 100
    body = b'{"messages":[],"tools":[{"name":"f","input_schema":' + deep + b"}]}"
    assert deep in encode(body, "anthropic", "openai", drop=False)
