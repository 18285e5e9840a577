"""The upstream dialects: what an answer looks like as events, as one body and as an error."""

import json
from dataclasses import dataclass, field
from typing import Any, Protocol

from .steps import Event

CREATED = 1_700_000_000
SIGNATURE = "c2lnbmVk"


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of the visible answer."""

    text: str
    tokens: int = 1


@dataclass(frozen=True, slots=True)
class Reasoning:
    """A piece of what the model thinks."""

    text: str


@dataclass(frozen=True, slots=True)
class Tool:
    """One whole tool call; `fragments` are how its arguments are streamed."""

    id: str
    name: str
    fragments: tuple[str, ...]


Piece = Text | Reasoning | Tool


@dataclass(slots=True)
class Answer:
    """All that a dialect needs to write one answer."""

    id: str
    model: str
    pieces: list[Piece]
    usage: dict[str, Any] | None
    usage_each: bool = False
    usage_twice: bool = False
    usage_asked: bool = True
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def called(self) -> bool:
        """Whether the answer ends in tool calls."""
        return any(isinstance(piece, Tool) for piece in self.pieces)


@dataclass(frozen=True, slots=True)
class Failure:
    """An error as both vendors would report it."""

    status: int
    openai_type: str
    openai_code: str | None
    anthropic_type: str
    message: str


class Wire(Protocol):
    """One upstream dialect."""

    name: str

    def usage(self, given: int, made: int, cached: int = 0, reasoning: int = 0) -> dict[str, Any]:
        """A usage object: `given` input tokens, `cached` of them cached, `made` output."""
        ...

    def events(self, answer: Answer) -> list[Event]:
        """The whole answer as a stream."""
        ...

    def whole(self, answer: Answer) -> bytes:
        """The whole answer as one body."""
        ...

    def error_body(self, failure: Failure) -> bytes:
        """An error as a body."""
        ...

    def error_event(self, failure: Failure) -> Event:
        """An error inside a stream."""
        ...

    def ping(self) -> Event | None:
        """What the vendor sends to keep a stream alive; None: a comment."""
        ...

    def unknown(self) -> Event:
        """An event of a type that nobody has documented."""
        ...


def dumps(value: object) -> str:
    """Compact JSON, text kept readable."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


