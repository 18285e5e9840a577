"""Vectors that are kept text by text: only texts that nobody asked for go to the provider."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx
import pytest

from ..faults.checks import assert_row, eventually, ref
from ..faults.conftest import Start
from ..gateway import OTHER_KEY, Gateway, merge
from ..upstream import ScriptedUpstream
from ..valkey import Server as Valkey
from .checks import ON, say, told


def sent(
    gateway: Gateway, model: str, texts: Any, *directives: str, **fields: Any
) -> httpx.Response:
    """What a request for vectors of these texts is answered with."""
    headers = {"authorization": f"Bearer {gateway.key}", "x-request-id": ref("vectors")}
    return httpx.post(
        f"{gateway.url}/v1/embeddings",
        headers=headers | (say(*directives) if directives else {}),
        json={"model": model, "input": texts, **fields},
        timeout=30,
    )


def ask(
    gateway: Gateway, model: str, texts: Any, *directives: str, **fields: Any
) -> httpx.Response:
    """Vectors of these texts."""
    answer = sent(gateway, model, texts, *directives, **fields)
    assert answer.status_code == 200, answer.text
    return answer


def is_kept(gateway: Gateway, model: str, texts: Any) -> bool:
    """Whether all of them are kept; nobody else is asked."""
    return sent(gateway, model, texts, "only-if-cached").status_code == 200


def age_s(answer: httpx.Response) -> int:
    """What a hit says of itself."""
    return int(answer.headers["x-sluicegate-cache-age-s"])


def asked(upstream: ScriptedUpstream, name: str) -> list[Any]:
    """What of texts the provider was asked for, request by request."""
    return [json.loads(exchange.body)["input"] for exchange in upstream.of(name)]


@pytest.mark.parametrize("coding", ["float", "base64"])
def test_only_new_texts_go_to_the_provider(
    gateways: Start, upstream: ScriptedUpstream, coding: str
) -> None:
    gateway = gateways(**ON)
    name = f"ok-1@{ref('texts')}"
    own = ref("")
    one, two, three, four = (f"{own} {'x' * length}" for length in (1, 2, 3, 4))

    first = ask(gateway, f"u/{name}", [one, two], encoding_format=coding)
    mixed = ask(gateway, f"u/{name}", [three, one, four, one], encoding_format=coding)
    kept = ask(gateway, f"u/{name}", [four, two], encoding_format=coding)
    other = ask(gateway, f"u/{name}", [one, three], encoding_format=coding, dimensions=2)

    assert [told(answer) for answer in (first, mixed, kept, other)] == [
        "miss",
        "miss",
        "hit",
        "miss",
    ]
    assert asked(upstream, name) == [[one, two], [three, four], [one, three]]
    whole = ask(gateway, f"u/{name}-whole", [three, one, four, one], encoding_format=coding)
    assert mixed.json()["data"] == whole.json()["data"]
    assert mixed.json()["usage"] == whole.json()["usage"]
    [row] = gateway.rows(mixed.request.headers["x-request-id"])
    assert (
        int(row["input_tokens"]) + int(row["saved_input_tokens"])
        == (whole.json()["usage"]["prompt_tokens"])
    )
    assert Decimal(row["saved_usd"]) > 0
    [row] = gateway.rows(kept.request.headers["x-request-id"])
    assert_row(row, attempt=0, outcome="cached", basis="none", cost_usd=0)
    assert int(row["saved_input_tokens"]) == kept.json()["usage"]["prompt_tokens"]


def test_texts_of_one_tenant_are_nothing_to_another(
    gateways: Start, upstream: ScriptedUpstream
) -> None:
    gateway = gateways(**ON)
    name = f"ok-1@{ref('texts')}"
    own = ref("")
    ask(gateway, f"u/{name}", [f"{own} 1", f"{own} 2"])
    gateway.key, key = OTHER_KEY, gateway.key
    try:
        ask(gateway, f"u/{name}", [f"{own} 2", f"{own} 3"])
    finally:
        gateway.key = key
    assert asked(upstream, name)[1] == [f"{own} 2", f"{own} 3"]


def test_more_than_a_screen_of_kept_vectors_is_a_hit_too(
    gateways: Start, upstream: ScriptedUpstream
) -> None:
    gateway = gateways(**ON)
    name = f"ok-1@{ref('texts')}"
    texts = [f"{ref('')} {number}" for number in range(1500)]
    ask(gateway, f"u/{name}", texts)
    again = ask(gateway, f"u/{name}", texts[::-1])
    assert told(again) == "hit"
    assert [item["index"] for item in again.json()["data"]] == list(range(1500))
    assert len(upstream.of(name)) == 1
    assert told(ask(gateway, f"u/{name}", texts[0])) == "hit"  # alone, and in no list


def test_vectors_of_two_models_are_never_one_answer(
    gateways: Start, upstream: ScriptedUpstream
) -> None:
    """Where a name has several models behind it, whoever answers is asked for all texts."""
    first, second = f"fault-500-then-ok-2@{ref('texts')}", f"ok-1@{ref('texts')}"
    gateway = gateways(**merge(ON, {"models": {"m": {"targets": [f"u/{first}", f"u/{second}"]}}}))
    own = ref("")
    for texts in ([f"{own} 1", f"{own} 2"], [f"{own} 2", f"{own} 3"]):
        by = ask(gateway, "m", texts).headers["x-sluicegate-model"]
        assert asked(upstream, by)[-1] == texts
    assert told(ask(gateway, "m", [f"{own} 2", f"{own} 3"])) == "hit"


# ages and ends


def test_an_answer_of_kept_vectors_is_as_old_as_the_oldest(
    gateways: Start, upstream: ScriptedUpstream
) -> None:
    gateway, name = gateways(**ON), f"ok-1@{ref('texts')}"
    one, two = (f"{ref('')} {number}" for number in (1, 2))
    ask(gateway, f"u/{name}", [one])
    time.sleep(2.1)
    mixed = ask(gateway, f"u/{name}", [one, two])
    hits = [ask(gateway, f"u/{name}", texts) for texts in ([one, two], [two, one])]
    assert [told(answer) for answer in (mixed, *hits)] == ["miss", "hit", "hit"]
    assert min(map(age_s, hits)) >= 2
    assert is_kept(gateway, f"u/{name}", [two])
    ask(gateway, f"u/{name}", [one, two], "max-age=2")
    assert asked(upstream, name) == [[one], [two], [one]]


def test_a_vector_ends_when_it_was_to_end_whatever_it_was_part_of(
    gateways: Start, upstream: ScriptedUpstream
) -> None:
    gateway, name = gateways(**ON), f"ok-1@{ref('texts')}"
    one, two = (f"{ref('')} {number}" for number in (1, 2))
    ask(gateway, f"u/{name}", [one], "ttl=2")
    ask(gateway, f"u/{name}", [one, two])
    time.sleep(2.1)
    ask(gateway, f"u/{name}", [one, two])
    assert asked(upstream, name) == [[one], [two], [one]]


def test_an_answer_of_kept_vectors_names_what_was_left_out(
    gateways: Start, upstream: ScriptedUpstream
) -> None:
    gateway, name = gateways(**ON), f"ok-1@{ref('texts')}"
    for texts in (["1", "2"], ["2", "1"]):
        got = ask(gateway, f"c/{name}", texts, user="somebody")
        assert got.headers["x-sluicegate-dropped"] == "user"
    assert (told(got), len(upstream.of(name))) == ("hit", 1)


# purging

#: What is purged, of a vector that the first request brought and the second has a part of; and
#: which texts the second asks for then.
PURGES: dict[str, tuple[Callable[[str, str], dict[str, Any]], str]] = {
    "the first's tag": (lambda own, _key: {"tag": f"one {own}"}, "1"),
    "the second's tag": (lambda own, _key: {"tag": f"two {own}"}, "12"),
    "the second's key": (lambda _own, key: {"key": key}, "12"),
}


@pytest.mark.parametrize(("what", "again"), PURGES.values(), ids=PURGES)
def test_a_purge_reaches_single_vectors(
    gateways: Start,
    upstream: ScriptedUpstream,
    what: Callable[[str, str], dict[str, Any]],
    again: str,
) -> None:
    gateway, name, own = gateways(**ON), f"ok-1@{ref('texts')}", ref("")
    one, two = (f"{own} {number}" for number in (1, 2))
    ask(gateway, f"u/{name}", [one], f"tag=one {own}")
    mixed = ask(gateway, f"u/{name}", [one, two], f"tag=two {own}")
    assert asked(upstream, name) == [[one], [two]]
    purged = what(own, mixed.headers["x-sluicegate-cache-key"])
    answer = gateway.admin("POST", "/admin/v1/cache/purge", purged)
    assert answer.status_code == 200, answer.text

    def is_over() -> bool:
        directives = ("only-if-cached", f"tag=two {own}")
        return sent(gateway, f"u/{name}", [one, two], *directives).status_code == 504

    assert eventually(is_over)
    assert is_kept(gateway, f"u/{name}", [one]) is (again == "12")
    ask(gateway, f"u/{name}", [one, two], f"tag=two {own}")
    assert asked(upstream, name)[2:] == [[text for text in (one, two) if text[-1] in again]]


# beside memory


def beside(gateway: Gateway, what: str) -> int:
    """How often something was done with what is beside a worker's memory."""
    shown = gateway.admin("GET", "/admin/v1/cache").json()
    return int(shown["worker"]["beside"][what])


