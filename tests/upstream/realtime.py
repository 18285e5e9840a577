"""OpenAI's realtime API as the scripted upstream has it: a WebSocket that answers events.

What a model does stands in its name, `part+part@ref`: `rt` alone is good, `rt-cut-3` cuts the
connection in place of the third event, `rt-stall-3` says nothing from there on, `rt-close-3` closes
there with 4007, `rt-refuse-429` answers the handshake so, `rt-giant-2` has an event of 2 MiB,
`rt-error` answers `response.create` with an error, `rt-mute` reports no usage, `rt-slow` takes 50 ms
for a delta, `rt-audio` speaks, `rt-vad` answers by itself what it hears, `rt-flood-N` sends N KiB of
sound for each response, `rt-odd` agrees to no handshake, `rt-written` writes down what it hears.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
import struct
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from .connection import Connection, GoneError
from .exchange import Exchange
from .framing import head

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
PATHS = ("/v1/realtime", "/openai/realtime", "/openai/v1/realtime")
DELTAS = 4
#: 100 ms of silence, as 24 kHz PCM: 4,800 bytes, 6,400 of base64, two tokens.
SOUND = base64.b64encode(bytes(4800)).decode()
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


@dataclass(slots=True)
class Session:
    """One session, as the upstream saw it."""

    model: str
    path: str
    headers: dict[str, str]
    heard: list[Any] = field(default_factory=list)
    said: int = 0
    #: `(response, input, output)` of responses whose usage went out.
    usages: list[tuple[str, int, int]] = field(default_factory=list)
    #: How the gateway closed: its code, or None where it just left.
    closed: int | None = None
    is_over: bool = False
    ended: float | None = None

    def kinds(self) -> list[str]:
        """The types of the events that it was sent."""
        return [event["type"] for event in self.heard if isinstance(event, dict)]


class EndedError(Exception):
    """The session is over, by either side."""


def is_one(exchange: Exchange, path: str) -> bool:
    """Whether a request asks for a session."""
    return path in PATHS and (exchange.header("upgrade") or "").lower() == "websocket"


def frame(kind: int, data: bytes) -> bytes:
    """One frame of a server's, unmasked and whole."""
    size = len(data)
    if size < 126:
        return struct.pack("!BB", 0x80 | kind, size) + data
    if size < 1 << 16:
        return struct.pack("!BBH", 0x80 | kind, 126, size) + data
    return struct.pack("!BBQ", 0x80 | kind, 127, size) + data


