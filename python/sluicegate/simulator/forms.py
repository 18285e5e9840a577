"""Bodies as fields, whether they came as JSON or as a form."""

from __future__ import annotations

from email import message_from_bytes
from email.policy import HTTP

import msgspec

from .made import File
from .prompt import Json, RefusedError

_FORM = "multipart/form-data"


def fields_of(body: bytes, content_type: str) -> Json:
    """The fields of a body; the first of a name counts."""
    if content_type.lower().startswith(_FORM):
        return _of_form(body, content_type)
    try:
        found = msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        raise RefusedError(f"body is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise RefusedError("body is not a JSON object")
    return found


def _of_form(body: bytes, content_type: str) -> Json:
    head = f"content-type: {content_type}\r\n\r\n".encode()
    fields: Json = {}
    for part in message_from_bytes(head + body, policy=HTTP).iter_parts():
        name = str(part.get_param("name", header="content-disposition")).removesuffix("[]")
        data = part.get_payload(decode=True)
        raw = data if isinstance(data, bytes) else b""
        file = part.get_filename()
        value = File(file, part.get_content_type(), raw) if file else raw.decode("utf-8", "replace")
        fields.setdefault(name, value)
    return fields
