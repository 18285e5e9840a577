"""Hosts' own forms of each dialect, read by the official SDKs of every client's dialect: nothing
crashes, and no text, call, finish or count is lost.
"""

import asyncio
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from ..gateway import Gateway
from ..replay.drivers import Drivers
from ..replay.records import Record
from ..replay.server import ReplayServer
from ..replay.test_replay import difference
from .spoken_forms import FORMS, JSON, Case

CLIENTS = ["openai", "openai_responses", "anthropic", "gemini"]
#: In one dialect an answer passes as it is, and its client has what its SDK makes of it.
PAIRS = [(dialect, client) for dialect, client in product(FORMS, CLIENTS) if dialect != client]


def model_of(dialect: str, name: str) -> str:
    return f"{dialect}-{list(FORMS[dialect]).index(name)}"


def record(dialect: str, name: str, case: Case) -> Record:
    return Record(
        id=model_of(dialect, name),
        dialect=dialect,
        provider="made-up",
        status=200,
        content_type=case.kind,
        body=case.body,
        request="{}",
        synthetic_request=True,
    )


@pytest.fixture(scope="module")
def gateway(module_path: Path) -> Iterator[Gateway]:
    records = [record(d, name, case) for d, forms in FORMS.items() for name, case in forms.items()]
    with ReplayServer(records) as server:
        providers = {}
        for dialect in FORMS:
            base = f"{server.url}/v1" if dialect.startswith("openai") else server.url
            providers[f"rec-{dialect}"] = {"dialect": dialect, "base_url": base, "api_key": "none"}
        providers["rec-openai"]["responses"] = False
        with Gateway(server.url, module_path, providers=providers) as running:
            yield running


@pytest.mark.parametrize("chunking", ["whole", "bytes"])
@pytest.mark.parametrize(("dialect", "client"), PAIRS)
def test_every_client_reads_the_answer(
    gateway: Gateway, dialect: str, client: str, chunking: str
) -> None:
    problems = asyncio.run(_read_all(gateway, dialect, client, chunking))
    print("\n".join(problems))
    assert problems == []


async def _read_all(gateway: Gateway, dialect: str, client: str, chunking: str) -> list[str]:
    drivers = Drivers(gateway.url, gateway.key)
    gate = asyncio.Semaphore(16)

    async def problem(name: str, case: Case) -> str | None:
        model = f"rec-{dialect}/{model_of(dialect, name)}.{chunking}"
        async with gate:
            try:
                got = await drivers.read(
                    client, model, not case.kind.startswith((JSON, "text/plain"))
                )
            except Exception as error:  # whatever an SDK raises is what its user would see
                return None if case.wanted is None else f"{name}: {error!r:.300}"
        if case.wanted is None:
            is_told = got.error or (client == "gemini" and got.finish not in ("stop", "tools"))
            return None if is_told else f"{name}: a broken answer was read as a good one"
        found = difference(case.wanted, got)
        return None if found is None else f"{name}: {found}"

    made = await asyncio.gather(*(problem(*item) for item in FORMS[dialect].items()))
    await drivers.close()
    return [line for line in made if line is not None]
