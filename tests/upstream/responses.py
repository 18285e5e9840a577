"""OpenAI Responses as an upstream.  Source: platform.openai.com/docs/api-reference/responses."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from .steps import Event
from .wire import CREATED, Answer, Failure, Piece, Reasoning, Text, Tool, dumps

ENCRYPTED = "gAAAAABzZWFsZWQ"


class OpenAiResponses:
    """Items with everything that an SDK demands of them; the last event is finish and end in one."""

    name = "openai_responses"

    def usage(self, given: int, made: int, cached: int = 0, reasoning: int = 0) -> dict[str, Any]:
        """Cached input and reasoning output are inside the totals."""
        return {
            "input_tokens": given,
            "input_tokens_details": {"cached_tokens": cached, "cache_write_tokens": 0},
            "output_tokens": made,
            "output_tokens_details": {"reasoning_tokens": reasoning},
            "total_tokens": given + made,
        }

    def events(self, answer: Answer) -> list[Event]:
        """`response.created` to `response.completed`."""
        out = _Events()
        begun = self._response(answer, [], "in_progress")
        out.add("response.created", "open", response=begun)
        out.add("response.in_progress", "open", response=begun)
        items = list(_items(answer))
        for index, (item, pieces) in enumerate(items):
            _one(out, index, item, pieces)
        done = self._response(answer, [item for item, _ in items], "completed")
        out.add("response.completed", "end", usage=answer.usage, response=done)
        return out.events

    def whole(self, answer: Answer) -> bytes:
        """`object: response`."""
        return dumps(self.response(answer)).encode()

    def response(self, answer: Answer) -> dict[str, Any]:
        """The same, not yet written."""
        items = [item for item, _ in _items(answer)]
        return self._response(answer, items, "completed")

    def error_body(self, failure: Failure) -> bytes:
        """`{"error": {message, type, param, code}}`."""
        return dumps({"error": _error(failure)}).encode()

    def error_event(self, failure: Failure) -> Event:
        """`event: error`, as recorded: the documented one has no inner object."""
        said = {"type": "error", "sequence_number": 9, "error": _error(failure)}
        return Event(dumps(said), name="error", kind="broken")

    def ping(self) -> Event | None:
        """As recorded in a slow stream."""
        return Event(dumps({"type": "keepalive", "sequence_number": 2}), name="keepalive")

    def unknown(self) -> Event:
        """An event of a type that nobody has documented."""
        said = {"type": "response.vendor_notice", "sequence_number": 2}
        return Event(dumps(said), name="response.vendor_notice")

    @staticmethod
    def _response(answer: Answer, items: list[dict[str, Any]], status: str) -> dict[str, Any]:
        return {
            "id": answer.id,
            "object": "response",
            "created_at": CREATED,
            "status": status,
            "error": None,
            "incomplete_details": None,
            "instructions": None,
            "model": answer.model,
            "output": items,
            "parallel_tool_calls": True,
            "temperature": 1.0,
            "tool_choice": "auto",
            "tools": [],
            "top_p": 1.0,
            "usage": answer.usage if status == "completed" else None,
        } | answer.extra


def _error(failure: Failure) -> dict[str, Any]:
    return {
        "type": failure.openai_type,
        "code": failure.openai_code,
        "message": failure.message,
        "param": None,
    }


class _Events:
    """Numbers what it is given."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def add(
        self,
        name: str,
        kind: str = "block",
        tokens: int = 0,
        usage: dict[str, Any] | None = None,
        **fields: Any,
    ) -> None:
        data = dumps({"type": name, "sequence_number": len(self.events)} | fields)
        self.events.append(Event(data, name=name, kind=kind, tokens=tokens, usage=usage))


def _items(answer: Answer) -> Iterator[tuple[dict[str, Any], list[Piece]]]:
    """The entries of the output, each with the pieces that bring it."""
    groups = groupby(
        answer.pieces, lambda piece: piece.id if isinstance(piece, Tool) else type(piece)
    )
    for number, (_, group) in enumerate(groups):
        pieces = list(group)
        yield _item(f"{number}_{answer.id}", pieces), pieces


def _item(name: str, pieces: list[Piece]) -> dict[str, Any]:
    first = pieces[0]
    if isinstance(first, Tool):
        return {
            "id": f"fc_{name}",
            "type": "function_call",
            "status": "completed",
            "arguments": "".join(first.fragments),
            "call_id": first.id,
            "name": first.name,
        }
    text = "".join(piece.text for piece in pieces if not isinstance(piece, Tool))
    if isinstance(first, Reasoning):
        summary = [{"type": "summary_text", "text": text}]
        item = {"id": f"rs_{name}", "type": "reasoning", "summary": summary}
        return item | {"encrypted_content": ENCRYPTED}
    part = {"type": "output_text", "annotations": [], "logprobs": [], "text": text}
    return {
        "id": f"msg_{name}",
        "type": "message",
        "status": "completed",
        "role": "assistant",
        "content": [part],
    }


def _one(out: _Events, index: int, item: dict[str, Any], pieces: list[Piece]) -> None:
    place = {"item_id": item["id"], "output_index": index}
    begun = dict(item)
    match pieces[0]:
        case Tool():
            begun |= {"arguments": "", "status": "in_progress"}
        case Reasoning():
            begun |= {"summary": []}
        case Text():
            begun |= {"content": [], "status": "in_progress"}
    out.add("response.output_item.added", output_index=index, item=begun)
    match pieces[0]:
        case Tool() as tool:
            for fragment in tool.fragments:
                out.add("response.function_call_arguments.delta", delta=fragment, **place)
            out.add("response.function_call_arguments.done", arguments=item["arguments"], **place)
        case Reasoning():
            _parts(out, place, "response.reasoning_summary", item["summary"][0], pieces)
        case Text():
            _parts(out, place, "response.output", item["content"][0], pieces)
    out.add("response.output_item.done", output_index=index, item=item)


def _parts(
    out: _Events, place: dict[str, Any], prefix: str, part: dict[str, Any], pieces: list[Piece]
) -> None:
    is_text = prefix == "response.output"
    place = place | {"content_index" if is_text else "summary_index": 0}
    whole = "response.content_part" if is_text else f"{prefix}_part"
    more: dict[str, Any] = {"logprobs": []} if is_text else {}
    out.add(f"{whole}.added", part=part | {"text": ""}, **place)
    for piece in pieces:
        match piece:
            case Text(text, tokens):
                out.add(f"{prefix}_text.delta", "token", tokens, delta=text, **place, **more)
            case Reasoning(text):
                out.add(f"{prefix}_text.delta", delta=text, **place)
    out.add(f"{prefix}_text.done", text=part["text"], **place, **more)
    out.add(f"{whole}.done", part=part, **place)


RESPONSES = OpenAiResponses()
