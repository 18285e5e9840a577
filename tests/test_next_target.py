"""The next target in another dialect: what is told of what it cannot say."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .client import Got, run_ask
from .gateway import Gateway
from .upstream import ScriptedUpstream

SEED = {"seed": 1}  # Messages has none, and answers mean the same without
LOGPROBS = {"logprobs": True}  # nor these, which a client would miss
DROP = {"unsupported": "drop"}
MODELS: dict[str, dict[str, Any]] = {
    "there": {"targets": ["u/fault-503@there", "a/ok-3@there"]},
    "there and back": {"targets": ["a/fault-529@back", "u/ok-3@back"], **DROP},
    "there, dropping": {"targets": ["a/ok-3@drop"], **DROP},
    "there, late": {"targets": ["u/fault-hang@late", "a/ok-3@late"]},
}


@pytest.fixture(scope="module")
def gateway(module_path: Path) -> Iterator[Gateway]:
    late = {"commit_after_s": 0.3, "timeouts": {"first_byte_s": 1}}
    with (
        ScriptedUpstream() as upstream,
        Gateway(upstream.url, module_path, models=MODELS, **late) as running,
    ):
        yield running


def ask(gateway: Gateway, model: str, **fields: Any) -> Got:
    return run_ask(gateway.url, gateway.key, model, **fields)


def test_what_it_cannot_say_is_a_400(gateway: Gateway) -> None:
    got = ask(gateway, "there", fields=LOGPROBS)
    assert (got.status, got.code) == (400, "unsupported_field")
    assert got.error is not None
    assert got.error["param"] == "logprobs"


def test_what_it_cannot_say_is_an_event_where_the_head_is_out(gateway: Gateway) -> None:
    got = ask(gateway, "there, late", fields=LOGPROBS, stream=True)
    assert got.status == 200
    assert got.broken is None
    assert got.code == "unsupported_field"
    assert got.terminators == 0


def test_what_was_left_out_is_named(gateway: Gateway) -> None:
    got = ask(gateway, "there, dropping", fields=SEED)
    assert got.status == 200
    assert got.headers["x-sluicegate-dropped"] == "seed"


def test_what_a_client_calls_its_fields_breaks_no_header(gateway: Gateway) -> None:
    got = ask(gateway, "there, dropping", fields={"a\r\nx-forged: 1": 1, "é\0": 2})
    assert got.status == 200
    assert got.headers["x-sluicegate-dropped"] == "a??x-forged: 1, ??"
    assert "x-forged" not in got.headers


def test_only_the_target_that_answers_left_something_out(gateway: Gateway) -> None:
    got = ask(gateway, "there and back", fields=SEED)
    assert got.status == 200
    assert got.headers["x-sluicegate-attempts"] == "3"
    assert "x-sluicegate-dropped" not in got.headers
