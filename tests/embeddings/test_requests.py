"""Requests for vectors: what each host is asked for what each client wrote, and what is refused."""

import json
from typing import Any

import pytest

from sluicegate.embeddings import FORMS, decode_request, encode_request, with_texts
from sluicegate.errors import InvalidRequestError

JSON = dict[str, Any]
HELLO: JSON = {"model": "x", "input": "hello"}
PAIR: JSON = {"model": "x", "input": ["hello", "world"]}
GEMINI: JSON = {"content": {"parts": [{"text": "hello"}]}}
BATCH: JSON = {
    "requests": [
        {"model": "models/x", "content": {"role": "user", "parts": [{"text": text}]}}
        for text in ("hello", "world")
    ]
}
TITAN = "amazon.titan-embed-text-v2:0"
COHERE = "us.cohere.embed-v4:0"


def asked(
    form: str, body: JSON, *, model: str = "m", client: str = "openai", drop: bool = False
) -> tuple[list[JSON], list[str]]:
    request = decode_request(client, json.dumps(body).encode())
    if request.tokens:
        request = with_texts(request)
    bodies, dropped = encode_request(form, request, model=model, drop=drop)
    return [json.loads(body) for body in bodies], dropped


@pytest.mark.parametrize(
    ("form", "model", "body", "wanted"),
    [
        ("cohere", "embed-v4.0", HELLO, {"model": "embed-v4.0", "texts": ["hello"]}),
        ("bedrock", TITAN, HELLO, {"inputText": "hello"}),
        ("bedrock", COHERE, PAIR, {"texts": ["hello", "world"]}),
        ("gemini", "g", HELLO, {"requests": [{"model": "models/g", **GEMINI}]}),
        (
            "vertex",
            "text-embedding-005",
            PAIR,
            {"instances": [{"content": "hello"}, {"content": "world"}]},
        ),
        ("vertex", "gemini-embedding-2", HELLO, {"requests": [GEMINI]}),
        ("voyage", "voyage-3.5", HELLO, {"model": "voyage-3.5", "input": ["hello"]}),
        ("mistral", "mistral-embed", HELLO, {"model": "mistral-embed", "input": ["hello"]}),
        ("ollama", "nomic", PAIR, {"model": "nomic", "input": ["hello", "world"]}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_openais_request_in_every_form(form: str, model: str, body: JSON, wanted: JSON) -> None:
    more: JSON = {}
    if wanted.get("texts"):
        more = {"input_type": "search_document", "embedding_types": ["float"]}
        if form == "bedrock":
            more.pop("embedding_types")
    assert asked(form, body, model=model) == ([wanted | more], [])


@pytest.mark.parametrize(
    ("form", "model", "wanted"),
    [
        ("cohere", "m", {"output_dimension": 64, "input_type": "search_query"}),
        ("bedrock", COHERE, {"output_dimension": 64, "input_type": "search_query"}),
        ("voyage", "m", {"output_dimension": 64, "input_type": "query"}),
    ],
)
@pytest.mark.parametrize("length", ["dimensions", "output_dimension", "outputDimensionality"])
@pytest.mark.parametrize(
    ("name", "word"),
    [("input_type", "query"), ("input_type", "search_query"), ("task_type", "RETRIEVAL_QUERY")],
)
def test_length_and_purpose_go_under_the_hosts_own_names(
    form: str, model: str, wanted: JSON, length: str, name: str, word: str
) -> None:
    [[body], _] = asked(form, HELLO | {length: 64, name: word}, model=model)
    assert {key: body[key] for key in wanted} == wanted
    gemini = asked("gemini", HELLO | {length: 64, name: word})[0][0]["requests"][0]
    assert (gemini["outputDimensionality"], gemini["taskType"]) == (64, "RETRIEVAL_QUERY")
    [[vertex], _] = asked("vertex", HELLO | {length: 64, name: word})
    assert vertex["parameters"] == {"outputDimensionality": 64}
    assert vertex["instances"] == [{"content": "hello", "task_type": "RETRIEVAL_QUERY"}]


@pytest.mark.parametrize(
    ("form", "model", "field", "value"),
    [
        ("cohere", "m", "truncate", "END"),
        ("cohere", "m", "max_tokens", 256),
        ("cohere", "m", "embedding_types", ["int8"]),
        ("bedrock", COHERE, "truncate", "NONE"),
        ("bedrock", TITAN, "normalize", False),
        ("bedrock", TITAN, "dimensions", 256),
        ("voyage", "m", "truncation", False),
        ("voyage", "m", "output_dtype", "int8"),
        ("mistral", "m", "output_dtype", "float"),
        ("ollama", "m", "truncate", True),
        ("ollama", "m", "dimensions", 64),
        ("ollama", "m", "options", {"num_ctx": 2048}),
    ],
)
def test_fields_that_a_host_has_pass_under_their_names(
    form: str, model: str, field: str, value: Any
) -> None:
    [[body], dropped] = asked(form, HELLO | {field: value}, model=model)
    assert body[field] == value
    assert dropped == []


@pytest.mark.parametrize(
    ("tokens", "texts"),
    [([15339, 1917], ["hello world"]), ([[15339], [1917, 0]], ["hello", " world!"])],
)
def test_tokens_become_the_text_that_they_are(tokens: Any, texts: list[str]) -> None:
    """LangChain sends them by default, to whatever model."""
    body = {"model": "x", "input": tokens, "input_type": "query"}
    [[cohere], _] = asked("cohere", body)
    assert (cohere["texts"], cohere["input_type"]) == (texts, "search_query")
    assert [
        each["inputText"] for each in asked("bedrock", HELLO | {"input": tokens}, model=TITAN)[0]
    ] == texts


def test_google_is_told_of_each_text_what_it_is() -> None:
    batch = {
        "requests": [
            {**GEMINI, "taskType": "RETRIEVAL_DOCUMENT", "title": "T", "outputDimensionality": 8},
            {**GEMINI, "taskType": "FACT_VERIFICATION", "output_dimensionality": 8},
        ]
    }
    [[body], _] = asked("vertex", batch, client="gemini")
    assert body == {
        "instances": [
            {"content": "hello", "task_type": "RETRIEVAL_DOCUMENT", "title": "T"},
            {"content": "hello", "task_type": "FACT_VERIFICATION"},
        ],
        "parameters": {"outputDimensionality": 8},
    }


@pytest.mark.parametrize("body", [GEMINI, BATCH], ids=["one", "batch"])
def test_geminis_clients_reach_other_forms(body: JSON) -> None:
    texts = ["hello", "world"] if "requests" in body else ["hello"]
    assert asked("openai", body, client="gemini") == ([{"model": "m", "input": texts}], [])
    assert asked("cohere", body, client="gemini")[0][0]["texts"] == texts


def test_a_list_is_asked_in_as_many_calls_as_the_host_wants() -> None:
    many = {"model": "x", "input": [f"t{n}" for n in range(200)]}
    for form, model, sizes in (
        ("bedrock", TITAN, [1] * 200),
        ("vertex", "gemini-embedding-001", [1] * 200),
        ("cohere", "m", [96, 96, 8]),
        ("gemini", "m", [100, 100]),
        ("openai", "m", [200]),
    ):
        bodies, _ = asked(form, many, model=model)
        lists = [
            next((body[n] for n in ("texts", "requests", "instances", "input") if n in body), [0])
            for body in bodies
        ]
        assert [len(items) for items in lists] == sizes, form
    too_many = {"model": "x", "input": ["t"] * 2049}
    with pytest.raises(InvalidRequestError, match="at most 2048"):
        asked("ollama", too_many)


@pytest.mark.parametrize(
    ("form", "body", "param", "remedy"),
    [
        ("cohere", {"input": [100_270]}, "input", "send the text itself"),
        ("cohere", {"input": [[15339], [160]]}, "input[1]", "send the text itself"),
        ("cohere", {"input": [{"image": "x"}]}, "input", "send texts"),
        ("cohere", {"input": ["a", 7]}, "input", "a list of texts, or tokens"),
        ("cohere", {"input": [[]]}, "input", "a list of texts, or tokens"),
        ("cohere", {"input": [-1]}, "input", "send texts"),
        ("cohere", {"input": []}, "input", "has no text"),
        ("cohere", {"input": 7}, "input", "send texts"),
        ("cohere", {}, "input", "is missing"),
        ("cohere", HELLO | {"input_type": "poem"}, "input_type", "search_query"),
        ("voyage", HELLO | {"input_type": "clustering"}, "input_type", "'clustering'"),
        ("cohere", HELLO | {"task_type": "FACT_VERIFICATION"}, "task_type", "search_document"),
        ("cohere", HELLO | {"embedding_types": ["float", "int8"]}, "embedding_types", "one kind"),
        ("cohere", HELLO | {"encoding_format": "hex"}, "encoding_format", "use float or base64"),
        ("cohere", HELLO | {"normalize": True}, "normalize", "leave it out"),
        ("cohere", HELLO | {"dimensions": 0}, "dimensions", "1 or more"),
        ("cohere", HELLO | {"dimensions": "8"}, "dimensions", "whole number"),
        ("cohere", HELLO | {"dimensions": 8, "output_dimension": 9}, "output_dimension", "another"),
        ("cohere", HELLO | {"input_type": "query", "task_type": "X"}, "task_type", "one of them"),
        ("ollama", HELLO | {"input_type": "query"}, "input_type", "one kind"),
    ],
)
def test_what_cannot_be_carried_is_refused_by_name(
    form: str, body: JSON, param: str, remedy: str
) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        asked(form, body)
    assert refused.value.param == param
    assert f"`{param}`" in refused.value.message
    assert remedy in refused.value.message


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"requests": []}, "requests"),
        ({"requests": [{}]}, "requests[0].content"),
        ({"content": {"parts": [{"text": "a"}, {"text": "b"}]}}, "content.parts"),
        ({"content": {"parts": [{"inlineData": {}}]}}, "content.parts[0].inlineData"),
        ({**GEMINI, "title": "T"}, "title"),
        (
            {"requests": [{**GEMINI, "outputDimensionality": n} for n in (1, 2)]},
            "requests",
        ),
        (
            {"requests": [{**GEMINI, "taskType": f"RETRIEVAL_{n}"} for n in ("QUERY", "DOCUMENT")]},
            "requests",
        ),
    ],
)
def test_what_only_google_has_is_refused_by_name(body: JSON, param: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        asked("cohere", body, client="gemini")
    assert refused.value.param == param


@pytest.mark.parametrize("model", ["amazon.nova-2-multimodal-embeddings-v1:0", "mine"])
def test_a_model_of_bedrock_that_nobody_knows_is_refused(model: str) -> None:
    with pytest.raises(InvalidRequestError, match="Titan"):
        asked("bedrock", HELLO, model=model)


def test_titans_first_model_has_one_length() -> None:
    with pytest.raises(InvalidRequestError, match="one length"):
        asked("bedrock", HELLO | {"dimensions": 8}, model="amazon.titan-embed-text-v1")


def test_what_is_left_out_is_told() -> None:
    body = HELLO | {"user": "u", "normalize": True, "input_type": "query"}
    assert asked("cohere", HELLO | {"user": "u"})[1] == ["user"]
    bodies, dropped = asked("ollama", body, drop=True)
    assert bodies == [{"model": "m", "input": ["hello"]}]
    assert sorted(dropped) == ["input_type", "normalize", "user"]
    assert asked("openai", GEMINI, client="gemini")[1] == []


def test_base64_is_asked_for_where_the_host_has_it() -> None:
    body = HELLO | {"encoding_format": "base64"}
    for form in FORMS:
        model = TITAN if form == "bedrock" else "m"
        [[sent], _] = asked(form, body, model=model)
        assert ("encoding_format" in sent) is (form == "voyage"), form
