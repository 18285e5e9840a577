"""From what happened on the wire to a class of failure, and on to what the client is told."""

from collections.abc import Collection
from typing import Any, Final, NamedTuple, Protocol

from sluicegate.errors import Origin, UpstreamError
from sluicegate.policies.failover import FailureClass


class WireFailure(Protocol):
    """The core's facts about a failed attempt."""

    @property
    def code(self) -> str:
        """Stable code of what went wrong."""

    @property
    def is_timeout(self) -> bool:
        """Whether time ran out."""

    @property
    def status(self) -> int | None:
        """The upstream's status, if it answered."""


class UpstreamErrorBody(NamedTuple):
    """What an upstream's error body says, in its own words."""

    message: str
    type: str | None = None
    code: str | None = None
    param: str | None = None
    details: dict[str, Any] | None = None


_UNREACHABLE: Final = {"upstream_connect_error", "upstream_reset"}
_GATEWAY: Final = {
    "journal_unavailable",
    "internal_error",
    "gateway_shutdown",
    "ended_by_plugin",
    "run_ended",
    "run_limit_exceeded",
}

_CREDENTIAL: Final = ("incorrect api key", "invalid api key", "api key not valid")
"""How xAI's and Gemini's 400 begin where others answer 401. Sources: recorded answers."""

_QUOTA: Final = (
    "your credit balance is too low",
    "you have reached your specified api usage limits",
)
"""How Anthropic's 400 begins where an account may spend no more: it has no code of its own. Source:
https://github.com/anthropics/claude-code/issues/66314
"""

_CONTEXT_LENGTH: Final = (
    "context_length_exceeded",
    "exceed_context_size_error",  # llama.cpp
    "model_max_prompt_tokens_exceeded",
    "too_many_prompt_tokens",  # Perplexity
    "prompt is too long",
    "prompt too long",  # Llama API
    "maximum context length",
    "max context length",
    "maximum prompt length",  # xAI
    "context limit",  # Anthropic, where prompt and bound together are too much
    "context window",
    "reduce the length of the messages",  # Groq
    "exceeded model token limit",  # Moonshot
    "input is too long",  # Bedrock
    "input tokens exceeded",  # Bedrock
    "exceeds the maximum number of tokens",  # Gemini
    "too many tokens: ",  # Cohere
    "exceeds the context length",  # Ollama
)
"""In codes or messages; vendors have no common word. Sources: OpenAI error codes, Anthropic errors,
recorded answers.
"""

_CONTENT_POLICY: Final = (
    "content_policy_violation",
    "content_filter",
    "content filtering policy",  # Anthropic
    "responsibleaipolicyviolation",
    "input was flagged",  # OpenRouter, with status 403
    "prompt was flagged",  # OpenAI, `invalid_prompt`
)

_UNKNOWN_MODEL: Final = ("the provided model identifier is invalid",)
"""How Bedrock's 400 begins where others answer 404. Source: recorded answers."""

_AWS: Final = {
    "AccessDeniedException": FailureClass.CREDENTIAL,
    "ExpiredTokenException": FailureClass.CREDENTIAL,
    "IncompleteSignature": FailureClass.CREDENTIAL,
    "IncompleteSignatureException": FailureClass.CREDENTIAL,
    "InternalServerException": FailureClass.SERVER_ERROR,
    "InvalidSignatureException": FailureClass.CREDENTIAL,
    "ModelErrorException": FailureClass.SERVER_ERROR,  # 424
    "ModelNotReadyException": FailureClass.RATE_LIMIT,
    "ModelTimeoutException": FailureClass.TIMEOUT,  # 408
    "ResourceNotFoundException": FailureClass.NOT_FOUND,
    "ServiceQuotaExceededException": FailureClass.QUOTA,  # 400
    "ServiceUnavailableException": FailureClass.SERVER_ERROR,
    "ThrottlingException": FailureClass.RATE_LIMIT,
    "UnrecognizedClientException": FailureClass.CREDENTIAL,
}
"""What AWS's classes of errors are, which say more than their statuses. Sources:
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html,
https://docs.aws.amazon.com/bedrock/latest/APIReference/CommonErrors.html
"""

_ANY_MISTAKE: Final = "ValidationException"
"""AWS's class of whatever is wrong with a request, which says no more than its 400."""

_MESSAGES: Final = {
    "upstream_connect_error": "the provider cannot be reached",
    "upstream_connect_timeout": "the provider cannot be reached in time",
    "upstream_reset": "the provider's connection broke before an answer came",
    "upstream_first_byte_timeout": "the provider did not answer in time",
    "upstream_idle_timeout": "the provider fell silent in the middle of its answer",
    "request_timeout": "the request's time is used up",
    "upstream_bad_head": "the provider's answer is not acceptable HTTP",
    "upstream_redirect": "the provider redirects, which is never followed",
    "upstream_empty_answer": "the provider's answer is empty",
    "upstream_invalid_json": "the provider's answer is not JSON of its dialect",
    "upstream_wrong_content_type": "the provider's answer has an unexpected content type",
    "upstream_wrong_form": "the provider answered in another form than was asked for",
    "upstream_truncated": "the provider's answer ended before its end",
    "upstream_malformed_event": "the provider sent an event that cannot be read",
    "upstream_answer_too_large": "the provider's answer is too large",
    "upstream_bad_coding": "the provider's answer is compressed in a way that cannot be undone",
    "upstream_error": "the provider reported an error in its answer",
    "journal_unavailable": "the gateway cannot record the request and so must not send it",
    "credential_unavailable": "the gateway's credential for the provider has ended, and a new one "
    "cannot be had at the moment",
    "gateway_shutdown": "the gateway is shutting down",
    "ended_by_plugin": "a plugin of the gateway ended the answer",
    "run_ended": "the run was ended by an administrator",
    "run_limit_exceeded": "the run's time is over",
    "internal_error": "the gateway failed; its log says why",
}


