"""Says in the log, and to the operator's webhook, what the core wants them to hear of."""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, Protocol

log = logging.getLogger("sluicegate")

SEPARATOR: Final = "\x1f"
"""Between the values of a scope, as the core joins them."""


class Source(Protocol):
    """The core."""

    def alerts(self) -> list[tuple[str, str, str, str, int]]:
        """`(kind, provider, model, detail, times)` since the last call."""

    def crossings(self) -> list[tuple[str, str, int, str, str]]:
        """`(limit, instance, percent, spent, amount)` since the last call."""


class Sink(Protocol):
    """Where events go beside the log."""

    def send(self, event: Mapping[str, Any]) -> None:
        """Takes one."""


def tell(source: Source, sink: Sink | None) -> None:
    """A line, and an event, for each alert and each threshold that was reached."""
    for kind, provider, model, detail, times in source.alerts():
        more = f" ({times} times since it was last told)" if times > 1 else ""
        log.warning("%s: %s/%s: %s%s", kind, provider, model, detail, more)
        if sink is not None:
            told = {"provider": provider, "model": model, "detail": detail, "times": times}
            sink.send({"event": kind, "time": _now(), **told})
    for limit, instance, percent, spent, amount in source.crossings():
        of = instance.split(SEPARATOR) if instance else []
        whose = f" of {', '.join(of)}" if of else ""
        log.warning("limit %s%s: %d %% used: %s of %s", limit, whose, percent, spent, amount)
        if sink is not None:
            told = {"limit": limit, "of": of, "percent": percent, "spent": spent, "amount": amount}
            sink.send({"event": "limit_threshold", "time": _now(), **told})


def tell_away(sink: Sink | None, detail: str) -> None:
    """An event: what is beside the cache's memory is not there any more."""
    if sink is not None:
        sink.send({"event": "cache_away", "time": _now(), "detail": detail})


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
