"""What vectors are for, in each vendor's words."""

from typing import Final

from sluicegate.embeddings.request import Purpose
from sluicegate.errors import InvalidRequestError, UnsupportedFieldError

_COHERE: Final = {
    "query": "search_query",
    "document": "search_document",
    "classification": "classification",
    "clustering": "clustering",
}
_GOOGLE: Final = {
    "query": "RETRIEVAL_QUERY",
    "document": "RETRIEVAL_DOCUMENT",
    "classification": "CLASSIFICATION",
    "clustering": "CLUSTERING",
}
_VOYAGE: Final = {"query": "query", "document": "document"}

WORDS: Final = {"cohere": _COHERE, "google": _GOOGLE, "voyage": _VOYAGE}
"""By vendor, our word for a purpose and theirs. Sources: docs.cohere.com/reference/embed
(`input_type`), ai.google.dev/api/embeddings (`TaskType`), docs.voyageai.com (`input_type`).
"""
_OWN: Final = {
    "cohere": {"image"},
    "google": {
        "TASK_TYPE_UNSPECIFIED",
        "SEMANTIC_SIMILARITY",
        "QUESTION_ANSWERING",
        "FACT_VERIFICATION",
        "CODE_RETRIEVAL_QUERY",
    },
    "voyage": set[str](),
}
"""What only one vendor has."""
_MEANT: Final = {theirs: ours for words in WORDS.values() for ours, theirs in words.items()}


def word_for(vendor: str, purpose: Purpose) -> str:
    """A client's word in a vendor's.

    Raises:
        InvalidRequestError: the vendor has none for it: another purpose makes other vectors, so
        that it is never left out.
    """
    if purpose.word in _OWN[vendor]:
        return purpose.word
    ours = _MEANT.get(purpose.word)
    theirs = WORDS[vendor].get(ours or "")
    if theirs is None:
        can = ", ".join(sorted(WORDS[vendor].values()))
        raise InvalidRequestError(
            f"`{purpose.path}` {purpose.word!r} is not known to the model's provider: use one of "
            f"{can}, or leave it out",
            code=UnsupportedFieldError.default_code,
            param=purpose.path,
        )
    return theirs
