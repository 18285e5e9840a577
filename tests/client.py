"""A client that looks closely: what came, when, in which form, and how it ended.

It decodes the client dialects with its own few lines, so that a mistake in the product's decoder
cannot hide itself.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx

_CREDENTIALS = {"anthropic": "x-api-key", "gemini": "x-goog-api-key"}
PATHS = {
    "openai": "/v1/chat/completions",
    "anthropic": "/v1/messages",
    "openai_completions": "/v1/completions",
    "openai_responses": "/v1/responses",
}
#: How a Responses stream ends well.
_ENDS = ("response.completed", "response.incomplete")


@dataclass(slots=True)
class Ask:
    """One request.  `fields` go into the body, over the ordinary ones."""

    model: str
    dialect: str = "openai"
    stream: bool = False
    text: str = "one two three"
    key: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    fields: dict[str, Any] = field(default_factory=dict)
    ref: str = ""

    def body(self) -> dict[str, Any]:
        """The request in its dialect."""
        if self.dialect == "gemini":
            return {"contents": [{"role": "user", "parts": [{"text": self.text}]}]} | self.fields
        said = [{"role": "user", "content": self.text}]
        place = "input" if self.dialect == "openai_responses" else "messages"
        out: dict[str, Any] = {"model": self.model, place: said}
        if self.dialect == "openai_completions":
            out = {"model": self.model, "prompt": self.text}
        if self.dialect == "anthropic":
            out["max_tokens"] = 1000
        if self.stream:
            out["stream"] = True
        return out | self.fields

    def path(self) -> str:
        """Where it goes, with the query."""
        if self.dialect != "gemini":
            return PATHS[self.dialect]
        verb = "streamGenerateContent?alt=sse" if self.stream else "generateContent"
        return f"/v1beta/models/{quote(self.model, safe='')}:{verb}"

    def content(self) -> bytes:
        """The body as it is sent."""
        return json.dumps(self.body()).encode()

    def head(self, key: str) -> dict[str, str]:
        """Headers, the credential in the dialect's own place."""
        name = _CREDENTIALS.get(self.dialect, "authorization")
        value = key if self.dialect in _CREDENTIALS else f"Bearer {key}"
        out = {name: value, "x-request-id": self.ref, "content-type": "application/json"}
        if self.dialect == "anthropic":
            out["anthropic-version"] = "2023-06-01"
        return out | self.headers


