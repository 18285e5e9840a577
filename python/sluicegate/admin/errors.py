"""What the admin API answers when it does not do what it was asked."""

from typing import Any

from sluicegate.errors import GatewayError


class Problem:
    """One field that is wrong."""

    __slots__ = ("field", "message")

    def __init__(self, field: str, message: str) -> None:
        """Args: field: its path; empty for the body as a whole."""
        self.field = field
        self.message = message

    def shown(self) -> dict[str, Any]:
        """As JSON."""
        return {"field": self.field, "message": self.message}


class InvalidInputError(GatewayError):
    """Fields that are wrong; all of them are told."""

    status = 400
    default_code = "invalid_request"

    def __init__(self, problems: list[Problem]) -> None:
        """Args: problems: at least one."""
        first = problems[0]
        text = f"`{first.field}` {first.message}" if first.field else first.message
        super().__init__(text, param=first.field or None)
        self.problems = problems


class UnauthorisedError(GatewayError):
    """No credential that opens the admin API; the text is the same whatever is wrong with it."""

    status = 401
    default_code = "unauthorised"

    def __init__(self) -> None:
        """One text for all."""
        super().__init__("the admin API needs the admin key, or a key with an admin role")


class ForbiddenError(GatewayError):
    """Beyond what the role may do, or more than the key itself has."""

    status = 403
    default_code = "forbidden"


class ElsewhereError(GatewayError):
    """The admin API is not on this listener."""

    status = 404
    default_code = "unknown_route"

    def __init__(self) -> None:
        """One text for all."""
        super().__init__(
            "the admin API is not on this listener: others than this machine reach it, or "
            "`admin: {host, port}` gives it one of its own"
        )


class NotFoundError(GatewayError):
    """Not there, or not the caller's: which of them is not told."""

    status = 404
    default_code = "not_found"

    def __init__(self, kind: str, name: str) -> None:
        """Args: name: as the caller gave it."""
        super().__init__(f"there is no {kind} {name!r}")


class NotABudgetError(GatewayError):
    """A limit that is on something else than cost."""

    status = 404
    default_code = "not_found"

    def __init__(self, name: str, measure: str) -> None:
        """Args: measure: what it is on."""
        super().__init__(
            f"{name!r} is a limit on {measure}, and no budget: a budget is a limit on cost"
        )


class WrongMethodError(GatewayError):
    """The path is there, and not with this method."""

    status = 405
    default_code = "method_not_allowed"

    def __init__(self, methods: set[str]) -> None:
        """Args: methods: that it takes."""
        self._methods = ", ".join(sorted(methods))
        super().__init__(f"this path takes {self._methods}")

    def headers(self) -> list[tuple[bytes, bytes]]:
        """They go with it."""
        return [*super().headers(), (b"allow", self._methods.encode())]


class TakenError(GatewayError):
    """Something of that name is there."""

    status = 409
    default_code = "conflict"


class ContentTypeError(GatewayError):
    """A change that is not sent as JSON: what a page of another site could have a browser do."""

    status = 415
    default_code = "unsupported_media_type"

    def __init__(self) -> None:
        """One text for all."""
        super().__init__("send `content-type: application/json`")


class BadConfigError(GatewayError):
    """A configuration with mistakes; the one in force stays."""

    status = 422
    default_code = "invalid_config"

    def __init__(self, problems: list[dict[str, Any]]) -> None:
        """Args: problems: line, field and message of each."""
        count = len(problems)
        super().__init__(
            f"the file has {count} mistake{'s' if count > 1 else ''}; what is in force stays"
        )
        self.problems = problems


class CannotReloadError(GatewayError):
    """Nobody here can put a configuration in force."""

    status = 409
    default_code = "not_serving"


class NotServingError(GatewayError):
    """What only a gateway that runs knows, asked elsewhere."""

    status = 409
    default_code = "not_serving"

    def __init__(self) -> None:
        """One text for all."""
        super().__init__(
            "only the gateway's own listener knows how limits stand; this process serves no models"
        )


class TooManyTriesError(GatewayError):
    """Too many wrong credentials from one place."""

    status = 429
    default_code = "too_many_tries"

    def __init__(self, retry_after_s: float) -> None:
        """Args: retry_after_s: when one more may be tried."""
        super().__init__("too many wrong credentials; try later", retry_after_s=retry_after_s)


class StoreDownError(GatewayError):
    """The store does not answer."""

    status = 503
    default_code = "store_unavailable"

    def __init__(self) -> None:
        """The log says more."""
        super().__init__("the store cannot be used now; nothing was changed", retry_after_s=1.0)
