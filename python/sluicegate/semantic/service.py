"""What Python does for the semantic cache of a worker: vectors, second opinions, the memory of
questions beside the index, the shadow mode.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final, Protocol

from sluicegate.config import Settings
from sluicegate.errors import GatewayError
from sluicegate.inside import ask
from sluicegate.semantic import asked
from sluicegate.semantic.chores import Chore, Chores, Listener
from sluicegate.semantic.local import Local
from sluicegate.semantic.searching import Searching
from sluicegate.semantic.shadow import Shadow, moving_of
from sluicegate.semantic.sharing import Sharing
from sluicegate.semantic.verifier import Verifier
from sluicegate.store import open_store

if TYPE_CHECKING:
    from sluicegate.worker import Worker

log = logging.getLogger("sluicegate")

MAX_ASKED: Final = 64
"""Questions to providers that run at once; what would be one more is a miss."""


def is_used(settings: Settings) -> bool:
    """Whether any model needs it."""
    everywhere = [settings.cache.rules, *(route.cache for route in settings.routes.values())]
    return any(rules.semantic.enabled for rules in everywhere)


def _uses_minilm(settings: Settings) -> bool:
    everywhere = [settings.cache.rules, *(route.cache for route in settings.routes.values())]
    return any(each.semantic.enabled and each.semantic.embedder == "minilm" for each in everywhere)


class _Part(Protocol):
    def stop(self) -> None: ...


class _Tasks:
    """Of the loop, no more than so many."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._running: set[asyncio.Task[None]] = set()

    @property
    def are_too_many(self) -> bool:
        """Whether none may be added."""
        return len(self._running) >= self._most

    def add(self, work: Coroutine[Any, Any, None]) -> None:
        """Begins one."""
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._over)

    def cancel(self) -> None:
        """Ends all of them."""
        for task in self._running:
            task.cancel()

    def _over(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("the semantic cache failed by a defect of the gateway", exc_info=error)


class Semantic:
    """One worker's. Its threads begin when a configuration first needs them."""

    def __init__(self, worker: "Worker", core: Chores) -> None:
        """Nothing runs yet."""
        self._worker = worker
        self._core = core
        self._local = Local()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._asked = _Tasks(MAX_ASKED)
        self._verifier = Verifier(worker)
        self._is_closing = False
        self._turn = threading.Lock()
        self._parts: tuple[_Part, ...] | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Ties it to the loop that serves, and begins where it is needed."""
        self._loop = loop
        self.reload(self._worker.settings)

    def reload(self, settings: Settings) -> None:
        """The configuration is this now."""
        with self._turn:
            if self._is_closing or not is_used(settings):
                return
            if _uses_minilm(settings):
                self._local.begin()
            if self._parts is None:
                self._parts = self._begun(settings)

    def close(self) -> None:
        """Asks nobody any more. On the loop."""
        self._is_closing = True
        self._asked.cancel()

    def stop(self) -> None:
        """Ends. Blocks for as long as the bounds of what runs."""
        with self._turn:
            self._is_closing = True
            for part in self._parts or ():
                part.stop()
            self._local.close()

    def _begun(self, settings: Settings) -> "tuple[_Part, ...]":
        sharing = Sharing(
            self._core,
            open_store(settings),
            lambda: self._worker.settings.cache.index == "store",
            lambda: self._worker.settings.cache.max_entries,
        )
        searching = Searching(self._core, open_store(settings), sharing.finds)
        shadow = Shadow(
            self._core,
            open_store(settings),
            self._local.vector,
            lambda: moving_of(self._worker.settings),
        )
        listener = Listener(
            self._core,
            {
                "embed": self._embed,
                "verify": self._verify,
                "judge": shadow.judge,
                "near": searching.search,
                "remember": lambda chore: _remember(sharing, chore),
                "forget": lambda chore: _forget(sharing, chore),
            },
        )
        for part in (listener, sharing, shadow):
            part.start()
        return listener, sharing, shadow, searching

    # what the core asks, on the listener's thread

    def _embed(self, chore: Chore) -> None:
        if chore.embedder == "minilm":
            self._local.embed(
                chore.text, lambda model_id, vector: self._core.vector(chore.id, model_id, vector)
            )
            return
        self._soon(
            lambda: self._embedded(chore),
            lambda: self._core.vector(chore.id, chore.embedder, None),
        )

    def _verify(self, chore: Chore) -> None:
        if not asked.can_be_verified(chore.text, chore.other, chore.answer):
            self._core.verified(chore.id, False)  # as the core has it
            return
        self._soon(
            lambda: self._verified(chore),
            lambda: self._core.verified(chore.id, False),  # as the core has it
        )

    def _soon(
        self,
        begin: Callable[[], Coroutine[Any, Any, None]],
        in_vain: Callable[[], None],
    ) -> None:
        """Does something on the loop; what cannot be done there is in vain."""

        def begun() -> None:
            if self._is_closing or self._asked.are_too_many:
                in_vain()
            else:
                self._asked.add(begin())

        try:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(begun)
        except RuntimeError:  # it is over, and so are they who wait
            pass

    # on the loop

    async def _embedded(self, chore: Chore) -> None:
        vector: bytes | None = None
        try:
            asking = asked.embedding(chore.embedder, chore.text, chore.holder)
            vector = asked.vector_of(await ask(self._worker, asking, asked.EMBED_WITHIN_S))
        except GatewayError as error:
            log.info("%s gave no vector of a question: %s", chore.embedder, error.message)
        finally:
            self._core.vector(chore.id, chore.embedder, vector)

    async def _verified(self, chore: Chore) -> None:
        is_so = False
        try:
            is_so = await self._verifier.is_answered(chore)
        finally:
            self._core.verified(chore.id, is_so)


def _remember(sharing: Sharing, chore: Chore) -> None:
    if chore.remembered is not None:
        sharing.remember(chore.remembered)


def _forget(sharing: Sharing, chore: Chore) -> None:
    if chore.key is not None:
        sharing.forget(chore.key)
