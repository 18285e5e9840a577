"""What every fault test says: dialect pairs, requests, clauses about answers and ledger rows."""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Callable
from decimal import Decimal
from itertools import product
from typing import Any, TypeVar
from zlib import crc32

import openai
import pytest

from ..client import Ask, Got, run_asks
from ..gateway import FRONT, Gateway, Row
from ..upstream import text

#: Repetitions: 1 is what fits 30 s on two cores; the nightly figure of the table is 20 or more.
SCALE = int(os.environ.get("SLUICEGATE_FAULT_SCALE", "1"))

#: (client dialect, provider): same and other dialect, both ways.
PAIRS = [
    ("openai", "u"),
    ("anthropic", "a"),
    ("openai", "a"),
    ("anthropic", "u"),
]
#: Those with OpenAI's Responses as the client's dialect, and as the provider's.
RESPONSES_CLIENTS = [("openai_responses", "u"), ("openai_responses", "a")]
RESPONSES_PROVIDERS = [("openai", "r"), ("anthropic", "r")]
#: What only hosts speak.
HOSTS = {"b": "bedrock", "c": "cohere", "o": "ollama"}
#: Those with such a host, and with Claude on Bedrock, which has Bedrock's messages around its own.
HOST_PAIRS = [(dialect, host) for dialect in ("openai", "anthropic") for host in (*HOSTS, "i")]
#: Claude on Vertex AI streams as Anthropic itself does.
VERTEX_PROVIDERS = [("openai", "v"), ("anthropic", "v")]
ALL_PAIRS = [
    *PAIRS,
    *RESPONSES_CLIENTS,
    *RESPONSES_PROVIDERS,
    *HOST_PAIRS,
    *VERTEX_PROVIDERS,
]
CLIENTS = ("openai", "anthropic", "gemini", "openai_responses")
PROVIDERS = ("u", "a", "g", "r", *HOSTS, "i", "v")
T = TypeVar("T", bound=Callable[..., None])
pairs = pytest.mark.parametrize(("dialect", "provider"), PAIRS, ids=[f"{d}-{p}" for d, p in PAIRS])


