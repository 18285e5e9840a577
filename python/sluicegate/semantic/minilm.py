"""MiniLM, a small model of sentences: all-MiniLM-L6-v2 with weights of eight bits, run here."""

import threading
from collections import deque
from concurrent.futures import Future
from typing import Final

from sluicegate.semantic.network import Network

#: Changes with the files, their use, or anything else that makes vectors others.
MODEL_ID: Final = "all-MiniLM-L6-v2-int8@8199be6f"
#: Texts that go through the network together: four short ones take two thirds of the time of one
#: after the other, and more would keep the first waiting.
_MOST_AT_ONCE: Final = 4
#: Texts that may wait. Behind so many a vector comes too late for a request that waits for it.
_MOST_WAITING: Final = 64

_Waiting = tuple[str, Future[bytes | None]]


class MiniLm:
    """The embedder. Has a thread of its own, whose work is outside the GIL, on one core.

    Raises: ModelFilesError, ImportError: the extra is not installed, or not as it was measured.
    Cost: 0.3 s and some 90 MB at first; then some 9 ms of one core for a question.
    """

    def __init__(self) -> None:
        self._network = Network()
        self._waiting: deque[_Waiting] = deque()
        self._changed = threading.Condition()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="minilm", daemon=True)
        self._thread.start()

    @property
    def model_id(self) -> str:
        """See `Embedder`."""
        return MODEL_ID

    def embed(self, text: str) -> Future[bytes | None]:
        """See `Embedder`."""
        future: Future[bytes | None] = Future()
        with self._changed:
            if not self._is_closed and len(self._waiting) < _MOST_WAITING:
                self._waiting.append((text, future))
                self._changed.notify()
                return future
        future.set_result(None)
        return future

    def close(self) -> None:
        """See `Embedder`."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join()
        for _, future in self._waiting:
            if future.set_running_or_notify_cancel():
                future.set_result(None)
        self._waiting.clear()

    def _run(self) -> None:
        while batch := self._take():
            # Whoever asked may have gone meanwhile, and cancelled.
            wanted = [it for it in batch if it[1].set_running_or_notify_cancel()]
            try:
                vectors = self._network.vectors([text for text, _ in wanted])
            except Exception as error:  # noqa: BLE001  # it is told to who waits, and the thread lives on
                for _, future in wanted:
                    future.set_exception(error)
            else:
                for (_, future), vector in zip(wanted, vectors, strict=True):
                    future.set_result(vector)

    def _take(self) -> list[_Waiting]:
        """What waits, at most four; nothing once it is closed."""
        with self._changed:
            while not self._waiting and not self._is_closed:
                self._changed.wait()
            if self._is_closed:
                return []
            count = min(len(self._waiting), _MOST_AT_ONCE)
            return [self._waiting.popleft() for _ in range(count)]
