"""Recorded exchanges of Bedrock, Vertex AI and Azure through providers that are configured as such."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ..client import Ask, Got, run_asks
from ..gateway import KEY, Gateway
from .clouds import CloudServer, Recorded, load, renamed
from .decode import decode
from .drivers import Drivers
from .expect import mismatch
from .requests import with_model
from .test_replay import difference

GOOGLE = "/v1/projects/test-project/locations/us-east5/publishers"
CHUNKS = ["whole", "bytes", "seeded"]
CLIENTS = ["openai", "openai_responses", "anthropic", "gemini"]
AWS = {
    "region": "us-east-1",
    "access_key_id": "AKIDEXAMPLE",
    "secret_access_key": "secret-of-the-tests",
}


@pytest.fixture(scope="module")
def records(corpora: Path | None) -> list[Recorded]:
    if corpora is None:
        pytest.skip("SLUICEGATE_CORPORA is not set: the clouds' traffic was NOT replayed")
    return load(corpora)


@pytest.fixture(scope="module")
def server(records: list[Recorded]) -> Iterator[CloudServer]:
    with CloudServer(records) as running:
        yield running


@pytest.fixture(scope="module")
def gateway(server: CloudServer, module_path: Path) -> Iterator[Gateway]:
    url = server.url
    key = {"api_key": "none"}
    providers: dict[str, Any] = {
        "invoke": {"dialect": "anthropic", "envelope": "bedrock", "base_url": url, "aws": AWS},
        "claude": {"dialect": "anthropic", "base_url": f"{url}{GOOGLE}/anthropic", **key},
        "vertex": {"dialect": "gemini", "base_url": f"{url}{GOOGLE}/google", **key},
        "bedrock": {"dialect": "bedrock", "base_url": url, "aws": AWS},
        "azure-v1": {"dialect": "openai", "base_url": f"{url}/openai/v1", **key},
        "azure-old": {"dialect": "openai", "base_url": f"{url}/openai", **key},
        "azure-models": {"dialect": "openai", "base_url": f"{url}/models", **key},
    }
    for name in ("azure-old", "azure-models"):
        providers[name]["api_version"] = "2024-05-01-preview"
    timeouts = {"first_byte_s": 60, "idle_s": 60, "total_s": 300}
    with Gateway(url, module_path, providers=providers, timeouts=timeouts) as running:
        yield running


def claudes(records: list[Recorded]) -> list[tuple[str, Recorded]]:
    """What speaks Anthropic's Messages, with the provider that has its envelope."""
    ours = {"invoke_model": "invoke", "invoke_model_stream": "invoke"}
    ours |= {"vertex_raw_predict": "claude", "vertex_stream_raw_predict": "claude"}
    return [
        (ours[each.endpoint], each)
        for each in records
        if each.endpoint in ours and each.is_messages and each.status == 200
    ]


class _Sent(Ask):
    """A recorded request as Anthropic's own clients make it: without the envelope."""

    def __init__(self, provider: str, record: Recorded, chunking: str) -> None:
        self.upstream_model = f"{record.id}.{chunking}"
        super().__init__(f"{provider}/{self.upstream_model}", dialect="anthropic")
        body = json.loads(record.request)
        body.pop("anthropic_version")
        body.pop("stream", None)
        beta = body.pop("anthropic_beta", None)
        if beta:
            self.headers["anthropic-beta"] = ",".join(beta)
        if record.streams:
            body["stream"] = True
        self.text = with_model(json.dumps(body), self.model)

    def content(self) -> bytes:
        return self.text.encode()


@pytest.mark.parametrize("chunking", CHUNKS)
def test_claude_on_a_cloud_passes_byte_for_byte(
    gateway: Gateway, server: CloudServer, records: list[Recorded], chunking: str
) -> None:
    replayed = claudes(records)
    asks = [_Sent(provider, record, chunking) for provider, record in replayed]
    answers: list[Got] = run_asks(gateway.url, gateway.key, list(asks), concurrency=32)
    bad = []
    for (provider, record), sent, got in zip(replayed, asks, answers, strict=True):
        problem = mismatch(record.as_anthropic(), got) or _unlike(provider, record, sent, server)
        if problem is not None:
            bad.append(f"{record.id}: {problem}")
    print(f"\n{chunking}: {len(replayed) - len(bad)} of {len(replayed)} byte for byte", *bad)
    assert len(replayed) > 50
    assert bad == []


def _unlike(provider: str, record: Recorded, sent: _Sent, server: CloudServer) -> str | None:
    """Why the cloud was not asked as the recorded client asked it."""
    path, body = server.asked[sent.upstream_model]
    wanted = json.loads(record.request)
    if provider == "claude" and record.streams:
        wanted["stream"] = True
    verb = record.path[record.path.rindex("/" if provider == "invoke" else ":") :]
    if not path.endswith(f"{sent.upstream_model}{verb}"):
        return f"path {path}"
    return None if json.loads(body) == wanted else f"body {body[:200]!r}"


@pytest.mark.parametrize("chunking", ["whole", "seeded"])
@pytest.mark.parametrize("client", CLIENTS)
def test_every_client_reads_claude_on_a_cloud_alike(
    gateway: Gateway, records: list[Recorded], client: str, chunking: str
) -> None:
    replayed = claudes(records)
    bad = asyncio.run(_read(gateway, replayed, client, chunking))
    print(f"\n{chunking}: {len(replayed) - len(bad)} of {len(replayed)} read alike as {client}")
    assert bad == []


