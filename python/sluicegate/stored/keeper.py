"""Brings answers that clients may go on from into the store, off the request path."""

import logging
import time
from collections.abc import Callable
from typing import Final

import msgspec
from msgspec import Raw

from sluicegate import _core
from sluicegate.store import StoreError
from sluicegate.store.responses import KeptResponse
from sluicegate.store.store import Store
from sluicegate.stored.items import items_of
from sluicegate.turns import Turns

log = logging.getLogger("sluicegate")

LOOK_EVERY_S: Final = 0.25
RETRY_S: Final = 1.0
PRUNE_EVERY_S: Final = 10.0
_DAY_MS: Final = 24 * 3600 * 1000

Bounds = Callable[[], tuple[float, int]]
"""Days that a response is kept, and bytes of all of them."""


class Keeper:
    """A thread of one worker. What a store does not take waits, and is tried again."""

    def __init__(self, engine: _core.Engine, store: Store, bounds: Bounds) -> None:
        """Args: store: used by this alone, and closed at the end."""
        self._engine = engine
        self._store = store
        self._bounds = bounds
        self._turns = Turns(
            "keep",
            lambda: self._turn(LOOK_EVERY_S),
            pause_s=lambda: RETRY_S if self._waiting else 0.0,
            last=self._end,
        )
        self._pruned_s = time.monotonic()
        self._waiting: list[KeptResponse] = []

    def start(self) -> None:
        """Begins."""
        self._turns.start()

    def stop(self) -> None:
        """Keeps what is there once more, then ends. Blocks."""
        self._turns.stop()

    def _end(self) -> None:
        self._turn(0.0)
        self._store.close()

    def _turn(self, within_s: float) -> None:
        try:
            if not self._waiting:
                self._waiting = [_kept(*each) for each in self._engine.kept(within_s)]
            if self._waiting:
                self._store.responses.put(self._waiting)
                self._waiting = []
            if time.monotonic() - self._pruned_s > PRUNE_EVERY_S:
                self._pruned_s = time.monotonic()
                days, max_bytes = self._bounds()
                before_ms = int(time.time() * 1000 - days * _DAY_MS)
                self._store.responses.prune(before_ms=before_ms, max_bytes=max_bytes)
        except StoreError as error:
            log.warning("responses cannot be kept now: %s", error)
        except Exception:
            log.exception("a response cannot be kept")
            self._waiting = []


def _kept(tenant: str, model: str, request: bytes, response: bytes) -> KeptResponse:
    asked = msgspec.json.decode(request, type=dict[str, Raw])
    answered = msgspec.json.decode(response, type=dict[str, Raw])
    items = msgspec.json.encode(items_of(asked.get("input"))).decode()
    return KeptResponse(
        tenant=tenant,
        id=msgspec.json.decode(answered["id"], type=str),
        model=model,
        created_at_ms=time.time_ns() // 1_000_000,
        bytes=len(items) + len(response),
        items=items,
        response=response.decode(),
    )
