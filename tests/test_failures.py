"""What an upstream's failure is taken for, and what the client hears of it."""

import gzip
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.dialects.error_bodies import read_error
from sluicegate.failures import UpstreamErrorBody, classify, client_error, named
from sluicegate.policies.failover import OUTCOMES
from sluicegate.policies.failover import FailureClass as F

QUOTA_CODES = frozenset({"insufficient_quota", "billing_error"})


@dataclass(frozen=True)
class Wire:
    """The core's facts, made up."""

    status: int | None = None
    code: str = "upstream_status"
    is_timeout: bool = False


def openai(message: str, **fields: Any) -> dict[str, Any]:
    return {"error": {"message": message, **fields}}


def anthropic(message: str, kind: str = "invalid_request_error") -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}}


# Bodies in each host's shape, the wording reduced to what identifies it.
TOLD: dict[str, tuple[int, Any, F]] = {
    "rate": (429, openai("slow down", code="rate_limit_exceeded"), F.RATE_LIMIT),
    "rate, anthropic": (429, anthropic("slow down", "rate_limit_error"), F.RATE_LIMIT),
    "rate, no body": (429, None, F.RATE_LIMIT),
    "quota by code": (429, openai("no money", code="insufficient_quota"), F.QUOTA),
    "quota by type": (429, openai("no money", type="insufficient_quota"), F.QUOTA),
    "quota without words": (429, openai("", code="insufficient_quota"), F.QUOTA),
    "quota, anthropic balance": (
        400,
        anthropic("Your credit balance is too low to access the Anthropic API."),
        F.QUOTA,
    ),
    "quota, anthropic limit": (
        400,
        anthropic("You have reached your specified API usage limits. Wait for a month."),
        F.QUOTA,
    ),
    "payment required": (402, {"error": "add money"}, F.QUOTA),
    "key unknown": (401, openai("who?", code="invalid_api_key"), F.CREDENTIAL),
    "key without rights": (403, openai("not for you"), F.CREDENTIAL),
    "key unknown, xai": (
        400,
        {"code": "invalid-argument", "error": "Incorrect API key provided. See the console."},
        F.CREDENTIAL,
    ),
    "key unknown, gemini": (
        400,
        [openai("API key not valid. Pass a valid one.", code=400, status="INVALID_ARGUMENT")],
        F.CREDENTIAL,
    ),
    "context, openai": (400, openai("too long", code="context_length_exceeded"), F.CONTEXT_LENGTH),
    "context, anthropic": (
        400,
        anthropic("prompt is too long: 9 tokens > 8 maximum"),
        F.CONTEXT_LENGTH,
    ),
    "context, anthropic with its bound": (
        400,
        anthropic("input length and `max_tokens` exceed context limit: 6 + 4 > 8"),
        F.CONTEXT_LENGTH,
    ),
    "context, vllm": (
        400,
        {"object": "error", "message": "This model's maximum context length is 8", "code": 400},
        F.CONTEXT_LENGTH,
    ),
    "context, llama.cpp": (
        400,
        openai("request (9 tokens) is too much", type="exceed_context_size_error", code=400),
        F.CONTEXT_LENGTH,
    ),
    "context, llama api": (
        400,
        openai("prompt too long; exceeded max context length by 1 tokens"),
        F.CONTEXT_LENGTH,
    ),
    "context, xai": (
        400,
        {"code": "invalid-argument", "error": "This model's maximum prompt length is 8 but ..."},
        F.CONTEXT_LENGTH,
    ),
    "context, perplexity": (
        400,
        openai("All messages are too much", type="too_many_prompt_tokens", code=400),
        F.CONTEXT_LENGTH,
    ),
    "context, groq": (
        400,
        openai("Please reduce the length of the messages or completion."),
        F.CONTEXT_LENGTH,
    ),
    "context, wrapped by openrouter": (
        400,
        openai(
            "Provider returned error",
            code=400,
            metadata={"raw": json.dumps(anthropic("prompt is too long"))},
        ),
        F.CONTEXT_LENGTH,
    ),
    "policy, azure": (400, openai("filtered", code="content_filter"), F.CONTENT_POLICY),
    "policy, openai": (
        400,
        openai("Invalid prompt: your prompt was flagged as bad.", code="invalid_prompt"),
        F.CONTENT_POLICY,
    ),
    "policy, anthropic": (
        400,
        anthropic("Output blocked by content filtering policy"),
        F.CONTENT_POLICY,
    ),
    "policy, openrouter": (
        403,
        openai('m requires moderation. Your input was flagged for "x".', code=403),
        F.CONTENT_POLICY,
    ),
    "unknown model, bedrock": (
        400,
        {"message": "The provided model identifier is invalid."},
        F.NOT_FOUND,
    ),
    "not found": (404, anthropic("model: m", "not_found_error"), F.NOT_FOUND),
    "bad request": (400, openai("no", param="stop"), F.BAD_REQUEST),
    "unprocessable, fastapi": (422, {"detail": [{"msg": "field required"}]}, F.BAD_REQUEST),
    "too large": (413, anthropic("large", "request_too_large"), F.BAD_REQUEST),
    "no words": (400, None, F.BAD_REQUEST),
    "another protocol": (101, None, F.BROKEN),
    "server": (500, openai("oops"), F.SERVER_ERROR),
    "overloaded": (529, anthropic("Overloaded", "overloaded_error"), F.SERVER_ERROR),
}