async def _read(
    gateway: Gateway, replayed: list[tuple[str, Recorded]], client: str, chunking: str
) -> list[str]:
    drivers = Drivers(gateway.url, gateway.key)
    gate = asyncio.Semaphore(32)

    async def one(provider: str, record: Recorded) -> str | None:
        wanted = decode(record.as_anthropic())
        async with gate:
            model = f"{provider}/{record.id}.{chunking}"
            problem = difference(wanted, await drivers.read(client, model, record.streams))
        return problem and f"{record.id}: {problem}"

    found = await asyncio.gather(*(one(provider, record) for provider, record in replayed))
    await drivers.close()
    return [problem for problem in found if problem]


INVOKED = {"invoke_model", "invoke_model_stream"}


def _is_json(text: str) -> bool:
    try:
        json.loads(text or "null")
    except ValueError:
        return False
    return True


def _family(record: Recorded) -> str:
    model = record.path.split("/model/")[1].split("/")[0]
    return model.removeprefix("us.").removeprefix("eu.").split("-")[0]


@pytest.mark.parametrize("chunking", ["whole", "seeded"])
def test_any_models_own_body_passes_and_is_counted(
    gateway: Gateway, server: CloudServer, records: list[Recorded], chunking: str
) -> None:
    """By Bedrock's own figures, which it gives of every model: in the head, at a stream's end."""
    invoked = [record for record in records if record.path.startswith("/model/")]
    replayed = [record for record in invoked if _is_json(record.request)]
    assert len(invoked) - len(replayed) <= 1, "one lacks its end, and is a 400 of ours"
    assert {record.endpoint for record in replayed} > INVOKED
    counted: Counter[str] = Counter()
    bad, refs = [], {}
    with httpx.Client(base_url=gateway.url, timeout=60) as client:
        for record in replayed:
            model = f"{record.id}.{chunking}"
            refs[f"{model}-passed"] = record
            got = client.post(
                f"/passthrough/bedrock{renamed(record.path, model)}",
                content=record.request.encode(),
                headers={"authorization": f"Bearer {KEY}", "x-request-id": f"{model}-passed"},
            )
            _, body = server.asked[model]
            is_ours = record.status == 403
            if got.content != record.body and not is_ours:
                bad.append(f"{record.id}: another answer: {got.content[:80]!r}")
            if got.status_code != (502 if is_ours else record.status):
                bad.append(f"{record.id}: status {got.status_code}")
            if body != record.request.encode():
                bad.append(f"{record.id}: another request")
    for ref, [row] in gateway.rows_of(refs).items():
        wanted = refs[ref].metered()
        if wanted is None or refs[ref].status != 200:
            continue
        made = (row["input_tokens"] or 0, row["output_tokens"] or 0)
        if made != wanted or row["basis"] != "reported":
            bad.append(f"{refs[ref].id}: {made} of {wanted}, {row['basis']}")
        else:
            counted[_family(refs[ref])] += 1
    print(f"\n{len(replayed)} passed; counted: {dict(counted)}", *bad, sep="\n  ")
    assert bad == []


def _azure(record: Recorded) -> str:
    if record.path.startswith("/models/"):
        return "azure-models"
    return "azure-old" if "/deployments/" in record.path else "azure-v1"


class _AsRecorded(Ask):
    """A recorded request with only its model replaced."""

    def __init__(self, provider: str, dialect: str, record: Recorded, chunking: str) -> None:
        self.upstream_model = f"{record.id}.{chunking}"
        super().__init__(f"{provider}/{self.upstream_model}", dialect=dialect)
        self.text = record.request if dialect == "gemini" else ""
        self.text = self.text or with_model(record.request, self.model)
        self.verb = record.path.rpartition(":")[2]
        if record.query:
            self.verb += f"?{record.query}"

    def path(self) -> str:
        if self.dialect != "gemini":
            return super().path()
        return f"/v1beta/models/{self.model}:{self.verb}"

    def content(self) -> bytes:
        return self.text.encode()


@pytest.mark.parametrize("chunking", ["whole", "seeded"])
def test_azure_and_vertex_are_asked_at_their_own_paths(
    gateway: Gateway, server: CloudServer, records: list[Recorded], chunking: str
) -> None:
    dialects = {"chat_completions": "openai", "responses": "openai_responses"}
    dialects |= {"generate_content": "gemini", "stream_generate_content": "gemini"}
    replayed = [
        record
        for record in records
        if record.endpoint in dialects
        and (record.path.lstrip("/").startswith(("openai", "models")) or "/google/" in record.path)
        and record.status in {200, 400}
    ]
    asks = []
    for record in replayed:
        dialect = dialects[record.endpoint]
        provider = "vertex" if dialect == "gemini" else _azure(record)
        asks.append(_AsRecorded(provider, dialect, record, chunking))
    answers = run_asks(gateway.url, gateway.key, list(asks), concurrency=32)
    bad = []
    for record, sent, got in zip(replayed, asks, answers, strict=True):
        problem = _not_as_recorded(record, sent, got, server)
        if problem is not None:
            bad.append(f"{record.id} {record.path}: {problem}")
    print(f"\n{chunking}: {len(replayed) - len(bad)} of {len(replayed)}", *bad, sep="\n  ")
    assert len(replayed) > 180
    assert bad == []


def _not_as_recorded(
    record: Recorded, sent: _AsRecorded, got: Got, server: CloudServer
) -> str | None:
    path, _ = server.asked[sent.upstream_model]
    asked = path.partition("?")[0]
    wanted = renamed(record.path, sent.upstream_model).replace("//", "/")
    if sent.dialect == "gemini":
        asked, wanted = (each.rpartition("/")[2] for each in (asked, wanted))
    if asked != wanted:
        return f"asked at {path}, not {wanted}"
    return mismatch(_as_record(record, sent.dialect), got)


def _as_record(record: Recorded, dialect: str) -> Any:
    made = record.as_anthropic()
    made.dialect = dialect
    made.verb = record.path.rpartition(":")[2] if dialect == "gemini" else ""
    return made
