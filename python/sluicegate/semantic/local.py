"""MiniLM where it is wanted: begun beside everything else, so that nobody waits for its load."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final

from sluicegate.semantic.base import Embedder
from sluicegate.semantic.files import ModelFilesError
from sluicegate.semantic.minilm import MiniLm

log = logging.getLogger("sluicegate")

JUDGE_WITHIN_S: Final = 2.0
"""For a vector that nobody waits for but a thread."""

Told = Callable[[str, bytes | None], None]
"""`told(model_id, vector)`."""


class Local:
    """The model of this machine. Until it is there questions have no vector, and are misses."""

    def __init__(self, make: Callable[[], Embedder] = MiniLm) -> None:
        """Args: make: loads it, which takes some tenths of a second."""
        self._make = make
        self._turn = threading.Lock()
        self._embedder: Embedder | None = None
        self._is_begun = False
        self._is_closed = False

    def begin(self) -> None:
        """Loads it in the background, once."""
        with self._turn:
            if self._is_begun:
                return
            self._is_begun = True
        threading.Thread(target=self._load, name="sluicegate-minilm-load", daemon=True).start()

    def embed(self, text: str, told: Told) -> None:
        """Makes a vector, and tells it from another thread, or at once where there is none."""
        embedder = self._embedder
        if embedder is None:
            self.begin()
            told("", None)
            return
        embedder.embed(text).add_done_callback(
            lambda future: told(embedder.model_id, _vector_of(future))
        )

    def vector(self, text: str) -> bytes | None:
        """A vector, waited for; None where there is none."""
        embedder = self._embedder
        if embedder is None:
            return None
        try:
            return embedder.embed(text).result(JUDGE_WITHIN_S)
        except Exception:  # noqa: BLE001  # whatever failed was told where it did
            return None

    def close(self) -> None:
        """Ends it."""
        with self._turn:
            self._is_closed = True
            embedder, self._embedder = self._embedder, None
        if embedder is not None:
            embedder.close()

    def _load(self) -> None:
        try:
            embedder = self._make()
        except (ImportError, ModelFilesError) as error:
            log.error("minilm cannot be used, so that nothing is answered by likeness: %s", error)
            return
        except Exception:
            log.exception("minilm cannot be used, so that nothing is answered by likeness")
            return
        with self._turn:
            if not self._is_closed:
                self._embedder = embedder
                return
        embedder.close()


def _vector_of(future: Future[bytes | None]) -> bytes | None:
    try:
        return future.result()
    except Exception:
        log.exception("minilm made no vector of a question")
        return None
