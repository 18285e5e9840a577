"""Gemini's `generateContent` as the scripted upstream speaks it.

Source: ai.google.dev/api/generate-content.
"""

import json
import re
from typing import Any
from urllib.parse import unquote

from .exchange import Exchange
from .framing import Style
from .steps import Event
from .wire import SIGNATURE, Answer, Failure, Reasoning, Text, Tool, dumps

_PATH = re.compile(r"/v1(?:beta)?/models/(.+):(\w+)")
_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    529: "UNAVAILABLE",
}


class ArrayStyle(Style):
    """The items of one JSON array instead of events."""

    def encode(self, event: Event, number: int) -> bytes:
        """The array is closed behind its last item."""
        data = event.data if isinstance(event.data, bytes) else event.data.encode()
        end = b"\n]" if event.kind in {"finish", "broken"} else b""
        return (b",\r\n" if number else b"[") + data + end


def read_path(exchange: Exchange) -> bool:
    """Fills `model` and `stream` from a path that generates; False where it is none."""
    verb = verb_of(exchange)
    exchange.stream = verb == "streamGenerateContent"
    return exchange.stream or verb == "generateContent"


def verb_of(exchange: Exchange) -> str:
    """What is asked of the model, which is noted."""
    found = _PATH.fullmatch(exchange.path.partition("?")[0])
    if found is None:
        return ""
    exchange.model = unquote(found[1])
    return found[2]


def wants_array(exchange: Exchange) -> bool:
    """Whether a stream is asked for as one array."""
    return exchange.stream and "alt=sse" not in exchange.path


def aside(exchange: Exchange, words: int) -> dict[str, Any] | None:
    """The answers of paths that generate nothing; None for other paths."""
    vector = {"values": [0.5, -0.5]}
    match verb_of(exchange):
        case "countTokens":
            return {"totalTokens": words}
        case "embedContent":
            return {"embedding": vector, "usageMetadata": {"promptTokenCount": words}}
        case "batchEmbedContents":
            return {"embeddings": [vector for _ in exchange.json["requests"]]}
    return None


class Gemini:
    """Chunks, each with the usage so far; no terminator."""

    name = "gemini"

    def usage(self, given: int, made: int, cached: int = 0, reasoning: int = 0) -> dict[str, Any]:
        """Cached input is inside the prompt; thoughts stand beside the candidates."""
        return {
            "promptTokenCount": given,
            "candidatesTokenCount": made - reasoning,
            "totalTokenCount": given + made,
            "cachedContentTokenCount": cached,
            "thoughtsTokenCount": reasoning,
        }

    def events(self, answer: Answer) -> list[Event]:
        """One chunk a piece; the last one says why it ends."""
        out = []
        for piece in answer.pieces:
            tokens = piece.tokens if isinstance(piece, Text) else 0
            kind = "token" if isinstance(piece, Text) else "block"
            out.append(self._chunk(answer, [self._part(piece)], kind, tokens=tokens))
        last = self._chunk(answer, [{"text": ""}], "finish", finish="STOP", usage=answer.usage)
        return [*out, *[last] * (2 if answer.usage_twice else 1)]

    def whole(self, answer: Answer) -> bytes:
        """`GenerateContentResponse`."""
        parts: list[dict[str, Any]] = []
        for piece in answer.pieces:
            part = self._part(piece)
            last = parts[-1] if parts else {}
            if "text" in part and last.keys() == part.keys():
                last["text"] += part["text"]
            else:
                parts.append(part)
        return self._chunk(answer, parts, "end", finish="STOP", usage=answer.usage).data.encode()

    def error_body(self, failure: Failure) -> bytes:
        """`{"error": {code, message, status}}`."""
        return dumps({"error": self._error(failure)}).encode()

    def error_event(self, failure: Failure) -> Event:
        """The same object as a chunk."""
        return Event(dumps({"error": self._error(failure)}), kind="broken")

    def ping(self) -> Event | None:
        """It sends none."""
        return None

    def unknown(self) -> Event:
        """A chunk with a field that nobody knows."""
        return Event(dumps({"vendorNotice": {}}), kind="extra")

    @staticmethod
    def _error(failure: Failure) -> dict[str, Any]:
        status = _STATUSES.get(failure.status, "UNKNOWN")
        return {"code": failure.status, "message": failure.message, "status": status}

    @staticmethod
    def _part(piece: Text | Reasoning | Tool) -> dict[str, Any]:
        match piece:
            case Text(text, _):
                return {"text": text}
            case Reasoning(text):
                return {"text": text, "thought": True}
            case Tool():
                arguments = json.loads("".join(piece.fragments) or "{}")
                call = {"name": piece.name, "args": arguments}
                return {"functionCall": call, "thoughtSignature": SIGNATURE}

    @staticmethod
    def _chunk(
        answer: Answer,
        parts: list[dict[str, Any]],
        kind: str,
        *,
        tokens: int = 0,
        finish: str | None = None,
        usage: dict[str, Any] | None = None,
    ) -> Event:
        candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"}, "index": 0}
        if finish is not None:
            candidate["finishReason"] = finish
        body: dict[str, Any] = {"candidates": [candidate]}
        if usage is not None:
            body["usageMetadata"] = usage
        body |= {"modelVersion": answer.model, "responseId": answer.id} | answer.extra
        return Event(dumps(body), kind=kind, tokens=tokens, usage=usage)


GEMINI = Gemini()
