"""Makes the C library give large blocks back to the system as soon as they are free."""

import ctypes
import sys
from typing import Final

M_TRIM_THRESHOLD: Final = -1
M_MMAP_THRESHOLD: Final = -3
LARGE_BYTES: Final = 4 * 1024 * 1024
TRIM_BYTES: Final = 16 * 1024 * 1024


def return_large_blocks() -> None:
    """Maps blocks from 4 MiB on their own.

    glibc raises that bound by itself once such a block was freed, and from then on keeps what an
    event of megabytes needed in the arena of whichever thread held it. Elsewhere nothing is done.
    Source: mallopt(3).
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, LARGE_BYTES)
        mallopt(M_TRIM_THRESHOLD, TRIM_BYTES)
