"""Recorded exchanges through the gateway: byte for byte in one dialect, same meaning across."""

import asyncio
import os
from collections.abc import Iterator
from itertools import permutations, product
from pathlib import Path
from zlib import crc32

import pytest

from ..client import Ask, Got, run_asks
from ..gateway import Gateway
from .chunking import CHUNKINGS
from .decode import Meaning, decode
from .drivers import Drivers
from .exceptions import why_impossible
from .expect import mismatch
from .records import HOST_DIALECTS, Record, load
from .requests import request_mismatch, with_model
from .server import ReplayServer

_DIALECTS = ("openai", "anthropic", "gemini", "openai_responses")
_PAIRS = [*permutations(_DIALECTS, 2), *product(HOST_DIALECTS, _DIALECTS)]
#: What came whole in the first comes in pieces in the second.
_ALL = os.environ.get("SLUICEGATE_ALL_PAIRS") == "1"
_TURNS = (0, 1) if _ALL else (0,)
_CUTS = [name for name in CHUNKINGS if name != "whole"]


@pytest.fixture(scope="module")
def records(corpora: Path | None) -> list[Record]:
    """All records; without the corpora only ours."""
    return load(corpora)


@pytest.fixture(scope="module")
def replay(records: list[Record]) -> Iterator[ReplayServer]:
    with ReplayServer(records) as server:
        yield server


@pytest.fixture(scope="module")
def gateway(replay: ReplayServer, module_path: Path) -> Iterator[Gateway]:
    providers = {
        "rec-gemini": {"dialect": "gemini", "base_url": replay.url, "api_key": "none"},
        "rec-openai": {
            "dialect": "openai",
            "base_url": f"{replay.url}/v1",
            "api_key": "none",
            "responses": False,
        },
        "rec-openai_completions": {
            "dialect": "openai",
            "base_url": f"{replay.url}/v1",
            "api_key": "none",
        },
        "rec-anthropic": {"dialect": "anthropic", "base_url": replay.url, "api_key": "none"},
        "rec-openai_responses": {
            "dialect": "openai_responses",
            "base_url": f"{replay.url}/v1",
            "api_key": "none",
        },
        **{
            f"rec-{dialect}": {"dialect": dialect, "base_url": replay.url, "api_key": "none"}
            for dialect in HOST_DIALECTS
        },
    }
    settings = {
        "providers": providers,
        "timeouts": {"first_byte_s": 60, "idle_s": 60, "total_s": 300},
    }
    with Gateway(replay.url, module_path, **settings) as running:
        yield running


@pytest.fixture(autouse=True, scope="module")
def _say_what_was_replayed(corpora: Path | None, records: list[Record]) -> Iterator[None]:
    yield
    shown = "with the corpora" if corpora is not None else "OUR FIXTURES ONLY, corpora not shown"
    print(f"\nreplayed {len(records)} exchanges: {shown}")


def test_the_corpora_are_shown(corpora: Path | None) -> None:
    if corpora is None:
        pytest.skip("SLUICEGATE_CORPORA is not set: recorded provider traffic was NOT replayed")


class _Ask(Ask):
    """A recorded request instead of a made one."""

    def __init__(self, record: Record, chunking: str) -> None:
        self.upstream_model = f"{record.id}.{chunking}"
        super().__init__(f"rec-{record.dialect}/{self.upstream_model}", dialect=record.dialect)
        self.text = record.request
        if record.dialect != "gemini":
            self.text = with_model(record.request, self.model)
        self.stream = record.asked_stream
        self.verb = record.verb

    def path(self) -> str:
        """Gemini's clients name the model in it, and say what they want."""
        if self.dialect != "gemini":
            return super().path()
        return f"/v1beta/models/{self.model}:{self.verb}"

    def content(self) -> bytes:
        """The recorded text, only `model` replaced."""
        return self.text.encode()


@pytest.mark.timeout(180)
@pytest.mark.parametrize("chunking", CHUNKINGS)
def test_the_same_dialect_passes_byte_for_byte(
    gateway: Gateway, replay: ReplayServer, records: list[Record], chunking: str
) -> None:
    """All of them whole, and each in one of the other ways too, in turn; in all of them with
    `SLUICEGATE_ALL_PAIRS=1`.
    """
    records = [record for record in records if record.dialect not in HOST_DIALECTS]
    if chunking in _CUTS and not _ALL:
        turn = _CUTS.index(chunking)
        records = [r for r in records if crc32(r.id.encode()) % len(_CUTS) == turn]
    asks = [_Ask(record, chunking) for record in records]
    answers: list[Got] = run_asks(gateway.url, gateway.key, list(asks), concurrency=64)
    bad: list[str] = []
    for record, sent, got in zip(records, asks, answers, strict=True):
        problem = mismatch(record, got)
        arrived = replay.asked.get(sent.upstream_model)
        if problem is None and arrived is not None:
            problem = request_mismatch(record, sent.text, arrived, sent.upstream_model)
        if problem is not None:
            bad.append(f"{record.id} {record.provider} {sorted(record.features)}: {problem}")
    print(f"\n{chunking}: {len(records) - len(bad)} of {len(records)} byte for byte")
    _print_some(bad)
    assert bad == []


