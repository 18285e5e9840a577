"""The shadow mode: would-be answers beside the model's own, judged and counted off the request
path; and thresholds that move by what was found.
"""

import logging
import queue
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final, NamedTuple

from sluicegate.config import Settings
from sluicegate.config.caching import threshold_of
from sluicegate.semantic.agreement import Embed, agree
from sluicegate.semantic.chores import Chore, Chores
from sluicegate.semantic.estimate import above, bucket_of, threshold
from sluicegate.store import Store, StoreError
from sluicegate.store.judged import Count, Pair
from sluicegate.turns import Turns

log = logging.getLogger("sluicegate")

MAX_WAITING: Final = 256
"""Pairs of answers that wait to be judged; more are not, and are not counted."""
EVERY_S: Final = 2.0
"""How often counts go to the store, where other workers add theirs."""
LOOK_EVERY: Final = 5
"""In how many of these turns it is looked what others found."""
MAX_CHARACTERS: Final = 16_000
"""Of each answer; longer ones are not judged."""
LISTEN_S: Final = 0.2
"""How long the queue is listened to until it is looked whether this is the end."""
JOIN_S: Final = 2.0


class Moving(NamedTuple):
    """What a threshold that is `auto` moves by."""

    shipped: float
    target: float


class Shadow:
    """A thread that judges, and keeps count."""

    def __init__(
        self, core: Chores, store: Store, vector: Embed, moving: Callable[[], Mapping[str, Moving]]
    ) -> None:
        """Args:
        store: used by this alone, and closed at the end.
        vector: MiniLM's, of an answer.
        moving: the embedders whose thresholds move.
        """
        self._core = core
        self._store = store
        self._vector = vector
        self._moving = moving
        self._waiting: queue.Queue[Chore] = queue.Queue(MAX_WAITING)
        self._counts: dict[Pair, Count] = {}
        self._moved: dict[str, tuple[float, float]] = {}
        self._is_failing = False
        self._number = 0
        self._turns = Turns("shadow", self._go_round, last=self._end, join_s=JOIN_S)

    def start(self) -> None:
        """Begins with what was found before."""
        self._turns.start()

    def stop(self) -> None:
        """Keeps what was counted, and ends."""
        self._turns.stop()
        self._store.close()

    def judge(self, chore: Chore) -> None:
        """Takes a would-be answer and the real one. Never blocks."""
        if max(len(chore.kept), len(chore.real)) > MAX_CHARACTERS:
            return
        with suppress(queue.Full):  # a sample of them says as much
            self._waiting.put_nowait(chore)

    def _go_round(self) -> None:
        if self._counts or self._number % LOOK_EVERY == 0:
            self._keep_and_move()
        self._judge_until(time.monotonic() + EVERY_S)
        self._number += 1

    def _end(self) -> None:
        while not self._waiting.empty():
            self._judge(self._waiting.get_nowait())
        self._keep_and_move()

    def _judge_until(self, end_s: float) -> None:
        """Judges what waits, and what comes until then."""
        while not self._turns.is_stopping and (within_s := end_s - time.monotonic()) > 0:
            with suppress(queue.Empty):
                self._judge(self._waiting.get(timeout=min(within_s, LISTEN_S)))

    def _judge(self, chore: Chore) -> None:
        # A provider's vectors cost money: of an answer nobody pays for them.
        embed = self._vector if chore.embedder == "minilm" else None
        try:
            is_same = agree(chore.kept, chore.real, embed)
        except Exception:
            log.exception("a would-be answer was not judged by a defect of the gateway")
            return
        if is_same is None:
            return
        bucket = bucket_of(chore.similarity)
        pair = Pair(chore.model, chore.tenant, chore.embedder, bucket)
        self._counts[pair] = self._counts.get(pair, Count()) + Count(1, int(not is_same))

    def _keep_and_move(self) -> None:
        try:
            if self._counts:
                self._store.judged.add(self._counts)
                self._counts = {}
            moving = self._moving()
            if moving or self._moved:
                self._move(moving, self._store.judged.all())
        except (StoreError, OSError) as error:
            if not self._is_failing:
                log.warning("what the shadow mode found is not kept yet: %s", error)
            self._is_failing = True
        else:
            self._is_failing = False

    def _move(self, moving: Mapping[str, Moving], found: Mapping[Pair, Count]) -> None:
        for embedder, (shipped, target) in moving.items():
            counts = by_bucket(found, embedder)
            value = threshold(shipped, target, counts)
            self._set(embedder, shipped if value is None else value, shipped, above(counts, 0))
        for embedder in self._moved.keys() - moving.keys():  # the configuration wants it no more
            shipped, _ = self._moved[embedder]
            self._set(embedder, shipped, shipped, Count())

    def _set(self, embedder: str, value: float, shipped: float, count: Count) -> None:
        _, before = self._moved.get(embedder, (shipped, shipped))
        if value == before:
            return
        self._core.set_threshold(embedder, value)
        self._moved[embedder] = (shipped, value)
        log.warning(
            "the threshold of %s is %.2f now, not %.2f: of %d judged answers %d were wrong",
            embedder,
            value,
            before,
            *count,
        )


def by_bucket(found: Mapping[Pair, Count], embedder: str) -> dict[int, Count]:
    """What was found of an embedder, of all models and tenants together."""
    counts: dict[int, Count] = {}
    for pair, count in found.items():
        if pair.embedder == embedder:
            counts[pair.bucket] = counts.get(pair.bucket, Count()) + count
    return counts


def moving_of(settings: Settings) -> dict[str, Moving]:
    """By embedder. Where several models say how much may be wrong, the strictest is heard."""
    everywhere = [settings.cache.rules, *(route.cache for route in settings.routes.values())]
    found: dict[str, Moving] = {}
    for rules in (each.semantic for each in everywhere):
        target = rules.target_false_hit_rate
        if rules.enabled and rules.threshold == "auto" and target is not None:
            before = found.get(rules.embedder)
            shipped = threshold_of(rules)
            least = target if before is None else min(target, before.target)
            found[rules.embedder] = Moving(shipped, least)
    return found