def pairs_of(case: str) -> list[tuple[str, str]]:
    """Each of `PAIRS`; of those with Responses one client's and one provider's, and one with a
    dialect that only hosts speak, in turn by the case's name, so that the suite stays short. Under
    the second front, which knows no dialect, one that passes as it is and one that is translated.
    All there are: `SLUICEGATE_ALL_PAIRS=1`.
    """
    turn = crc32(case.encode())
    some = [*PAIRS, RESPONSES_CLIENTS[turn % 2], RESPONSES_PROVIDERS[turn // 2 % 2]]
    some.append(HOST_PAIRS[turn // 4 % len(HOST_PAIRS)])
    if os.environ.get("SLUICEGATE_ALL_PAIRS") == "1":
        return list(product(CLIENTS, PROVIDERS))
    if FRONT != "native":
        return [some[turn % 2], some[2 + turn // 2 % 4]]
    return some


def all_pairs(test: T) -> T:
    """`pairs_of` a test, each as a test of its own: where nothing waits. What waits asks for all of
    them at once.
    """
    some = pairs_of(test.__name__)
    names = [f"{dialect}-{provider}" for dialect, provider in some]
    return pytest.mark.parametrize(("dialect", "provider"), some, ids=names)(test)


forms = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])

#: The dialect that a provider speaks itself, for cases that are not about translation.
NATIVE = {"u": "openai", "a": "anthropic", "g": "gemini", "r": "openai_responses"}
#: Those that no client speaks, or in another envelope.
UPSTREAM_ONLY = HOSTS | {"i": "anthropic", "v": "anthropic"}


def upstream_dialect(dialect: str, provider: str) -> str:
    """What a provider is spoken to in for a client: `u` has Responses beside Chat Completions."""
    both = provider == "u" and dialect == "openai_responses"
    return dialect if both else (NATIVE | UPSTREAM_ONLY)[provider]


def ref(case: str) -> str:
    """A name that no other request has, with the case's id in it."""
    return f"{case}-{uuid.uuid4().hex[:8]}"


def openai_client(gateway: Gateway, name: str) -> openai.OpenAI:
    """The official SDK, whose requests are known by a name in the ledger."""
    more = {"x-request-id": name}
    url = f"{gateway.url}/v1"
    return openai.OpenAI(base_url=url, api_key=gateway.key, default_headers=more, max_retries=0)


def only_row(gateway: Gateway, name: str) -> Row:
    """The row of a request that had one attempt."""
    [row] = gateway.rows(name)
    return row


def ask(gateway: Gateway, model: str, **fields: Any) -> Got:
    """One request through the gateway; `fields` are those of `Ask`."""
    return run_asks(gateway.url, gateway.key, [Ask(model, **fields)])[0]


def asks(gateway: Gateway, what: list[Ask], concurrency: int = 16) -> list[Got]:
    """Many requests through the gateway."""
    return run_asks(gateway.url, gateway.key, what, concurrency=concurrency)


def assert_good(got: Got, tokens: int = 10, *, wide: bool = False) -> None:
    """A whole good answer in the form that was asked for."""
    assert got.status == 200, got.raw[:500]
    assert got.broken is None
    assert got.error is None
    assert got.is_stream is got.ask.stream
    assert got.text == text(tokens, wide=wide)
    assert got.finish in ("stop", "end_turn", "completed", "STOP")
    if got.ask.stream:
        assert got.terminators == 1


def assert_cut(got: Got, tokens: int) -> None:
    """A stream that broke: the tokens that came, an error in the dialect, no success terminator."""
    assert got.status == 200, got.raw[:500]
    assert got.text == text(tokens)
    assert got.error is not None, got.raw[-500:]
    assert got.terminators == 0
    assert got.finish in (None, "in_progress")  # that is how a response begins
    assert_error_shape(got)


def assert_refused(got: Got, status: int, *, origin: str = "upstream") -> None:
    """An error response: status, shape of the dialect, whose fault it is, nothing leaked."""
    assert got.status == status, got.raw[:500]
    assert got.broken is None
    assert_error_shape(got)
    assert got.error is not None
    assert got.error.get("origin") == origin
    assert got.code
    assert b"LEAK" not in got.raw
    assert b"<html" not in got.raw


def assert_error_shape(got: Got) -> None:
    """OpenAI: message, type, code.  Anthropic: a typed envelope.  Google: a number, a status and
    a reason.  Strings where they belong.
    """
    error = got.error
    assert error is not None
    assert isinstance(error["message"], str)
    if got.ask.dialect == "gemini":
        assert isinstance(error["code"], int)
        assert isinstance(error["status"], str)
        if "origin" in error:  # an event that passed as Google wrote it has neither
            assert isinstance(error["details"][0]["reason"], str)
        return
    assert isinstance(error["type"], str)
    if got.ask.dialect != "anthropic":
        assert {"message", "type", "code"} <= set(error)
    else:
        envelopes = got.payloads if got.is_stream else [json.loads(got.raw)]
        assert any(body.get("type") == "error" for body in envelopes)


def assert_row(row: Row, **expected: Any) -> None:
    """The named columns of a row; empty is 0 and ''; money is compared as decimals."""
    for name, value in expected.items():
        found = row.get(name)
        if name == "cost_usd":
            assert Decimal(str(found or 0)) == Decimal(str(value)), (name, row)
        else:
            assert (found or None) == (value or None), (name, found, value, row)


def assert_free(row: Row) -> None:
    """An attempt that cost nothing."""
    assert_row(row, input_tokens=0, output_tokens=0, cost_usd=0, basis="none", outcome="error")


def cost(input_tokens: int, output_tokens: int) -> Decimal:
    """What the test prices (1 and 2 dollars per million) make of it."""
    return (Decimal(input_tokens) + 2 * Decimal(output_tokens)) / Decimal(10**6)


def eventually(condition: Callable[[], object], within_s: float = 2.0) -> bool:
    """Whether `condition` becomes true in time."""
    end = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True