@pytest.mark.parametrize("tier", ["store", "redis"])
def test_single_vectors_outlive_a_restart(
    own_gateway: Start, upstream: ScriptedUpstream, redis: Valkey, tier: str
) -> None:
    """A look may be late on a busy machine: each of some vectors is looked for once."""
    shared = {"shared_state": redis.url} if tier == "redis" else {}
    gateway = own_gateway(cache={"exact": {"enabled": True, "tier": tier}}, **shared)
    name, own = f"ok-1@{ref('texts')}", ref("")
    texts = [f"{own} {number}" for number in range(12)]
    ask(gateway, f"u/{name}", texts)
    assert eventually(lambda: beside(gateway, "put") == len(texts))
    assert gateway.stop() == 0
    gateway.start()
    for number, text in enumerate(texts[:6]):
        ask(gateway, f"u/{name}", [f"{own} new {number}", text])
    found = [f"{own} new {number}" for number in range(6)]
    assert any([text] in asked(upstream, name) for text in found)
    pairs = [texts[at : at + 2] for at in (6, 8, 10)]
    assert any(is_kept(gateway, f"u/{name}", pair) for pair in pairs)


#: What is set, of how many texts an answer is, and how many entries memory has for it, and stores.
KEPT: dict[str, tuple[dict[str, Any], int, int, int]] = {
    "text by text alone": ({}, 3, 3, 3),
    "as a whole, which may be given too old": ({"stale_if_error_s": 60.0}, 3, 4, 4),
    "as a whole too, since stores take fewer": ({}, 65, 66, 1),
}


