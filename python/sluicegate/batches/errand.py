"""Requests to providers that the gateway makes on a client's behalf: through the core, so that each
has a decision, a journal's entry and a ledger row.
"""

from typing import TYPE_CHECKING, Any, Final

import msgspec

from sluicegate import _core
from sluicegate.course import Answer, Course
from sluicegate.errors import UpstreamError
from sluicegate.inside import Headers
from sluicegate.policies.failover import Plan
from sluicegate.routes import ModelRoute

if TYPE_CHECKING:
    from sluicegate.worker import Worker

_KEPT: Final = frozenset(
    {b"anthropic-beta", b"authorization", b"openai-beta", b"x-api-key", b"x-goog-api-key"}
)
_OWN: Final = (b"x-sluicegate-", b"x-request-id")


def own_headers(headers: Headers, content_type: str | None = None) -> Headers:
    """What of a client's headers a request of the gateway's own has: whose it is, and in which
    run.
    """
    kept = [pair for pair in headers if pair[0] in _KEPT or pair[0].startswith(_OWN)]
    if content_type is not None:
        kept.append((b"content-type", content_type.encode()))
    return kept


def course_of(worker: "Worker", exchange: "_core.Exchange", *, once: bool) -> Course:
    """What is decided about a request where it fails.

    Args: once: it is not tried again, since what it does must not be done twice.
    """
    settings = worker.generations.of(exchange.generation)
    course = Course(ModelRoute("passthrough", "openai"), exchange, settings)
    if once:
        first = exchange.first_target
        course.plan = Plan(
            [1] * len(exchange.targets), weighted=False, first=first, retried={first}
        )
        course.plan.untried.clear()
    return course


def object_of(answer: Answer) -> dict[str, Any]:
    """A good answer's JSON object.

    Raises:
        UpstreamError: it is none.
    """
    try:
        return msgspec.json.decode(answer.body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise UpstreamError(
            502,
            "the provider's answer is not JSON of its dialect",
            code="upstream_invalid_json",
        ) from None


def refused_by(answer: Answer) -> UpstreamError:
    """A provider's refusal, as its client may read it: what it says is about the request."""
    message, code = "the provider refused the request without a reason", "bad_request"
    kind = param = None
    try:
        told = msgspec.json.decode(answer.body)["error"]
        message = str(told["message"])
        code = str(told.get("code") or told.get("status") or code)
        kind, param = told.get("type"), told.get("param")
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError, AttributeError):
        pass
    return UpstreamError(answer.status, message, code=code, type=kind, param=param)


def form_body(fields: dict[str, str], filename: str, content: bytes, boundary: str) -> bytes:
    """A form with a file at its end."""
    head = b"".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    )
    head += (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n'
        "Content-Type: application/jsonl\r\n\r\n"
    ).encode()
    return b"".join((head, content, f"\r\n--{boundary}--\r\n".encode()))
