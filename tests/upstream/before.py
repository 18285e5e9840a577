"""Parts that go wrong before the first content: status codes, heads, whole bodies, connections."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from math import inf

from .plan import PartFunction, Plan
from .steps import End
from .wire import Failure

#: Marked response headers of which none may reach a client.
LEAKY_HEADERS = [
    ("Set-Cookie", "session=LEAK-1; Path=/"),
    ("Server", "LEAK-2/9.9"),
    ("X-Internal-Host", "LEAK-3.internal"),
    ("X-Powered-By", "LEAK-4"),
    ("Proxy-Authenticate", 'Basic realm="LEAK-5"'),
]
#: What a host that is none of our business would answer; no client may read it.
HTML = b"<html><body><h1>502 Bad Gateway</h1><hr>nginx LEAK-HTML</body></html>"
#: The end of a pooled connection that nobody asked for.
POISON_TEXT = "POISONED"

_KINDS: dict[int, tuple[str, str | None, str]] = {
    400: ("invalid_request_error", "invalid_value", "invalid_request_error"),
    401: ("invalid_request_error", "invalid_api_key", "authentication_error"),
    402: ("invalid_request_error", "billing_not_active", "billing_error"),
    403: ("permission_error", "forbidden", "permission_error"),
    404: ("invalid_request_error", "model_not_found", "not_found_error"),
    413: ("invalid_request_error", "request_too_large", "request_too_large"),
    422: ("invalid_request_error", "unprocessable", "invalid_request_error"),
    429: ("rate_limit_error", "rate_limit_exceeded", "rate_limit_error"),
    529: ("server_error", "overloaded", "overloaded_error"),
}


def failure(status: int) -> Failure:
    """What the vendors say with `status`."""
    kind = _KINDS.get(status, ("server_error", None, "api_error"))
    return Failure(status, *kind, f"scripted failure {status}")


CONTEXT_LENGTH = Failure(
    400,
    "invalid_request_error",
    "context_length_exceeded",
    "invalid_request_error",
    "This model's maximum context length is 10 tokens: the prompt is too long",
)
CONTENT_POLICY = Failure(
    400,
    "invalid_request_error",
    "content_policy_violation",
    "invalid_request_error",
    "Output blocked by content filtering policy",
)
QUOTA = Failure(
    429,
    "insufficient_quota",
    "insufficient_quota",
    "billing_error",
    "You exceeded your current quota, please check your plan and billing details",
)


def _fail(what: Failure) -> PartFunction:
    def part(plan: Plan, _found: re.Match[str]) -> None:
        plan.failure, plan.status = what, what.status

    return part


def _status(plan: Plan, found: re.Match[str]) -> None:
    plan.failure = failure(int(found[1]))
    plan.status = plan.failure.status


def _retry_after(value: Callable[[re.Match[str]], list[tuple[str, str]]]) -> PartFunction:
    def part(plan: Plan, found: re.Match[str]) -> None:
        plan.failure = failure(429)
        plan.status = 429
        plan.headers += value(found)

    return part


def _date(_found: re.Match[str]) -> list[tuple[str, str]]:
    when = datetime.now(UTC) + timedelta(seconds=3)
    return [("Retry-After", format_datetime(when, usegmt=True))]


def _set(**fields: object) -> PartFunction:
    def part(plan: Plan, _found: re.Match[str]) -> None:
        for name, value in fields.items():
            setattr(plan, name, value)

    return part


def _headers(*headers: tuple[str, str], status: int = 200) -> PartFunction:
    def part(plan: Plan, _found: re.Match[str]) -> None:
        plan.headers += headers
        plan.status = status

    return part


def _slow_first(plan: Plan, found: re.Match[str]) -> None:
    plan.first_byte_s = float(found[1])


def _slow_head(plan: Plan, found: re.Match[str]) -> None:
    plan.head_drip_s = float(found[1])


def _huge(plan: Plan, found: re.Match[str]) -> None:
    plan.headers.append(("X-Huge", "h" * (int(found[1]) * 1024)))


def _many(plan: Plan, found: re.Match[str]) -> None:
    plan.headers += [(f"X-Many-{index}", "m") for index in range(int(found[1]))]


def _body(body: bytes, content_type: str = "application/json", status: int = 200) -> PartFunction:
    return _set(body=body, content_type=content_type, status=status, form="whole")


def _error_in_200(plan: Plan, _found: re.Match[str]) -> None:
    plan.failure, plan.status = failure(500), 200


PARTS: list[tuple[str, PartFunction]] = [
    (r"fault-(\d{3})", _status),
    (r"fault-429-retryafter-(\d+)", _retry_after(lambda f: [("Retry-After", f[1])])),
    (r"fault-429-retryafter-date", _retry_after(_date)),
    (r"fault-429-retryafter-ms-(\d+)", _retry_after(lambda f: [("Retry-After-Ms", f[1])])),
    (r"fault-429-retryafter-bad", _retry_after(lambda _: [("Retry-After", "soon-ish; \t-7e99")])),
    (r"fault-429-quota", _fail(QUOTA)),
    (r"fault-context-length", _fail(CONTEXT_LENGTH)),
    (r"fault-content-policy", _fail(CONTENT_POLICY)),
    (r"fault-auth-rejected", _fail(failure(401))),
    (r"fault-reset-before-response", _set(before=End.RESET)),
    (r"fault-close-before-response", _set(before=End.FIN)),
    (r"fault-hang", _set(first_byte_s=inf)),
    (r"fault-slow-first-byte-(\d+)s", _slow_first),
    (r"fault-slow-headers-(\d+)s", _slow_head),
    (r"fault-redirect", _headers(("Location", "{url}/trap/v1/chat"), status=307)),
    (
        r"fault-redirect-metadata",
        _headers(("Location", "http://169.254.169.254/latest/meta-data/"), status=302),
    ),
    (r"fault-html-502", _body(HTML, "text/html", 502)),
    (r"fault-200-error-body", _error_in_200),
    (r"fault-empty-200", _body(b"")),
    (r"fault-invalid-json", _body(b'{"id":"LEAK-JSON","choices":[{"index":0,')),
    (r"fault-truncated-body", _set(cut_whole=End.FIN, form="whole")),
    (r"fault-wrong-content-type", _body(b"LEAK-PLAIN all is well", "text/plain")),
    (r"fault-extra-response", _set(after="surplus")),
    (r"fault-stale-keepalive", _set(after="stale-fin")),
    (r"fault-stale-keepalive-reset", _set(after="stale-reset")),
    (r"fault-huge-headers-(\d+)", _huge),
    (r"fault-many-headers-(\d+)", _many),
    (r"fault-setcookie", _headers(*LEAKY_HEADERS)),
    (r"fault-stream-ignored", _set(form="whole")),
    (r"fault-nonstream-sse", _set(form="stream")),
    (r"fault-http10", _set(framing="http10", after="close")),
    (r"fault-cl-sse", _set(framing="length")),
    (r"fault-close-delimited", _set(framing="close", after="close")),
    (r"fault-trailers", _set(trailers=True)),
    (r"fault-informational", _set(informational=[103, 102, 103])),
]
