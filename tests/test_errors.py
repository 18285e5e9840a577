"""Every kind of error: its status, its code, its headers, and its body in each dialect."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate import errors as e
from sluicegate.dialects import DIALECTS

KINDS: list[tuple[e.GatewayError, int, str]] = [
    (e.InternalError(), 500, "internal_error"),
    (e.InvalidRequestError("no"), 400, "invalid_request"),
    (e.UnsupportedFieldError("messages[2].content[0].type"), 400, "unsupported_field"),
    (e.ThreadNotFoundError("msg_1"), 400, "thread_not_found"),
    (e.BodyTooLargeError(5), 413, "request_too_large"),
    (e.BodyCodingError(), 400, "invalid_request"),
    (e.BodyTooSlowError(), 408, "request_timeout"),
    (e.UnknownRouteError("GET", "/x"), 404, "unknown_route"),
    (e.UpgradeRequiredError("a WebSocket"), 426, "upgrade_required"),
    (e.SecretRefusedError(), 403, "session_elsewhere"),
    (e.NotReadyError("later"), 503, "not_ready"),
    (
        e.RefusedRequestError(
            "r",
            (402, "budget_exceeded", "no money", None, None, [("x-should-retry", "false")], False),
        ),
        402,
        "budget_exceeded",
    ),
    (e.UpstreamError(502, "gone", code="upstream_reset"), 502, "upstream_reset"),
]
IDS = [type(error).__name__ for error, _, _ in KINDS]


@pytest.mark.parametrize(("error", "status", "code"), KINDS, ids=IDS)
def test_a_kind_has_a_status_and_a_code(error: e.GatewayError, status: int, code: str) -> None:
    assert (error.status, error.code) == (status, code)
    assert error.origin == ("upstream" if isinstance(error, e.UpstreamError) else "gateway")
    assert error.message == str(error)


def test_every_kind_is_in_the_table() -> None:
    assert {type(error) for error, _, _ in KINDS} == _below(e.GatewayError)


def _below(kind: type[e.GatewayError]) -> set[type[e.GatewayError]]:
    direct = kind.__subclasses__()
    own = {kind for kind in direct if kind.__module__ == e.__name__}  # other parts test theirs
    return own.union(*map(_below, direct))


@pytest.mark.parametrize(("error", "status", "code"), KINDS, ids=IDS)
def test_a_body_in_each_dialect(error: e.GatewayError, status: int, code: str) -> None:
    error.request_id = "r1"
    body = json.loads(DIALECTS["openai"].encode_error(error))
    assert body.keys() == {"error"}
    assert body["error"].keys() == {"message", "type", "param", "code", "origin", "request_id"}
    assert body["error"]["code"] == code
    assert body["error"]["request_id"] == "r1"
    body = json.loads(DIALECTS["anthropic"].encode_error(error))
    assert body.keys() == {"type", "error", "request_id"}
    assert body["type"] == "error"
    assert body["error"].keys() - {"details"} == {"type", "message", "code", "origin"}
    assert (body["error"]["code"], body["request_id"]) == (code, "r1")
    body = json.loads(DIALECTS["gemini"].encode_error(error))
    assert body.keys() == {"error"}
    assert body["error"]["code"] == status
    info = body["error"]["details"][0]
    assert (info["reason"], info["metadata"]["request_id"]) == (code, "r1")


@pytest.mark.parametrize(
    ("status", "openai", "anthropic"),
    [
        (400, "invalid_request_error", "invalid_request_error"),
        (401, "authentication_error", "authentication_error"),
        (402, "insufficient_quota", "billing_error"),
        (403, "permission_error", "permission_error"),
        (404, "not_found_error", "not_found_error"),
        (413, "invalid_request_error", "request_too_large"),
        (429, "rate_limit_error", "rate_limit_error"),
        (500, "api_error", "api_error"),
        (502, "api_error", "api_error"),
        (503, "api_error", "overloaded_error"),
        (504, "timeout_error", "timeout_error"),
    ],
)
def test_each_status_has_the_vendors_word(status: int, openai: str, anthropic: str) -> None:
    error = e.RefusedRequestError("", (status, "c", "m", None, None, [], False))
    for dialect, word in (("openai", openai), ("anthropic", anthropic)):
        assert json.loads(DIALECTS[dialect].encode_error(error))["error"]["type"] == word


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_upstreams_own_words_stay(dialect: str) -> None:
    error = e.UpstreamError(400, "m", code="c", type="odd_error", param="stop")
    told = DIALECTS[dialect].decode_error(400, DIALECTS[dialect].encode_error(error))
    assert told is not None
    # Google's status is one of its own words; the upstream's stands in the details.
    kind = "INVALID_ARGUMENT" if dialect == "gemini" else "odd_error"
    assert (told.message, told.type, told.code) == ("m", kind, "c")
    # Messages and Gemini have no such field.
    assert told.param == ("stop" if dialect in ("openai", "openai_responses") else None)


def test_what_anthropics_sdks_act_on_goes_on_to_them_in_bare_words() -> None:
    details = {"error_code": "thread_unsupported_request", "unsupported": ["tools", "sk-key-1"]}
    body = json.dumps({"type": "error", "error": {"message": "m", "details": details}}).encode()
    told = DIALECTS["anthropic"].decode_error(400, body)
    assert told is not None
    assert told.details == {**details, "unsupported": ["tools"]}
    error = e.UpstreamError(400, "m", code="c", details=told.details)
    shown = json.loads(DIALECTS["anthropic"].encode_error(error))
    assert shown["error"]["details"] == told.details
    odd = {"error": {"message": "m", "details": {"error_code": "https://inside.example"}}}
    told = DIALECTS["anthropic"].decode_error(400, json.dumps(odd).encode())
    assert told is not None
    assert told.details is None


@pytest.mark.parametrize("source", DIALECTS)
@pytest.mark.parametrize("dialect", DIALECTS)
@given(message=st.text(st.characters(exclude_categories=["Cs"]), min_size=1), code=st.text("az_"))
def test_a_message_survives_any_text(source: str, dialect: str, message: str, code: str) -> None:
    body = DIALECTS[source].encode_error(e.UpstreamError(400, message, code=code or "c"))
    told = DIALECTS[dialect].decode_error(400, body)
    assert told is not None
    assert (told.message, told.code) == (message[:4000], code or "c")


@pytest.mark.parametrize(
    ("retry_after_s", "seconds", "milliseconds"),
    [(0.0, b"0", b"0"), (0.2, b"1", b"200"), (1.0, b"1", b"1000"), (1.001, b"2", b"1001")],
)
def test_nobody_is_asked_back_too_early(
    retry_after_s: float, seconds: bytes, milliseconds: bytes
) -> None:
    headers = dict(e.GatewayError("later", retry_after_s=retry_after_s).headers())
    assert headers == {b"retry-after": seconds, b"retry-after-ms": milliseconds}


def test_headers_carry_the_request_id() -> None:
    assert e.GatewayError("m", request_id="r1").headers() == [(b"x-sluicegate-request-id", b"r1")]


def test_an_unsupported_field_is_named_with_its_remedy() -> None:
    error = e.UnsupportedFieldError("messages[2].content[0].type", "it sings")
    assert error.param == error.field == "messages[2].content[0].type"
    assert "it sings" in error.message
    assert "unsupported: drop" in error.message