def named(told: UpstreamErrorBody | None, error_type: str | None) -> UpstreamErrorBody | None:
    """What an upstream said, with the class of its error where that stands in the answer's head."""
    if error_type is None:
        return told
    told = told or UpstreamErrorBody("")
    return told._replace(code=told.code or error_type)


def classify(
    failure: WireFailure, told: UpstreamErrorBody | None, quota_codes: Collection[str]
) -> FailureClass:
    """The class of a failed attempt.

    Args:
        told: what the upstream said, if it said something readable.
        quota_codes: the provider's words for a quota that is used up.
    """
    code = failure.code
    if code in _GATEWAY:
        return FailureClass.GATEWAY
    if code == "target_limited":
        return FailureClass.LIMITED
    if code == "credential_unavailable":
        return FailureClass.NO_CREDENTIAL
    if code == "request_timeout":
        return FailureClass.DEADLINE
    if failure.is_timeout:
        return FailureClass.TIMEOUT
    if code in _UNREACHABLE:
        return FailureClass.UNREACHABLE
    if code != "upstream_status" or failure.status is None:
        return FailureClass.BROKEN
    return _classify_status(failure.status, told, quota_codes)


def _classify_status(
    status: int, told: UpstreamErrorBody | None, quota_codes: Collection[str]
) -> FailureClass:
    if status < 400:
        return FailureClass.BROKEN  # 101: nobody asked for another protocol
    words = _words(told)
    if told is not None and told.code in _AWS:
        return _AWS[told.code]
    if status == 429:
        quota = told is not None and {told.code, told.type} & set(quota_codes)
        return FailureClass.QUOTA if quota else FailureClass.RATE_LIMIT
    if status >= 500:
        return FailureClass.SERVER_ERROR
    if status == 402:
        return FailureClass.QUOTA
    if status == 404:
        return FailureClass.NOT_FOUND
    if status != 401 and any(word in words for word in _CONTENT_POLICY):
        return FailureClass.CONTENT_POLICY
    if status in {401, 403}:
        return FailureClass.CREDENTIAL
    begun = next((kind for kind, said in _BEGINNINGS.items() if _begins(told, said)), None)
    if status == 400 and begun is not None:
        return begun
    if any(word in words for word in _CONTEXT_LENGTH):
        return FailureClass.CONTEXT_LENGTH
    return FailureClass.BAD_REQUEST


_BEGINNINGS: Final = {
    FailureClass.CREDENTIAL: _CREDENTIAL,
    FailureClass.QUOTA: _QUOTA,
    FailureClass.NOT_FOUND: _UNKNOWN_MODEL,
}
"""What a 400 is that begins so."""


def _begins(told: UpstreamErrorBody | None, said: tuple[str, ...]) -> bool:
    """Only the beginning counts: further on, messages quote what the client sent, and no client may
    take an upstream out of service for others by what it writes.
    """
    return told is not None and told.message.lower().startswith(said)


def _words(told: UpstreamErrorBody | None) -> str:
    if told is None:
        return ""
    return " ".join(filter(None, (told.code, told.type, told.message))).lower()


_STATUSES: Final = {
    "ended_by_plugin": 403,
    "internal_error": 500,
    "run_ended": 403,
    "run_limit_exceeded": 403,
}
"""Of the gateway's own failures, where the failure table's does not fit."""

_OURS: Final = {FailureClass.GATEWAY, FailureClass.NO_CREDENTIAL}

_CODES: Final = {
    FailureClass.CREDENTIAL: "upstream_credential",
    FailureClass.RATE_LIMIT: "upstream_rate_limit",
    FailureClass.QUOTA: "upstream_quota",
    FailureClass.SERVER_ERROR: "upstream_server_error",
}


def client_error(
    status: int | None,
    kind: FailureClass,
    failure: WireFailure,
    told: UpstreamErrorBody | None,
    wait_s: float | None,
) -> UpstreamError:
    """What the client is told.

    Args:
        status: the failure table's; None passes the upstream's own error on: it is about the
        caller's request.
    """
    if status is None:
        told = told or UpstreamErrorBody("")
        is_vague = told.code == _ANY_MISTAKE and kind is not FailureClass.BAD_REQUEST
        return UpstreamError(
            failure.status or 502,
            told.message or "the provider refused the request without a reason",
            code=kind.value if is_vague else told.code or kind.value,
            type=told.type,
            param=told.param,
            details=told.details,
        )
    # What an upstream says of our credential, its hosts or its insides goes to the log only.
    code = _CODES.get(kind, failure.code)
    fallback = f"the provider answered with status {failure.status}"
    message = _MESSAGES.get(failure.code, fallback)
    if kind is FailureClass.CREDENTIAL:
        message = "the provider does not accept the gateway's credential for it"
    origin: Origin = "gateway" if kind in _OURS else "upstream"
    retry_after_s = wait_s if status in {429, 503} else None
    if status == 503 and retry_after_s is None:
        retry_after_s = 1.0
    status = _STATUSES.get(failure.code, status)
    return UpstreamError(status, message, code=code, retry_after_s=retry_after_s, origin=origin)
