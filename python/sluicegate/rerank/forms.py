"""How hosts want to be asked for a ranking: one form each."""

from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from sluicegate.dialects.carry import Carrier
from sluicegate.errors import InvalidRequestError, UnsupportedFieldError
from sluicegate.rerank.decode import RerankRequest


@dataclass(frozen=True, slots=True)
class Form:
    """One form.

    Args:
        most: its name for how many of the best are wanted.
        own: fields that pass under their own names.
        names_model: whether the body does.
        fixed: what it wants beside.
        max_documents: in one request.
    """

    most: str = "top_n"
    own: frozenset[str] = frozenset()
    names_model: bool = True
    fixed: dict[str, Any] = field(default_factory=dict)
    max_documents: int = 1000


FORMS: Final[dict[str, Form]] = {
    "jina": Form(own=frozenset({"truncation", "max_doc_length"}), max_documents=2048),
    "cohere": Form(own=frozenset({"max_tokens_per_doc", "priority"})),
    "voyage": Form("top_k", own=frozenset({"truncation"})),
    "bedrock": Form(names_model=False),
}
"""By the name that rows and configurations have for it. Sources stand in `rust/rerank/form.rs`."""

_COHERE_ON_BEDROCK: Final = Form(
    names_model=False, own=frozenset({"max_tokens_per_doc"}), fixed={"api_version": 2}
)


def _of_bedrock(model: str) -> Form:
    if "cohere.rerank" in model:
        return _COHERE_ON_BEDROCK
    if "amazon.rerank" in model:
        return FORMS["bedrock"]
    raise InvalidRequestError(
        f"no way is known to have Bedrock's model {model!r} rank documents: choose one of Cohere's "
        "or Amazon's rerankers, by its id",
        code=UnsupportedFieldError.default_code,
        param="model",
    )


def encode_request(
    name: str, request: RerankRequest, *, model: str, drop: bool
) -> tuple[bytes, list[str]]:
    """A request in a host's form, and the paths of what was left out.

    Raises:
        InvalidRequestError: the host cannot express a field.
    """
    form = _of_bedrock(model) if name == "bedrock" else FORMS[name]
    if len(request.documents) > form.max_documents:
        raise InvalidRequestError(
            f"`documents` has {len(request.documents)}, and the model's provider ranks at most "
            f"{form.max_documents} at a time: send fewer",
            param="documents",
        )
    out: dict[str, Any] = {"model": model} if form.names_model else {}
    out |= {"query": request.query, "documents": request.documents, **form.fixed}
    if request.most is not None:
        # Some refuse to give more than there are.
        out[form.most] = min(request.most[1], len(request.documents))
    for own in sorted(form.own):
        value = request.rest.raw_of(own)
        if value is not None:
            out[own] = value
    carrier = Carrier(
        name, "openai", drop=drop, harmless=frozenset({"user"}), harmless_inside=frozenset()
    )
    carrier.extras(request.rest.rest(), {})
    return msgspec.json.encode(out), carrier.dropped
