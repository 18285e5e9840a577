"""What can go wrong, and what a client may read of it.

Every kind knows its HTTP status and a stable code; dialects render them. `origin` says whose fault
it is.
"""

import math
from typing import Any, ClassVar, Literal

Origin = Literal["gateway", "upstream"]
Refusal = tuple[int, str, str, str | None, float | None, list[tuple[str, str]], bool]
"""`(status, code, message, param, retry_after_s, headers, is_held)`."""


class GatewayError(Exception):
    """An error that a client is told of.

    Args:
        message: for people: names the field, the value and the remedy; never a secret, never a
        host of ours.
        code: stable, for programs; the kind's own where omitted.
        type: the vendor's word, where an upstream gave one; dialects have one of their own for
        each status.
        param: the field that is to blame.
        retry_after_s: when to try again.
        details: Anthropic's own words for programs, which only its clients read.
    """

    status: int = 500
    default_code: ClassVar[str] = "internal_error"
    origin: Origin = "gateway"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        type: str | None = None,  # noqa: A002  # the vendors' word
        param: str | None = None,
        retry_after_s: float | None = None,
        request_id: str = "",
        details: dict[str, Any] | None = None,
    ) -> None:
        """See the class."""
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.type = type
        self.param = param
        self.details = details
        self.retry_after_s = retry_after_s
        self.request_id = request_id

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Headers that go with the error."""
        headers = []
        if self.request_id:
            headers.append((b"x-sluicegate-request-id", self.request_id.encode()))
        if self.retry_after_s is not None:
            # Rounded up: a client must not come back early.
            wait_ms = math.ceil(self.retry_after_s * 1000)
            headers.append((b"retry-after", str(math.ceil(self.retry_after_s)).encode()))
            headers.append((b"retry-after-ms", str(wait_ms).encode()))
        return headers


class InternalError(GatewayError):
    """A defect of the gateway; details are in its log."""

    def __init__(self) -> None:
        """The client learns nothing of the inside."""
        super().__init__("the gateway failed; its log says why")


class InvalidRequestError(GatewayError):
    """The request cannot be understood."""

    status = 400
    default_code = "invalid_request"


class UnsupportedFieldError(InvalidRequestError):
    """The target's dialect cannot express a field."""

    default_code = "unsupported_field"

    def __init__(self, field: str, reason: str = "") -> None:
        """Args: field: its path, such as `messages[2].content[0].type`."""
        detail = f": {reason}" if reason else ""
        super().__init__(
            f"`{field}` cannot be expressed for the model's provider{detail}; leave it out, "
            f"choose another model, or set `unsupported: drop` for that provider or model",
            param=field,
        )
        self.field = field


class ThreadNotFoundError(InvalidRequestError):
    """A message thread that the model's provider does not keep, in Anthropic's words: its SDKs then
    send the whole conversation.
    """

    default_code = "thread_not_found"

    def __init__(self, message_id: str) -> None:
        """Args: message_id: what the request goes on from."""
        super().__init__(
            f"no message thread with the message {message_id!r} is kept: send the whole "
            "conversation",
            param="thread",
            details={"error_code": self.default_code},
        )


class BodyTooLargeError(GatewayError):
    """The body passes the configured bound."""

    status = 413
    default_code = "request_too_large"

    def __init__(self, max_bytes: int) -> None:
        """Args: max_bytes: the bound."""
        super().__init__(f"the body is larger than {max_bytes} bytes")


class BodyCodingError(InvalidRequestError):
    """The body is not what its `content-encoding` says."""

    def __init__(self) -> None:
        """One text for all."""
        super().__init__("the body is not what its content-encoding says", param="content-encoding")


class BodyTooSlowError(GatewayError):
    """The body did not come in time."""

    status = 408
    default_code = "request_timeout"

    def __init__(self) -> None:
        """One text for all."""
        super().__init__("the body did not arrive in time")


class ClientGoneError(Exception):
    """The client left before its request was complete: nobody is there to be told."""


class BrokenAnswerError(Exception):
    """An answer breaks off in the middle, where it has no form for an error: its connection ends,
    so that the client does not take it for all.
    """


class UnknownRouteError(GatewayError):
    """No such path, or not with this method."""

    status = 404
    default_code = "unknown_route"

    def __init__(self, method: str, path: str) -> None:
        """Args: method, path: as the client sent them."""
        super().__init__(f"{method} {path!r} is not served here; docs/http.md lists what is")


class UpgradeRequiredError(GatewayError):
    """A path that is only there for a WebSocket, or only there without one."""

    status = 426
    default_code = "upgrade_required"


class SecretRefusedError(GatewayError):
    """A provider's secret, with which a client would pass the gateway by."""

    status = 403
    default_code = "session_elsewhere"

    def __init__(self) -> None:
        """Always the same."""
        super().__init__(
            "no secrets are given out for realtime sessions: one that began with a provider's own "
            "would be neither counted nor bounded; open it at /v1/realtime with a gateway key"
        )


class NotReadyError(GatewayError):
    """The gateway cannot take requests now."""

    status = 503
    default_code = "not_ready"


class RefusedRequestError(GatewayError):
    """A request that the core refused."""

    def __init__(self, request_id: str, refusal: Refusal) -> None:
        """Args: refusal: as the core gives it."""
        status, code, message, param, retry_after_s, headers, is_held = refusal
        is_of_thread = code == ThreadNotFoundError.default_code
        super().__init__(
            message,
            code=code,
            param=param,
            request_id=request_id,
            retry_after_s=retry_after_s,
            details={"error_code": code} if is_of_thread else None,
        )
        self.status = status
        self.is_held = is_held
        """Requests that still run hold what it needs: it may be asked again in a moment."""
        self._headers = headers

    def headers(self) -> list[tuple[bytes, bytes]]:
        """How limits stand goes with it."""
        own = [(name.encode(), value.encode()) for name, value in self._headers]
        return super().headers() + own


class UpstreamError(GatewayError):
    """No upstream gave an answer."""

    default_code = "upstream_error"

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str,
        type: str | None = None,  # noqa: A002  # the vendors' word
        param: str | None = None,
        retry_after_s: float | None = None,
        origin: Origin = "upstream",
        details: dict[str, Any] | None = None,
    ) -> None:
        """Args: status: what the client gets."""
        super().__init__(
            message,
            code=code,
            type=type,
            param=param,
            retry_after_s=retry_after_s,
            details=details,
        )
        self.status = status
        self.origin = origin
