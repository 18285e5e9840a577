"""The simulated provider's routes and its pace."""

from __future__ import annotations

import asyncio
import base64
import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from urllib.parse import unquote

import msgspec

from . import bedrock, dialects
from .dialects import Event
from .gemini import gemini_error, gemini_events, gemini_whole, read_gemini
from .http import Answer, Request
from .prompt import (
    Json,
    Prompt,
    RefusedError,
    read_anthropic,
    read_anthropic_input,
    read_openai,
    words,
)
from .reply import Reply, embedding, replies_to
from .responses import Kept, read_responses, responses_events, responses_whole

MODELS = ("sim-1", "sim-fast", "sim-slow")
_DEFAULT_DIMENSIONS = 256
_MAX_DIMENSIONS = 4096
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


@dataclass(frozen=True, slots=True)
class Dialect:
    """One generating route."""

    read: Callable[[Json], Prompt]
    whole: Callable[[Prompt, list[Reply]], bytes]
    events: Callable[[Prompt, list[Reply]], Iterator[Event]]
    error: Callable[[int, str], bytes]
    error_prefix: bytes
    content_type: str = "text/event-stream"
    broken: Callable[[int, str], bytes] | None = None
    """An error inside a stream, where it is no event of text."""


OPENAI = Dialect(
    read_openai,
    dialects.openai_whole,
    dialects.openai_events,
    dialects.openai_error,
    b"",
)
ANTHROPIC = Dialect(
    read_anthropic,
    dialects.anthropic_whole,
    dialects.anthropic_events,
    dialects.anthropic_error,
    b"event: error\n",
)
GEMINI = Dialect(read_gemini, gemini_whole, gemini_events, gemini_error, b"")
BEDROCK = Dialect(
    bedrock.read_bedrock,
    bedrock.bedrock_whole,
    bedrock.bedrock_events,
    bedrock.bedrock_error,
    b"",
    bedrock.CONTENT_TYPE,
    bedrock.bedrock_broken,
)
COUNTING = replace(ANTHROPIC, read=read_anthropic_input)
RESPONSES = Dialect(
    read_responses,
    responses_whole,
    responses_events,
    dialects.openai_error,
    b"event: error\n",
)
_GENERATING = {
    "/v1/chat/completions": OPENAI,
    "/v1/messages": ANTHROPIC,
    "/v1/responses": RESPONSES,
}
_GEMINI_PATH = re.compile(r"/v1(?:beta)?/models/(.+):(\w+)")
_BEDROCK_PATH = re.compile(r"/model/(.+)/(converse|converse-stream)")


class Provider:
    """Answers requests at a pace."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._kept = Kept()

    async def __call__(self, request: Request, answer: Answer) -> None:
        """One request, routed."""
        is_anthropic = request.path.startswith("/v1/messages")
        named = _GEMINI_PATH.fullmatch(unquote(request.path))
        dialect = ANTHROPIC if is_anthropic else _GENERATING.get(request.path, OPENAI)
        converse = _BEDROCK_PATH.fullmatch(unquote(request.path))
        if named or converse:
            dialect = GEMINI if named else BEDROCK
        if request.method == "GET" and request.path == "/v1/models":
            await answer.whole(200, _models())
            return
        try:
            body = msgspec.json.decode(request.body)
        except msgspec.DecodeError as error:
            await answer.whole(400, dialect.error(400, f"body is not JSON: {error}"))
            return
        if not isinstance(body, dict):
            await answer.whole(400, dialect.error(400, "body is not a JSON object"))
        elif request.method == "POST" and named:
            await self._gemini(named[1], named[2], body, answer)
        elif request.method == "POST" and converse:
            streams = converse[2] == "converse-stream"
            await self._generate(dialect, body | {"model": converse[1], "stream": streams}, answer)
        elif request.method == "POST" and request.path in _GENERATING:
            await self._generate(dialect, body, answer)
        elif request.path == "/v1/messages/count_tokens":
            prompt = await _read(COUNTING, body, answer)
            if prompt is not None:
                count = {"input_tokens": prompt.input_tokens}
                await answer.whole(200, dialects.dumps(count))
        elif request.path == "/v1/embeddings":
            await answer.whole(200, _embeddings(body))
        else:
            await answer.whole(404, dialect.error(404, f"no route {request.path}"))

    async def _gemini(self, model: str, verb: str, body: Json, answer: Answer) -> None:
        if verb in {"generateContent", "streamGenerateContent"}:
            named = body | {"model": model, "stream": verb == "streamGenerateContent"}
            await self._generate(GEMINI, named, answer)
        elif verb == "countTokens":
            prompt = await _read(GEMINI, body.get("generateContentRequest") or body, answer)
            if prompt is not None:
                count = {"totalTokens": prompt.input_tokens}
                await answer.whole(200, dialects.dumps(count))
        elif verb == "embedContent":
            parts = (body.get("content") or {}).get("parts") or []
            text = " ".join(str(part.get("text", "")) for part in parts)
            vector = embedding(text, _DEFAULT_DIMENSIONS)
            await answer.whole(200, dialects.dumps({"embedding": {"values": vector}}))
        else:
            await answer.whole(404, GEMINI.error(404, f"no method {verb}"))

    async def _generate(self, dialect: Dialect, body: Json, answer: Answer) -> None:
        model = str(body.get("model", ""))
        refused = re.fullmatch(r"sim-error-([2-5]\d\d)", model)
        if refused:
            status = int(refused[1])
            wait = {"retry_after": "1"} if status in (429, 503) else {}
            text = f"simulated failure {status}"
            await answer.whole(status, dialect.error(status, text), **wait)
            return
        if model == "sim-hang":
            while not answer.abandoned:
                await asyncio.sleep(0.1)
            return
        prompt = await _read(dialect, body, answer, self._kept)
        if prompt is None:
            return
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


async def _read(
    dialect: Dialect, body: Json, answer: Answer, kept: Kept | None = None
) -> Prompt | None:
    """The request; None where it was refused."""
    try:
        return dialect.read(body if kept is None else kept.whole(body))
    except RefusedError as error:
        text, details = str(error), error.details
    except (AttributeError, LookupError, TypeError, ValueError):
        text, details = "a field has the wrong type", None
    refusal = dialect.error(400, text)
    if details is not None:
        told = msgspec.json.decode(refusal)
        told["error"]["details"] = details
        refusal = dialects.dumps(told)
    await answer.whole(400, refusal)
    return None


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


def _models() -> bytes:
    data = [
        {"id": name, "object": "model", "created": 1_700_000_000, "owned_by": "sluicegate"}
        for name in MODELS
    ]
    return dialects.dumps({"object": "list", "data": data})


def _embeddings(body: Json) -> bytes:
    given = body.get("input", "")
    texts = [str(text) for text in given] if isinstance(given, list) else [str(given)]
    asked = body.get("dimensions")
    dimensions = asked if isinstance(asked, int) and asked > 0 else _DEFAULT_DIMENSIONS
    packed = body.get("encoding_format") == "base64"
    data: list[Json] = []
    for index, text in enumerate(texts):
        vector = embedding(text, min(dimensions, _MAX_DIMENSIONS))
        shown = base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
        value = shown if packed else vector
        data.append({"object": "embedding", "index": index, "embedding": value})
    count = sum(len(words(text)) for text in texts)
    usage = {"prompt_tokens": count, "total_tokens": count}
    model = body.get("model")
    return dialects.dumps({"object": "list", "data": data, "model": model, "usage": usage})
