"""Requests for vectors as hosts want them."""

from typing import Any, Final

import msgspec

from sluicegate.dialects.carry import Carrier
from sluicegate.embeddings.forms import Form, form_of
from sluicegate.embeddings.purpose import word_for
from sluicegate.embeddings.request import EmbedRequest, Text
from sluicegate.errors import InvalidRequestError, UnsupportedFieldError

MAX_TEXTS: Final = 2048
"""In one request, whatever number of calls it takes; OpenAI's own bound."""


def encode_request(
    name: str, request: EmbedRequest, *, model: str, drop: bool
) -> tuple[list[bytes], list[str]]:
    """The bodies of the calls that a host wants for a request, and the paths of what was left out.

    Args: name: of the host's form.

    Raises:
        InvalidRequestError: the host cannot express a field, or takes no such model.
    """
    form = form_of(name, model)
    texts = request.texts
    if len(texts) > MAX_TEXTS:
        raise InvalidRequestError(
            f"{len(texts)} texts are too many: send at most {MAX_TEXTS} at a time", param="input"
        )
    carrier = Carrier(
        name,
        request.source,
        drop=drop,
        harmless=frozenset({"user"}),
        harmless_inside=frozenset(),
    )
    fields = _fields(form, request, carrier)
    if request.wants_base64 and name == "voyage":
        fields.setdefault("encoding_format", "base64")
    each = [_own(form, text, carrier) for text in texts]
    if not form.each_own and each:
        fields |= _alike(each)
    size = form.most or len(texts)
    bodies = [
        form.write(model, texts[at : at + size], fields, each[at : at + size])
        for at in range(0, len(texts), size)
    ]
    return [msgspec.json.encode(body) for body in bodies], carrier.dropped


def _fields(form: Form, request: EmbedRequest, carrier: Carrier) -> dict[str, Any]:
    """What holds for all texts."""
    fields: dict[str, Any] = {}
    if request.dimensions is not None:
        path, length = request.dimensions
        if form.dimensions is None:
            carrier.cannot(path, "this model's vectors have one length")
        else:
            fields[form.dimensions] = length
    if request.user is not None:
        if "user" in form.own:
            fields["user"] = request.user
        else:
            carrier.leave_out("user")
    for name in sorted(form.own - {"user"}):
        value = request.rest.raw_of(name)
        if value is not None:
            fields[name] = value
    _check_kinds(fields)
    for rest in (request.rest, *request.others):
        carrier.extras(rest.rest(), {})
    return fields


def _check_kinds(fields: dict[str, Any]) -> None:
    """One vector of each text is what clients read."""
    raw = fields.get("embedding_types")
    if raw is None:
        return
    try:
        kinds = msgspec.json.decode(raw, type=list[str])
    except (msgspec.DecodeError, UnicodeDecodeError):
        kinds = []
    if len(kinds) != 1:
        raise InvalidRequestError(
            "`embedding_types` must be a list of one kind: an answer has one vector of each text",
            param="embedding_types",
        )


def _own(form: Form, text: Text, carrier: Carrier) -> dict[str, Any]:
    """What is said of one text alone."""
    own: dict[str, Any] = {}
    if text.purpose is not None:
        if form.purpose is None:
            carrier.cannot(text.purpose.path, "it makes vectors of one kind")
        else:
            name, vendor = form.purpose
            own[name] = word_for(vendor, text.purpose)
    elif form.purpose is not None and form.default_purpose is not None:
        own[form.purpose[0]] = form.default_purpose
    if text.title is not None:
        if form.each_own:
            own["title"] = text.title
        else:
            carrier.cannot("title")
    return own


def _alike(each: list[dict[str, Any]]) -> dict[str, Any]:
    """What all texts say, for hosts that are told it once."""
    if any(own != each[0] for own in each):
        raise InvalidRequestError(
            "`requests` have texts for different purposes, and the model's provider makes those of "
            "one request alike: send a request for each `taskType`",
            code=UnsupportedFieldError.default_code,
            param="requests",
        )
    return each[0]
