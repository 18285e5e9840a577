"""Work on a request's body, beside the event loop where it is long: a body of many small parts can
take a second for each MiB, in which nobody else's request would be decided on.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

T = TypeVar("T")

AT_ONCE_BYTES: Final = 64 * 1024
"""What is smaller is done at once: a thread costs more."""
THREADS: Final = 2
"""Of their own, so that other work finds the loop's free; more would share one lock."""

_THREADS: Final = ThreadPoolExecutor(THREADS, thread_name_prefix="sluicegate-body")


async def done(work: Callable[[], T], size_bytes: int) -> T:
    """What the work gives, or raises.

    Args: size_bytes: of the body that it is about.
    """
    if size_bytes <= AT_ONCE_BYTES:
        return work()
    return await asyncio.get_running_loop().run_in_executor(_THREADS, work)
