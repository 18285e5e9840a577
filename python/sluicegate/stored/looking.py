"""Looks for what may be on its way here still, without holding up other requests meanwhile."""

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")

AT_ONCE: Final = 4
"""Looks of a worker: each is a thread's, and reads what waits in the journal."""
COMES_WITHIN_S: Final = 1.0
"""Until what was answered elsewhere, or just now, can be found here."""
PAUSE_S: Final = 0.05
MAX_PAUSE_S: Final = 0.4
"""Doubled up to this: whoever asks for what never was must not cost a look every moment."""


class LookUps:
    """The looks of one worker. Those who wait between two of theirs hold no thread."""

    def __init__(self) -> None:
        """Nobody looks yet."""
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def until(self, look: Callable[[], T], may_come: Callable[[T], bool]) -> T:
        """What is found in the end.

        Args:
            look: looks once, in a thread; it blocks.
            may_come: whether it is worth while to look again.
        """
        loop = asyncio.get_running_loop()
        until_s = loop.time() + COMES_WITHIN_S
        pause_s = PAUSE_S
        found = await self._look(look)
        while may_come(found) and loop.time() < until_s:
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, MAX_PAUSE_S)
            found = await self._look(look)
        return found

    async def _look(self, look: Callable[[], T]) -> T:
        async with self._turns:
            return await asyncio.to_thread(look)