@pytest.mark.parametrize(("status", "body", "expected"), TOLD.values(), ids=TOLD.keys())
def test_an_answer_with_an_error(status: int, body: Any, expected: F) -> None:
    told = None if body is None else read_error(json.dumps(body).encode())
    assert (told is None) == (body is None)
    assert classify(Wire(status), told, QUOTA_CODES) is expected


@pytest.mark.parametrize(
    ("status", "error_type", "expected"),
    [
        (400, "ValidationException", F.BAD_REQUEST),
        (400, "ServiceQuotaExceededException", F.QUOTA),
        (403, "ExpiredTokenException", F.CREDENTIAL),
        (408, "ModelTimeoutException", F.TIMEOUT),
        (424, "ModelErrorException", F.SERVER_ERROR),
        (429, "ThrottlingException", F.RATE_LIMIT),
        (503, "ServiceUnavailableException", F.SERVER_ERROR),
        (400, "SomethingNewException", F.BAD_REQUEST),
        (302, "ThrottlingException", F.BROKEN),
    ],
)
@pytest.mark.parametrize("said", [None, UpstreamErrorBody("no")], ids=["no body", "body"])
def test_awss_class_of_an_error_says_more_than_its_status(
    status: int, error_type: str, expected: F, said: UpstreamErrorBody | None
) -> None:
    assert classify(Wire(status), named(said, error_type), QUOTA_CODES) is expected


def test_awss_vaguest_class_hides_no_better_word() -> None:
    told = named(UpstreamErrorBody("Input is too long for the model"), "ValidationException")
    kind = classify(Wire(400), told, QUOTA_CODES)
    assert client_error(None, kind, Wire(400), told, None).code == "context_length"
    told = named(UpstreamErrorBody("no such field"), "ValidationException")
    error = client_error(None, F.BAD_REQUEST, Wire(400), told, None)
    assert (error.code, error.type) == ("ValidationException", None)


@pytest.mark.parametrize(
    ("wire", "expected"),
    [
        (Wire(code="upstream_connect_error"), F.UNREACHABLE),
        (Wire(code="upstream_reset"), F.UNREACHABLE),
        (Wire(code="upstream_first_byte_timeout", is_timeout=True), F.TIMEOUT),
        (Wire(code="request_timeout", is_timeout=True), F.DEADLINE),
        (Wire(200, "upstream_error"), F.BROKEN),
        (Wire(200, "upstream_empty_answer"), F.BROKEN),
        (Wire(200, "upstream_invalid_json"), F.BROKEN),
        (Wire(302, "upstream_redirect"), F.BROKEN),
        (Wire(code="credential_unavailable"), F.NO_CREDENTIAL),
        (Wire(code="journal_unavailable"), F.GATEWAY),
        (Wire(code="gateway_shutdown"), F.GATEWAY),
    ],
    ids=lambda value: value.code if isinstance(value, Wire) else value.value,
)
def test_a_failure_on_the_wire(wire: Wire, expected: F) -> None:
    assert classify(wire, None, QUOTA_CODES) is expected


