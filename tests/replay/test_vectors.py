"""Recorded vectors through the gateway: what OpenAI's and Gemini's SDKs read is what was recorded;
within one form it passes byte for byte.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from math import isfinite
from pathlib import Path

import httpx
import openai
import pytest
from google import genai
from google.genai import types

from ..gateway import KEY, Gateway
from .requests import with_model
from .vectors import (
    FORMS,
    VectorRecord,
    VectorServer,
    input_tokens_of,
    is_coded,
    load,
    packed,
    vectors_of,
)

#: what no host of the catalogue answers like, and why
EXCEPTIONS = {
    "huggingface": "its older path answers with a bare list and names no model; the row has another",
}


@pytest.fixture(scope="module")
def records(corpora: Path | None) -> list[VectorRecord]:
    found = [record for record in load(corpora) if record.provider not in EXCEPTIONS]
    if not found:
        pytest.skip("SLUICEGATE_CORPORA is not set: recorded vectors were NOT replayed")
    return found


@pytest.fixture(scope="module")
def replay(records: list[VectorRecord]) -> Iterator[VectorServer]:
    with VectorServer(records) as server:
        yield server


@pytest.fixture(scope="module")
def gateway(replay: VectorServer, module_path: Path) -> Iterator[Gateway]:
    providers = {}
    for form in {"openai", *FORMS.values()}:
        dialect = form if form in {"gemini", "bedrock"} else "openai"
        providers[f"rec-{form}"] = {
            "dialect": dialect,
            "base_url": replay.url,
            "embeddings": form,
            "api_key": "none",
        }
    with Gateway(replay.url, module_path, providers=providers) as running:
        yield running


def _model(record: VectorRecord) -> str:
    return f"rec-{record.form}/{record.named}"


@pytest.mark.parametrize("coding", ["base64", "float"])
def test_openais_sdk_reads_what_was_recorded(
    gateway: Gateway, records: list[VectorRecord], coding: str
) -> None:
    """In its default coding, and as floats; with the tokens that the host says it read."""
    bad = asyncio.run(_read_all(gateway, records, coding))
    print(f"\n{coding}: {len(records) - len(bad)} of {len(records)} read alike")
    assert bad == []


async def _read_all(gateway: Gateway, records: list[VectorRecord], coding: str) -> list[str]:
    client = openai.AsyncOpenAI(
        base_url=f"{gateway.url}/v1", api_key=KEY, max_retries=0, timeout=30
    )
    gate = asyncio.Semaphore(8)

    async def one(record: VectorRecord) -> str | None:
        async with gate:
            problem = await _difference(client, record, coding)
        return problem and f"{record.id} {record.provider}: {problem}"

    found = await asyncio.gather(*(one(record) for record in records))
    await client.close()
    return [problem for problem in found if problem]


async def _difference(client: openai.AsyncOpenAI, record: VectorRecord, coding: str) -> str | None:
    wanted = vectors_of(record) if record.status == 200 else []
    texts = [f"text {index}" for index in range(max(1, len(wanted)))]
    given = {} if coding == "base64" else {"encoding_format": coding}
    try:
        made = await client.embeddings.create(model=_model(record), input=texts, **given)  # type: ignore[arg-type]
    except openai.APIStatusError as error:
        if record.status == error.status_code:
            return None
        return f"{error!r:.200}"
    read = [item.embedding for item in made.data]
    if isinstance(read[0], str):
        return None if record.form == "openai" else "base64 where floats were asked for"
    if not _alike(record, read, wanted, exact=coding == "float"):
        return f"other vectors: {len(read)}, {read[0][:3]} for {wanted[0][:3]}"
    told = input_tokens_of(record)
    if told is not None and made.usage.prompt_tokens != told:
        return f"{made.usage.prompt_tokens} tokens for {told}"
    return None


def _alike(
    record: VectorRecord, read: list[list[float]], wanted: list[list[float]], *, exact: bool
) -> bool:
    """Whether all numbers are those of the record, or the 32-bit floats next to them."""
    if exact and not is_coded(record):
        return read == wanted
    return packed(read) == packed(wanted)


def test_geminis_sdk_reads_what_was_recorded(gateway: Gateway, records: list[VectorRecord]) -> None:
    options = types.HttpOptions(base_url=gateway.url)
    sdk = genai.Client(api_key=KEY, http_options=options)
    bad = []
    good = [record for record in records if record.status == 200 and _has_numbers(record)]
    # The SDK asks Gemini for batches alone.
    good = [r for r in good if r.form != "gemini" or "embeddings" in r.said]
    for record in good:
        wanted = vectors_of(record)
        texts = [f"text {index}" for index in range(len(wanted))]
        read = sdk.models.embed_content(model=_model(record), contents=texts)  # type: ignore[arg-type]
        values = [item.values or [] for item in read.embeddings or []]
        if not _alike(record, values, wanted, exact=True):
            bad.append(f"{record.id} {record.provider}")
    print(f"\n{len(good) - len(bad)} of {len(good)} read alike")
    assert bad == []


def _has_numbers(record: VectorRecord) -> bool:
    """Not so where a host's base64 is of another kind of number (Perplexity's is of bytes)."""
    return all(isfinite(number) for numbers in vectors_of(record) for number in numbers)


def test_the_ledger_has_what_the_hosts_say(gateway: Gateway, records: list[VectorRecord]) -> None:
    headers = {"authorization": f"Bearer {KEY}"}
    url = f"{gateway.url}/v1/embeddings"
    good = [record for record in records if record.status == 200]
    for record in good:
        body = {"model": _model(record), "input": ["text"] * len(vectors_of(record))}
        httpx.post(url, json=body, headers=headers | {"x-request-id": f"ledger-{record.id}"})
    rows = gateway.rows_of([f"ledger-{record.id}" for record in good])
    for record in good:
        [row] = rows[f"ledger-{record.id}"]
        told = input_tokens_of(record)
        basis = "counted" if told is None else "reported"
        assert row["basis"] == basis, record.id
        assert row["input_tokens"] == (len(vectors_of(record)) if told is None else told), record.id
        assert row["output_tokens"] == 0


def test_one_form_passes_byte_for_byte(
    gateway: Gateway, replay: VectorServer, records: list[VectorRecord]
) -> None:
    headers = {"authorization": f"Bearer {KEY}"}
    alike = [r for r in records if r.form in {"openai", "gemini"} and r.request and r.status == 200]
    for record in alike:
        if record.form == "openai":
            sent, url = with_model(record.request, _model(record)), "/v1/embeddings"
            upstream = with_model(record.request, record.named)
        else:
            sent, upstream = record.request, ""
            url = f"/v1beta/models/{_model(record)}:batchEmbedContents"
        replay.asked.pop(record.id, None)
        got = httpx.post(f"{gateway.url}{url}", content=sent, headers=headers)
        assert got.content == record.body, record.id
        [arrived] = replay.asked[record.id]
        if upstream:
            assert arrived == upstream.encode(), record.id
        else:
            assert _renamed(json.loads(arrived)) == _renamed(json.loads(sent)), record.id
    print(f"\n{len(alike)} byte for byte")


def _renamed(body: dict[str, object]) -> dict[str, object]:
    """Without the model's name, which is the host's there."""
    requests = body.get("requests")
    if isinstance(requests, list):
        return {"requests": [{**each, "model": ""} for each in requests]}
    return {**body, "model": ""}
