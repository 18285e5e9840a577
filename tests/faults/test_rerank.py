"""Rankings from hosts of every form, by Cohere's own SDK, and what they cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cohere
import httpx
import pytest
from cohere.core.api_error import ApiError

from ..gateway import KEY, PRICE, Gateway
from ..upstream import ScriptedUpstream
from ..upstream.vectors import ranks
from .checks import assert_row, cost, ref
from .conftest import Start
from .test_embeddings import OneAnswer

DOCUMENTS = ["one two", "three", "four five six"]
#: by what is asked of whom: the provider, and what follows a model's name there
HOSTS = {"cohere": ("c", ""), "bedrock": ("b", "-cohere.rerank-v3-5:0")}
hosts = pytest.mark.parametrize("host", HOSTS)
HEADERS = {"authorization": f"Bearer {KEY}"}


@pytest.fixture
def gateway(gateways: Callable[..., Gateway], upstream: ScriptedUpstream) -> Gateway:
    return gateways(**settings(upstream))


def settings(upstream: ScriptedUpstream) -> dict[str, Any]:
    """Providers of each form, beside those that all gateways have."""

    def host(form: str) -> dict[str, str]:
        named = {"dialect": "openai", "rerank": form, "api_key": "none"}
        return named | {"base_url": f"{upstream.url}/v1"}

    providers = {"c": host("cohere"), "v": host("voyage"), "n": host("none")}
    return {"providers": providers, "prices": dict.fromkeys((f"{p}/*" for p in providers), PRICE)}


def model_of(host: str, name: str) -> str:
    provider, suffix = HOSTS[host]
    return f"{provider}/ok@{name}{suffix}"


@pytest.fixture
def second(gateway: Gateway) -> Iterator[cohere.ClientV2]:
    with httpx.Client(timeout=10) as http:
        yield cohere.ClientV2(api_key=KEY, base_url=gateway.url, httpx_client=http)


@hosts
def test_coheres_sdk_reads_the_ranking_of_every_host(
    gateway: Gateway, second: cohere.ClientV2, host: str
) -> None:
    name = ref("rank")
    made = second.rerank(
        model=model_of(host, name),
        query="which one",
        documents=DOCUMENTS,
        top_n=2,
        request_options={"additional_headers": {"x-request-id": name}},
    )
    assert [(r.index, r.relevance_score) for r in made.results] == [
        (rank["index"], rank["relevance_score"]) for rank in ranks(3, 2)
    ]
    assert made.meta is not None
    assert made.meta.billed_units is not None
    assert made.meta.billed_units.search_units == 1
    [row] = gateway.rows(name)
    words = 6 + 2 * 3
    assert_row(row, operation="rerank", basis="counted", input_tokens=words, output_tokens=0)
    assert_row(row, cost_usd=cost(words, 0), client_status=200, outcome="ok")


@hosts
@pytest.mark.parametrize("path", ["/v1/rerank", "/v2/rerank"])
def test_jinas_clients_and_coheres_older_ones_read_it_too(
    gateway: Gateway, host: str, path: str
) -> None:
    name = ref("older")
    documents = [{"text": DOCUMENTS[0], "id": 7}, DOCUMENTS[1]]
    body = {"model": model_of(host, name), "query": "q", "documents": documents}
    if path == "/v1/rerank":
        body["return_documents"] = True
    made = httpx.post(f"{gateway.url}{path}", json=body, headers=HEADERS).json()
    assert [rank["index"] for rank in made["results"]] == [1, 0]
    if path == "/v1/rerank":
        given = [rank["document"] for rank in made["results"]]
        assert given == [{"text": DOCUMENTS[1]}, documents[0]]
        assert made["usage"]["total_tokens"] > 0


def test_voyage_is_asked_for_so_many_in_its_own_word(
    gateway: Gateway, second: cohere.ClientV2, upstream: ScriptedUpstream
) -> None:
    name = ref("voyage")
    second.rerank(model=f"v/ok@{name}", query="q", documents=DOCUMENTS, top_n=2)
    [seen] = upstream.of(f"ok@{name}")
    assert (seen.path, seen.json["top_k"]) == ("/v1/rerank", 2)


@pytest.mark.parametrize(("path", "model"), [("/v1/rerank", "u/{}"), ("/v2/rerank", "c/{}")])
def test_one_form_passes_as_it_is(
    gateway: Gateway, upstream: ScriptedUpstream, path: str, model: str
) -> None:
    name = f"ok@{ref('own')}"
    body = {"model": model.format(name), "query": "q", "documents": ["a"], "whatever": [1, 2]}
    headers = HEADERS | {"x-request-id": name}
    made = httpx.post(f"{gateway.url}{path}", json=body, headers=headers)
    assert made.status_code == 200
    assert "object" not in made.json()
    [seen] = upstream.of(name)
    assert seen.json == body | {"model": name}
    assert seen.path == path
    [row] = gateway.rows(name)
    assert row["input_tokens"] == 2
    assert row["basis"] == ("reported" if path == "/v1/rerank" else "counted")


@pytest.mark.parametrize("model", ["a/ok", "g/ok", "n/ok"])
def test_a_provider_that_does_not_rank_says_so(second: cohere.ClientV2, model: str) -> None:
    with pytest.raises(ApiError) as refused:
        second.rerank(model=model, query="q", documents=["a"])
    assert refused.value.status_code == 400
    assert "choose a model of another" in str(refused.value.body)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{}", "upstream_empty_answer"),
        (b'{"results": [{"index": 1, "relevance_score": 1}]}', "upstream_wrong_form"),
        (b'{"results": 7}', "upstream_wrong_form"),
        (b"x", "upstream_invalid_json"),
        (b'{"error": {"message": "no"}}', "upstream_error"),
    ],
)
def test_an_answer_that_ranks_nothing_is_no_success(tmp_path: Path, body: bytes, code: str) -> None:
    with OneAnswer(body) as host:
        provider = {"dialect": "openai", "rerank": "cohere", "api_key": "none"}
        more = {"providers": {"c": provider | {"base_url": host.url}}}
        with Gateway(host.url, tmp_path, **more) as gateway:
            asked = {"model": "c/m", "query": "q", "documents": ["a"]}
            made = httpx.post(f"{gateway.url}/v1/rerank", json=asked, headers=HEADERS)
    assert made.status_code == 502
    assert made.json()["error"]["code"] == code


def test_the_question_is_held_for_each_document(own_gateway: Start) -> None:
    """It is read with each of them, so that a few bytes of a request may cost much."""
    gateway = own_gateway(keys=[{"name": "one", "key": KEY, "budget_usd": "0.001"}])
    for count, status in ((10, 200), (100, 402)):
        body = {"model": "u/ok", "query": "one " * 20, "documents": ["a"] * count}
        made = httpx.post(f"{gateway.url}/v1/rerank", json=body, headers=HEADERS)
        assert made.status_code == status
