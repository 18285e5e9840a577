"""What a failed attempt leads to: the same upstream again, the next target, or an answer to the
client.

The rows of `OUTCOMES` are the product's failure table. Nothing here knows providers, dialects or
time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

RETRY_BACKOFF_S: Final = 0.1
"""Before the same upstream is tried again; jittered by half either way. Long enough for a process
to restart its listener, short beside any model's answer."""

SHORT_RETRY_AFTER_S: Final = 1.0
"""A rate limit is waited out only up to this, and only where no other target could answer
meanwhile.
"""


class FailureClass(StrEnum):
    """What kind of failure an attempt ended in."""

    UNREACHABLE = "unreachable"  # no connection, or it broke before an answer
    SERVER_ERROR = "server_error"  # 5xx, 529
    TIMEOUT = "timeout"
    RATE_LIMIT = "rate_limit"
    QUOTA = "quota"
    CREDENTIAL = "credential"  # the upstream refuses our key
    BAD_REQUEST = "bad_request"  # the caller's own request is at fault
    NOT_FOUND = "not_found"
    CONTEXT_LENGTH = "context_length"
    CONTENT_POLICY = "content_policy"
    BROKEN = "broken"  # an answer that is none: error in a 200, empty, cut, unreadable, a redirect
    DEADLINE = "deadline"  # the whole request's time is used up
    LIMITED = "limited"  # a limit of ours on that target has no room: nothing was sent
    NO_CREDENTIAL = "no_credential"  # ours has ended and was not renewed: nothing was sent
    GATEWAY = "gateway"  # our own fault: nothing was sent


@dataclass(frozen=True, slots=True)
class Outcome:
    """One row of the failure table."""

    retry_same: bool
    next_target: bool
    client_status: int | None
    """None: the upstream's own status is passed on."""


OUTCOMES: Final[dict[FailureClass, Outcome]] = {
    FailureClass.UNREACHABLE: Outcome(True, True, 502),
    FailureClass.SERVER_ERROR: Outcome(True, True, 502),
    FailureClass.TIMEOUT: Outcome(False, True, 504),
    FailureClass.RATE_LIMIT: Outcome(False, True, 429),
    FailureClass.QUOTA: Outcome(False, True, 429),
    FailureClass.CREDENTIAL: Outcome(False, True, 502),
    FailureClass.BAD_REQUEST: Outcome(False, False, None),
    FailureClass.NOT_FOUND: Outcome(False, True, None),
    FailureClass.CONTEXT_LENGTH: Outcome(False, False, None),
    FailureClass.CONTENT_POLICY: Outcome(False, False, None),
    FailureClass.BROKEN: Outcome(False, True, 502),
    FailureClass.DEADLINE: Outcome(False, False, 504),
    FailureClass.LIMITED: Outcome(False, True, 429),
    FailureClass.NO_CREDENTIAL: Outcome(False, True, 503),
    FailureClass.GATEWAY: Outcome(False, False, 503),
}

OF_THE_KEY: Final = frozenset(
    {
        FailureClass.CREDENTIAL,
        FailureClass.NOT_FOUND,
        FailureClass.QUOTA,
        FailureClass.RATE_LIMIT,
    }
)
"""What another key of the same provider may be spared; the rest would meet it too."""

COOL_DOWN_S: Final = 30.0
"""How long a key is passed over that its provider does not accept, or will not serve any more."""


def cool_down_s(failure: FailureClass, retry_after_s: float | None) -> float:
    """How long a key that failed so is passed over where there is another; 0 is not at all."""
    if failure in {FailureClass.CREDENTIAL, FailureClass.QUOTA}:
        return COOL_DOWN_S
    if failure is FailureClass.RATE_LIMIT:
        return min(retry_after_s or 0.0, COOL_DOWN_S)
    return 0.0


@dataclass(frozen=True, slots=True)
class Try:
    """Try `target` after `delay_s` seconds."""

    target: int
    delay_s: float = 0.0


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Tell the client; None stands for the upstream's own status."""

    client_status: int | None


@dataclass(slots=True)
class Plan:
    """The targets of one request that are still to be tried.

    Args:
        weights: weight of each target, in the route's order.
        weighted: draw the next target by weight instead of taking the next in order.
        first: the target that the request began with.
        failover_on: failures that lead to the next target only where the configuration says so.
        groups: which targets differ in their keys alone, a number for each; empty where none do.
    """

    weights: Sequence[int]
    weighted: bool
    first: int
    failover_on: frozenset[FailureClass] = frozenset()
    groups: Sequence[int] = ()
    untried: list[int] = field(init=False)
    retried: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        """All but the first target wait."""
        self.untried = [index for index in range(len(self.weights)) if index != self.first]

    def after(
        self,
        failure: FailureClass,
        target: int,
        *,
        retry_after_s: float | None,
        remaining_s: float,
        draw: Callable[[], float],
        free: Sequence[bool] = (),
    ) -> Try | GiveUp:
        """What follows when `target` failed.

        Args:
            free: whether each target's key is neither cooling down nor over its limits; those that
            are not are tried last.
            retry_after_s: what the upstream asked to wait, if it did.
            remaining_s: until the request's deadline; nothing begins behind it.
            draw: uniform in [0, 1).
        """
        outcome = OUTCOMES[failure]
        decision = self._decide(outcome, failure, target, retry_after_s, draw, free)
        if isinstance(decision, Try) and decision.delay_s < remaining_s:
            return decision
        return GiveUp(outcome.client_status)

    def _decide(
        self,
        outcome: Outcome,
        failure: FailureClass,
        target: int,
        retry_after_s: float | None,
        draw: Callable[[], float],
        free: Sequence[bool],
    ) -> Try | None:
        first_time = target not in self.retried
        if outcome.retry_same and first_time and (retry_after_s or 0.0) <= SHORT_RETRY_AFTER_S:
            self.retried.add(target)
            backoff_s = RETRY_BACKOFF_S * (0.5 + draw())
            return Try(target, max(backoff_s, retry_after_s or 0.0))
        if self.groups and failure not in OF_THE_KEY:
            group = self.groups[target]
            self.untried = [index for index in self.untried if self.groups[index] != group]
        if (outcome.next_target or failure in self.failover_on) and self.untried:
            return Try(self._next(draw(), free))
        if failure is FailureClass.RATE_LIMIT and first_time and retry_after_s is not None:
            if retry_after_s > SHORT_RETRY_AFTER_S:
                return None
            self.retried.add(target)
            return Try(target, retry_after_s)
        return None

    def _next(self, draw: float, free: Sequence[bool]) -> int:
        """Takes the next target out of those not tried: in order, or drawn by weight among them."""
        chosen = self._choice(draw, [i for i in self.untried if not free or free[i]])
        self.untried.remove(chosen)
        return chosen

    def _choice(self, draw: float, among: Sequence[int]) -> int:
        among = among or self.untried
        if not self.weighted:
            return among[0]
        mark = draw * sum(self.weights[index] for index in among)
        for index in among:
            mark -= self.weights[index]
            if mark < 0:
                return index
        return among[-1]