class Talk:
    """What is said in one session."""

    def __init__(self, connection: Connection, session: Session) -> None:
        self.connection = connection
        self.session = session
        self.parts = session.model.partition("@")[0].split("+")
        self.words = 0
        self.responses = 0
        self.cancelled = asyncio.Event()
        self.running: asyncio.Task[None] | None = None

    def number(self, name: str) -> int | None:
        """N of the part `name-N`."""
        found = (re.fullmatch(rf"{name}-(\d+)", part) for part in self.parts)
        return next((int(match[1]) for match in found if match), None)

    # saying

    async def say(self, kind: str, **fields: Any) -> None:
        """One event, or the fault that stands in its place."""
        at = self.session.said + 1
        if self.number("rt-cut") == at:
            self.connection.reset()
            raise EndedError
        if self.number("rt-close") == at:
            await self.connection.send(frame(CLOSE, struct.pack("!H", 4007) + b"as the test wants"))
            raise EndedError
        stall = self.number("rt-stall")
        if stall is not None and at >= stall:
            await asyncio.sleep(3600)
        event = {"type": kind, "event_id": f"event_{at}", **fields}
        await self.connection.send(frame(TEXT, json.dumps(event).encode()))
        self.session.said = at

    async def respond(self) -> None:
        """One response, from its beginning to its end."""
        self.responses += 1
        response = f"resp_{self.responses}_{self.session.model}"
        self.cancelled.clear()
        told = self.words + 5
        await self.say("response.created", response={"id": response, "status": "in_progress"})
        item = {"response_id": response, "item_id": "item_1", "output_index": 0, "content_index": 0}
        sent = 0
        flood = self.number("rt-flood") or 0
        for _ in range(flood * 1024 // len(SOUND)):
            await self.say("response.output_audio.delta", delta=SOUND, **item)
        for at in range(DELTAS):
            if self.cancelled.is_set():
                break
            if (mib := self.number("rt-giant")) is not None:
                await self.say("response.output_text.delta", delta="x" * (mib << 20), **item)
            elif "rt-audio" in self.parts:
                await self.say("response.output_audio.delta", delta=SOUND, **item)
                await self.say("response.output_audio_transcript.delta", delta=f"w{at} ", **item)
            else:
                await self.say("response.output_text.delta", delta=f" word{at}", **item)
            sent += 1
            await asyncio.sleep(0.05 if "rt-slow" in self.parts else 0)
        status = "cancelled" if self.cancelled.is_set() else "completed"
        done: dict[str, Any] = {"id": response, "object": "realtime.response", "status": status}
        if "rt-mute" not in self.parts:
            done["usage"] = self.usage(told, sent)
            self.session.usages.append((response, told, sent))
        self.words = told + sent
        await self.say("response.done", response=done)

    def usage(self, told: int, sent: int) -> dict[str, Any]:
        """Usage with its classes, as OpenAI reports it."""
        audio = "rt-audio" in self.parts
        return {
            "total_tokens": told + sent,
            "input_tokens": told,
            "output_tokens": sent,
            "input_token_details": {
                "text_tokens": told - 2 * audio,
                "audio_tokens": 2 * audio,
                "cached_tokens": 3 * audio,
                "cached_tokens_details": {"text_tokens": 2 * audio, "audio_tokens": 1 * audio},
            },
            "output_token_details": {
                "text_tokens": sent - (sent - 1) * audio,
                "audio_tokens": (sent - 1) * audio,
            },
        }

    # hearing

    async def hear(self, event: Any) -> None:
        """Answers one event."""
        self.session.heard.append(event)
        kind = event.get("type")
        if kind == "session.update":
            await self.say("session.updated", session=event["session"])
        elif kind == "conversation.item.create":
            self.words += len(json.dumps(event["item"]).split())
            await self.say("conversation.item.added", item=event["item"])
        elif kind == "input_audio_buffer.append" and "rt-vad" in self.parts:
            await self.say("input_audio_buffer.speech_started", audio_start_ms=0)
            await self.say("input_audio_buffer.committed", item_id="item_0")
            if "rt-written" in self.parts:
                usage = {"type": "tokens", "input_tokens": 6, "output_tokens": 2, "total_tokens": 8}
                usage["input_token_details"] = {"audio_tokens": 6, "text_tokens": 0}
                await self.say(
                    "conversation.item.input_audio_transcription.completed",
                    item_id="item_0",
                    transcript="hm",
                    usage=usage,
                )
            self.begin()
        elif kind == "response.cancel":
            self.cancelled.set()
        elif kind == "response.create":
            if "rt-error" in self.parts:
                error = {"type": "invalid_request_error", "message": "as the test wants it"}
                await self.say("error", error={**error, "event_id": event.get("event_id")})
            else:
                self.begin()

    def begin(self) -> None:
        """Begins a response behind the one that runs."""
        before = self.running

        async def respond() -> None:
            try:
                if before is not None:
                    await before
                await self.respond()
            except (GoneError, EndedError):
                self.connection.transport.close()

        self.running = asyncio.get_running_loop().create_task(respond())

    async def listen(self) -> None:
        """Hears frames until the end."""
        gathered = b""
        while True:
            first, second = await self.connection.reader.readexactly(2)
            assert second & 0x80, "a client's frames are masked"
            size = second & 0x7F
            if size == 126:
                (size,) = struct.unpack("!H", await self.connection.reader.readexactly(2))
            elif size == 127:
                (size,) = struct.unpack("!Q", await self.connection.reader.readexactly(8))
            mask = await self.connection.reader.readexactly(4)
            data = await self.connection.reader.readexactly(size)
            whole = (int.from_bytes(data) ^ _mask(mask, size)).to_bytes(size) if size else b""
            kind = first & 0x0F
            if kind == CLOSE:
                self.session.closed = struct.unpack("!H", whole[:2])[0] if whole else 1005
                await self.connection.send(frame(CLOSE, whole))
                raise EndedError
            if kind == PING:
                await self.connection.send(frame(PONG, whole))
            elif kind == BINARY:
                self.session.heard.append(whole)
                await self.connection.send(frame(BINARY, whole[::-1]))
            elif kind in (0, TEXT):
                gathered += whole
                if first & 0x80:
                    event, gathered = json.loads(gathered), b""
                    await self.hear(event)


def _mask(mask: bytes, size: int) -> int:
    return int.from_bytes((mask * (size // 4 + 1))[:size])


async def answer(connection: Connection, exchange: Exchange, sessions: list[Session]) -> None:
    """One session, from its handshake to its end."""
    query = parse_qs(exchange.path.partition("?")[2])
    [model] = query.get("model") or query["deployment"]
    headers = {name.lower(): value for name, value in exchange.headers}
    session = Session(model, exchange.path, headers)
    sessions.append(session)
    talk = Talk(connection, session)
    status = talk.number("rt-refuse")
    if status is not None:
        body = json.dumps({"error": {"message": "as the test wants it", "code": "wanted"}}).encode()
        told = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        await connection.send(head(status, "Scripted", told) + body)
        return
    key = (headers["sec-websocket-key"]).encode()
    accept = base64.b64encode(hashlib.sha1(key + GUID).digest()).decode()
    agreed = [
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Accept", "wrong" if "rt-odd" in talk.parts else accept),
        ("openai-processing-ms", "7"),
    ]
    connection.is_upgraded = True
    await connection.send(head(101, "Switching Protocols", agreed))
    try:
        await talk.say("session.created", session={"model": model, "object": "realtime.session"})
        await talk.listen()
    except (EndedError, GoneError, asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        session.is_over, session.ended = True, time.monotonic()
        if talk.running is not None:
            talk.running.cancel()
        connection.transport.close()
