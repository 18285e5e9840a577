"""Requests that the gateway makes by itself: they go the way of all others, and nobody hears the
answer.
"""

import asyncio
from typing import TYPE_CHECKING, Any

from sluicegate.course import Course
from sluicegate.pipeline import Call
from sluicegate.routes import ModelRoute

if TYPE_CHECKING:
    from sluicegate import _core
    from sluicegate.watch import Watched
    from sluicegate.worker import Worker


async def run_unheard(
    worker: "Worker", place: "_core.Place", exchange: "_core.Exchange", watched: "Watched"
) -> None:
    """Carries one to its end.

    Args:
        watched: made of `nobody`.
    Raises:
        GatewayError: what a client would be told.
        BrokenAnswerError, ClientGoneError: its answer did not come whole.
    """
    watched.exchange = exchange
    settings = worker.generations.of(exchange.generation)
    course = Course(ModelRoute(place.operation, place.dialect), exchange, settings)
    await Call(course, watched, _nowhere).run()


async def nobody() -> dict[str, Any]:
    """What a client would say that is not there."""
    await asyncio.Event().wait()
    raise AssertionError


async def _nowhere(_message: dict[str, Any]) -> None:
    """Nobody reads the answer."""
