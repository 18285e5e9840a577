"""The simulated provider at its pace."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

import msgspec

from . import dialects
from .forms import fields_of
from .http import Answer, Request
from .made import Made
from .prompt import Json, Prompt, RefusedError
from .reply import Reply, replies_to
from .responses import Kept
from .routes import RESPONSES, Dialect, Place, errors_at, narrowed, place_of

MODELS = ("sim-1", "sim-fast", "sim-slow")
_WORDS_BEFORE_BREAK = 3


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast the simulated model is, in seconds."""

    first_token_s: float = 0.2
    token_s: float = 0.02

    def of(self, model: str) -> Pace:
        """The pace of one model."""
        factor = {"sim-fast": 0.0, "sim-slow": 5.0}.get(model, 1.0)
        return Pace(self.first_token_s * factor, self.token_s * factor)


class Provider:
    """Answers requests at a pace."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._kept = Kept()

    async def __call__(self, request: Request, answer: Answer) -> None:
        """One request, routed."""
        if request.method == "GET" and request.path in _LISTS:
            await answer.whole(200, dialects.dumps(_LISTS[request.path]))
            return
        place = place_of(request.path) if request.method == "POST" else None
        if place is None:
            error = errors_at(request.path).error(404, f"no route {request.path}")
            await answer.whole(404, error)
            return
        try:
            body = fields_of(request.body, request.content_type) | dict(place.said)
            await self._answer(narrowed(place, body), body, answer)
        except RefusedError as error:
            await answer.whole(400, _refusal(place.dialect, str(error), error.details))
        except (AttributeError, LookupError, TypeError, ValueError):
            await answer.whole(400, _refusal(place.dialect, "a field has the wrong type", None))

    async def _answer(self, place: Place, body: Json, answer: Answer) -> None:
        model = str(body.get("model", ""))
        refused = re.fullmatch(r"sim-error-([2-5]\d\d)", model)
        if refused:
            status = int(refused[1])
            wait = {"retry_after": "1"} if status in (429, 503) else {}
            text = f"simulated failure {status}"
            await answer.whole(status, place.dialect.error(status, text), **wait)
        elif model == "sim-hang":
            while not answer.abandoned:
                await asyncio.sleep(0.1)
        elif place.act is not None:
            await self._made(place.act(body), self._pace.of(model), answer)
        else:
            await self._generate(place.dialect, body, answer)

    @staticmethod
    async def _made(made: Made, pace: Pace, answer: Answer) -> None:
        if not made.events:
            await answer.whole(200, made.body, made.kind, **made.headers)
            return
        await answer.start(made.kind)
        for event in made.events:
            await asyncio.sleep(pace.token_s)
            await answer.event(event.data)
        await answer.end()

    async def _generate(self, dialect: Dialect, body: Json, answer: Answer) -> None:
        prompt = dialect.read(self._kept.whole(body) if dialect is RESPONSES else body)
        replies = replies_to(prompt)
        if dialect is RESPONSES:
            self._kept.keep(body, replies)
        pace = self._pace.of(prompt.model)
        if prompt.stream:
            await _stream(dialect, prompt, replies, pace, answer)
            return
        await asyncio.sleep(pace.first_token_s + pace.token_s * replies[0].output_tokens)
        if prompt.model == "sim-midstream-reset":
            answer.reset()
            return
        await answer.whole(200, dialect.whole(prompt, replies))


def _refusal(dialect: Dialect, text: str, details: Json | None) -> bytes:
    refusal = dialect.error(400, text)
    if details is None:
        return refusal
    told = msgspec.json.decode(refusal)
    told["error"]["details"] = details
    return dialects.dumps(told)


async def _stream(
    dialect: Dialect, prompt: Prompt, replies: list[Reply], pace: Pace, answer: Answer
) -> None:
    await answer.start(dialect.content_type)
    sent = 0
    for event in dialect.events(prompt, replies):
        if event.token:
            await asyncio.sleep(pace.token_s if sent else pace.first_token_s)
            sent += 1
        if answer.abandoned:
            return
        await answer.event(event.data)
        if sent == _WORDS_BEFORE_BREAK and prompt.model == "sim-midstream-reset":
            answer.reset()
            return
        if sent == _WORDS_BEFORE_BREAK and prompt.model == "sim-midstream-error":
            await answer.event(_broken(dialect, 529, "simulated failure inside the stream"))
            break
    await answer.end()


def _broken(dialect: Dialect, status: int, message: str) -> bytes:
    if dialect.broken is not None:
        return dialect.broken(status, message)
    return b"%bdata: %b\n\n" % (dialect.error_prefix, dialect.error(status, message))


_LISTS: dict[str, Json] = {
    "/v1/models": {
        "object": "list",
        "data": [
            {"id": name, "object": "model", "created": dialects.CREATED, "owned_by": "sluicegate"}
            for name in MODELS
        ],
    },
    "/v1beta/models": {"models": [{"name": f"models/{name}"} for name in MODELS]},
    "/api/tags": {"models": [{"name": name, "model": name} for name in MODELS]},
}
