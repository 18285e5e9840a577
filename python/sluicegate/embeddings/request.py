"""The neutral form of a request for vectors."""

from dataclasses import dataclass, field

from sluicegate.dialects.fields import Fields


@dataclass(frozen=True, slots=True)
class Purpose:
    """What the vectors are for, in some vendor's word.

    Args:
        path: where the client said it.
    """

    path: str
    word: str


@dataclass(frozen=True, slots=True)
class Text:
    """One text to be turned into a vector.

    Args:
        purpose: of this one; None where the client said nothing.
        title: of the document that it is of; Google's.
        path: where it stands.
    """

    text: str
    path: str
    purpose: Purpose | None = None
    title: str | None = None


@dataclass(slots=True)
class EmbedRequest:
    """A request for one vector of each text.

    Args:
        source: the client's dialect.
        dimensions: how long they shall be, and where the client said it.
        user: who asks, for the host's own records.
        wants_base64: in which coding the client reads them.
        rest: fields of the body that only some hosts have.
    """

    source: str
    texts: list[Text]
    rest: Fields
    tokens: list[list[int]] = field(default_factory=list)
    """In the place of texts, until `with_texts`: in the vocabulary of OpenAI's models."""
    dimensions: tuple[str, int] | None = None
    user: str | None = None
    wants_base64: bool = False
    others: list[Fields] = field(default_factory=list)
    """Objects inside the body, with what nobody took of them."""
