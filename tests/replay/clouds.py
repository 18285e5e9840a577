"""Recorded exchanges of the clouds, under their own paths: Bedrock's InvokeModel, Vertex AI, Azure."""

from __future__ import annotations

import base64
import gzip
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from botocore.eventstream import EventStreamBuffer

from ..upstream import bedrock
from ..upstream.connection import BadRequestError, Connection
from ..upstream.exchange import Exchange
from ..upstream.framing import chunk, head
from ..upstream.loopback import LoopbackServer
from .chunking import CHUNKINGS
from .records import Record

_FILES = ("bedrock", "vertex", "azure")
#: Where a path, or else a body, names the model.
_MODELS = [
    re.compile(r"(?P<before>/model/)(?P<model>[^/]+)(?P<behind>/.*)"),
    re.compile(r"(?P<before>/deployments/)(?P<model>[^/]+)(?P<behind>/.*)"),
    re.compile(r"(?P<before>/models/)(?P<model>[^/:]+)(?P<behind>:\w+)"),
]
_COUNTS = ("input", "output", "cache-read-input", "cache-write-input")


@dataclass(slots=True)
class Recorded:
    """One exchange as it was on the wire."""

    id: str
    endpoint: str
    path: str
    query: str
    request: str
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def kind(self) -> str:
        """The answer's content type; some were recorded without."""
        return self.headers.get("content-type", "application/json")

    @property
    def streams(self) -> bool:
        """Whether its path, or for Azure its body, asks for a stream."""
        if self.endpoint in {"chat_completions", "responses"}:
            return json.loads(self.request).get("stream") is True
        return "stream" in self.path.rpartition("/")[2].lower()

    @property
    def is_messages(self) -> bool:
        """Whether it speaks Anthropic's Messages, in a cloud's envelope."""
        return '"anthropic_version"' in self.request and '"messages"' in self.request

    @property
    def chunks(self) -> list[dict[str, Any]]:
        """What binary messages carry, by AWS's own SDK."""
        buffer = EventStreamBuffer()
        buffer.add_data(self.body)
        return [json.loads(_bytes_of(message.payload)) for message in buffer]

    def as_events(self) -> bytes:
        """Bedrock's stream as Anthropic's own events, payloads byte for byte."""
        buffer = EventStreamBuffer()
        buffer.add_data(self.body)
        out = b""
        for message in buffer:
            data = _bytes_of(message.payload)
            out += b"event: " + json.loads(data)["type"].encode() + b"\ndata: " + data + b"\n\n"
        return out

    def as_anthropic(self) -> Record:
        """The same as Anthropic itself would have answered."""
        is_binary = self.kind == bedrock.CONTENT_TYPE
        streamed = is_binary or self.kind.startswith("text/event-stream")
        return Record(
            id=self.id,
            dialect="anthropic",
            provider=self.endpoint,
            status=self.status,
            content_type="text/event-stream" if streamed else "application/json",
            body=self.as_events() if is_binary else self.body,
            request=self.request,
            synthetic_request=False,
        )

    def metered(self) -> tuple[int, int] | None:
        """Tokens in and out by Bedrock's own figures, in the head or at a stream's end."""
        if self.kind == bedrock.CONTENT_TYPE:
            if self.endpoint != "invoke_model_stream":
                return None  # Converse says it in events of its own
            found = [chunk.get("amazon-bedrock-invocationMetrics") for chunk in self.chunks]
            last = next((metrics for metrics in reversed(found) if metrics), None)
            if last is None:
                return None
            read = last.get("cacheReadInputTokenCount", 0)
            written = last.get("cacheWriteInputTokenCount", 0)
            return last["inputTokenCount"] + read + written, last["outputTokenCount"]
        counts = [self.headers.get(f"x-amzn-bedrock-{name}-token-count") for name in _COUNTS]
        if counts[0] is None:
            return None
        given, made, read, written = (int(count or 0) for count in counts)
        return given + read + written, made


def _bytes_of(payload: bytes) -> bytes:
    return base64.b64decode(json.loads(payload)["bytes"])


def load(corpora: Path) -> list[Recorded]:
    """All exchanges with the clouds that a request is known of."""
    out = []
    for name in _FILES:
        data = gzip.decompress((corpora / "provider_traffic" / f"{name}.jsonl.gz").read_bytes())
        out += [_recorded(json.loads(line)) for line in data.splitlines()]
    return [record for record in out if record.request]


def _recorded(raw: dict[str, Any]) -> Recorded:
    text: str = raw["response_body"]
    is_binary = raw.get("response_body_encoding") == "base64"
    return Recorded(
        id=raw["id"],
        endpoint=raw["endpoint"],
        path=raw["path"],
        query=raw["query"] or "",
        request=raw["request_body"] or "",
        status=raw["status"],
        headers=raw["response_headers"],
        body=base64.b64decode(text) if is_binary else text.encode(),
    )


class CloudServer(LoopbackServer):
    """Answers `<record id>.<chunking>` with what was recorded, head included; `asked` has the path
    and the body of the last request for each.
    """

    def __init__(self, records: list[Recorded]) -> None:
        super().__init__()
        self.records = {record.id: record for record in records}
        self.asked: dict[str, tuple[str, bytes]] = {}

    async def answer(self, connection: Connection, exchange: Exchange) -> None:
        """The recorded answer, in the chunking that was asked for."""
        model = _model_of(exchange)
        identity, _, chunking = model.rpartition(".")
        record = self.records.get(identity)
        if record is None:
            self.log.unrouted.append(exchange)
            await connection.send(head(404, "Not Found", [("Content-Length", "0")]))
            return
        self.asked[model] = exchange.path, exchange.body
        skipped = {"transfer-encoding", "content-length", "content-encoding"}
        headers = [(name, text) for name, text in record.headers.items() if name not in skipped]
        pieces = CHUNKINGS[chunking](record.body, model)
        held = head(record.status, "Recorded", [*headers, ("Transfer-Encoding", "chunked")])
        held += b"".join(chunk(piece) for piece in pieces if piece)
        await connection.send(held + b"0\r\n\r\n")


def _model_of(exchange: Exchange) -> str:
    named = [found for each in _MODELS if (found := each.search(exchange.path))]
    try:
        return unquote(named[0]["model"]) if named else str(json.loads(exchange.body)["model"])
    except (ValueError, KeyError, TypeError) as error:
        raise BadRequestError("a request without a model") from error


def renamed(path: str, model: str) -> str:
    """A recorded path with another model in it, where it names one."""
    for each in _MODELS:
        if found := each.search(path):
            return path[: found.start("model")] + model + path[found.end("model") :]
    return path