class OpenAiChat:
    """OpenAI Chat Completions.  Source: platform.openai.com/docs/api-reference/chat-streaming."""

    name = "openai"

    def usage(self, given: int, made: int, cached: int = 0, reasoning: int = 0) -> dict[str, Any]:
        """Cached input and reasoning output are inside the totals."""
        return {
            "prompt_tokens": given,
            "completion_tokens": made,
            "total_tokens": given + made,
            "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": reasoning, "audio_tokens": 0},
        }

    def events(self, answer: Answer) -> list[Event]:
        """Role, pieces, finish, usage where it was asked for, `[DONE]`."""
        made = 0
        out = [self._chunk(answer, {"role": "assistant", "content": ""}, "open")]
        calls = 0
        for piece in answer.pieces:
            match piece:
                case Text(text, tokens):
                    made += tokens
                    usage = self._so_far(answer, made) if answer.usage_each else None
                    out.append(
                        self._chunk(answer, {"content": text}, "token", tokens=tokens, usage=usage)
                    )
                case Reasoning(text):
                    out.append(self._chunk(answer, {"reasoning_content": text}, "block"))
                case Tool():
                    out += self._call(answer, calls, piece)
                    calls += 1
        reason = "tool_calls" if answer.called else "stop"
        out.append(self._chunk(answer, {}, "finish", finish=reason))
        if answer.usage is not None and answer.usage_asked:
            body = self._head(answer) | {"choices": [], "usage": answer.usage}
            said = Event(dumps(body), kind="usage", usage=answer.usage)
            out += [said] * (2 if answer.usage_twice else 1)
        out.append(Event("[DONE]", kind="end"))
        return out

    def whole(self, answer: Answer) -> bytes:
        """`object: chat.completion`."""
        tools = [piece for piece in answer.pieces if isinstance(piece, Tool)]
        text = "".join(piece.text for piece in answer.pieces if isinstance(piece, Text))
        thought = "".join(piece.text for piece in answer.pieces if isinstance(piece, Reasoning))
        message: dict[str, Any] = {"role": "assistant", "content": text or None}
        if thought:
            message["reasoning_content"] = thought
        if tools:
            message["tool_calls"] = [
                {
                    "id": tool.id,
                    "type": "function",
                    "function": {"name": tool.name, "arguments": "".join(tool.fragments)},
                }
                for tool in tools
            ]
        choice = {
            "index": 0,
            "message": message,
            "logprobs": None,
            "finish_reason": "tool_calls" if tools else "stop",
        }
        body = self._head(answer, "chat.completion") | {"choices": [choice]}
        if answer.usage is not None:
            body["usage"] = answer.usage
        return dumps(body).encode()

    def error_body(self, failure: Failure) -> bytes:
        """`{"error": {message, type, param, code}}`."""
        return dumps({"error": self._error(failure)}).encode()

    def error_event(self, failure: Failure) -> Event:
        """The same object as an unnamed event."""
        return Event(dumps({"error": self._error(failure)}), kind="broken")

    def ping(self) -> Event | None:
        """Hosts of this dialect send comments."""
        return None

    def unknown(self) -> Event:
        """A named event with an object of its own."""
        return Event(dumps({"object": "vendor.notice", "choices": []}), name="vendor.notice")

    @staticmethod
    def _error(failure: Failure) -> dict[str, Any]:
        return {
            "message": failure.message,
            "type": failure.openai_type,
            "param": None,
            "code": failure.openai_code,
        }

    @staticmethod
    def _head(answer: Answer, kind: str = "chat.completion.chunk") -> dict[str, Any]:
        head = {"id": answer.id, "object": kind, "created": CREATED, "model": answer.model}
        return head | answer.extra

    def _so_far(self, answer: Answer, made: int) -> dict[str, Any] | None:
        if answer.usage is None:
            return None
        return self.usage(answer.usage["prompt_tokens"], made)

    def _chunk(
        self,
        answer: Answer,
        delta: dict[str, Any],
        kind: str,
        *,
        tokens: int = 0,
        finish: str | None = None,
        usage: dict[str, Any] | None = None,
    ) -> Event:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        body = self._head(answer) | {"choices": [choice]}
        if usage is not None:
            body["usage"] = usage
        elif answer.usage_asked and answer.usage is not None:
            body["usage"] = None
        return Event(dumps(body), kind=kind, tokens=tokens, usage=usage)

    def _call(self, answer: Answer, index: int, tool: Tool) -> list[Event]:
        first = {
            "index": index,
            "id": tool.id,
            "type": "function",
            "function": {"name": tool.name, "arguments": ""},
        }
        out = [self._chunk(answer, {"tool_calls": [first]}, "block")]
        for fragment in tool.fragments:
            part = {"index": index, "function": {"arguments": fragment}}
            out.append(self._chunk(answer, {"tool_calls": [part]}, "block"))
        return out


