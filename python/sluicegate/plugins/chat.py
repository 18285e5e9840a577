"""What a plugin reads out of its host's answer, as Chat Completions."""

import time
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from sluicegate.plugins.dialect import (
    Begun,
    CallDelta,
    Delta,
    Failed,
    Finished,
    TextDelta,
    ThinkingDelta,
    Used,
)

DONE: Final = b"data: [DONE]\n\n"
_ENCODER: Final = msgspec.json.Encoder()


class Chunks:
    """A stream on its way to the core."""

    def __init__(self, model: str) -> None:
        """Args: model: that was asked for."""
        self._head: dict[str, Any] = {
            "id": "",
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": model,
        }
        self.is_whole = False
        """The model stopped, or its host said that it failed."""
        self._is_over = False

    def of(self, deltas: Iterable[Delta]) -> bytes:
        """The events of some deltas."""
        return b"".join(self._one(delta) for delta in deltas if not self._is_over)

    def failed(self, message: str) -> bytes:
        """An error that ends the stream."""
        return self._one(Failed(message, "plugin_failed"))

    def end(self) -> bytes:
        """What stands behind the last event."""
        return b"" if self._is_over else DONE

    def _one(self, delta: Delta) -> bytes:
        match delta:
            case Begun(id, model):
                self._head["id"] = id
                self._head["model"] = model or self._head["model"]
                return self._event({"role": "assistant", "content": ""})
            case TextDelta(text):
                return self._event({"content": text})
            case ThinkingDelta(text):
                return self._event({"reasoning_content": text})
            case CallDelta():
                return self._event({"tool_calls": [_call(delta)]})
            case Finished(reason):
                self.is_whole = True
                return self._event({}, reason)
            case Used():
                return _data({**self._head, "choices": [], "usage": _usage(delta)})
            case Failed(message, code):
                self.is_whole = self._is_over = True
                return _data({"error": {"message": message, "type": code, "code": code}})
            case _:
                raise TypeError(f"{type(delta).__name__} is no delta")

    def _event(self, delta: dict[str, Any], reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        return _data({**self._head, "choices": [choice]})


def whole(deltas: Iterable[Delta], model: str) -> bytes:
    """An answer that is no stream.

    Raises:
        ValueError: it has no end, or its host said that it failed.
    """
    head: dict[str, Any] = {"id": "", "model": model}
    text: list[str] = []
    thinking: list[str] = []
    calls: dict[int, dict[str, Any]] = {}
    reason, usage = None, None
    for delta in deltas:
        match delta:
            case Begun(id, named):
                head = {"id": id, "model": named or model}
            case TextDelta(more):
                text.append(more)
            case ThinkingDelta(more):
                thinking.append(more)
            case CallDelta(index):
                _add(calls.setdefault(index, _call(CallDelta(index))), delta)
            case Finished(why):
                reason = why
            case Used():
                usage = _usage(delta)
            case Failed():
                raise ValueError("the host failed")
            case _:
                raise TypeError(f"{type(delta).__name__} is no delta")
    if reason is None:
        raise ValueError("the answer has no end")
    message: dict[str, Any] = {"role": "assistant", "content": "".join(text) or None}
    if thinking:
        message["reasoning_content"] = "".join(thinking)
    if calls:
        message["tool_calls"] = [calls[index] for index in sorted(calls)]
    choice = {"index": 0, "message": message, "finish_reason": reason}
    made = {**head, "object": "chat.completion", "created": int(time.time()), "choices": [choice]}
    return _ENCODER.encode(made if usage is None else {**made, "usage": usage})


def _call(delta: CallDelta) -> dict[str, Any]:
    function = {"arguments": delta.arguments} | ({"name": delta.name} if delta.name else {})
    call: dict[str, Any] = {"index": delta.index, "function": function}
    return call | ({"id": delta.id, "type": "function"} if delta.id else {})


def _add(call: dict[str, Any], delta: CallDelta) -> None:
    more = _call(delta)
    more["function"]["arguments"] = call["function"]["arguments"] + delta.arguments
    call["function"].update(more.pop("function"))
    call.update(more)


def _usage(used: Used) -> dict[str, Any]:
    return {
        "prompt_tokens": used.input_tokens,
        "completion_tokens": used.output_tokens,
        "total_tokens": used.input_tokens + used.output_tokens,
        "prompt_tokens_details": {"cached_tokens": used.cached_input_tokens},
        "completion_tokens_details": {"reasoning_tokens": used.reasoning_tokens},
    }


def _data(event: dict[str, Any]) -> bytes:
    return b"data: " + _ENCODER.encode(event) + b"\n\n"
