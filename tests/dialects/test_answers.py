"""Whole answers through the gateway, held against the vendors' own SDK types, strictly."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from anthropic.types import Message
from openai.types.chat import ChatCompletion
from pydantic import BaseModel, ValidationError

from ..client import Ask, Got, run_asks
from ..gateway import Gateway
from ..replay.decode import Meaning, decode
from ..replay.records import Record, load
from ..replay.server import ReplayServer
from .answers import TO_ANTHROPIC, TO_OPENAI

OTHER: Final = {
    "openai": "anthropic",
    "anthropic": "openai",
    "gemini": "openai",
    "openai_responses": "openai",
}
TYPES: Final[dict[str, type[BaseModel]]] = {"openai": ChatCompletion, "anthropic": Message}
CASES: Final = {
    **{f"openai-{name}": case for name, case in TO_ANTHROPIC.items()},
    **{f"anthropic-{name}": case for name, case in TO_OPENAI.items()},
}


def made_up(name: str, answer: dict[str, Any]) -> Record:
    """A case as the replaying upstream serves it."""
    return Record(
        id=name,
        dialect=name.partition("-")[0],
        provider="made-up",
        status=200,
        content_type="application/json",
        body=json.dumps(answer).encode(),
        request="{}",
        synthetic_request=True,
    )


@pytest.fixture(scope="module")
def recorded(corpora: Path | None) -> list[Record]:
    """Recorded answers that are whole and good."""
    if corpora is None:
        return []
    return [
        record
        for record in load(corpora)
        if record.status == 200
        and record.dialect in OTHER
        and not (record.stream or record.is_array)
        and not record.id.startswith("fx-")
    ]


@pytest.fixture(scope="module")
def gateway(recorded: list[Record], module_path: Path) -> Iterator[Gateway]:
    cases = [made_up(name, answer) for name, (answer, _) in CASES.items()]
    with ReplayServer([*cases, *recorded]) as server:
        providers = {
            "rec-openai": {"dialect": "openai", "base_url": f"{server.url}/v1", "api_key": "none"},
            "rec-anthropic": {"dialect": "anthropic", "base_url": server.url, "api_key": "none"},
            "rec-gemini": {"dialect": "gemini", "base_url": server.url, "api_key": "none"},
            "rec-openai_responses": {
                "dialect": "openai_responses",
                "base_url": f"{server.url}/v1",
                "api_key": "none",
            },
        }
        with Gateway(server.url, module_path, providers=providers) as running:
            yield running


def read(gateway: Gateway, records: list[tuple[str, str]]) -> list[Got]:
    """The answers as clients of the other dialect get them. Args: records: dialect, id."""
    asks = [Ask(f"rec-{dialect}/{name}.whole", OTHER[dialect]) for dialect, name in records]
    return run_asks(gateway.url, gateway.key, asks, concurrency=32)


@pytest.fixture(scope="module")
def answers(gateway: Gateway) -> dict[str, Got]:
    """What became of each case."""
    got = read(gateway, [(name.partition("-")[0], name) for name in CASES])
    return dict(zip(CASES, got, strict=True))


@pytest.mark.parametrize("name", CASES)
def test_an_answer_in_the_other_dialect(answers: dict[str, Got], name: str) -> None:
    got = answers[name]
    assert got.status == 200, got.raw
    answer = json.loads(got.raw)
    TYPES[got.ask.dialect].model_validate(answer)
    assert within(CASES[name][1], answer) == ""


def within(expected: Any, given: Any, path: str = "") -> str:
    """Where `given` lacks what is expected; objects may have more, lists may not."""
    if expected == given:
        return ""
    if path.endswith(".function.arguments") and isinstance(given, str):
        given = json.loads(given)
        expected = json.loads(expected) if isinstance(expected, str) else expected
        return "" if expected == given else f"{path}: {given!r} is not {expected!r}"
    if isinstance(expected, dict) and isinstance(given, dict):
        problems = (within(want, given.get(key), f"{path}.{key}") for key, want in expected.items())
        return next(filter(None, problems), "")
    if isinstance(expected, list) and isinstance(given, list) and len(expected) == len(given):
        pairs = enumerate(zip(expected, given, strict=True))
        problems = (within(want, has, f"{path}[{at}]") for at, (want, has) in pairs)
        return next(filter(None, problems), "")
    return f"{path}: {given!r} is not {expected!r}"


def test_recorded_answers_are_of_the_other_vendors_types(
    gateway: Gateway, recorded: list[Record]
) -> None:
    if not recorded:
        pytest.skip("no recorded traffic here: recorded answers were NOT held against the types")
    wrong: list[str] = []
    total = broken = 0
    for record, got in zip(
        recorded, read(gateway, [(r.dialect, r.id) for r in recorded]), strict=True
    ):
        wanted = decode(record)
        if wanted.error:
            broken += 1  # an error inside a 200; the replay holds these
            continue
        total += 1
        problem = fault(wanted, got, OTHER[record.dialect])
        if problem is not None:
            wrong.append(f"{record.id} {record.provider}: {problem}")
    print(
        f"\n{total - len(wrong)} of {total} recorded answers are of the other vendor's types; {broken} had errors inside"
    )
    print("\n".join(wrong))
    assert len(wrong) <= 0.01 * total


def fault(wanted: Meaning, got: Got, dialect: str) -> str | None:
    """Why this is not the answer in the other dialect."""
    if got.status != 200:
        return f"status {got.status}: {got.raw[:200]!r}"
    try:
        TYPES[dialect].model_validate_json(got.raw)
    except ValidationError as error:
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    if wanted.choices == 1 and got.text not in (wanted.text, wanted.text + wanted.refusal):
        return f"text {got.text[:80]!r}, not {wanted.text[:80]!r}"
    return None
