"""Recorded exchanges, from the corpora or from our own fixtures, in one form."""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..upstream import bedrock, ollama

#: Those that no client speaks, so that no answer passes as it is.
HOST_DIALECTS = ("bedrock", "cohere", "ollama")
FIXTURES = Path(__file__).resolve().parent.parent / "fixtures" / "exchanges"
_DIALECTS = {
    "chat_completions": "openai",
    "messages": "anthropic",
    "generate_content": "gemini",
    "stream_generate_content": "gemini",
    "responses": "openai_responses",
    "completions": "openai_completions",
    "converse": "bedrock",
    "converse_stream": "bedrock",
    "cohere_chat": "cohere",
    "ollama_chat": "ollama",
}
_OPENAI_FORM = re.compile(r'"object": ?"chat\.completion')
_COHERE_PATHS = ("", "/v2/chat")
_STREAM_STARTS = ("data:", "event:", "id:", ":")


_STREAM_TYPES = {"bedrock": bedrock.CONTENT_TYPE, "ollama": ollama.CONTENT_TYPE}


@dataclass(slots=True)
class Record:
    """One exchange as it was on the wire; `body` is the answer, byte for byte."""

    id: str
    dialect: str
    provider: str
    status: int
    content_type: str
    body: bytes
    request: str
    synthetic_request: bool
    features: frozenset[str] = field(default_factory=frozenset)
    #: Gemini's way of asking: `streamGenerateContent`, and whether as events.
    verb: str = ""
    source: str = ""

    @property
    def stream(self) -> bool:
        """Whether the answer is an event stream, whatever its head says."""
        if self.dialect in _STREAM_TYPES:
            return _STREAM_TYPES[self.dialect] in self.content_type
        return self.body.removeprefix(b"\xef\xbb\xbf").startswith(
            tuple(start.encode() for start in _STREAM_STARTS)
        )

    @property
    def asked_stream(self) -> bool:
        """Whether the request asked for a stream."""
        if self.dialect == "gemini":
            return self.verb.startswith("stream")
        if self.dialect == "bedrock":
            return self.verb == "converse-stream"
        return json.loads(self.request).get("stream") is True

    @property
    def is_array(self) -> bool:
        """Whether the answer is a stream as one JSON array."""
        return self.asked_stream and self.body.lstrip().startswith(b"[")

    @property
    def asked_usage(self) -> bool:
        """Whether the request asked for usage inside the stream."""
        if self.dialect == "gemini":
            return True
        options = json.loads(self.request).get("stream_options") or {}
        return bool(options.get("include_usage"))


def load(corpora: Path | None) -> list[Record]:
    """All exchanges of the built dialects: ours first, then the recorded ones if they are there."""
    out = list(_read(sorted(FIXTURES.glob("*.jsonl"))))
    if corpora is not None:
        out += _read(sorted((corpora / "provider_traffic").glob("*.jsonl.gz")))
    return out


def _read(paths: list[Path]) -> Iterator[Record]:
    for path in paths:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        for line in data.splitlines():
            raw = json.loads(line)
            dialect = _dialect(raw)
            if raw["endpoint"] == "messages" and raw["provider"] == "openai":
                continue  # `/v1/threads/.../messages`: assistants, not Anthropic's dialect
            if "serverContent" in raw["response_body"]:
                continue  # Gemini's live API, over a WebSocket
            if raw["endpoint"] == "completions" and raw["provider"] == "writer":
                continue  # a form of its own
            if raw["endpoint"] == "responses" and not _is_creation(raw):
                continue
            if dialect == "bedrock":
                yield _converse(raw)
            elif dialect is not None and raw.get("response_body_encoding", "utf8") == "utf8":
                yield _record(raw, dialect)


def _dialect(raw: dict[str, Any]) -> str | None:
    """By the endpoint, but for hosts that answer there in OpenAI's form."""
    dialect = _DIALECTS.get(raw["endpoint"])
    if dialect in ("cohere", "ollama") and _OPENAI_FORM.search(raw["response_body"]):
        return "openai"  # Writer's endpoint of Cohere's name, and Ollama's of OpenAI's form
    if dialect == "cohere" and raw["path"] not in _COHERE_PATHS:
        return None  # version 1, which is another dialect and passes through alone
    return dialect


