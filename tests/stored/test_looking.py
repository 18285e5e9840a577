"""Looks for what may come: few at once, and nobody waits in a thread."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

from sluicegate.stored.looking import AT_ONCE, COMES_WITHIN_S, LookUps

MANY = 50


def test_those_who_wait_hold_up_nobody() -> None:
    async def other_work() -> int:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(AT_ONCE + 1))
        looking = LookUps()
        waiting = [
            loop.create_task(looking.until(lambda: None, lambda found: found is None))
            for _ in range(MANY)
        ]
        for _ in range(10):
            await asyncio.to_thread(int)
        over = sum(task.done() for task in waiting)
        await asyncio.gather(*waiting)
        return over

    assert asyncio.run(other_work()) == 0


def test_a_few_look_at_once() -> None:
    lock = threading.Lock()
    now = most = 0

    def look() -> bool:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        threading.Event().wait(0.01)
        with lock:
            now -= 1
        return True

    async def all_of_them() -> None:
        looking = LookUps()
        await asyncio.gather(*(looking.until(look, lambda found: not found) for _ in range(MANY)))

    asyncio.run(all_of_them())
    assert 1 <= most <= AT_ONCE


def test_what_comes_late_is_found_and_what_never_comes_is_given_up() -> None:
    async def found(coming: list[str | None]) -> tuple[str | None, float]:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        name = await LookUps().until(lambda: coming.pop(0), lambda found: found is None)
        return name, loop.time() - began_s

    name, _ = asyncio.run(found([None, None, "x", "y"]))
    assert name == "x"
    name, took_s = asyncio.run(found([None] * 100))
    assert name is None
    assert took_s >= COMES_WITHIN_S
