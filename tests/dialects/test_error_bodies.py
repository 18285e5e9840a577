"""Error bodies of many hosts, and bodies that are none."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.dialects.error_bodies import MAX_MESSAGE_CHARACTERS, read_error
from sluicegate.failures import UpstreamErrorBody as Told

BODIES: dict[str, tuple[Any, Told]] = {
    "openai": (
        {"error": {"message": "m", "type": "t", "param": "p", "code": "c"}},
        Told("m", "t", "c", "p"),
    ),
    "openai with nulls": (
        {"error": {"message": "m", "type": None, "param": None, "code": None}},
        Told("m"),
    ),
    "anthropic": (
        {"type": "error", "error": {"type": "t", "message": "m"}, "request_id": "req_1"},
        Told("m", "t"),
    ),
    "gemini": (
        [{"error": {"code": 400, "message": "m", "status": "INVALID_ARGUMENT"}}],
        Told("m", "INVALID_ARGUMENT", "400"),
    ),
    "vllm": (
        {"object": "error", "message": "m", "type": "BadRequestError", "param": None, "code": 400},
        Told("m", "BadRequestError", "400"),
    ),
    "xai": ({"code": "invalid-argument", "error": "m"}, Told("m", None, "invalid-argument")),
    "ollama": ({"error": "m"}, Told("m")),
    "text generation inference": (
        {"error": "m", "error_type": "overloaded"},
        Told("m", "overloaded"),
    ),
    "mistral": ({"message": "m", "request_id": "r"}, Told("m")),
    "fastapi": ({"detail": "m"}, Told("m")),
    "fastapi with places": ({"detail": [{"msg": "m"}]}, Told('[{"msg":"m"}]')),
    "cloudflare": (
        {"success": False, "errors": [{"code": 7003, "message": "m"}], "messages": []},
        Told("m", None, "7003"),
    ),
    "openrouter": ({"error": {"message": "m", "code": 400}}, Told("m", None, "400")),
    "openrouter, its provider's json": (
        {
            "error": {
                "message": "Provider returned error",
                "code": 400,
                "metadata": {"raw": '{"error":{"message":"m","type":"t"}}', "provider_name": "P"},
            }
        },
        Told("m", "t"),
    ),
    "openrouter, its provider's text": (
        {"error": {"message": "Provider returned error", "metadata": {"raw": "m"}}},
        Told("m"),
    ),
    "openrouter, nothing inside": (
        {"error": {"message": "m", "code": 403, "metadata": {"reasons": ["x"]}}},
        Told("m", None, "403"),
    ),
    "no words but a code": ({"error": {"message": "", "code": "c"}}, Told("", None, "c")),
    "no error but a message": ({"error": None, "message": "m"}, Told("m")),
}


@pytest.mark.parametrize(("body", "expected"), BODIES.values(), ids=BODIES.keys())
def test_a_hosts_error(body: Any, expected: Told) -> None:
    assert read_error(json.dumps(body).encode()) == expected


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"Not Found",
        b"<html>502</html>",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"{}",
        b'"text"',
        b'{"error":7}',
        b'{"error":{}}',
        b'{"error":{"metadata":{"raw":7}}}',
        b'{"errors":[7]}',
        b"[" * 60_000,
        b'{"error":' * 7_000 + b"1" + b"}" * 7_000,
    ],
    ids=lambda body: body[:24].decode("latin-1") or "empty",
)
def test_what_says_nothing_readable(body: bytes) -> None:
    assert read_error(body) is None


def test_a_long_message_is_cut() -> None:
    told = read_error(json.dumps({"error": {"message": "x" * 10_000}}).encode())
    assert told is not None
    assert len(told.message) == MAX_MESSAGE_CHARACTERS


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                ["error", "errors", "message", "detail", "type", "code", "param", "metadata", "raw"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(body=VALUES.map(lambda value: json.dumps(value).encode()) | st.binary())
def test_any_body_is_read_or_not_but_never_raises(body: bytes) -> None:
    told = read_error(body)
    if told is not None:
        assert isinstance(told.message, str)
        assert all(word is None or isinstance(word, str) for word in told[1:])
