"""Requests for vectors as clients write them."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from sluicegate.dialects.fields import Fields, is_text
from sluicegate.embeddings.request import EmbedRequest, Purpose, Text
from sluicegate.errors import InvalidRequestError, UnsupportedFieldError

_DIMENSIONS: Final = (
    "dimensions",
    "output_dimension",
    "output_dimensionality",
    "outputDimensionality",
)
_PURPOSES: Final = ("input_type", "task_type", "taskType")
_FORMATS: Final = ("float", "base64")


def decode_request(dialect: str, body: bytes) -> EmbedRequest:
    """A client's request.

    Raises:
        InvalidRequestError: what is wrong, by field.
    """
    fields = Fields(body)
    fields.raw_of("model")
    return _gemini(fields) if dialect == "gemini" else _openai(fields)


def _openai(fields: Fields) -> EmbedRequest:
    """Source: https://platform.openai.com/docs/api-reference/embeddings/create; the fields of other
    vendors stand beside its own.
    """
    texts = list(_input(fields))
    purpose = _purpose(fields)
    coding = fields.take("encoding_format", str) or "float"
    if coding not in _FORMATS:
        raise fields.fail("encoding_format", f"is {coding!r}: use float or base64")
    return EmbedRequest(
        "openai",
        [Text(text, path, purpose) for text, path in texts],
        fields,
        dimensions=_dimensions(fields),
        user=fields.take("user", str),
        wants_base64=coding == "base64",
    )


def _input(fields: Fields) -> Iterator[tuple[str, str]]:
    raw = fields.raw_of("input")
    if raw is None:
        raise fields.fail("input", "is missing")
    if is_text(raw):
        yield msgspec.json.decode(raw, type=str), "input"
        return
    try:
        items = msgspec.json.decode(raw, type=list[Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise fields.fail("input", "must be a text or a list of texts") from None
    if not items:
        raise fields.fail("input", "has no text")
    for index, item in enumerate(items):
        if not isinstance(item, str):
            raise _no_text(f"input[{index}]" if isinstance(item, dict) else "input", item)
        yield item, f"input[{index}]"


def _no_text(path: str, item: object) -> InvalidRequestError:
    if isinstance(item, int | list):
        reason = (
            "has tokens of OpenAI's vocabulary, which the model's provider does not know: send the "
            "text itself (LangChain: `check_embedding_ctx_length=False`)"
        )
    else:
        reason = "is no text, and the model's provider takes nothing else: send texts"
    code = UnsupportedFieldError.default_code
    return InvalidRequestError(f"`{path}` {reason}", code=code, param=path)


def _dimensions(fields: Fields) -> tuple[str, int] | None:
    """Whatever the client calls it."""
    found: tuple[str, int] | None = None
    for name in _DIMENSIONS:
        length = fields.take(name, int)
        if length is None:
            continue
        if length < 1:
            raise fields.fail(name, "must be 1 or more")
        if found is not None and found[1] != length:
            raise fields.fail(name, f"is another length than `{found[0]}`")
        found = found or (fields.at(name), length)
    return found


def _purpose(fields: Fields) -> Purpose | None:
    found: Purpose | None = None
    for name in _PURPOSES:
        word = fields.take(name, str)
        if word is None:
            continue
        if found is not None:
            raise fields.fail(name, f"stands beside `{found.path}`: give one of them")
        found = Purpose(fields.at(name), word)
    return found


def _gemini(fields: Fields) -> EmbedRequest:
    """Source: https://ai.google.dev/api/embeddings; of one text, or of several."""
    is_batch = "requests" in fields
    items = fields.objects("requests") if is_batch else [fields]
    texts: list[Text] = []
    lengths: set[tuple[str, int] | None] = set()
    inner: list[Fields] = []
    for item in items:
        if is_batch:
            item.raw_of("model")
            inner.append(item)
        content = item.object("content")
        if content is None:
            raise item.fail("content", "is missing")
        text, path = _content_text(content)
        texts.append(Text(text, path, _purpose(item), item.take("title", str)))
        length = _dimensions(item)
        lengths.add(length and ("outputDimensionality", length[1]))
    if not texts:
        raise fields.fail("requests", "has no text")
    if len(lengths) > 1:
        raise InvalidRequestError(
            "`requests` want vectors of different lengths, and the model's provider makes those of "
            "one request alike: send a request for each `outputDimensionality`",
            code=UnsupportedFieldError.default_code,
            param="requests",
        )
    request = EmbedRequest("gemini", texts, fields, dimensions=lengths.pop())
    request.others = inner
    return request


def _content_text(content: Fields) -> tuple[str, str]:
    content.raw_of("role")  # the texts of all roles are alike
    parts = content.objects("parts")
    if len(parts) != 1:
        raise InvalidRequestError(
            f"`{content.at('parts')}` has {len(parts)} parts, and the model's provider makes a "
            "vector of one text: give each a content of its own, or join them",
            code=UnsupportedFieldError.default_code,
            param=content.at("parts"),
        )
    [part] = parts
    text = part.take("text", str)
    left = part.rest()
    if text is None or left:
        raise _no_text(left[0].path if left else part.path, None)
    return text, part.at("text")
