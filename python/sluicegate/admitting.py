"""Begins requests in the core: where it says "not yet", again in a moment."""

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from sluicegate import _core
from sluicegate.errors import ClientGoneError, RefusedRequestError
from sluicegate.watch import Watched

if TYPE_CHECKING:
    from sluicegate.worker import Worker

HELD_WAIT_S: Final = 2.0
HELD_PAUSE_S: Final = 0.01
MAX_HELD_PAUSE_S: Final = 0.1
MAX_ASKED: Final = 8
"""How often other hosts are asked in a row: what they grant another request may take first."""
GRANT_WAIT_S: Final = 1.0
"""Longer than the core waits for other hosts."""


def read_headers(
    worker: "Worker", place: "_core.Place", headers: list[tuple[bytes, bytes]]
) -> "_core.RequestHeaders":
    """What a request's headers say.

    Raises:
        RefusedRequestError: its key is not good, or one of them.
    """
    try:
        return worker.engine.read_headers(place, headers)
    except _core.RefusedError as refused:
        raise RefusedRequestError(*refused.args) from None


async def begun(
    worker: "Worker",
    place: "_core.Place",
    headers: "_core.RequestHeaders",
    body: bytes,
    watched: Watched,
) -> "_core.Exchange":
    """Begins a request. Where running requests hold what it needs it waits a little: most of what
    they hold they never use.
    """
    loop = asyncio.get_running_loop()
    until_s = loop.time() + HELD_WAIT_S
    pause_s = HELD_PAUSE_S
    asked = 0
    while True:
        is_last = loop.time() >= until_s or worker.draining
        try:
            return worker.engine.begin(
                place, headers, body, is_last=is_last, may_ask=asked < MAX_ASKED
            )
        except _core.GrantNeededError as needed:
            asked += 1
            await _granted(worker, needed.args[0], loop)
        except _core.RefusedError as refused:
            error = RefusedRequestError(*refused.args)
            if is_last or not error.is_held:
                raise error from None
            asked = 0
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, MAX_HELD_PAUSE_S)
        if watched.gone:
            raise ClientGoneError


async def _granted(worker: "Worker", token: int, loop: asyncio.AbstractEventLoop) -> None:
    """Until other hosts were asked."""
    with suppress(TimeoutError):
        async with asyncio.timeout(GRANT_WAIT_S):
            await worker.engine.granted(token, loop)
