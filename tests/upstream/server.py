"""The scripted upstream: a server on loopback, in a thread of its own."""

from __future__ import annotations

import asyncio
import re
import socket
import time
from collections.abc import Iterable

from . import bedrock, clouds, media, ollama, operations, realtime, vectors
from .before import POISON_TEXT
from .behaviours import plan_for
from .beside import BESIDE, prepare
from .cohere import COHERE
from .completions import COMPLETIONS
from .connection import BadRequestError, Connection, read_request
from .depot import Depot
from .exchange import Exchange, Stats
from .framing import Style, head
from .gemini import GEMINI, ArrayStyle, aside, read_path, wants_array
from .loopback import LoopbackServer
from .plan import Plan, UnknownPartError
from .responses import RESPONSES
from .script import answer, prompt_words, script
from .stored import Shelf
from .vocabulary import text
from .wire import ANTHROPIC, OPENAI, Wire, dumps

_ROUTES: dict[str, Wire] = {
    "/v1/chat/completions": OPENAI,
    "/v1/completions": COMPLETIONS,
    "/v1/messages": ANTHROPIC,
    "/v1/responses": RESPONSES,
    "/v2/chat": COHERE,
    "/api/chat": ollama.OLLAMA,
    **BESIDE,
}

#: What AWS's binary messages are made of, where streams come as such.
_MESSAGES: dict[Wire, type[Style]] = {
    bedrock.BEDROCK: bedrock.MessageStyle,
    clouds.INVOKED: clouds.ChunkStyle,
}

#: The paths of Azure, which name the deployment or a version of the API.
_AZURE = re.compile(r"^/openai/(v1|deployments/[^/]+)(?=/)")


