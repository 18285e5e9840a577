"""What the replay sends, and what may differ in the request that the upstream then gets."""

import json
from json.decoder import scanstring  # type: ignore[attr-defined]  # public in practice, untyped

from .records import Record


def with_model(request: str, model: str) -> str:
    """The recorded text with only the value of the top-level `model` replaced (or put in front)."""
    span = model_span(request)
    if span is None:
        start = request.index("{") + 1
        rest = request[start:]
        comma = "" if rest.lstrip().startswith("}") else ","
        return f'{request[:start]}"model":{json.dumps(model)}{comma}{rest}'
    return request[: span[0]] + json.dumps(model) + request[span[1] :]


def model_span(request: str) -> tuple[int, int] | None:
    """Where the value of the top-level `model` stands, quotes included."""
    decoder = json.JSONDecoder()
    at = request.index("{") + 1
    while True:
        while request[at] in " \t\r\n,":
            at += 1
        if request[at] == "}":
            return None
        name, at = scanstring(request, at + 1, True)
        while request[at] in " \t\r\n:":
            at += 1
        start = at
        _, at = decoder.raw_decode(request, at)
        if name == "model":
            return start, at


def request_mismatch(record: Record, sent: str, got: bytes, upstream_model: str) -> str | None:
    """Why the upstream's request is not the client's apart from `model` and `stream_options`."""
    if record.dialect == "gemini":
        return _gemini_mismatch(sent, got, upstream_model)
    wanted = with_model(sent, upstream_model).encode()
    if got == wanted:
        return None
    asks = record.dialect in ("openai", "openai_completions") and record.asked_stream
    if not asks or record.asked_usage:
        return "the request was changed"
    extra = len(got) - len(wanted)
    same = 0
    while same < min(len(got), len(wanted)) and got[same] == wanted[same]:
        same += 1
    if json.loads(sent).get("stream_options") is None:
        rest_is_same = extra > 0 and any(
            got[at + extra :] == wanted[at:] and b"include_usage" in got[at : at + extra]
            for at in range(max(0, same - extra), same + 1)
        )
        return None if rest_is_same else "more than stream_options was changed"
    before, after = json.loads(wanted), json.loads(got)
    before.pop("stream_options"), after.pop("stream_options")
    return None if before == after else "more than stream_options was changed"


def _gemini_mismatch(sent: str, got: bytes, upstream_model: str) -> str | None:
    """The path names the model; where the body does too, it names the upstream's there."""
    named = model_span(sent) is not None
    wanted = with_model(sent, f"models/{upstream_model}") if named else sent
    return None if got == wanted.encode() else "the request was changed"
