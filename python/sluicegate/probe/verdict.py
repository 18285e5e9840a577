"""What an answer means, in words: what is wrong, and where to put it right."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from sluicegate import _core
from sluicegate.config.settings import Upstream
from sluicegate.credentials import CredentialError
from sluicegate.dialects import UPSTREAM_DIALECTS
from sluicegate.failures import UpstreamErrorBody, classify, named
from sluicegate.policies.failover import FailureClass
from sluicegate.probe.call import Call, Outcome
from sluicegate.probe.reasons import WAYS, Reason, reason_of
from sluicegate.probe.way import broken_way
from sluicegate.providers import ProviderRow

SHOWN: Final = 300
"""Characters of an upstream's own words."""
MOST_SKEW_S: Final = 240
"""AWS takes signatures of the last five minutes. Source:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
"""

_SHAPES: Final[dict[str, Callable[[dict[str, Any]], bool]]] = {
    "openai": lambda body: isinstance(body.get("choices"), list),
    "anthropic": lambda body: body.get("type") == "message",
    "bedrock": lambda body: isinstance(body.get("output"), dict) and "stopReason" in body,
    "cohere": lambda body: isinstance(body.get("message"), dict) and "finish_reason" in body,
    "ollama": lambda body: isinstance(body.get("message"), dict) and "done" in body,
    "gemini": lambda body: "candidates" in body or "promptFeedback" in body,
    "openai_responses": lambda body: body.get("object") == "response",
}
"""How each dialect's answer is known."""
_LISTS: Final = ("data", "models")
"""Where a list of models has them."""
_NO_MODEL: Final = ("model_not_found", "model_not_available", "not_found_error", "no such model")
_MODEL_AND: Final = (
    "not found",
    "does not exist",
    "not exist",
    "unknown",
    "invalid",
    "not supported",
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found.

    Args:
        kind: `ok`, or what is wrong, for programs.
        message: for people; no secret is in it.
        said: the provider's own words.
    """

    kind: str
    message: str
    said: str = ""

    @property
    def ok(self) -> bool:
        """Whether the provider answers as it should."""
        return self.kind == "ok"


@dataclass(frozen=True, slots=True)
class _Status:
    """A failure as the gateway's own classification takes it."""

    status: int
    code: str = "upstream_status"
    is_timeout: bool = False


def judge(upstream: Upstream, row: ProviderRow | None, call: Call, outcome: Outcome) -> Verdict:
    """What an outcome means.

    Args:
        row: the catalogue's, which knows the variable that keys are usually kept in.
    """
    if outcome.error is not None or outcome.status is None:
        return Verdict(*broken_way(call.url, outcome.error))
    said = _core.unquoted(_text(outcome.body), list(upstream.headers))
    if outcome.status < 300:
        return _answered(upstream, call, outcome, said[:SHOWN])
    if outcome.status < 400:
        location = outcome.headers.get("location")
        where = f" to {location}" if location else ""
        return Verdict(
            "redirect",
            f"{call.url} redirects{where}, which is never followed: mend base_url",
            said[:SHOWN],
        )
    return _refused(upstream, row, call, outcome, said)


def without_credential(upstream: Upstream, model: str | None, error: CredentialError) -> Verdict:
    """What it means that no credential could be had for a call."""
    said = _line(_core.unquoted(str(error), list(upstream.headers)))
    reason = reason_of(said) or reason_of(said, WAYS)
    if reason is None:
        return Verdict("credential", f"no credential of its could be had: {said}")
    return _explained(reason, upstream, model, said)


def _explained(reason: Reason, upstream: Upstream, model: str | None, said: str) -> Verdict:
    told = reason.message
    for place, value in {
        "{name}": upstream.name,
        "{model}": model or "the model",
        "{region}": _region(upstream) or "its region",
        "{host}": urlsplit(upstream.base_url).hostname or "",
        "{said}": said,
    }.items():
        told = told.replace(place, value)
    return Verdict(reason.kind, told, "" if told == said else said[:SHOWN])


def _region(upstream: Upstream) -> str | None:
    return (upstream.signer or {}).get("region") or getattr(upstream.source, "region", None)


def _clock(upstream: Upstream, outcome: Outcome, now_s: float) -> Verdict | None:
    """Whether a signed request was refused for its time, by what time it is there."""
    if upstream.signer is None or outcome.status not in {400, 401, 403}:
        return None
    try:
        there_s = parsedate_to_datetime(outcome.headers.get("date", "")).timestamp()
    except ValueError:
        return None
    ahead_s = round(now_s - there_s)
    if abs(ahead_s) <= MOST_SKEW_S:
        return None
    way = "ahead of" if ahead_s > 0 else "behind"
    host = urlsplit(upstream.base_url).hostname
    return Verdict(
        "clock",
        f"this machine's clock is {abs(ahead_s)} s {way} that of {host}: set it by a time server",
    )


def _answered(upstream: Upstream, call: Call, outcome: Outcome, said: str) -> Verdict:
    body = _json(outcome.body)
    took = f"in {outcome.took_s:.2f} s"
    if call.model is None:
        if any(isinstance(body.get(key), list) for key in _LISTS):
            count = len(next(body[key] for key in _LISTS if isinstance(body.get(key), list)))
            return Verdict("ok", f"lists {count} models {took}; name one with --model to ask it")
        return Verdict("wrong_dialect", f"{call.url} answers, but with no list of models", said)
    if _SHAPES[upstream.dialect](body):
        return Verdict("ok", f"{call.model} answers {took}")
    if "error" in body:
        return Verdict("error_in_answer", f"{call.url} answers 200 with an error", said)
    other = next((name for name, fits in _SHAPES.items() if fits(body)), None)
    hint = f": it is {other}'s, so set `dialect: {other}`" if other else ""
    return Verdict(
        "wrong_dialect", f"{call.url} answers, but not as {upstream.dialect} does{hint}", said
    )


def _refused(
    upstream: Upstream, row: ProviderRow | None, call: Call, outcome: Outcome, said: str
) -> Verdict:
    status = outcome.status or 0
    told = UPSTREAM_DIALECTS[upstream.dialect].decode_error(status, outcome.body)
    error_type = outcome.headers.get("x-amzn-errortype", "").partition(":")[0]
    told = named(told, error_type or None)
    words = f"{error_type} {said}"
    if told is not None and told.message:
        said = _core.unquoted(told.message, list(upstream.headers))[:SHOWN]
    late = _clock(upstream, outcome, time.time())
    if late is not None:
        return replace(late, said=said)
    reason = reason_of(words) if status < 500 else None
    if reason is not None:
        return _explained(reason, upstream, call.model, said)
    if call.model is not None and _is_about_the_model(status, told):
        return Verdict("unknown_model", f"{upstream.name} has no model {call.model}", said)
    match classify(_Status(status), told, upstream.quota_codes):
        case FailureClass.CREDENTIAL:
            return Verdict("credential", _about_the_key(upstream, row, status), said)
        case FailureClass.QUOTA:
            return Verdict("quota", f"the account's quota is used up (status {status})", said)
        case FailureClass.RATE_LIMIT:
            return Verdict(
                "rate_limit", "too many requests now (status 429): try again later", said
            )
        case FailureClass.NOT_FOUND:
            hint = "mend base_url (its path and version) or dialect"
            return Verdict("not_found", f"{call.url} is not there (status 404): {hint}", said)
        case FailureClass.SERVER_ERROR:
            return Verdict("server_error", f"{upstream.name} fails (status {status})", said)
        case _:
            if status == 405:
                return Verdict(
                    "not_found",
                    f"{call.url} takes no {call.method}: mend base_url or dialect",
                    said,
                )
            return Verdict("bad_request", f"{upstream.name} refuses the request ({status})", said)


def _about_the_key(upstream: Upstream, row: ProviderRow | None, status: int) -> str:
    if upstream.signer is not None or upstream.source is not None:
        whose = "signature" if upstream.signer is not None else "token"
        return f"it does not accept the {whose} of providers.{upstream.name}: status {status}"
    field = f"providers.{upstream.name}.api_key"
    if not any(_is_credential(name) for name, _ in upstream.headers):
        return f"it wants a key (status {status}) and {field} gives none"
    usual = f" (usually in {row.api_key_env})" if row and row.api_key_env else ""
    return f"it does not accept the key of {field}{usual}: status {status}"


def _is_credential(header: str) -> bool:
    return any(word in header.lower() for word in ("auth", "key", "token"))


def _is_about_the_model(status: int, told: UpstreamErrorBody | None) -> bool:
    if told is None or status not in {400, 403, 404, 422}:
        return False
    words = " ".join(filter(None, (told.code, told.type, told.message))).lower()
    named = any(word in words for word in _NO_MODEL) and "model" in words
    return named or ("model" in words and any(word in words for word in _MODEL_AND))


def _text(body: bytes) -> str:
    return _line(body.decode("utf-8", "replace"))


def _line(text: str) -> str:
    """One line, in which nothing can move the cursor."""
    return "".join(each if each.isprintable() else "�" for each in " ".join(text.split()))


def _json(body: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return found if isinstance(found, dict) else {}
