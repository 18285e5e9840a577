"""Says in the log what the core wants an operator to hear of."""

import asyncio
import logging
from typing import Final, Protocol

log = logging.getLogger("sluicegate")

LOOK_EVERY_S: Final = 1.0


class Source(Protocol):
    """The core."""

    def alerts(self) -> list[tuple[str, str, str, str, int]]:
        """`(kind, provider, model, detail, times)` since the last call."""


def tell(source: Source) -> None:
    """One line for each alert that waits."""
    for kind, provider, model, detail, times in source.alerts():
        more = f" ({times} times since it was last told)" if times > 1 else ""
        log.warning("%s: %s/%s: %s%s", kind, provider, model, detail, more)


async def keep_telling(source: Source) -> None:
    """Tells until it is cancelled."""
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        tell(source)