@dataclass(slots=True)
class Got:
    """What came back.  Times are seconds of `time.monotonic()`."""

    ask: Ask
    ref: str
    started: float
    status: int = 0
    headers: httpx.Headers = field(default_factory=httpx.Headers)
    raw: bytes = b""
    arrivals: list[tuple[float, bytes]] = field(default_factory=list)
    broken: str | None = None
    ended: float = 0.0
    _read: tuple[int, list[Any]] = field(default=(-1, []), repr=False, compare=False)

    @property
    def elapsed_s(self) -> float:
        """From the call to the last byte."""
        return self.ended - self.started

    @property
    def events(self) -> list[tuple[str, str]]:
        """(name, data) of each server-sent event, by the standard."""
        return parse_events(self.raw)

    @property
    def payloads(self) -> list[Any]:
        """The data of all events as JSON, `[DONE]` left out.  Raises on invalid JSON."""
        if self._read[0] != len(self.raw):
            read = [json.loads(data) for _, data in self.events if data != "[DONE]"]
            self._read = (len(self.raw), read)
        return self._read[1]

    @property
    def is_stream(self) -> bool:
        """Whether an event stream came."""
        kind: str = self.headers.get("content-type", "")
        return kind.startswith("text/event-stream")

    @property
    def text(self) -> str:
        """The visible text."""
        return "".join(part for kind, part in self._parts() if kind == "text")

    @property
    def reasoning(self) -> str:
        """The thinking."""
        return "".join(part for kind, part in self._parts() if kind == "reasoning")

    @property
    def tools(self) -> list[tuple[str, str]]:
        """(name, arguments as sent) of each tool call."""
        return self._tools()

    @property
    def error(self) -> dict[str, Any] | None:
        """The error object, from the body or from inside the stream."""
        for payload in self.payloads if self.is_stream else [self._json()]:
            if isinstance(payload, dict) and isinstance(payload.get("error"), dict):
                error: dict[str, Any] = payload["error"]
                return error
        return None

    @property
    def code(self) -> str:
        """The error's stable code."""
        error = self.error or {}
        details = error.get("details") or [{}]
        return str(details[0].get("reason") or error.get("code") or "")

    @property
    def terminators(self) -> int:
        """`[DONE]`, `message_stop`, Gemini's reason to finish or the last of a response's events,
        counted.
        """
        if self.ask.dialect == "gemini":
            return sum(_gemini_finish(payload) is not None for payload in self.payloads)
        if self.ask.dialect in ("openai", "openai_completions"):
            return sum(data == "[DONE]" for _, data in self.events)
        ends = _ENDS if self.ask.dialect == "openai_responses" else ("message_stop",)
        return sum(payload.get("type") in ends for payload in self.payloads)

    @property
    def finish(self) -> str | None:
        """`finish_reason`, `stop_reason`, or a response's `status`."""
        found = None
        for payload in self.payloads if self.is_stream else [self._json()]:
            if not isinstance(payload, dict):
                continue
            for choice in payload.get("choices") or []:
                found = choice.get("finish_reason") or found
            delta = payload.get("delta")
            if isinstance(delta, dict):
                found = delta.get("stop_reason") or found
            found = payload.get("stop_reason") or _gemini_finish(payload) or found
            found = _response(payload).get("status") or found
        return found

    @property
    def usage(self) -> dict[str, Any] | None:
        """The last usage object, Anthropic's two merged."""
        out: dict[str, Any] = {}
        for payload in self.payloads if self.is_stream else [self._json()]:
            if isinstance(payload, dict):
                out |= payload.get("usage") or {}
                out |= (payload.get("message") or {}).get("usage") or {}
                out |= payload.get("usageMetadata") or {}
                out |= _response(payload).get("usage") or {}
        return out or None

    def token_arrivals(self) -> list[float]:
        """When each event with visible text was whole here."""
        out: list[float] = []
        held = b""
        for when, data in self.arrivals:
            held += data
            while b"\n\n" in held:
                event, _, held = held.partition(b"\n\n")
                parts = Got(self.ask, "", 0, headers=self.headers, raw=event + b"\n\n")
                if parts.text:
                    out.append(when)
        return out

    def _json(self) -> Any:
        try:
            return json.loads(self.raw)
        except ValueError:
            return None

    def _parts(self) -> list[tuple[str, str]]:
        if self.is_stream:
            return [part for payload in self.payloads for part in _stream_parts(payload)]
        return _whole_parts(self._json())

    def _tools(self) -> list[tuple[str, str]]:
        if not self.is_stream:
            return _whole_tools(self._json())
        calls: dict[int, tuple[str, str]] = {}
        for payload in self.payloads:
            for part in _gemini_parts(payload):
                if "functionCall" in part:
                    call = part["functionCall"]
                    calls[len(calls)] = (call["name"], json.dumps(call["args"]))
            for index, name, arguments in _tool_deltas(payload):
                old = calls.get(index, ("", ""))
                calls[index] = (old[0] or name, old[1] + arguments)
        return [calls[index] for index in sorted(calls)]


def parse_events(raw: bytes) -> list[tuple[str, str]]:
    """(name, data) of each complete event (WHATWG HTML, 9.2.6).  Raises on invalid UTF-8."""
    text = raw.decode().removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    out: list[tuple[str, str]] = []
    name, data = "", []  # type: tuple[str, list[str]]
    for line in text.split("\n")[:-1]:
        if not line:
            if data:
                out.append((name or "message", "\n".join(data)))
            name, data = "", []
            continue
        field_name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field_name == "data":
            data.append(value)
        elif field_name == "event":
            name = value
    return out


def _gemini_parts(payload: dict[str, Any]) -> list[dict[str, Any]]:
    candidates = payload.get("candidates") or [{}]
    parts: list[dict[str, Any]] = (candidates[0].get("content") or {}).get("parts") or []
    return parts


def _gemini_finish(payload: dict[str, Any]) -> str | None:
    for candidate in payload.get("candidates") or []:
        if candidate.get("finishReason"):
            return str(candidate["finishReason"])
    return None


def _response(payload: dict[str, Any]) -> dict[str, Any]:
    """The response object of Responses, in an event or by itself."""
    body = payload.get("response", payload)
    return body if isinstance(body, dict) and body.get("object") == "response" else {}


def _items(body: dict[str, Any]) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = _response(body).get("output") or []
    return items


def _stream_parts(payload: Any) -> list[tuple[str, str]]:
    out: list[tuple[str, str]] = []
    if not isinstance(payload, dict):
        return out
    for part in _gemini_parts(payload):
        out.append(("reasoning" if part.get("thought") else "text", part.get("text", "")))
    for choice in payload.get("choices") or []:
        delta = choice.get("delta") or {}
        out.append(("text", delta.get("content") or choice.get("text") or ""))
        out.append(("reasoning", delta.get("reasoning_content") or delta.get("reasoning") or ""))
    if payload.get("type") == "content_block_delta":
        delta = payload["delta"]
        out.append(("text", delta.get("text", "")))
        out.append(("reasoning", delta.get("thinking", "")))
    if payload.get("type") == "response.output_text.delta":
        out.append(("text", payload["delta"]))
    if payload.get("type") == "response.reasoning_summary_text.delta":
        out.append(("reasoning", payload["delta"]))
    if payload.get("type") == "content_block_start":
        block = payload["content_block"]
        out.append(("text", block.get("text", "")))
        out.append(("reasoning", block.get("thinking", "")))
    return [part for part in out if part[1]]