@pytest.fixture(scope="module")
def meanings(records: list[Record]) -> dict[str, dict[str, Meaning]]:
    """By dialect and record, what the good ones say."""
    out: dict[str, dict[str, Meaning]] = {dialect: {} for dialect, _ in _PAIRS}
    for record in records:
        if record.status == 200 and record.dialect in out:
            out[record.dialect][record.id] = decode(record)
    return out


@pytest.mark.timeout(180)
@pytest.mark.parametrize("turn", _TURNS)
@pytest.mark.parametrize(("said", "read"), _PAIRS)
def test_the_other_dialects_sdk_reads_the_same(
    gateway: Gateway,
    records: list[Record],
    meanings: dict[str, dict[str, Meaning]],
    said: str,
    read: str,
    turn: int,
) -> None:
    """Each record comes whole to some readers and in pieces to the others, and to each reader half
    of them come whole: its dialect is decoded both ways, and so is each encoded.
    """
    wanted = meanings[said]
    good = [record for record in records if record.dialect == said and record.id in wanted]
    models = {
        record.id: f"rec-{said}/{record.id}.{('whole', 'seeded')[sum(turns) % 2]}"
        for record in good
        for turns in [(crc32(record.id.encode()), _DIALECTS.index(read), turn)]
    }
    bad, excused = asyncio.run(_cross(gateway, good, wanted, read, models))
    failed = {line.partition(" ")[0] for line in [*bad, *excused]}
    alike = [record.id for record in good if record.id not in failed]
    print(f"\n{len(alike)} of {len(good)} {said} read alike as {read}")
    for line in sorted(excused):
        print(f"  cannot be carried: {line}")
    _print_some(bad)
    assert len(alike) >= 0.98 * len(good)
    assert bad == []


async def _cross(
    gateway: Gateway,
    records: list[Record],
    wanted: dict[str, Meaning],
    read: str,
    models: dict[str, str],
) -> tuple[list[str], list[str]]:
    """(mismatches, records that a documented limit of the other dialect excuses)."""
    drivers = Drivers(gateway.url, gateway.key)
    gate = asyncio.Semaphore(48)
    bad: list[str] = []
    excused: list[str] = []

    async def one(record: Record) -> None:
        as_stream = record.stream or record.is_array
        async with gate:
            try:
                got = await drivers.read(read, models[record.id], as_stream)
                problem = difference(wanted[record.id], got)
                if wanted[record.id].fails:
                    problem = "a broken answer was read as a good one"
            except Exception as error:  # whatever an SDK raises is what its user would see
                problem = None if wanted[record.id].fails else f"{error!r:.300}"
        if problem is None:
            return
        reason = why_impossible(record, wanted[record.id], read)
        where = excused if reason is not None else bad
        where.append(f"{record.id} {record.provider}: {reason or problem}")

    await asyncio.gather(*(one(record) for record in records))
    await drivers.close()
    return bad, excused


def difference(wanted: Meaning, got: Meaning) -> str | None:
    """The first part of the meaning that was lost or changed."""
    if got.text not in (wanted.text, wanted.text + wanted.refusal):
        return f"text: wanted {wanted.text[:120]!r}, got {got.text[:120]!r}"
    if got.tools != wanted.tools:
        return f"tools: wanted {wanted.tools!r:.200}, got {got.tools!r:.200}"
    if wanted.finish is not None and got.finish != wanted.finish:
        by_refusal = wanted.refusal and got.finish == "filter"
        by_tools = wanted.tools and got.finish == "tools"
        if not by_refusal and not by_tools:
            return f"finish: wanted {wanted.finish}, got {got.finish}"
    for name in ("input_tokens", "output_tokens"):
        told, read = getattr(wanted, name), getattr(got, name)
        if told is not None and told != read:
            return f"{name}: wanted {told}, got {read}"
    return None


def _print_some(lines: list[str], limit: int = 40) -> None:
    for line in lines[:limit]:
        print(f"  {line}")
    if len(lines) > limit:
        print(f"  ... and {len(lines) - limit} more")
