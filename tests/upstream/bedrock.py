"""Amazon Bedrock's Converse as the scripted upstream speaks it, in AWS's binary messages.

Source: docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html,
smithy.io/2.0/aws/amazon-eventstream.html.
"""

import json
import re
from dataclasses import dataclass
from struct import pack
from typing import Any
from urllib.parse import unquote
from zlib import crc32

from .exchange import Exchange
from .framing import Style
from .steps import Event
from .wire import SIGNATURE, Answer, Failure, Reasoning, Text, Tool, dumps

CONTENT_TYPE = "application/vnd.amazon.eventstream"
_PATH = re.compile(r"/model/([^/]+)/(converse|converse-stream)")
_EXCEPTIONS = {
    400: "validationException",
    429: "throttlingException",
    503: "serviceUnavailableException",
    529: "modelStreamErrorException",
}


def read_path(exchange: Exchange) -> bool:
    """Fills `model` and `stream` from a path that generates; False where it is none."""
    found = _PATH.fullmatch(exchange.path)
    if found is None:
        return False
    exchange.model, exchange.stream = unquote(found[1]), found[2] == "converse-stream"
    return True


def message(headers: dict[str, str], payload: bytes) -> bytes:
    """One message with its checksums."""
    lines = b"".join(
        pack("!B", len(name)) + name.encode() + pack("!BH", 7, len(value)) + value.encode()
        for name, value in headers.items()
    )
    prelude = pack("!II", 16 + len(lines) + len(payload), len(lines))
    out = prelude + pack("!I", crc32(prelude)) + lines + payload
    return out + pack("!I", crc32(out))


def event(name: str, payload: bytes) -> bytes:
    """An event of the stream, or one of its errors."""
    kind = "exception" if name.endswith("Exception") else "event"
    headers = {f":{kind}-type": name, ":content-type": "application/json", ":message-type": kind}
    return message(headers, payload)


@dataclass(slots=True)
class MessageStyle(Style):
    """Binary messages instead of lines."""

    def encode(self, event_: Event, number: int) -> bytes:
        """What no client can read is the payload of a delta."""
        del number
        data = event_.data if isinstance(event_.data, bytes) else event_.data.encode()
        return event(event_.name or "contentBlockDelta", data)


class Bedrock:
    """Events without an id and without the model's name; the usage is the last."""

    name = "bedrock"

    def usage(self, given: int, made: int, cached: int = 0, reasoning: int = 0) -> dict[str, Any]:
        """Cached input stands beside `inputTokens`; reasoning is inside the output."""
        del reasoning
        return {
            "inputTokens": given - cached,
            "outputTokens": made,
            "totalTokens": given + made,
            "cacheReadInputTokens": cached,
            "cacheWriteInputTokens": 0,
        }

    def events(self, answer: Answer) -> list[Event]:
        """`messageStart`, the blocks, `messageStop`, `metadata`."""
        out = [self._event("messageStart", "open", role="assistant")]
        index, kind = -1, None
        for piece in answer.pieces:
            if type(piece) is not kind or isinstance(piece, Tool):
                out += self._stop(index, kind)
                index, kind = index + 1, type(piece)
                out += self._start(index, piece)
            out += self._deltas(index, piece)
        out += self._stop(index, kind)
        reason = "tool_use" if answer.called else "end_turn"
        out.append(self._event("messageStop", "finish", stopReason=reason))
        if answer.usage is not None:
            fields = {"usage": answer.usage, "metrics": {"latencyMs": 7}}
            last = Event(dumps(fields), name="metadata", kind="end", usage=answer.usage)
            out += [last] * (2 if answer.usage_twice else 1)
        return out

    def whole(self, answer: Answer) -> bytes:
        """`ConverseResponse`."""
        content: list[dict[str, Any]] = []
        for piece in answer.pieces:
            match piece:
                case Text(text, _) if content and "text" in content[-1]:
                    content[-1]["text"] += text
                case Text(text, _):
                    content.append({"text": text})
                case Reasoning(text):
                    thought = {"text": text, "signature": SIGNATURE}
                    content.append({"reasoningContent": {"reasoningText": thought}})
                case Tool():
                    given = json.loads("".join(piece.fragments) or "{}")
                    call = {"toolUseId": piece.id, "name": piece.name, "input": given}
                    content.append({"toolUse": call})
        body: dict[str, Any] = {
            "output": {"message": {"role": "assistant", "content": content}},
            "stopReason": "tool_use" if answer.called else "end_turn",
            "metrics": {"latencyMs": 7},
        }
        if answer.usage is not None:
            body["usage"] = answer.usage
        return dumps(body | answer.extra).encode()

    def error_body(self, failure: Failure) -> bytes:
        """`{"message": ...}`; which error it is stands in a header."""
        return dumps({"message": failure.message}).encode()

    def error_event(self, failure: Failure) -> Event:
        """An exception as a message of its own."""
        name = _EXCEPTIONS.get(failure.status, "internalServerException")
        return Event(dumps({"message": failure.message}), name=name, kind="broken")

    def ping(self) -> Event | None:
        """It sends none."""
        return None

    def unknown(self) -> Event:
        """An event of a type that nobody has documented."""
        return self._event("vendorNotice", "extra")

    @staticmethod
    def _event(name: str, kind: str, *, tokens: int = 0, **fields: Any) -> Event:
        return Event(dumps(fields | {"p": "abcdef"}), name=name, kind=kind, tokens=tokens)

    def _start(self, index: int, piece: Text | Reasoning | Tool) -> list[Event]:
        if not isinstance(piece, Tool):
            return []  # only calls begin with a word of their own
        start = {"toolUse": {"toolUseId": piece.id, "name": piece.name}}
        return [self._event("contentBlockStart", "block", contentBlockIndex=index, start=start)]

    def _stop(self, index: int, kind: type[Text | Reasoning | Tool] | None) -> list[Event]:
        if kind is None:
            return []
        out = [self._event("contentBlockStop", "block", contentBlockIndex=index)]
        if kind is Reasoning:
            out.insert(0, self._delta(index, {"reasoningContent": {"signature": SIGNATURE}}))
        return out

    def _deltas(self, index: int, piece: Text | Reasoning | Tool) -> list[Event]:
        match piece:
            case Text(text, tokens):
                return [self._delta(index, {"text": text}, "token", tokens)]
            case Reasoning(text):
                return [self._delta(index, {"reasoningContent": {"text": text}})]
            case Tool():
                return [
                    self._delta(index, {"toolUse": {"input": part}}) for part in piece.fragments
                ]

    def _delta(
        self, index: int, delta: dict[str, Any], kind: str = "block", tokens: int = 0
    ) -> Event:
        return self._event(
            "contentBlockDelta", kind, tokens=tokens, contentBlockIndex=index, delta=delta
        )


BEDROCK = Bedrock()
