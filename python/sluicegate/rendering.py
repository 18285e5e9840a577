"""Errors as clients read them, whatever front sends them."""

import uuid
from typing import Final

from sluicegate import _core
from sluicegate.course import Answer
from sluicegate.dialects import CLIENT_DIALECTS
from sluicegate.errors import GatewayError

JSON: Final = (b"content-type", b"application/json")


def answer_of(dialect: str, error: GatewayError) -> Answer:
    """An error in the client's dialect."""
    error.request_id = error.request_id or str(uuid.uuid4())
    body = CLIENT_DIALECTS[dialect].encode_error(error)
    return Answer(error.status, [JSON, *error.headers()], body)


def last_event_of(dialect: str, error: GatewayError, *, as_array: bool) -> bytes:
    """An error as a stream's last event: no success terminator follows it."""
    kind = error.type or "api_error"
    return _core.stream_error(
        dialect,
        error.message,
        kind,
        error.code,
        error.origin,
        error.request_id,
        as_array=as_array,
    )
