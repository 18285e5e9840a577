"""The simulator as OpenAI Responses: requests read, answers written.

Source: platform.openai.com/docs/api-reference/responses
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .dialects import CREATED, Event, dumps
from .prompt import Json, Prompt, RefusedError, Tool, positive, read_messages
from .reply import Reply

_MAX_KEPT = 1000


def read_responses(body: Json) -> Prompt:
    """A Responses request."""
    messages = [message for message in map(_message_of, _items_of(body)) if message]
    prompt = read_messages(body | {"messages": messages})
    prompt.read_content(body.get("instructions"))
    prompt.max_tokens = positive(body, "max_output_tokens")
    for tool in body.get("tools") or []:
        prompt.tools.append(Tool(tool.get("name", ""), tool.get("parameters") or {}))
    choice = body.get("tool_choice")
    prompt.must_call = choice == "required" or isinstance(choice, dict)
    prompt.may_call = choice != "none"
    prompt.wanted_tool = choice.get("name") if isinstance(choice, dict) else None
    prompt.thinking = bool((body.get("reasoning") or {}).get("summary"))
    wanted = (body.get("text") or {}).get("format") or {}
    prompt.wants_json = wanted.get("type") in ("json_object", "json_schema")
    prompt.json_schema = wanted.get("schema")
    return prompt


def _message_of(item: Json) -> Json | None:
    """An item of Responses as a message of Chat Completions; None where it says nothing."""
    match item.get("type", "message"):
        case "message":
            return item
        case "function_call" | "custom_tool_call":
            return {"role": "assistant", "tool_calls": [{"id": item["call_id"]}]}
        case "function_call_output" | "custom_tool_call_output":
            output, call = item.get("output"), item.get("call_id")
            return {"role": "tool", "tool_call_id": call, "content": output}
    return None


class Kept:
    """The conversations behind the newest responses, for `previous_response_id`."""

    def __init__(self) -> None:
        """None yet."""
        self._items: dict[str, list[Json]] = {}

    def whole(self, body: Json) -> Json:
        """The request with the conversation that it goes on with before its input."""
        before = body.get("previous_response_id")
        if before is None:
            return body
        if before not in self._items:
            raise RefusedError(f"Previous response with id {before!r} not found.")
        return body | {"input": self._items[before] + _items_of(body)}

    def keep(self, body: Json, replies: list[Reply]) -> None:
        """Keeps what was asked and answered, unless it says not to."""
        if body.get("store") is False:
            return
        reply = replies[0]
        said = [item for item, _ in _items(reply)]
        self._items[f"resp_sim_{reply.id}"] = _items_of(self.whole(body)) + said
        if len(self._items) > _MAX_KEPT:
            del self._items[next(iter(self._items))]


def _items_of(body: Json) -> list[Json]:
    given = body.get("input")
    return [{"role": "user", "content": given}] if isinstance(given, str) else list(given or [])


def responses_whole(prompt: Prompt, replies: list[Reply]) -> bytes:
    """`object: response`."""
    reply = replies[0]
    return dumps(_response(prompt, reply, [item for item, _ in _items(reply)], done=True))


def responses_events(prompt: Prompt, replies: list[Reply]) -> Iterator[Event]:
    """`response.created` to `response.completed` or `response.incomplete`."""
    reply = replies[0]
    numbered = _Numbered()
    begun = _response(prompt, reply, [], done=False)
    yield numbered.event("response.created", response=begun)
    yield numbered.event("response.in_progress", response=begun)
    items = _items(reply)
    for index, (item, pieces) in enumerate(items):
        empty = item | {name: type(item[name])() for name in _GROWING & item.keys()}
        yield numbered.event("response.output_item.added", output_index=index, item=empty)
        yield from _grown(numbered, {"item_id": item["id"], "output_index": index}, item, pieces)
        yield numbered.event("response.output_item.done", output_index=index, item=item)
    done = _response(prompt, reply, [item for item, _ in items], done=True)
    yield numbered.event(f"response.{done['status']}", response=done)


_GROWING = {"summary", "content", "arguments"}


class _Numbered:
    """Events with their place in the stream."""

    def __init__(self) -> None:
        """None yet."""
        self._next = 0

    def event(self, name: str, *, token: bool = False, **fields: Any) -> Event:
        data = dumps({"type": name, "sequence_number": self._next} | fields)
        self._next += 1
        return Event(b"event: %b\ndata: %b\n\n" % (name.encode(), data), token)


def _grown(numbered: _Numbered, place: Json, item: Json, pieces: list[str]) -> Iterator[Event]:
    if item["type"] == "function_call":
        name = "response.function_call_arguments"
        for piece in pieces:
            yield numbered.event(f"{name}.delta", token=True, delta=piece, **place)
        yield numbered.event(f"{name}.done", arguments=item["arguments"], **place)
        return
    is_text = item["type"] == "message"
    part = item["content" if is_text else "summary"][0]
    text = "response.output_text" if is_text else "response.reasoning_summary_text"
    whole = "response.content_part" if is_text else "response.reasoning_summary_part"
    place = place | {"content_index" if is_text else "summary_index": 0}
    more: Json = {"logprobs": []} if is_text else {}
    yield numbered.event(f"{whole}.added", part=part | {"text": ""}, **place)
    for piece in pieces:
        yield numbered.event(f"{text}.delta", token=True, delta=piece, **place, **more)
    yield numbered.event(f"{text}.done", text=part["text"], **place, **more)
    yield numbered.event(f"{whole}.done", part=part, **place)


def _items(reply: Reply) -> list[tuple[Json, list[str]]]:
    """The entries of the output, each with the pieces that a stream brings of it."""
    items: list[tuple[Json, list[str]]] = []
    if reply.thinking:
        summary = [{"type": "summary_text", "text": "".join(reply.thinking)}]
        item: Json = {"id": f"rs_{reply.id}", "type": "reasoning", "summary": summary}
        items.append((item, reply.thinking))
    if reply.text:
        text = "".join(reply.text)
        part = {"type": "output_text", "annotations": [], "logprobs": [], "text": text}
        message: Json = {"id": f"msg_{reply.id}", "type": "message", "role": "assistant"}
        status = "incomplete" if reply.finish == "length" else "completed"
        items.append((message | {"status": status, "content": [part]}, reply.text))
    for call in reply.calls:
        item = {"id": f"fc_{call.id}", "type": "function_call", "status": "completed"}
        item |= {"call_id": f"call_{call.id}", "name": call.name}
        items.append((item | {"arguments": "".join(call.fragments)}, call.fragments))
    return items


def _response(prompt: Prompt, reply: Reply, items: list[Json], *, done: bool) -> Json:
    is_cut = done and reply.finish == "length"
    status = "in_progress" if not done else "incomplete" if is_cut else "completed"
    return {
        "id": f"resp_sim_{reply.id}",
        "object": "response",
        "created_at": CREATED,
        "status": status,
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if is_cut else None,
        "instructions": None,
        "metadata": {},
        "model": prompt.model,
        "output": items,
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": _usage(reply) if done else None,
    }


def _usage(reply: Reply) -> Json:
    return {
        "input_tokens": reply.input_tokens,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": reply.output_tokens,
        "output_tokens_details": {"reasoning_tokens": len(reply.thinking)},
        "total_tokens": reply.input_tokens + reply.output_tokens,
    }
