"""Conversations as lists of items."""

from typing import Any, Final
from urllib.parse import parse_qs

import msgspec
from msgspec import Raw

from sluicegate.dialects.fields import is_text
from sluicegate.errors import InvalidRequestError
from sluicegate.store.responses import KeptResponse

MAX_LISTED: Final = 100
LISTED: Final = 20
"""As many as the vendor lists. Source:
https://platform.openai.com/docs/api-reference/responses/input-items
"""
_PREFIXES: Final = {"message": "msg", "function_call": "fc", "reasoning": "rs"}

Json = dict[str, Any]


def items_of(given: Raw | None) -> list[Any]:
    """An `input` as items."""
    if given is None:
        return []
    if is_text(given):
        content = [{"type": "input_text", "text": msgspec.json.decode(given)}]
        return [{"type": "message", "role": "user", "content": content}]
    return msgspec.json.decode(given, type=list[Raw])


def expanded(body: bytes, kept: KeptResponse) -> bytes:
    """A request that goes on from a response, with all of the conversation before it.

    Raises:
        msgspec.MsgspecError: the body is not readable.
    """
    request: dict[str, Any] = msgspec.json.decode(body, type=dict[str, Raw])
    answered = msgspec.json.decode(kept.response, type=dict[str, Raw])
    before = msgspec.json.decode(kept.items, type=list[Raw])
    request["input"] = [*before, *items_of(answered["output"]), *items_of(request.get("input"))]
    del request["previous_response_id"]
    return msgspec.json.encode(request)


def listed(kept: KeptResponse, query: str) -> Json:
    """The items that a response answered, a page of them.

    Raises:
        InvalidRequestError: names the parameter that cannot be used.
    """
    asked = {name: values[-1] for name, values in parse_qs(query).items()}
    items = [
        _named(kept.id, number, item)
        for number, item in enumerate(msgspec.json.decode(kept.items, type=list[Json]))
    ]
    if asked.get("order", "desc") == "desc":
        items.reverse()
    if (after := asked.get("after")) is not None:
        places = [place for place, item in enumerate(items) if item["id"] == after]
        if not places:
            raise InvalidRequestError("`after` names no item of this response", param="after")
        items = items[places[0] + 1 :]
    page = items[: _limit(asked.get("limit"))]
    return {
        "object": "list",
        "data": page,
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
        "has_more": len(page) < len(items),
    }


def _limit(given: str | None) -> int:
    if given is None:
        return LISTED
    if not given.isascii() or not given.isdigit() or not 1 <= int(given[:4]) <= MAX_LISTED:
        raise InvalidRequestError(f"`limit` must be 1 to {MAX_LISTED}", param="limit")
    return int(given)


def _named(response_id: str, number: int, item: Json) -> Json:
    """An item with what clients demand of one, where whoever sent it left that out."""
    kind = item.get("type", "message")
    prefix = _PREFIXES.get(kind, "item")
    made = {"id": f"{prefix}_{response_id.removeprefix('resp_')}_in_{number}", "type": kind}
    if isinstance(item.get("content"), str):
        is_model = item.get("role") == "assistant"
        part: Json = {"type": "output_text" if is_model else "input_text", "text": item["content"]}
        if is_model:
            part["annotations"] = []
        item = {**item, "content": [part]}
    if kind in {"message", "function_call", "function_call_output"}:
        made["status"] = "completed"
    return {**made, **{name: value for name, value in item.items() if value is not None}}
