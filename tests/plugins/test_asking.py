"""Requests that hooks are asked about, where hooks hang for good."""

import asyncio
import sys
import threading
from typing import Any

from sluicegate.plugins import asking
from sluicegate.plugins.asking import MAX_WAITING, THREADS, Asking, Refused

FACTS = b'{"path":"/v1/chat/completions","operation":"chat","dialect":"openai","key_name":"k"}'


class _Hangs:
    """A hook that never decides."""

    def __init__(self) -> None:
        self.forever = threading.Event()

    def before_request(self, _: Any) -> None:
        self.forever.wait()


def test_requests_that_hooks_never_decide_on_leave_nothing_behind() -> None:
    hook = _Hangs()
    waiting = Asking([("hangs", hook)], 0.2, "refuse")
    body = b"x" * 1000
    before = sys.getrefcount(body)

    async def ask(times: int) -> list[asking.Verdict]:
        return await asyncio.gather(*(waiting.ask(FACTS, body) for _ in range(times)))

    try:
        said = asyncio.run(ask(THREADS + 2 * MAX_WAITING))
        assert all(isinstance(one, Refused) and one.failed for one in said)
        assert "too much" in str(said[-1]), "no more wait than there may"
        held = sys.getrefcount(body) - before
        assert held <= 2 * THREADS, "only the hooks that hang have it"
    finally:
        hook.forever.set()
        waiting.close()