def _whole_parts(body: Any) -> list[tuple[str, str]]:
    out: list[tuple[str, str]] = []
    if not isinstance(body, dict):
        return out
    for part in _gemini_parts(body):
        out.append(("reasoning" if part.get("thought") else "text", part.get("text", "")))
    for choice in body.get("choices") or []:
        message = choice.get("message") or {"content": choice.get("text")}
        out.append(("reasoning", message.get("reasoning_content") or ""))
        out.append(("text", message.get("content") or ""))
    for block in body.get("content") or []:
        out.append(("reasoning", block.get("thinking") or ""))
        out.append(("text", block.get("text") or ""))
    for item in _items(body):
        out += [("reasoning", part.get("text") or "") for part in item.get("summary") or []]
        out += [("text", part.get("text") or "") for part in item.get("content") or []]
    return out


def _tool_deltas(payload: Any) -> list[tuple[int, str, str]]:
    out: list[tuple[int, str, str]] = []
    for choice in payload.get("choices") or []:
        for call in (choice.get("delta") or {}).get("tool_calls") or []:
            function = call.get("function") or {}
            name, arguments = function.get("name") or "", function.get("arguments") or ""
            out.append((call.get("index", 0), name, arguments))
    kind = payload.get("type")
    if kind == "response.output_item.added" and payload["item"]["type"] == "function_call":
        out.append((payload["output_index"], payload["item"]["name"], ""))
    if kind == "response.function_call_arguments.delta":
        out.append((payload["output_index"], "", payload["delta"]))
        return out
    index = payload.get("index", 0)
    block = payload.get("content_block") or {}
    if block.get("type") == "tool_use":
        out.append((index, block["name"], ""))
    delta = payload.get("delta") or {}
    if isinstance(delta, str):
        return out
    if payload.get("type") == "content_block_delta" and delta.get("type") == "input_json_delta":
        out.append((index, "", delta["partial_json"]))
    return out


def _whole_tools(body: Any) -> list[tuple[str, str]]:
    out: list[tuple[str, str]] = []
    for part in _gemini_parts(body):
        if "functionCall" in part:
            call = part["functionCall"]
            out.append((call["name"], json.dumps(call["args"], ensure_ascii=False)))
    for choice in body.get("choices") or []:
        for call in choice["message"].get("tool_calls") or []:
            out.append((call["function"]["name"], call["function"]["arguments"]))
    for block in body.get("content") or []:
        if block.get("type") == "tool_use":
            out.append((block["name"], json.dumps(block["input"], ensure_ascii=False)))
    for item in _items(body):
        if item["type"] == "function_call":
            out.append((item["name"], item["arguments"]))
    return out


async def ask(client: httpx.AsyncClient, url: str, key: str, what: Ask) -> Got:
    """Sends one request and reads its answer to whatever end it has."""
    what.ref = what.ref or uuid.uuid4().hex
    got = Got(what, what.ref, time.monotonic())
    try:
        async with client.stream(
            "POST",
            url + what.path(),
            content=what.content(),
            headers=what.head(what.key or key),
        ) as response:
            got.status = response.status_code
            got.headers = response.headers
            async for data in response.aiter_raw():
                got.arrivals.append((time.monotonic(), data))
                got.raw += data
    except (httpx.RemoteProtocolError, httpx.ReadError) as error:
        got.broken = repr(error)
    got.ended = time.monotonic()
    return got


async def ask_all(
    url: str, key: str, asks: list[Ask], concurrency: int, timeout_s: float
) -> list[Got]:
    """All answers, in the order of the requests."""
    limits = httpx.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
    gate = asyncio.Semaphore(concurrency)
    async with httpx.AsyncClient(
        limits=limits, timeout=timeout_s, trust_env=False, verify=False
    ) as client:

        async def one(what: Ask) -> Got:
            async with gate:
                return await ask(client, url, key, what)

        return await asyncio.gather(*(one(what) for what in asks))


def run_asks(
    url: str, key: str, asks: list[Ask], *, concurrency: int = 16, timeout_s: float = 25.0
) -> list[Got]:
    """`ask_all` for tests that are not coroutines."""
    return asyncio.run(ask_all(url, key, asks, concurrency, timeout_s))


def run_ask(url: str, key: str, model: str, **fields: Any) -> Got:
    """One request; `fields` are those of `Ask`."""
    return run_asks(url, key, [Ask(model, **fields)])[0]