@pytest.mark.parametrize(("exact", "count", "in_memory", "in_store"), KEPT.values(), ids=KEPT)
def test_the_same_texts_are_answered_the_same_however_they_are_kept(
    own_gateway: Start, exact: dict[str, Any], count: int, in_memory: int, in_store: int
) -> None:
    gateway = own_gateway(cache={"exact": {"enabled": True, **exact}})
    name, own = f"u/ttft-300+ok-1@{ref('texts')}", ref("")
    texts = [f"{own} {number}" for number in range(count)]
    first = ask(gateway, name, texts)
    assert eventually(lambda: beside(gateway, "put") >= in_store)
    again = ask(gateway, name, texts)
    assert told(again) == "hit"
    assert again.json() == first.json()
    shown = gateway.admin("GET", "/admin/v1/cache").json()["worker"]
    assert (shown["memory"]["kept"], shown["beside"]["put"]) == (in_memory, in_store)
    for header in ("provider", "model", "cache-key"):
        assert again.headers[f"x-sluicegate-{header}"] == first.headers[f"x-sluicegate-{header}"]
    [paid] = gateway.rows(first.request.headers["x-request-id"])
    [saved] = gateway.rows(again.request.headers["x-request-id"])
    assert saved["response_model"] == paid["response_model"] == name.partition("/")[2]
    assert saved["saved_input_tokens"] == paid["input_tokens"]
    assert Decimal(saved["saved_usd"]) == Decimal(paid["cost_usd"]) > 0
    assert 200 <= saved["saved_ms"] <= paid["latency_ms"]


def test_vectors_of_very_many_texts_are_in_memory_alone(own_gateway: Start) -> None:
    gateway, name, own = own_gateway(cache={"exact": {"enabled": True}}), f"ok-1@{ref('')}", ref("")
    texts = [f"{own} {number}" for number in range(65)]
    ask(gateway, f"u/{name}", texts)
    assert eventually(lambda: beside(gateway, "put") > 0)  # the whole answer, which comes last
    assert beside(gateway, "put") == 1
    assert is_kept(gateway, f"u/{name}", texts[:1])


def test_texts_of_a_large_request_are_kept_one_by_one(
    gateways: Start, upstream: ScriptedUpstream
) -> None:
    gateway, name, own = gateways(**ON), f"ok-1@{ref('texts')}", ref("")
    texts = [f"{own} {number} {'x' * 4000}" for number in range(100)]
    ask(gateway, f"u/{name}", texts[:99])
    mixed = ask(gateway, f"u/{name}", texts)
    assert asked(upstream, name)[1:] == [texts[99:]]
    assert mixed.json()["data"] == ask(gateway, f"u/{name}-whole", texts).json()["data"]
    assert told(ask(gateway, f"u/{name}", texts[::-1])) == "hit"
