"""Requests for vectors as clients write them."""

from typing import Annotated, Final

import msgspec

from sluicegate import _core
from sluicegate.dialects.fields import Fields
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
_VOCABULARY_OF: Final = "text-embedding-3-small"
Token = Annotated[int, msgspec.Meta(ge=0, lt=2**32)]


def decode_request(dialect: str, body: bytes) -> EmbedRequest:
    """A client's request.

    Raises:
        InvalidRequestError: what is wrong, by field.
    """
    fields = Fields(body)
    fields.raw_of("model")
    return _gemini(fields) if dialect == "gemini" else _openai(fields)


def with_texts(request: EmbedRequest) -> EmbedRequest:
    """A request with the texts that its tokens stand for: all models of OpenAI's that make vectors
    have one vocabulary, and other clients of its dialect (LangChain) take it for all others.

    Raises:
        InvalidRequestError: tokens that are no text.
    Cost: some 30 ns a token, and once in a process 100 ms.
    """
    purpose = request.texts[0].purpose
    texts = []
    for index, tokens in enumerate(request.tokens):
        path = f"input[{index}]" if len(request.tokens) > 1 else "input"
        text = _core.decode_tokens(_VOCABULARY_OF, tokens)
        if text is None:
            raise InvalidRequestError(
                f"`{path}` has tokens that are no text in OpenAI's vocabulary (cl100k_base), and "
                "the model's provider takes nothing else: send the text itself",
                code=UnsupportedFieldError.default_code,
                param=path,
            )
        texts.append(Text(text, path, purpose))
    request.texts, request.tokens = texts, []
    return request


def _openai(fields: Fields) -> EmbedRequest:
    """Source: https://platform.openai.com/docs/api-reference/embeddings/create; the fields of other
    vendors stand beside its own.
    """
    texts, tokens = _input(fields)
    purpose = _purpose(fields)
    coding = fields.take("encoding_format", str) or "float"
    if coding not in _FORMATS:
        raise fields.fail("encoding_format", f"is {coding!r}: use float or base64")
    return EmbedRequest(
        "openai",
        [Text(text, path, purpose) for text, path in texts],
        fields,
        tokens=tokens,
        dimensions=_dimensions(fields),
        user=fields.take("user", str),
        wants_base64=coding == "base64",
    )


def _input(fields: Fields) -> tuple[list[tuple[str, str]], list[list[int]]]:
    """Texts with their places, or tokens."""
    raw = fields.raw_of("input")
    if raw is None:
        raise fields.fail("input", "is missing")
    try:
        given = msgspec.json.decode(raw, type=str | list[str | Token | list[Token]])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidRequestError(
            "`input` is no text and no list of texts, and the model's provider takes nothing else: "
            "send texts",
            code=UnsupportedFieldError.default_code,
            param="input",
        ) from None
    if isinstance(given, str):
        return [(given, "input")], []
    if not given:
        raise fields.fail("input", "has no text")
    texts = [(item, f"input[{n}]") for n, item in enumerate(given) if isinstance(item, str)]
    lists = [item for item in given if isinstance(item, list)]
    tokens = [item for item in given if isinstance(item, int)]
    if len(given) not in {len(texts), len(lists), len(tokens)} or not all(lists):
        raise fields.fail("input", "must be a text, a list of texts, or tokens")
    return texts or [("", "input")], lists or ([tokens] if tokens else [])


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
        path = left[0].path if left else part.path
        raise InvalidRequestError(
            f"`{path}` is no text, and the model's provider takes nothing else: send texts",
            code=UnsupportedFieldError.default_code,
            param=path,
        )
    return text, part.at("text")
