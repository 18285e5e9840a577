"""Parts of Gemini's contents, read."""

from typing import Final

import msgspec
from msgspec import Raw

from sluicegate.conversation import (
    AudioPart,
    DocumentPart,
    ImagePart,
    Part,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
    VendorPart,
)
from sluicegate.dialects.calls import Calls
from sluicegate.dialects.fields import is_text
from sluicegate.dialects.gemini.fields import GeminiFields
from sluicegate.dialects.seal import read_thought

_OUTPUTS = ("output", "result")
"""Keys under which a function's result stands alone; the second is the SDK's own."""

_OVER: Final = frozenset({"executableCode", "codeExecutionResult", "toolCall", "toolResponse"})
"""Parts of what tools of the vendor's did before the model spoke of it."""

_TO_STANDARD: Final = str.maketrans("-_", "+/")


def read_parts(content: GeminiFields, calls: Calls) -> list[Part]:
    """The parts of one content. Thoughts that follow each other are one, as streams cut them."""
    parts: list[Part] = []
    for item in content.some("parts"):
        for part in _part(item, calls):
            last = parts[-1] if parts else None
            if (
                isinstance(part, ThinkingPart)
                and isinstance(last, ThinkingPart)
                and not last.signature
            ):
                last.text += part.text
                last.signature = part.signature
                continue
            parts.append(part)
    return parts


def _part(item: GeminiFields, calls: Calls) -> list[Part]:
    signature = item.take("thoughtSignature", str)
    signed: list[Part] = []
    if signature:
        thought = read_thought("", signature)
        thought.path = item.at("thoughtSignature")
        signed.append(thought)
    if item.take("thought", bool):
        text = item.take("text", str) or ""
        thought = read_thought(text, signature)
        thought.path, thought.extras = item.path, item.rest()
        return [thought]
    part = _read(item, calls)
    if part is None:
        kind = next(iter(item.rest()), None)
        name = "part" if kind is None else kind.name
        part = VendorPart(kind=name, raw=Raw(item.raw), path=item.path, is_over=name in _OVER)
        return [part, *signed]
    part.path = item.path
    part.extras = item.rest()
    is_void = isinstance(part, TextPart) and not part.text
    if isinstance(part, ToolCallPart):
        return [*signed, part]
    return signed if is_void and signed else [part, *signed]


def _read(item: GeminiFields, calls: Calls) -> Part | None:
    if "text" in item:
        return TextPart(text=item.need("text", str))
    if (call := item.inside("functionCall")) is not None:
        return _call(call, calls)
    if (response := item.inside("functionResponse")) is not None:
        return _response(response, calls)
    if (blob := item.inside("inlineData")) is not None:
        blob.take("displayName", str)
        return _inline(blob.take("mimeType", str) or "", _standard(blob.need("data", str)))
    if (file := item.inside("fileData")) is not None:
        title = file.take("displayName", str)
        return _file(file.take("mimeType", str), file.need("fileUri", str), title)
    return None


def _call(call: GeminiFields, calls: Calls) -> Part:
    name = call.need("name", str)
    arguments = call.raw_of("args")
    return ToolCallPart(
        id=calls.made(name, call.take("id", str)),
        name=name,
        arguments="{}" if arguments is None else bytes(arguments).decode(),
    )


def _response(response: GeminiFields, calls: Calls) -> Part:
    name = response.need("name", str)
    identity = calls.answered(name, response.take("id", str))
    raw = response.raw_of("response")
    text, is_error = _result(raw)
    parts: list[Part] = [TextPart(text=text, path=response.at("response"))]
    parts += read_parts(response, calls)
    return ToolResultPart(tool_call_id=identity, parts=parts, is_error=is_error)


def _result(raw: Raw | None) -> tuple[str, bool]:
    """What a function gave back, and whether it failed."""
    if raw is None:
        return "", False
    try:
        fields = msgspec.json.decode(raw, type=dict[str, Raw])
    except msgspec.DecodeError:
        return bytes(raw).decode(), False
    if len(fields) == 1:
        [(key, value)] = fields.items()
        if key == "error" or key in _OUTPUTS:
            text = msgspec.json.decode(value) if is_text(value) else bytes(value).decode()
            return text, key == "error"
    return bytes(raw).decode(), False


def _standard(data: str) -> str:
    """Base64 as every vendor reads it: this one takes URLs' alphabet too, and its SDK writes it."""
    if "-" in data or "_" in data:
        data = data.translate(_TO_STANDARD)
    return data + "=" * (-len(data) % 4)


def _inline(media_type: str, data: str) -> Part:
    kind, _, form = media_type.partition("/")
    if kind == "image":
        return ImagePart(data=data, media_type=media_type)
    if kind == "audio":
        return AudioPart(data=data, format={"mpeg": "mp3", "x-wav": "wav"}.get(form, form))
    return DocumentPart(data=data, media_type=media_type or None)


def _file(media_type: str | None, uri: str, title: str | None) -> Part:
    is_kept = uri.startswith("gs://") or "googleapis.com/" in uri
    url, file_id = (None, uri) if is_kept else (uri, None)
    if (media_type or "").startswith("image/"):
        return ImagePart(url=url, file_id=file_id, media_type=media_type)
    return DocumentPart(url=url, file_id=file_id, media_type=media_type, title=title)