class ScriptedUpstream(LoopbackServer):
    """A context manager; `url` has no `/v1`; its logs may be read at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.shelf = Shelf()
        self.depot = Depot()
        self.sessions: list[realtime.Session] = []

    # reading

    @property
    def requests(self) -> list[Exchange]:
        """Every request to a model route, in order of arrival."""
        return self.log.requests

    def stats(self, model: str) -> Stats:
        """Sums over the requests for `model`; without `@ref`, over all its refs."""
        return self.log.stats(model)

    def of(self, model: str) -> list[Exchange]:
        """The requests for `model`; without `@ref`, for all its refs."""
        return self.log.of(model)

    @staticmethod
    def text(model: str) -> str:
        """The text of a complete answer of `model`'s last attempt."""
        plan = plan_for(model, 10**9)
        return text(plan.tokens, wide=plan.wide)

    # answering

    async def answer(self, connection: Connection, exchange: Exchange) -> None:
        self.log.look_for_canaries(exchange)
        if exchange.path.startswith("/trap") or exchange.path.startswith("/latest"):
            self.log.trap_hits.append(exchange)
            await _small(connection, 200, {"trapped": True})
            return
        path = exchange.path.partition("?")[0]
        if realtime.is_one(exchange, path):
            await realtime.answer(connection, exchange, self.sessions)
            return
        wire = _ROUTES.get(_AZURE.sub("/v1", path))
        if wire is None and read_path(exchange):
            wire = GEMINI
        elif wire is None and bedrock.read_path(exchange):
            wire = bedrock.BEDROCK
        wire = media.wire_of(exchange, wire)
        if wire is None and not vectors.is_invoked(exchange):
            wire = clouds.read_path(exchange)
            is_enveloped = wire is not None
        else:
            is_enveloped = False
        if wire is None or exchange.method != "POST":
            await self._aside(connection, exchange, path)
            return
        try:
            if not exchange.model:  # no path named it
                read_request(exchange)
            if is_enveloped and (wrong := clouds.wrong(exchange)) is not None:
                await _small(connection, 400, {"message": wrong})
                return
        except (ValueError, AttributeError) as error:
            raise BadRequestError(f"body is not a JSON object: {error}") from error
        exchange.dialect = wire.name
        exchange.input_tokens = prompt_words(exchange.json)
        self.log.requests.append(exchange)
        name = (wire.name, exchange.model)
        exchange.attempt = self.log.attempts.get(name, 0) + 1
        self.log.attempts[name] = exchange.attempt
        try:
            plan = plan_for(exchange.model, exchange.attempt)
        except UnknownPartError as error:
            self.log.anomalies.append(f"unknown part {error} in {exchange.model}")
            await _small(connection, 404, {"error": {"message": f"unknown part {error}"}})
            return
        if wire in BESIDE.values():
            wire = prepare(plan, exchange, wire)
        if wants_array(exchange) and wire is GEMINI:
            plan.style, plan.content_type = ArrayStyle(), "application/json; charset=UTF-8"
        if wire in _MESSAGES and exchange.stream:
            plan.style = _MESSAGES[wire]()
            if plan.form != "whole" and plan.failure is None:
                plan.content_type = plan.content_type or bedrock.CONTENT_TYPE
        if wire is ollama.OLLAMA:
            plan.style = ollama.LineStyle()
            streams = plan.form == "stream" or (exchange.stream and plan.form != "whole")
            if streams and plan.failure is None:
                plan.content_type = plan.content_type or ollama.CONTENT_TYPE
        await self._perform(connection, exchange, plan, wire)

    async def _perform(
        self, connection: Connection, exchange: Exchange, plan: Plan, wire: Wire
    ) -> None:
        number = next(self._numbers)
        if wire is RESPONSES and plan.status == 200 and plan.failure is None:
            queued = self.shelf.put(exchange, answer(plan, wire, exchange, number))
            plan.body = queued or plan.body
        made = script(plan, wire, exchange, number, self.url)
        if plan.first_byte_s:
            await connection.pause(plan.first_byte_s)
        if plan.before is not None:
            await connection.perform(plan.before)
            return
        if not exchange.stream and plan.gap_s:
            await connection.pause(plan.gap_s * plan.tokens)
        for early in made.informational:
            await connection.send(early)
        await _send_head(connection, made.head, plan.head_drip_s)
        exchange.status = plan.status
        for step in made.body:
            if not await connection.perform(step):
                return
        exchange.finished = time.monotonic()
        await self._afterwards(connection, plan, made.close)

    async def _vectors(self, connection: Connection, exchange: Exchange, form: str) -> None:
        self.log.requests.append(exchange)
        name = (form, exchange.model)
        exchange.attempt = self.log.attempts[name] = self.log.attempts.get(name, 0) + 1
        plan = plan_for(exchange.model, exchange.attempt)
        status = plan.status if plan.failure else vectors.status_of(exchange)
        body, headers = vectors.answer(exchange, form)
        if status != 200:
            body, headers = {"message": "as the test wants it"}, []
        await _send(connection, status, "application/json", dumps(body).encode(), headers)
        exchange.finished = time.monotonic()

    @staticmethod
    async def _afterwards(connection: Connection, plan: Plan, close: bool) -> None:
        if close:
            connection.transport.close()
        elif plan.after == "surplus":
            poison = dumps({"choices": [{"message": {"content": POISON_TEXT}}]}).encode()
            head_bytes = head(200, "OK", [("Content-Length", str(len(poison)))])
            await connection.send(head_bytes + poison)
        elif plan.after == "stale-fin":
            asyncio.get_running_loop().call_later(0.02, connection.close_if_idle)
        elif plan.after == "stale-reset":
            connection.kill_on_next_byte = True

    async def _aside(self, connection: Connection, exchange: Exchange, path: str) -> None:
        """The routes beside those that generate."""
        if operations.is_one(path):
            self.log.others.append(exchange)
            await operations.answer(connection, exchange, path)
            exchange.finished = time.monotonic()
            return
        if (exchange.method, path) == ("GET", "/v1/models"):
            await _small(connection, 200, {"object": "list", "data": []})
            return
        if (said := self.depot.aside(exchange) or self.shelf.aside(exchange)) is not None:
            status, kind, data = said
            await _send(connection, status, kind, data)
            exchange.finished = time.monotonic()
            return
        body = exchange.json if exchange.method == "POST" and exchange.body else {}
        if (form := vectors.read_path(exchange, path)) is not None:
            await self._vectors(connection, exchange, form)
            return
        words = prompt_words(body)
        if (answer := aside(exchange, words)) is not None:
            exchange.dialect = "gemini"
            if "totalTokens" not in answer:
                self.log.requests.append(exchange)
            await _small(connection, 200, answer)
        elif path == "/v1/messages/count_tokens" or clouds.counts(exchange):
            await _small(connection, 200, {"input_tokens": words})
        elif path == "/v1/embeddings":
            exchange.model, exchange.dialect = str(body.get("model", "")), "openai"
            self.log.requests.append(exchange)
            if slow := re.search(r"ttft-(\d+)", exchange.model):
                await connection.pause(int(slow[1]) / 1000)
            await _small(connection, 200, _embeddings(body, words))
        else:
            self.log.unrouted.append(exchange)
            await _small(connection, 404, {"error": {"message": f"no route {path}"}})
        exchange.finished = time.monotonic()


def _embeddings(body: dict[str, object], words: int) -> dict[str, object]:
    given = body.get("input", "")
    inputs = given if isinstance(given, list) else [given]
    data = [
        {"object": "embedding", "index": i, "embedding": [0.5, -0.5, float(len(str(text)))]}
        for i, text in enumerate(inputs)
    ]
    usage = {"prompt_tokens": words, "total_tokens": words}
    return {"object": "list", "data": data, "model": body.get("model"), "usage": usage}


async def _small(connection: Connection, status: int, body: object) -> None:
    await _send(connection, status, "application/json", dumps(body).encode())


async def _send(
    connection: Connection,
    status: int,
    kind: str,
    data: bytes,
    more: Iterable[tuple[str, str]] = (),
) -> None:
    headers = [("Content-Type", kind), ("Content-Length", str(len(data))), *more]
    await connection.send(head(status, "Scripted", headers) + data)


async def _send_head(connection: Connection, data: bytes, drip_s: float) -> None:
    if not drip_s:
        await connection.send(data)
        return
    for index in range(len(data)):
        await connection.send(data[index : index + 1])
        await connection.pause(drip_s / len(data))


def closed_port() -> int:
    """A loopback port on which nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