def _is_creation(raw: dict[str, Any]) -> bool:
    """Whether a response was asked for, to be read at once; the others are fetched by their id."""
    if (
        raw.get("method", "POST") != "POST"
        or (raw.get("path") or "/responses")[-10:] != "/responses"
    ):
        return False
    return '"background":true' not in (raw.get("request_body") or "").replace(" ", "")


def _converse(raw: dict[str, Any]) -> Record:
    """Binary messages, or the payloads that a source kept of them."""
    text: str = raw["response_body"]
    if raw.get("response_fidelity") == "sse_data_lines_only":
        body, kind = _messages(text), bedrock.CONTENT_TYPE
    else:
        is_binary = raw.get("response_body_encoding") == "base64"
        body = base64.b64decode(text) if is_binary else text.encode()
        kind = bedrock.CONTENT_TYPE if is_binary else "application/json"
    return Record(
        id=raw["id"],
        dialect="bedrock",
        provider=raw["provider"],
        status=raw["status"],
        content_type=kind,
        body=body,
        request=raw.get("request_body") or "{}",
        synthetic_request=not raw.get("request_body"),
        features=frozenset(raw.get("features") or ()),
        verb="converse-stream" if raw["endpoint"] == "converse_stream" else "converse",
        source=f"{raw.get('source_repo', '')}/{raw.get('source_path', '')}",
    )


def _messages(lines: str) -> bytes:
    out = b""
    for line in filter(None, lines.splitlines()):
        ((name, payload),) = json.loads(line).items()
        out += bedrock.event(name, json.dumps(payload).encode())
    return out


def _record(raw: dict[str, Any], dialect: str) -> Record:
    text: str = raw["response_body"]
    if raw.get("response_fidelity") == "sse_data_lines_only":
        text = _reframed(text, dialect)
    elif text.startswith("data:") and text.count("\n") == text.count("data:"):
        text = text.replace("\n", "\n\n")  # a source that lost its blank lines
    body = text.encode()
    streamed = text.removeprefix("\ufeff").startswith(_STREAM_STARTS)
    stream_type = _STREAM_TYPES.get(dialect, "text/event-stream")
    kind = raw["response_headers"].get("content-type", "")
    if dialect == "ollama":
        streamed = stream_type in kind or text.strip().count("\n") > 0
    if not kind or "jsonl-chunks" in kind:
        kind = stream_type if streamed else "application/json"
    request: str = raw.get("request_body") or ""
    usable = _is_object(request) and raw.get("request_body_encoding", "utf8") == "utf8"
    if not usable:
        request = _synthetic(dialect, streamed)
    return Record(
        id=raw["id"],
        dialect=dialect,
        provider=raw["provider"],
        status=raw["status"],
        content_type=kind,
        body=body,
        request=request,
        synthetic_request=not usable,
        features=frozenset(raw.get("features") or ()),
        verb=_verb(raw, streamed) if dialect == "gemini" else "",
        source=f"{raw.get('source_repo', '')}/{raw.get('source_path', '')}",
    )


def _verb(raw: dict[str, Any], streamed: bool) -> str:
    if raw["endpoint"] == "generate_content":
        return "generateContent"
    return "streamGenerateContent?alt=sse" if streamed else "streamGenerateContent"


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def _synthetic(dialect: str, stream: bool) -> str:
    if dialect == "gemini":
        return json.dumps({"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]})
    place = "input" if dialect == "openai_responses" else "messages"
    body: dict[str, Any] = {"model": "m", place: [{"role": "user", "content": "Hello"}]}
    if dialect == "anthropic":
        body["max_tokens"] = 1024
    if stream:
        body["stream"] = True
        if dialect == "openai":
            body["stream_options"] = {"include_usage": True}
    return json.dumps(body)


def _reframed(text: str, dialect: str) -> str:
    """Events from bare data lines: the framing was lost in the source, the payloads were not."""
    out = ""
    for line in text.splitlines():
        if not line.strip():
            continue
        name = json.loads(line).get("type", "") if dialect != "openai" else ""
        out += f"event: {name}\ndata: {line}\n\n" if name else f"data: {line}\n\n"
    if dialect == "openai" and "[DONE]" not in out:
        out += "data: [DONE]\n\n"
    return out
