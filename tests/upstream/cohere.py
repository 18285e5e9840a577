"""Cohere's chat, version 2, as the scripted upstream speaks it.

Source: docs.cohere.com/reference/chat-stream.
"""

from typing import Any

from .steps import Event
from .wire import Answer, Failure, Reasoning, Text, Tool, dumps


class Cohere:
    """Events without the model's name; the last one says why it ends and what was used."""

    name = "cohere"

    def usage(self, given: int, made: int, cached: int = 0, reasoning: int = 0) -> dict[str, Any]:
        """Cached input is inside the input, thoughts inside the output."""
        return {
            "input_tokens": given,
            "output_tokens": made,
            "reasoning_tokens": reasoning,
            "cached_tokens": cached,
        }

    def events(self, answer: Answer) -> list[Event]:
        """`message-start`, the blocks, `message-end`, and a word behind it."""
        empty = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": []}
        first = {"id": answer.id, "delta": {"message": empty | {"citations": []}}}
        out = [self._event("message-start", "open", **first)]
        index, calls, kind = -1, 0, None
        for piece in answer.pieces:
            if isinstance(piece, Tool):
                out += self._call(calls, piece)
                calls += 1
                continue
            if type(piece) is not kind:
                out += self._stop(index, kind)
                index, kind = index + 1, type(piece)
                content = {"type": _KINDS[kind]} | {_KINDS[kind]: ""}
                out.append(self._piece("content-start", "block", index, content=content))
            tokens = piece.tokens if isinstance(piece, Text) else 0
            content = {_KINDS[type(piece)]: piece.text}
            where = "token" if isinstance(piece, Text) else "block"
            out.append(self._piece("content-delta", where, index, tokens, content=content))
        out += self._stop(index, kind)
        end = {"finish_reason": _finish(answer)} | _usage(answer)
        last = self._event("message-end", "end", said=answer.usage, delta=end)
        out += [last] * (2 if answer.usage_twice else 1)
        out.append(Event("[DONE]", kind="extra"))
        return out

    def whole(self, answer: Answer) -> bytes:
        """One object."""
        content: list[dict[str, Any]] = []
        calls: list[dict[str, Any]] = []
        for piece in answer.pieces:
            if isinstance(piece, Tool):
                calls.append(_function(piece, "".join(piece.fragments)))
                continue
            kind = _KINDS[type(piece)]
            if content and content[-1]["type"] == kind:
                content[-1][kind] += piece.text
            else:
                content.append({"type": kind, kind: piece.text})
        message: dict[str, Any] = {"role": "assistant", "content": content}
        if calls:
            message["tool_calls"] = calls
        body = {"id": answer.id, "message": message, "finish_reason": _finish(answer)}
        return dumps(body | _usage(answer) | answer.extra).encode()

    def error_body(self, failure: Failure) -> bytes:
        """`{"id": ..., "message": ...}`."""
        return dumps({"id": "e-1", "message": failure.message}).encode()

    def error_event(self, failure: Failure) -> Event:
        """The end of the message, with an error in it."""
        delta = {
            "finish_reason": "ERROR",
            "usage": {},
            "error": failure.message,
            "error_type": "SCRIPTED",
        }
        return self._event("message-end", "broken", delta=delta)

    def ping(self) -> Event | None:
        """It sends none."""
        return None

    def unknown(self) -> Event:
        """An event of a type that nobody has documented."""
        return self._event("vendor-notice", "extra")

    @staticmethod
    def _event(
        kind: str,
        where: str,
        *,
        tokens: int = 0,
        said: dict[str, Any] | None = None,
        **fields: Any,
    ) -> Event:
        data = dumps({"type": kind} | fields)
        return Event(data, name=kind, kind=where, tokens=tokens, usage=said)

    def _piece(self, kind: str, where: str, index: int, tokens: int = 0, **message: Any) -> Event:
        return self._event(kind, where, tokens=tokens, index=index, delta={"message": message})

    def _stop(self, index: int, kind: type[Text | Reasoning] | None) -> list[Event]:
        return [] if kind is None else [self._event("content-end", "block", index=index)]

    def _call(self, index: int, tool: Tool) -> list[Event]:
        first = _function(tool, "")
        out = [self._piece("tool-call-start", "block", index, tool_calls=first)]
        for fragment in tool.fragments:
            more = {"function": {"arguments": fragment}}
            out.append(self._piece("tool-call-delta", "block", index, tool_calls=more))
        return [*out, self._event("tool-call-end", "block", index=index)]


_KINDS: dict[type[Text | Reasoning], str] = {Text: "text", Reasoning: "thinking"}


def _function(tool: Tool, arguments: str) -> dict[str, Any]:
    function = {"name": tool.name, "arguments": arguments}
    return {"id": tool.id, "type": "function", "function": function}


def _finish(answer: Answer) -> str:
    return "TOOL_CALL" if answer.called else "COMPLETE"


def _usage(answer: Answer) -> dict[str, Any]:
    if answer.usage is None:
        return {}
    sides = {name: answer.usage[name] for name in ("input_tokens", "output_tokens")}
    tokens = sides | {"reasoning_tokens": answer.usage["reasoning_tokens"]}
    cached = answer.usage["cached_tokens"]
    return {"usage": {"billed_units": sides, "tokens": tokens, "cached_tokens": cached}}


COHERE = Cohere()
