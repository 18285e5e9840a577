"""How hosts want to be asked for vectors: one form each, as data and what writes it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from sluicegate.embeddings.request import Text
from sluicegate.errors import InvalidRequestError, UnsupportedFieldError

Object = dict[str, Any]
Write = Callable[[str, Sequence[Text], Mapping[str, Any], Sequence[Object]], Object]
"""The body of one call, of the model, the texts, the fields that hold for all of them, and those of
each text.
"""


@dataclass(frozen=True, slots=True)
class Form:
    """One form.

    Args:
        write: gives a call's body.
        dimensions: its name for the vectors' length; None where a model has one length.
        purpose: its name for what they are for, and whose words it takes (`purpose.WORDS`).
        default_purpose: where it demands one and the client said none.
        own: fields that pass under their own names.
        each_own: whether purpose and title are each text's.
        most: texts in one call.
    """

    write: Write
    dimensions: str | None = None
    purpose: tuple[str, str] | None = None
    default_purpose: str | None = None
    own: frozenset[str] = field(default_factory=frozenset)
    each_own: bool = False
    most: int | None = None


def _list(name: str, *, names_model: bool = True, **fixed: Any) -> Write:
    """A list of texts beside the fields."""

    def write(
        model: str, texts: Sequence[Text], fields: Mapping[str, Any], _each: Sequence[Object]
    ) -> Object:
        named = {"model": model} if names_model else {}
        return {**named, name: [text.text for text in texts], **fixed, **fields}

    return write


def _titan(
    _model: str, texts: Sequence[Text], fields: Mapping[str, Any], _each: Sequence[Object]
) -> Object:
    [text] = texts
    return {"inputText": text.text, **fields}


def _gemini(
    model: str, texts: Sequence[Text], fields: Mapping[str, Any], each: Sequence[Object]
) -> Object:
    """A request for each text, which all say the same beside it."""
    named = {"model": model if "/" in model else f"models/{model}"}
    requests = [
        named | _content(text) | own | dict(fields) for text, own in zip(texts, each, strict=True)
    ]
    return {"requests": requests}


def _vertex(
    _model: str, texts: Sequence[Text], fields: Mapping[str, Any], each: Sequence[Object]
) -> Object:
    instances = [{"content": text.text, **own} for text, own in zip(texts, each, strict=True)]
    parameters = {"parameters": dict(fields)} if fields else {}
    return {"instances": instances, **parameters}


def _vertex_gemini(
    _model: str, texts: Sequence[Text], fields: Mapping[str, Any], each: Sequence[Object]
) -> Object:
    """Source: google-genai 3.6, `_EmbedContentParametersPrivate_to_vertex`."""
    requests: list[Object] = []
    for text, own in zip(texts, each, strict=True):
        config = own | dict(fields)
        requests.append(_content(text) | ({"embedContentConfig": config} if config else {}))
    return {"requests": requests}


def _content(text: Text) -> Object:
    return {"content": {"parts": [{"text": text.text}]}}


_COHERE: Final = Form(
    _list("texts", embedding_types=["float"]),
    dimensions="output_dimension",
    purpose=("input_type", "cohere"),
    # It demands one; most of what is turned into vectors is looked for later.
    default_purpose="search_document",
    own=frozenset({"truncate", "max_tokens", "embedding_types", "priority"}),
    most=96,
)
_BEDROCK_COHERE: Final = replace(
    _COHERE,
    write=_list("texts", names_model=False),
    own=frozenset({"truncate", "max_tokens", "embedding_types"}),
)
_TITAN: Final = Form(_titan, dimensions="dimensions", own=frozenset({"normalize"}), most=1)
_TITAN_1: Final = Form(_titan, most=1)
_VERTEX: Final = Form(
    _vertex,
    dimensions="outputDimensionality",
    purpose=("task_type", "google"),
    own=frozenset({"autoTruncate"}),
    each_own=True,
    most=250,
)
_VERTEX_GEMINI: Final = replace(
    _VERTEX, write=_vertex_gemini, purpose=("taskType", "google"), most=100
)

FORMS: Final[dict[str, Form]] = {
    "openai": Form(_list("input"), dimensions="dimensions", own=frozenset({"user"})),
    "mistral": Form(
        _list("input"),
        dimensions="output_dimension",
        own=frozenset({"output_dtype", "metadata"}),
    ),
    "voyage": Form(
        _list("input"),
        dimensions="output_dimension",
        purpose=("input_type", "voyage"),
        own=frozenset({"truncation", "output_dtype", "encoding_format"}),
        most=1000,
    ),
    "gemini": Form(
        _gemini,
        dimensions="outputDimensionality",
        purpose=("taskType", "google"),
        each_own=True,
        most=100,
    ),
    "vertex": _VERTEX,
    "bedrock": _BEDROCK_COHERE,
    "cohere": _COHERE,
    "ollama": Form(
        _list("input"),
        dimensions="dimensions",
        own=frozenset({"truncate", "options", "keep_alive"}),
    ),
}
"""By the name that rows and configurations have for it. Sources stand in `rust/embed/form.rs`;
`most` is from those pages.
"""


def form_of(name: str, model: str) -> Form:
    """The form in which a host of that name wants to be asked for a model's vectors.

    Raises:
        InvalidRequestError: the model has none that we know.
    """
    if name == "bedrock":
        return _of_bedrock(model)
    if name == "vertex":
        return _of_vertex(model)
    return FORMS[name]


def _of_bedrock(model: str) -> Form:
    """Each vendor's models have a body of their own there."""
    if "cohere.embed" in model:
        return _BEDROCK_COHERE
    if "titan-embed-text-v2" in model:
        return _TITAN
    if "titan-embed" in model:
        return _TITAN_1
    raise InvalidRequestError(
        f"no way is known to ask Bedrock's model {model!r} for embeddings: choose one of Amazon's "
        "Titan or Cohere's, by its id",
        code=UnsupportedFieldError.default_code,
        param="model",
    )


def _of_vertex(model: str) -> Form:
    """See `is_predicted` in `rust/embed/form.rs`, which finds the path."""
    name = model.rpartition("/")[2]
    if name.startswith(("gemini-embedding-001", "gemini-embedding-exp")):
        return replace(_VERTEX, most=1)
    return _VERTEX_GEMINI if "gemini" in name else _VERTEX