@given(
    quoted=st.sampled_from(
        ["Incorrect API key", "API key not valid", "Your credit balance is too low"]
    )
)
def test_what_a_client_wrote_takes_no_upstream_out_of_service(quoted: str) -> None:
    """Messages quote the request; an upstream's key must not be blamed for that."""
    told = UpstreamErrorBody(f"Invalid value for 'tools[0].name': '{quoted}'", "invalid")
    assert classify(Wire(400), told, QUOTA_CODES) is F.BAD_REQUEST


SECRET = "Incorrect API key provided: sk-ab***yz of org-17 at 10.0.0.7"


@pytest.mark.parametrize("kind", F)
def test_what_speaks_of_our_side_stays_inside(kind: F) -> None:
    status = OUTCOMES[kind].client_status
    told = UpstreamErrorBody(SECRET, "authentication_error", "invalid_api_key")
    error = client_error(status, kind, Wire(400), told, None)
    if status is None:
        assert (error.status, error.message) == (400, SECRET)
    else:
        assert SECRET not in error.message
        assert error.code != "invalid_api_key"
        assert error.status != 401


def test_a_refusal_is_passed_on_in_the_upstreams_words() -> None:
    told = UpstreamErrorBody("no such stop", "invalid_request_error", "unsupported", "stop")
    error = client_error(None, F.BAD_REQUEST, Wire(422), told, None)
    assert (error.status, error.message, error.type) == (422, told.message, told.type)
    assert (error.code, error.param, error.origin) == (told.code, told.param, "upstream")


@pytest.mark.parametrize("told", [None, UpstreamErrorBody("")], ids=["no body", "no message"])
def test_a_refusal_without_words_still_says_something(told: UpstreamErrorBody | None) -> None:
    error = client_error(None, F.BAD_REQUEST, Wire(400), told, None)
    assert (error.status, error.code) == (400, "bad_request")
    assert error.message


@pytest.mark.parametrize(
    ("kind", "wait_s", "expected"),
    [(F.RATE_LIMIT, 7.0, 7.0), (F.RATE_LIMIT, None, None), (F.SERVER_ERROR, 7.0, None)],
)
def test_when_to_come_back_is_told_where_waiting_helps(
    kind: F, wait_s: float | None, expected: float | None
) -> None:
    error = client_error(OUTCOMES[kind].client_status, kind, Wire(429), None, wait_s)
    assert error.retry_after_s == expected


def test_recorded_refusals_are_read_and_none_blames_the_client_for_our_key(
    corpora: Path | None,
) -> None:
    if corpora is None:
        pytest.skip("no recorded traffic here: recorded refusals were NOT classified")
    kinds: Counter[tuple[int, str]] = Counter()
    wrong = []
    for path in sorted((corpora / "provider_traffic").glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                record = json.loads(line)
                told = _told(record)
                if told is None:
                    continue
                aws = record["response_headers"].get("x-amzn-errortype", "").split(":")[0]
                kind = classify(Wire(record["status"]), named(told, aws or None), QUOTA_CODES)
                kinds[record["status"], kind.value] += 1
                if "api key" in told.message.lower() and kind is not F.CREDENTIAL:
                    wrong.append(f"{record['id']}: {kind} for {told.message[:80]!r}")
    for (status, name), count in sorted(kinds.items()):
        print(f"  {count:4d}  {status} {name}")
    assert wrong == []


def _told(record: dict[str, Any]) -> UpstreamErrorBody | None:
    if record["status"] < 400 or record["response_body_encoding"] != "utf8":
        return None
    return read_error(record["response_body"].encode())
