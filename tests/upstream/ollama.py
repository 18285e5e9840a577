"""Ollama's own chat as the scripted upstream speaks it, in lines of JSON.

Source: docs.ollama.com/api/chat.
"""

from dataclasses import dataclass
from typing import Any

from .framing import Style
from .steps import Event
from .wire import Answer, Failure, Piece, Reasoning, Text, Tool, dumps

CONTENT_TYPE = "application/x-ndjson"
_CREATED_AT = "2026-01-01T00:00:00.123456789Z"


@dataclass(slots=True)
class LineStyle(Style):
    """Lines of JSON instead of events."""

    def encode(self, event: Event, number: int) -> bytes:
        """One line; they have no names."""
        del number
        data = event.data if isinstance(event.data, bytes) else event.data.encode()
        return data + b"\n"


class Ollama:
    """A line a piece; the last one says why it ends and what was used. Calls come whole, without
    ids.
    """

    name = "ollama"

    def usage(self, given: int, made: int, cached: int = 0, reasoning: int = 0) -> dict[str, Any]:
        """What the cache held is inside the prompt, thoughts inside the output."""
        del cached, reasoning
        return {"prompt_eval_count": given, "eval_count": made}

    def events(self, answer: Answer) -> list[Event]:
        """The pieces, and the last line."""
        out = []
        for piece in answer.pieces:
            tokens = piece.tokens if isinstance(piece, Text) else 0
            kind = "token" if isinstance(piece, Text) else "block"
            body = self._head(answer) | {"message": self._message([piece]), "done": False}
            out.append(Event(_written(body, [piece]), kind=kind, tokens=tokens))
        last = Event(self._last(answer, []), kind="end", usage=answer.usage)
        return [*out, *[last] * (2 if answer.usage_twice else 1)]

    def whole(self, answer: Answer) -> bytes:
        """One object."""
        return self._last(answer, answer.pieces).encode()

    def error_body(self, failure: Failure) -> bytes:
        """`{"error": "..."}`."""
        return dumps({"error": failure.message}).encode()

    def error_event(self, failure: Failure) -> Event:
        """The same as a line."""
        return Event(dumps({"error": failure.message}), kind="broken")

    def ping(self) -> Event | None:
        """It sends none."""
        return None

    def unknown(self) -> Event:
        """A line with a field that nobody knows."""
        return Event(dumps({"vendor_notice": {}}), kind="extra")

    @staticmethod
    def _head(answer: Answer) -> dict[str, Any]:
        return {"model": answer.model, "created_at": _CREATED_AT} | answer.extra

    def _last(self, answer: Answer, pieces: list[Piece]) -> str:
        end = {"done_reason": "stop", "done": True, "total_duration": 7}
        body = self._head(answer) | {"message": self._message(pieces)} | end
        return _written(body | (answer.usage or {}), pieces)

    @staticmethod
    def _message(pieces: list[Piece]) -> dict[str, Any]:
        text = "".join(piece.text for piece in pieces if isinstance(piece, Text))
        message: dict[str, Any] = {"role": "assistant", "content": text}
        thinking = "".join(piece.text for piece in pieces if isinstance(piece, Reasoning))
        if thinking:
            message["thinking"] = thinking
        calls = [piece for piece in pieces if isinstance(piece, Tool)]
        if calls:
            functions = [{"name": call.name, "arguments": f"of {call.id}"} for call in calls]
            message["tool_calls"] = [{"function": function} for function in functions]
        return message


def _written(body: dict[str, Any], pieces: list[Piece]) -> str:
    """With the arguments as objects, in the very bytes that the model wrote."""
    text = dumps(body)
    for piece in pieces:
        if isinstance(piece, Tool):
            text = text.replace(f'"of {piece.id}"', "".join(piece.fragments) or "{}")
    return text


OLLAMA = Ollama()