class Anthropic:
    """Anthropic Messages.  Source: docs.anthropic.com/en/docs/build-with-claude/streaming."""

    name = "anthropic"

    def usage(self, given: int, made: int, cached: int = 0, reasoning: int = 0) -> dict[str, Any]:
        """Cached input stands beside `input_tokens`; thinking is inside `output_tokens`."""
        del reasoning
        return {
            "input_tokens": given - cached,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": cached,
            "output_tokens": made,
        }

    def events(self, answer: Answer) -> list[Event]:
        """`message_start`, the blocks, `message_delta`, `message_stop`."""
        message = self._message(answer) | {"content": [], "stop_reason": None}
        given: dict[str, Any] = {}
        if answer.usage is not None:
            # The output that stands here is a beginning, not a figure.
            given = {name: n for name, n in answer.usage.items() if name != "output_tokens"}
            message["usage"] = given | {"output_tokens": 1}
        out = [self._event("message_start", "open", said=given, message=message)]
        made = 0
        index = -1
        kind: type[Piece] | None = None
        for piece in answer.pieces:
            if type(piece) is not kind or isinstance(piece, Tool):
                out += self._stop(index, kind)
                index += 1
                kind = type(piece)
                out.append(self._start(index, piece))
            out += self._deltas(index, piece)
            if isinstance(piece, Text):
                made += piece.tokens
                if answer.usage_each and answer.usage is not None:
                    out.append(self._finish(None, {"output_tokens": made}, "block"))
        out += self._stop(index, kind)
        usage = None
        if answer.usage is not None:
            usage = {"output_tokens": answer.usage["output_tokens"]}
        last = self._finish("tool_use" if answer.called else "end_turn", usage, "finish")
        out += [last] * (2 if answer.usage_twice else 1)
        out.append(self._event("message_stop", "end"))
        return out

    def whole(self, answer: Answer) -> bytes:
        """`type: message`."""
        content: list[dict[str, Any]] = []
        for piece in answer.pieces:
            match piece:
                case Text(text, _):
                    if content and content[-1]["type"] == "text":
                        content[-1]["text"] += text
                    else:
                        content.append({"type": "text", "text": text})
                case Reasoning(text):
                    if content and content[-1]["type"] == "thinking":
                        content[-1]["thinking"] += text
                    else:
                        content.append(
                            {"type": "thinking", "thinking": text, "signature": SIGNATURE}
                        )
                case Tool():
                    arguments = json.loads("".join(piece.fragments) or "{}")
                    block = {"type": "tool_use", "id": piece.id, "name": piece.name}
                    content.append(block | {"input": arguments})
        body = self._message(answer) | {
            "content": content,
            "stop_reason": "tool_use" if answer.called else "end_turn",
        }
        if answer.usage is not None:
            body["usage"] = answer.usage
        return dumps(body).encode()

    def error_body(self, failure: Failure) -> bytes:
        """`{"type": "error", "error": {type, message}}`."""
        return dumps(self._error(failure)).encode()

    def error_event(self, failure: Failure) -> Event:
        """`event: error`."""
        return Event(dumps(self._error(failure)), name="error", kind="broken")

    def ping(self) -> Event | None:
        """`event: ping`."""
        return self._event("ping", "extra")

    def unknown(self) -> Event:
        """The vendor says that new event types may come at any time."""
        return self._event("vendor_notice", "extra")

    @staticmethod
    def _error(failure: Failure) -> dict[str, Any]:
        return {
            "type": "error",
            "error": {"type": failure.anthropic_type, "message": failure.message},
        }

    @staticmethod
    def _message(answer: Answer) -> dict[str, Any]:
        return {
            "id": answer.id,
            "type": "message",
            "role": "assistant",
            "model": answer.model,
            "stop_sequence": None,
        } | answer.extra

    @staticmethod
    def _event(
        name: str,
        kind: str,
        *,
        tokens: int = 0,
        said: dict[str, Any] | None = None,
        **fields: Any,
    ) -> Event:
        data = dumps({"type": name} | fields)
        return Event(data, name=name, kind=kind, tokens=tokens, usage=said)

    def _stop(self, index: int, kind: type[Piece] | None) -> list[Event]:
        """The end of a block, if one is open; a thinking block is signed first."""
        if kind is None:
            return []
        out = [self._event("content_block_stop", "block", index=index)]
        if kind is Reasoning:
            signed = {"type": "signature_delta", "signature": SIGNATURE}
            out.insert(0, self._event("content_block_delta", "block", index=index, delta=signed))
        return out

    def _finish(self, reason: str | None, usage: dict[str, Any] | None, kind: str) -> Event:
        fields: dict[str, Any] = {"delta": {"stop_reason": reason, "stop_sequence": None}}
        if usage is not None:
            fields["usage"] = usage
        return self._event("message_delta", kind, said=usage, **fields)

    def _start(self, index: int, piece: Piece) -> Event:
        block: dict[str, Any]
        match piece:
            case Text():
                block = {"type": "text", "text": ""}
            case Reasoning():
                block = {"type": "thinking", "thinking": "", "signature": ""}
            case Tool():
                block = {"type": "tool_use", "id": piece.id, "name": piece.name, "input": {}}
        return self._event("content_block_start", "block", index=index, content_block=block)

    def _deltas(self, index: int, piece: Piece) -> list[Event]:
        match piece:
            case Text(text, tokens):
                deltas = [({"type": "text_delta", "text": text}, "token", tokens)]
            case Reasoning(text):
                deltas = [({"type": "thinking_delta", "thinking": text}, "block", 0)]
            case Tool():
                deltas = [
                    ({"type": "input_json_delta", "partial_json": part}, "block", 0)
                    for part in piece.fragments
                ]
        return [
            self._event("content_block_delta", kind, tokens=tokens, index=index, delta=delta)
            for delta, kind, tokens in deltas
        ]


OPENAI = OpenAiChat()
ANTHROPIC = Anthropic()
