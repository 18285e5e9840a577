"""Requests to rank documents as clients of Cohere's and Jina's write them."""

from dataclasses import dataclass
from typing import Final

import msgspec
from msgspec import Raw

from sluicegate.dialects.fields import Fields, is_object, is_text
from sluicegate.errors import InvalidRequestError, UnsupportedFieldError

_MOST: Final = ("top_n", "top_k")


@dataclass(slots=True)
class RerankRequest:
    """A question, and what may answer it.

    Args:
        most: how many of the best are wanted, and where the client said it.
        rest: fields that only some hosts have.
    """

    query: str
    documents: list[str]
    most: tuple[str, int] | None
    rest: Fields


def decode_request(body: bytes) -> RerankRequest:
    """A client's request; the gateway itself gives documents back where they are wanted. Sources:
    https://docs.cohere.com/reference/rerank, https://jina.ai/reranker/.

    Raises:
        InvalidRequestError: what is wrong, by field.
    """
    fields = Fields(body)
    fields.raw_of("model")
    fields.take("return_documents", bool)
    query = fields.need("query", str)
    items = fields.need("documents", list[Raw])
    if not items:
        raise fields.fail("documents", "has no document")
    documents = [_document(item, f"documents[{index}]") for index, item in enumerate(items)]
    return RerankRequest(query, documents, _most(fields), fields)


def _document(item: Raw, path: str) -> str:
    """A text, or an object with nothing else to rank it by."""
    if is_text(item):
        return msgspec.json.decode(item, type=str)
    if is_object(item):
        text = Fields(item, path).take("text", str)
        if text is not None:
            return text
    raise InvalidRequestError(
        f"`{path}` has no text, and the model's provider ranks nothing else: send texts, or "
        "objects with a `text`",
        code=UnsupportedFieldError.default_code,
        param=path,
    )


def _most(fields: Fields) -> tuple[str, int] | None:
    found: tuple[str, int] | None = None
    for name in _MOST:
        most = fields.take(name, int)
        if most is None:
            continue
        if most < 1:
            raise fields.fail(name, "must be 1 or more")
        if found is not None and found[1] != most:
            raise fields.fail(name, f"is another number than `{found[0]}`")
        found = found or (name, most)
    return found
