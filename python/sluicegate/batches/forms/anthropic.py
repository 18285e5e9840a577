"""Anthropic's message batches: all requests in one, results as lines of JSON. Source:
https://docs.anthropic.com/en/api/creating-message-batches
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import Raw

from sluicegate.batches.forms.base import Asked, Call, Json, Result, Seen, Sent, status_of
from sluicegate.config.settings import Upstream

_ENDPOINTS: Final = ("/v1/chat/completions", "/v1/messages", "/v1/responses")
_NOT_RUN: Final = {
    "canceled": ("batch_cancelled", "This request was not executed: the batch was cancelled."),
    "expired": ("batch_expired", "This request could not be executed before the batch expired."),
}


class AnthropicBatches:
    """See the module."""

    keeps_files = False

    def endpoints(self, upstream: Upstream) -> Sequence[str]:
        """Those that it has."""
        return _ENDPOINTS if upstream.address == "dialect" else ()

    def begin(self, asked: Asked, source: str | Sequence[Sent]) -> Call:
        """Begins one."""
        del asked
        requests = [
            {"custom_id": numbered(number), "params": Raw(sent.body)}
            for number, sent in enumerate(source)
            if isinstance(sent, Sent)
        ]
        return Call("POST", "/messages/batches", msgspec.json.encode({"requests": requests}))

    def begun(self, answer: Json) -> str:
        """Its id."""
        return str(answer["id"])

    def look(self, upstream_id: str) -> Call:
        """Asks for it."""
        return Call("GET", f"/messages/batches/{upstream_id}")

    def cancel(self, upstream_id: str) -> Call:
        """Ends it."""
        return Call("POST", f"/messages/batches/{upstream_id}/cancel")

    def seen(self, answer: Json) -> Seen:
        """How it stands."""
        counts: dict[str, int] = answer["request_counts"]
        failed = counts["errored"] + counts["expired"] + counts["canceled"]
        shown: Json = {
            "status": _status(answer["processing_status"], counts),
            "request_counts": status_of((sum(counts.values()), counts["succeeded"], failed)),
            "in_progress_at": seconds_of(answer.get("created_at")),
            "cancelling_at": seconds_of(answer.get("cancel_initiated_at")),
        }
        is_over = answer["processing_status"] == "ended"
        if is_over:
            shown[f"{shown['status']}_at"] = seconds_of(answer.get("ended_at"))
        return Seen(shown, (str(answer["id"]),) if is_over else ())

    def results(self, name: str) -> Call | None:
        """Asks for them."""
        return Call("GET", f"/messages/batches/{name}/results")

    def result(self, line: Json) -> Result:
        """One of them."""
        outcome: dict[str, Any] = line["result"]
        name, kind = str(line["custom_id"]), outcome["type"]
        if kind == "succeeded":
            return Result(name, 200, msgspec.json.encode(outcome["message"]))
        if kind in _NOT_RUN:
            code, message = _NOT_RUN[kind]
            return Result(name, None, None, {"code": code, "message": message})
        error = outcome.get("error") or {}
        told = error.get("error", error)
        is_ours = told.get("type") in {"invalid_request_error", "request_too_large"}
        error = {"code": told.get("type"), "message": told.get("message", "")}
        return Result(name, 400 if is_ours else 500, None, error)

    def within(self, answer: Json) -> Iterator[Json]:
        """None: they are asked for."""
        del answer
        yield from ()


def numbered(number: int) -> str:
    """A line's name at a provider that does not take every client's."""
    return f"line-{number}"


def seconds_of(time: str | None) -> int | None:
    """Seconds since 1970."""
    return None if time is None else int(datetime.fromisoformat(time).timestamp())


def _status(processing: str, counts: dict[str, int]) -> str:
    if processing == "in_progress":
        return "in_progress"
    if processing == "canceling":
        return "cancelling"
    if counts["canceled"]:
        return "cancelled"
    return "expired" if counts["expired"] and not counts["succeeded"] else "completed"
