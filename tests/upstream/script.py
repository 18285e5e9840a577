"""From a plan and a request to what goes on the wire: pure, readable without a socket."""

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from http import HTTPStatus
from math import isinf
from typing import Any

from .endings import ended, ended_event
from .exchange import Exchange
from .framing import chunk, head
from .plan import Plan
from .steps import End, Event, Item, Pause, Raw
from .wire import Answer, Reasoning, Text, Tool, Wire

Step = Raw | Pause | End
Steps = Iterator[Step] | list[Item] | list[Raw]
_PREFIXES = {
    "openai": "chatcmpl-",
    "anthropic": "msg_",
    "gemini": "chatcmpl-",
    "openai_responses": "resp_",
    "bedrock": "",
    "cohere": "",
    "ollama": "",
    "invoke": "msg_bdrk_",
}
_ID_HEADERS = {
    "anthropic": "request-id",
    "bedrock": "x-amzn-requestid",
    "invoke": "x-amzn-requestid",
}
#: AWS's classes of errors, by status.
_ERROR_TYPES = {
    400: "ValidationException",
    401: "UnrecognizedClientException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    429: "ThrottlingException",
    500: "InternalServerException",
    503: "ServiceUnavailableException",
}
_TRAILERS = b"0\r\nX-Checksum: LEAK-TRAILER\r\n\r\n"


@dataclass(slots=True)
class Script:
    """One response: the head, then steps whose bytes are already framed."""

    head: bytes
    body: Iterator[Step]
    informational: list[bytes] = field(default_factory=list)
    close: bool = False


def prompt_words(body: Any) -> int:
    """Input tokens as this upstream counts them: words of messages and what stands beside them."""
    if isinstance(body, str):
        return len(body.split())
    if isinstance(body, list):
        return sum(prompt_words(part) for part in body)
    if isinstance(body, dict):
        wanted = ("messages", "system", "instructions", "input", "content", "text")
        wanted += ("contents", "parts", "requests", "prompt", "query", "documents")
        return sum(prompt_words(body[name]) for name in wanted if name in body)
    return 0


def answer(plan: Plan, wire: Wire, exchange: Exchange, number: int) -> Answer:
    """The content and usage of the answer to `exchange`."""
    body = exchange.json if exchange.body else {}
    pieces = plan.generated()
    made = plan.reasoning
    for piece in pieces:
        match piece:
            case Text(_, tokens):
                made += tokens
            case Reasoning():
                made += 1
            case Tool():
                made += len(piece.fragments)
    given = exchange.input_tokens + (1000 if plan.cached else 0)
    usage: dict[str, Any] | None = wire.usage(given, made, plan.cached, plan.reasoning)
    if plan.usage_edit is not None and usage is not None:
        usage = plan.usage_edit(usage)
    options = body.get("stream_options") or {}
    asked = wire.name != "openai" or bool(options.get("include_usage")) or plan.usage_each
    return Answer(
        id=plan.answer_id or f"{_PREFIXES[wire.name]}{number}",
        model=plan.answer_model or exchange.model,
        pieces=pieces,
        usage=usage,
        usage_each=plan.usage_each,
        usage_twice=plan.usage_twice,
        usage_asked=asked,
    )


def script(plan: Plan, wire: Wire, exchange: Exchange, number: int, url: str) -> Script:
    """The whole response for one request."""
    streamed = plan.form == "stream" or (exchange.stream and plan.form != "whole")
    headers = [(name, value.replace("{url}", url)) for name, value in plan.headers]
    headers.append((_ID_HEADERS.get(wire.name, "x-request-id"), f"up-{number}"))
    if plan.failure is not None and wire.name in {"bedrock", "invoke"}:
        kind = _ERROR_TYPES.get(plan.failure.status, "ModelErrorException")
        headers.append(("x-amzn-ErrorType", f"{kind}:http://internal.amazon.com/coral/LEAK/"))
    informational = [
        head(status, "Informational", [("Link", "</x>")]) for status in plan.informational
    ]
    if plan.failure is not None or plan.body is not None or plan.status != 200 or not streamed:
        made = answer(plan, wire, exchange, number)
        return _whole(plan, headers, _whole_body(plan, wire, made), informational)
    made = answer(plan, wire, exchange, number)
    events = wire.events(made)
    if plan.ending is not None:
        events = [ended_event(wire.name, event, plan.ending) for event in events]
    items: list[Item] = list(_paced(events, plan.gap_s))
    for edit in plan.edits:
        items = edit(items, wire)
    return _streamed(plan, headers, items, informational)


def _paced(events: list[Event], gap_s: float) -> Iterator[Item]:
    first = True
    for event in events:
        if event.kind == "token" and gap_s and not first:
            yield Pause(gap_s)
        first = first and event.kind != "token"
        yield event


def _whole_body(plan: Plan, wire: Wire, made: Answer) -> Raw:
    if plan.failure is not None:
        return Raw(wire.error_body(plan.failure))
    if plan.body is not None:
        return Raw(plan.body)
    if plan.status != 200:
        return Raw(b"")
    tokens = sum(piece.tokens for piece in made.pieces if isinstance(piece, Text))
    body = wire.whole(made)
    if plan.ending is not None:
        body = ended(wire.name, body.decode(), plan.ending).encode()
    return Raw(body, tokens, "end", made.usage)


