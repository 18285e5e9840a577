"""Recorded rankings through the gateway: what Cohere's SDK reads is what was recorded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cohere
import httpx
import pytest

from ..gateway import KEY, Gateway
from .requests import with_model
from .vectors import VectorRecord, VectorServer, load

#: by the corpus's name for a provider, the form of its host
FORMS = {"cohere": "cohere", "voyage": "voyage", "openrouter": "jina"}
HEADERS = {"authorization": f"Bearer {KEY}"}


@pytest.fixture(scope="module")
def records(corpora: Path | None) -> list[VectorRecord]:
    found = load(corpora, "rerank")
    if not found:
        pytest.skip("SLUICEGATE_CORPORA is not set: recorded rankings were NOT replayed")
    return found


@pytest.fixture(scope="module")
def replay(records: list[VectorRecord]) -> Iterator[VectorServer]:
    with VectorServer(records) as server:
        yield server


@pytest.fixture(scope="module")
def gateway(replay: VectorServer, module_path: Path) -> Iterator[Gateway]:
    host = {"dialect": "openai", "base_url": replay.url, "api_key": "none"}
    providers = {name: host | {"rerank": form} for name, form in FORMS.items()}
    with Gateway(replay.url, module_path, providers=providers) as running:
        yield running


def _ranked(record: VectorRecord) -> list[tuple[int, float]]:
    results: list[dict[str, Any]] = record.said.get("results") or record.said["data"]
    return [(rank["index"], rank["relevance_score"]) for rank in results]


def test_coheres_sdk_reads_what_was_recorded(gateway: Gateway, records: list[VectorRecord]) -> None:
    with httpx.Client(timeout=10) as http:
        sdk = cohere.ClientV2(api_key=KEY, base_url=gateway.url, httpx_client=http)
        for record in records:
            asked = json.loads(record.request)
            made = sdk.rerank(
                model=f"{record.provider}/{record.id}",
                query=asked["query"],
                documents=[d if isinstance(d, str) else d["text"] for d in asked["documents"]],
            )
            read = [(rank.index, rank.relevance_score) for rank in made.results]
            assert read == _ranked(record), record.id
    print(f"\n{len(records)} of {len(records)} read alike")


def test_the_first_version_gives_documents_back(
    gateway: Gateway, records: list[VectorRecord]
) -> None:
    """As the hosts did that had it."""
    for record in records:
        body = json.loads(record.request)
        asked = {"query": body["query"], "documents": body["documents"], "return_documents": True}
        sent = {"model": f"{record.provider}/{record.id}", **asked}
        made = httpx.post(f"{gateway.url}/v1/rerank", json=sent, headers=HEADERS).json()
        given = [
            d if isinstance(d, dict) else {"text": d}
            for d in (asked["documents"][rank["index"]] for rank in made["results"])
        ]
        if FORMS[record.provider] != "jina":
            assert [rank["document"] for rank in made["results"]] == given, record.id
        recorded = [rank.get("document") for rank in record.said.get("results", [])]
        if any(recorded):
            assert given == recorded, record.id


def test_one_form_passes_byte_for_byte(
    gateway: Gateway, replay: VectorServer, records: list[VectorRecord]
) -> None:
    paths = {"jina": "/v1/rerank", "cohere": "/v2/rerank"}
    own = [record for record in records if FORMS[record.provider] in paths]
    for record in own:
        model = f"{record.provider}/{record.id}"
        sent = with_model(record.request, model)
        replay.asked.pop(record.id, None)
        url = f"{gateway.url}{paths[FORMS[record.provider]]}"
        got = httpx.post(url, content=sent, headers=HEADERS)
        assert got.content == record.body, record.id
        assert replay.asked[record.id] == [with_model(record.request, record.id).encode()]
    print(f"\n{len(own)} byte for byte")
