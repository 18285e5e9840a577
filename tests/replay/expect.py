"""What a client of the same dialect must get for a record: its bytes, up to the answer's end."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from ..client import Got
from .records import Record

_FRAME_END = re.compile(rb"(?:\r\n|\n|\r)(?:\r\n|\n|\r(?!\n))")
#: Success terminators, by their type.
_ENDS = ("message_stop", "response.completed", "response.incomplete")
_BEGINNINGS = ("response.created", "response.in_progress", "response.queued")
#: A client sees its own upstream's 4xx, but never its 401 (that one is about our key).
_STATUS = {400: 400, 401: 502, 403: 502, 404: 404, 413: 413, 422: 422, 429: 429}


@dataclass(slots=True)
class Frame:
    """Bytes up to and including a blank line, and what their data says."""

    raw: bytes
    data: str | None

    @property
    def payload(self) -> Any:
        """The data as JSON, or None."""
        try:
            return json.loads(self.data) if self.data is not None else None
        except ValueError:
            return None

    @property
    def ends(self) -> bool:
        """Whether this is the dialect's success terminator."""
        if self.data is not None and self.data.strip() == "[DONE]":
            return True
        payload = self.payload
        return isinstance(payload, dict) and payload.get("type") in _ENDS

    @property
    def fails(self) -> bool:
        """Whether this is an error inside the stream."""
        payload = self.payload
        if not isinstance(payload, dict):
            return False
        return bool(payload.get("error")) or payload.get("type") == "response.failed"

    @property
    def begins(self) -> bool:
        """Whether this only says that an answer is coming."""
        payload = self.payload
        return isinstance(payload, dict) and payload.get("type") in _BEGINNINGS

    @property
    def finishes(self) -> bool:
        """Whether a finish reason stands here."""
        payload = self.payload
        if not isinstance(payload, dict):
            return False
        reasons = [choice.get("finish_reason") for choice in payload.get("choices") or []]
        reasons += [c.get("finishReason") for c in payload.get("candidates") or []]
        blocked = payload.get("promptFeedback") or {}
        reasons.append(blocked.get("blockReason"))
        delta = payload.get("delta")
        reasons.append(delta.get("stop_reason") if isinstance(delta, dict) else None)
        return any(reason is not None for reason in reasons)

    @property
    def only_usage(self) -> bool:
        """Whether this is the chunk that `include_usage` asks for."""
        payload = self.payload
        return isinstance(payload, dict) and payload.get("choices") == [] and "usage" in payload


def frames(body: bytes) -> list[Frame]:
    """The body cut at blank lines; the concatenation of all `raw` is the body."""
    out: list[Frame] = []
    at = 0
    for found in _FRAME_END.finditer(body):
        out.append(_frame(body[at : found.end()]))
        at = found.end()
    if at < len(body):
        out.append(_frame(body[at:]))
    return out


def _frame(raw: bytes) -> Frame:
    lines = re.split(r"\r\n|\n|\r", raw.decode().removeprefix("\ufeff"))
    data = [line[5:].removeprefix(" ") for line in lines if line.startswith("data:")]
    return Frame(raw, "\n".join(data) if data else None)


def mismatch(record: Record, got: Got) -> str | None:
    """Why this is not the recorded answer; None when it is."""
    if got.broken is not None:
        return f"broken: {got.broken}"
    if record.status != 200 or fails_first(record):
        return _error_mismatch(record, got)
    if got.status != 200:
        return f"status {got.status}: {got.raw[:200]!r}"
    if not record.stream:
        return None if got.raw == record.body else _first_difference(record.body, got.raw)
    return _stream_mismatch(record, got)


def fails_first(record: Record) -> bool:
    """Whether an error is all that a stream says: nothing was committed, so it becomes a status."""
    if not record.stream:
        return False
    said = [frame for frame in frames(record.body) if frame.data and not frame.begins]
    return bool(said) and said[0].fails


def _error_mismatch(record: Record, got: Got) -> str | None:
    # xAI and Gemini say it with a 400.
    about_our_key = b"Incorrect API key" in record.body or b"API key not valid" in record.body
    wanted = 502 if about_our_key else _STATUS.get(record.status, 502)
    if got.status != wanted:
        return f"status {got.status}, not {wanted}: {got.raw[:200]!r}"
    if got.error is None or not isinstance(got.error.get("message"), str):
        return "no error in the client's dialect"
    return None


def _stream_mismatch(record: Record, got: Got) -> str | None:
    kept: list[Frame] = []
    for frame in frames(record.body):
        kept.append(frame)
        if frame.ends or frame.fails:
            break
    last = kept[-1]
    hidden = [] if record.asked_usage else [frame for frame in kept if frame.only_usage]
    candidates = [kept, [frame for frame in kept if frame not in hidden]] if hidden else [kept]
    problems = [_tail_mismatch(record, candidate, last, got) for candidate in candidates]
    return None if None in problems else problems[0]


def _tail_mismatch(record: Record, kept: list[Frame], last: Frame, got: Got) -> str | None:
    body = b"".join(frame.raw for frame in kept)
    closed = body.endswith((b"\n\n", b"\r\n\r\n", b"\r\r"))
    if last.ends or last.fails:
        if got.raw == body or (not closed and got.raw.rstrip() == body.rstrip()):
            return None
        return _first_difference(body, got.raw)
    finished = any(frame.finishes for frame in kept)
    if not closed and not finished:
        body = body.removesuffix(last.raw)  # a cut event is not passed on
    start = body.rstrip(b"\r\n")
    if not got.raw.startswith(start):
        return _first_difference(body, got.raw)
    rest = [frame for frame in frames(got.raw[len(start) :].lstrip(b"\r\n")) if frame.data]
    if finished and record.dialect == "gemini":
        return f"more than was recorded: {rest!r:.200}" if rest else None
    if finished:
        return None if len(rest) == 1 and rest[0].ends else f"not one terminator: {rest!r:.200}"
    return None if rest and rest[-1].fails else f"a cut stream without an error: {rest!r:.200}"


def _first_difference(wanted: bytes, got: bytes) -> str:
    at = next(
        (i for i, (a, b) in enumerate(zip(wanted, got, strict=False)) if a != b),
        min(len(wanted), len(got)),
    )
    return (
        f"differs at byte {at} of {len(wanted)} (got {len(got)}): "
        f"wanted {wanted[at : at + 60]!r}, got {got[at : at + 60]!r}"
    )