def _whole(
    plan: Plan,
    headers: list[tuple[str, str]],
    whole: Raw,
    informational: list[bytes],
) -> Script:
    body = whole.data
    if plan.coding is not None and plan.status == 200:
        body = gzip.compress(body, 1)
        headers.append(("Content-Encoding", "gzip"))
        if plan.coding == "gzip-truncated":
            body, whole = body[:-10], Raw(b"", kind="broken")
    framing = plan.framing
    end = plan.cut_whole
    if framing == "chunked" and end not in (End.CLEAN, End.BAD_CHUNK) and not plan.trailers:
        framing = "length"
    headers.append(("Content-Type", plan.content_type or "application/json"))
    items: list[Item] = [
        replace(whole, data=body) if end is None else Raw(body[: len(body) // 2], kind="broken")
    ]
    if end is not None:
        items += [Pause(0.03), Pause(float("inf")) if end is End.HOLD else end]
    return _framed(plan, framing, headers, items, len(body), informational)


def _streamed(
    plan: Plan, headers: list[tuple[str, str]], items: list[Item], informational: list[bytes]
) -> Script:
    if plan.content_type != "-":
        kind = plan.content_type or "text/event-stream; charset=utf-8"
        headers.append(("Content-Type", kind))
    headers.append(("Cache-Control", "no-cache"))
    pieces: Iterator[Step] = _encoded(plan, items)
    if plan.coding is not None:
        headers.append(("Content-Encoding", "gzip"))
        pieces = _zipped(plan, pieces)
    if plan.framing != "length":
        return _framed(plan, plan.framing, headers, pieces, 0, informational)
    raw = [piece for piece in pieces if isinstance(piece, Raw)]
    length = sum(len(piece.data) for piece in raw)
    return _framed(plan, "length", headers, raw, length, informational)


def _encoded(plan: Plan, items: list[Item]) -> Iterator[Step]:
    number = 0
    for item in items:
        if not isinstance(item, Event):
            yield item
            continue
        tokens = item.tokens
        *pieces, last = plan.cutter(plan.style.encode(item, number))
        for piece in pieces:
            yield Raw(piece, tokens)
            tokens = 0
        yield Raw(last, tokens, item.kind, item.usage)
        number += 1


@cache
def _mebibyte_of_nothing() -> bytes:
    """1 MiB of one letter as a deflate block that may follow any other."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    return squeeze.compress(b"b" * (1 << 20)) + squeeze.flush(zlib.Z_FULL_FLUSH)


def _zipped(plan: Plan, steps: Iterator[Step]) -> Iterator[Step]:
    """Each event is flushed alone; a bomb follows the third token, a truncation comes halfway."""
    squeeze = zlib.compressobj(1, zlib.DEFLATED, 31)
    seen = 0
    if plan.coding == "gzip-truncated":
        all_steps = list(steps)
        steps = iter(all_steps[: len(all_steps) // 2])
    for step in steps:
        if not isinstance(step, Raw):
            yield step
            continue
        flush = zlib.Z_FULL_FLUSH if plan.bomb_mib else zlib.Z_SYNC_FLUSH
        yield replace(step, data=squeeze.compress(step.data) + squeeze.flush(flush))
        seen += step.tokens
        if plan.bomb_mib and seen == 3:
            yield from [Raw(_mebibyte_of_nothing(), kind="broken")] * plan.bomb_mib
            return
    if plan.coding != "gzip-truncated":
        yield Raw(squeeze.flush())


def _framed(
    plan: Plan,
    framing: str,
    headers: list[tuple[str, str]],
    items: Steps,
    length: int,
    informational: list[bytes],
) -> Script:
    if framing == "length":
        headers.append(("Content-Length", str(length)))
    elif framing == "chunked":
        headers.append(("Transfer-Encoding", "chunked"))
        if plan.trailers:
            headers.append(("Trailer", "X-Checksum"))
    close = framing in ("close", "http10") or plan.after == "close"
    if close:
        headers.append(("Connection", "close"))
    try:
        reason = HTTPStatus(plan.status).phrase
    except ValueError:
        reason = "Unknown"
    first = head(plan.status, reason, headers, "1.0" if framing == "http10" else "1.1")
    return Script(first, _body(plan, framing, items), informational, close)


def _body(plan: Plan, framing: str, items: Steps) -> Iterator[Step]:
    for item in items:
        match item:
            case Raw(data):
                if data:
                    yield replace(item, data=chunk(data)) if framing == "chunked" else item
            case Pause(seconds):
                yield item
                if isinf(seconds):
                    return
            case End.CLEAN:
                break
            case End.BAD_CHUNK:
                yield Raw(b"zz\r\nnot a chunk\r\n")
                yield End.FIN
                return
            case _:
                yield item  # type: ignore[misc]  # events are encoded before they come here
                return
    if framing == "chunked":
        yield Raw(_TRAILERS if plan.trailers else b"0\r\n\r\n")
