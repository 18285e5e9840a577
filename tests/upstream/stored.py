"""Responses that the scripted upstream keeps: asked for by id, deleted, cancelled, gone on from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from .exchange import Exchange
from .responses import RESPONSES
from .steps import Event
from .wire import Answer, dumps

Json = dict[str, Any]


@dataclass(slots=True)
class Stored:
    """One of them. A job in the background is done when it is asked for the second time."""

    key: str | None
    response: Json
    input: list[Json]
    events: list[Event]
    is_job: bool
    polls: int = 0
    is_cancelled: bool = False

    def shown(self) -> Json:
        """As it is now."""
        if not self.is_job:
            return self.response
        if self.is_cancelled:
            return unfinished(self.response, "cancelled")
        self.polls += 1
        return self.response if self.polls > 1 else unfinished(self.response, "in_progress")


def unfinished(response: Json, status: str) -> Json:
    """A response of which nothing is there yet."""
    return response | {"status": status, "output": [], "usage": None, "background": True}


class Shelf:
    """All that one upstream keeps, each under the key that it was made with."""

    def __init__(self) -> None:
        """Empty."""
        self.kept: dict[str, Stored] = {}
        self.asked: list[Exchange] = []

    def put(self, exchange: Exchange, answer: Answer) -> bytes | None:
        """Keeps an answer; the body instead of it, where it is wanted later."""
        body = exchange.json
        if body.get("store") is False:
            return None
        given = body.get("input")
        items = given if isinstance(given, list) else [_said(str(given))]
        listed = [
            {"type": "message", "id": f"msg_in_{number}_{answer.id}", **item}
            for number, item in enumerate(items)
        ]
        events = RESPONSES.events(answer)
        response = RESPONSES.response(answer)
        is_job = body.get("background") is True
        key = exchange.header("authorization")
        self.kept[answer.id] = Stored(key, response, listed, events, is_job)
        if is_job and not exchange.stream:
            return dumps(unfinished(response, "queued")).encode()
        return None

    def aside(self, exchange: Exchange) -> tuple[int, str, bytes] | None:
        """Status, content type and body of what is asked by id; None where nothing is."""
        path, _, query = exchange.path.partition("?")
        if not path.startswith("/v1/responses/"):
            return None
        self.asked.append(exchange)
        name, _, verb = path.removeprefix("/v1/responses/").partition("/")
        stored = self.kept.get(name)
        if stored is None or stored.key != exchange.header("authorization"):
            return 404, _JSON, dumps(_missing(name)).encode()
        match exchange.method, verb:
            case "GET", "":
                return self._shown(stored, parse_qs(query))
            case "DELETE", "":
                del self.kept[name]
                gone = {"id": name, "object": "response", "deleted": True}
                return 200, _JSON, dumps(gone).encode()
            case "POST", "cancel" if stored.is_job:
                stored.is_cancelled = True
                return 200, _JSON, dumps(stored.shown()).encode()
            case "POST", "cancel":
                error = {"message": "Cannot cancel a synchronous response.", "code": None}
                return 400, _JSON, dumps({"error": error}).encode()
            case "GET", "input_items":
                return 200, _JSON, dumps(_page(stored.input, parse_qs(query))).encode()
        return 404, _JSON, dumps(_missing(name)).encode()

    @staticmethod
    def _shown(stored: Stored, query: dict[str, list[str]]) -> tuple[int, str, bytes]:
        if query.get("stream") != ["true"]:
            return 200, _JSON, dumps(stored.shown()).encode()
        behind = int(query.get("starting_after", ["-1"])[0])
        events = stored.events[behind + 1 :]
        text = "".join(f"event: {event.name}\ndata: {event.data}\n\n" for event in events)
        return 200, "text/event-stream", text.encode()


_JSON = "application/json"


def _said(text: str) -> Json:
    return {"role": "user", "content": [{"type": "input_text", "text": text}]}


def _missing(name: str) -> Json:
    message = f"Response with id '{name}' not found."
    return {"error": {"message": message, "type": "invalid_request_error", "code": None}}


def _page(items: list[Json], query: dict[str, list[str]]) -> Json:
    ordered = items if query.get("order") == ["asc"] else items[::-1]
    page = ordered[: int(query.get("limit", ["20"])[0])]
    return {
        "object": "list",
        "data": page,
        "first_id": page[0]["id"],
        "last_id": page[-1]["id"],
        "has_more": len(page) < len(ordered),
    }
