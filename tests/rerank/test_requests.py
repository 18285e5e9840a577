"""Requests to rank documents: what each host is asked, and what is refused."""

import json
from typing import Any

import pytest

from sluicegate.errors import InvalidRequestError
from sluicegate.rerank import FORMS, decode_request, encode_request

JSON = dict[str, Any]
ASKED: JSON = {"model": "x", "query": "q", "documents": ["a", {"text": "b"}]}
PLAIN: JSON = {"query": "q", "documents": ["a", "b"]}
COHERE = "cohere.rerank-v3-5:0"


def asked(form: str, body: JSON, *, model: str = "m", drop: bool = False) -> tuple[JSON, list[str]]:
    sent, dropped = encode_request(
        form, decode_request(json.dumps(body).encode()), model=model, drop=drop
    )
    return json.loads(sent), dropped


@pytest.mark.parametrize(
    ("form", "model", "wanted"),
    [
        ("jina", "m", {"model": "m", "top_n": 1}),
        ("cohere", "m", {"model": "m", "top_n": 1}),
        ("voyage", "m", {"model": "m", "top_k": 1}),
        ("bedrock", COHERE, {"top_n": 1, "api_version": 2}),
        ("bedrock", "amazon.rerank-v1:0", {"top_n": 1}),
    ],
)
@pytest.mark.parametrize("most", ["top_n", "top_k"])
def test_every_form_is_asked_in_its_own_words(
    form: str, model: str, wanted: JSON, most: str
) -> None:
    assert asked(form, ASKED | {most: 1}, model=model) == (PLAIN | wanted, [])
    assert (
        asked(form, ASKED | {most: 9}, model=model)[0][
            next(iter(wanted.keys() & {"top_n", "top_k"}))
        ]
        == 2
    )


@pytest.mark.parametrize(
    ("form", "model", "field", "value"),
    [
        ("cohere", "m", "max_tokens_per_doc", 100),
        ("cohere", "m", "priority", 1),
        ("bedrock", COHERE, "max_tokens_per_doc", 100),
        ("voyage", "m", "truncation", False),
        ("jina", "m", "truncation", True),
    ],
)
def test_fields_that_a_host_has_pass_under_their_names(
    form: str, model: str, field: str, value: Any
) -> None:
    assert asked(form, ASKED | {field: value}, model=model)[0][field] == value


def test_documents_come_back_without_the_host() -> None:
    for form in FORMS:
        body, dropped = asked(form, ASKED | {"return_documents": True}, model=COHERE)
        assert "return_documents" not in body
        assert dropped == []


@pytest.mark.parametrize(
    ("body", "param", "remedy"),
    [
        ({"documents": ["a"]}, "query", "is missing"),
        ({"query": "q"}, "documents", "is missing"),
        ({"query": "q", "documents": []}, "documents", "has no document"),
        ({"query": "q", "documents": [{"image": "x"}]}, "documents[0]", "send texts"),
        ({"query": "q", "documents": ["a", 7]}, "documents[1]", "send texts"),
        ({"query": "q", "documents": ["a"] * 1001}, "documents", "at most 1000"),
        (ASKED | {"top_n": 0}, "top_n", "1 or more"),
        (ASKED | {"top_n": 1, "top_k": 2}, "top_k", "another number"),
        (ASKED | {"max_chunks_per_doc": 3}, "max_chunks_per_doc", "leave it out"),
    ],
)
def test_what_cannot_be_carried_is_refused_by_name(body: JSON, param: str, remedy: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        asked("cohere", body)
    assert refused.value.param == param
    assert remedy in refused.value.message


def test_a_model_of_bedrock_that_nobody_knows_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="rerankers"):
        asked("bedrock", ASKED, model="amazon.titan-embed-text-v2:0")


def test_what_is_left_out_is_told() -> None:
    body, dropped = asked("cohere", ASKED | {"max_chunks_per_doc": 3, "user": "u"}, drop=True)
    assert sorted(dropped) == ["max_chunks_per_doc", "user"]
    assert "max_chunks_per_doc" not in body
