"""What the cache does is counted: once for each request, as the ledger has it."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from ..client import Ask, run_asks
from ..faults.checks import eventually
from ..gateway import KEY, Gateway, Row
from ..upstream import ScriptedUpstream
from .scrape import Scraped, scrape, sums_by
from .test_truth import workers_of

ON: dict[str, Any] = {"enabled": True, "tier": "memory"}
#: Until an answer of the model `aged` is too old.
TTL_S = 1
#: Who of a crowd asks first is answered so late that all others have asked.
CROWD = 10
SETTINGS: dict[str, Any] = {
    "cache": {"exact": ON},
    "models": {
        "smart": {"targets": ["u/ok-5@smart"]},
        "aged": {
            "targets": ["u/ok-5@aged"],
            "cache": {"exact": {"ttl_s": TTL_S, "stale_while_revalidate_s": 60}},
        },
        "stood-in": {
            "targets": ["u/ok-5@stood-in"],
            "cache": {"exact": {"ttl_s": TTL_S, "stale_if_error_s": 60}},
        },
        "off": {"targets": ["u/ok-5@off"], "cache": {"exact": {"enabled": False}}},
    },
}
#: What the ledger has for what is counted.
IN_LEDGER = {"stale": "hit", "followed": "hit"}


def by_result(scraped: Scraped) -> dict[str, Decimal]:
    """Requests by what the cache did for them."""
    counted = scraped.by("sluicegate_cache_requests_total", "result")
    return {result: count for (result,), count in counted.items()}


def say(*directives: str) -> dict[str, str]:
    """The header with these directives."""
    return {"x-sluicegate-cache": ", ".join(directives)}


def last_rows(rows: list[Row]) -> list[Row]:
    """The row of each request that says how it ended: a kept answer's, where one stood in."""

    def rank(row: Row) -> tuple[bool, int]:
        return row["outcome"] == "cached", int(row["attempt"])

    return list({row["request_id"]: row for row in sorted(rows, key=rank)}.values())


def saved(rows: list[Row], column: str) -> dict[tuple[str, ...], Decimal]:
    """Sums of a column by provider and model."""
    return sums_by(rows, lambda row: (row["provider"] or "", row["routed_model"] or ""), column)


def assert_as_in_ledger(scraped: Scraped, rows: list[Row]) -> None:
    """Difference 0: requests by result, and what was saved by model."""
    counted: dict[tuple[str, ...], Decimal] = {}
    for result, count in by_result(scraped).items():
        word = (IN_LEDGER.get(result, result),)
        counted[word] = counted.get(word, Decimal()) + count
    assert counted == sums_by(last_rows(rows), lambda row: (row["cache"],))
    assert sum(counted.values()) == scraped.of("sluicegate_request_duration_seconds_count")
    usd = scraped.by("sluicegate_cache_saved_usd_total", "provider", "model")
    assert usd == saved(rows, "saved_usd")
    for name in ("input", "output"):
        by_class = scraped.by("sluicegate_cache_saved_tokens_total", "provider", "model", "class")
        tokens = {key[:2]: value for key, value in by_class.items() if key[2] == name}
        assert tokens == saved(rows, f"saved_{name}_tokens"), name


def asked(gateway: Gateway, *what: Ask) -> list[str]:
    """What each answer says of the cache, one after the other."""
    return [
        str(got.headers.get("x-sluicegate-cache", got.status))
        for got in run_asks(gateway.url, KEY, list(what), concurrency=1)
    ]


def test_each_request_is_counted_once_by_what_the_cache_did(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    with Gateway(upstream.url, tmp_path, **SETTINGS) as gateway:
        words = asked(
            gateway,
            Ask("smart"),
            Ask("smart"),
            Ask("smart", stream=True),
            Ask("smart", text="another", headers=say("only-if-cached")),
            Ask("smart", headers=say("no-cache")),
            Ask("smart", headers=say("no-store")),
            Ask("off"),
            Ask("u/fault-503"),
        )
        assert words[:-1] == ["miss", "hit", "hit", "504", "bypass", "bypass", "bypass"]
        expected = {"miss": 3, "hit": 2, "bypass": 3}
        assert by_result(scrape(gateway)) == expected
        assert eventually(lambda: len(last_rows(gateway.ledger())) == sum(expected.values()))
        assert_as_in_ledger(scrape(gateway), gateway.ledger())


def test_those_who_follow_are_counted_apart(upstream: ScriptedUpstream, tmp_path: Path) -> None:
    patient = SETTINGS | {"timeouts": {"first_byte_s": 20}}
    with Gateway(upstream.url, tmp_path, **patient) as gateway:
        crowd = [Ask("u/ok-5+ttft-2000", stream=stream) for stream in (False, True)] * CROWD
        got = run_asks(gateway.url, KEY, crowd, concurrency=len(crowd))
        assert {each.status for each in got} == {200}
        # A stream's crowd follows one stream, the others one answer.
        assert by_result(scrape(gateway)) == {"miss": 2, "followed": 2 * CROWD - 2}
        assert eventually(lambda: len(gateway.ledger()) == len(crowd))
        assert_as_in_ledger(scrape(gateway), gateway.ledger())


def test_what_is_too_old_is_counted_apart(tmp_path: Path) -> None:
    with ExitStack() as ends, Gateway(_until(ends), tmp_path, **SETTINGS) as gateway:
        assert asked(gateway, Ask("aged"), Ask("stood-in")) == ["miss", "miss"]
        time.sleep(TTL_S + 0.2)
        assert asked(gateway, Ask("aged")) == ["hit"]
        # What it asks anew behind the answer is a request of its own, and looks for none.
        renewed = {"miss": 2, "stale": 1, "bypass": 1}
        assert eventually(lambda: by_result(scrape(gateway)) == renewed, 5)
        ends.close()
        assert asked(gateway, Ask("stood-in")) == ["hit"]
        expected = renewed | {"stale": 2}
        assert by_result(scrape(gateway)) == expected
        assert eventually(lambda: len(last_rows(gateway.ledger())) == sum(expected.values()))
        assert_as_in_ledger(scrape(gateway), gateway.ledger())


def _until(ends: ExitStack) -> str:
    """The URL of an upstream that a test may end."""
    return ends.enter_context(ScriptedUpstream()).url


def test_vectors_that_were_kept_are_saved_text_by_text(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    with Gateway(upstream.url, tmp_path, **SETTINGS) as gateway:
        for texts in (["one", "two"], ["two", "three"], ["three", "one"]):
            answer = httpx.post(
                f"{gateway.url}/v1/embeddings",
                headers={"authorization": f"Bearer {KEY}"},
                json={"model": "u/ok-1@vectors", "input": texts},
                timeout=10,
            )
            assert answer.status_code == 200, answer.text
        scraped = scrape(gateway)
        assert by_result(scraped) == {"miss": 2, "hit": 1}
        assert scraped.of("sluicegate_cache_saved_usd_total") > 0
        assert eventually(lambda: len(gateway.ledger()) == 3)
        assert_as_in_ledger(scraped, gateway.ledger())


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_hit_is_counted_before_its_last_byte(
    upstream: ScriptedUpstream, tmp_path: Path, stream: bool
) -> None:
    """Whoever has an answer and looks at once finds it counted, at every worker."""
    with (
        Gateway(upstream.url, tmp_path, **SETTINGS, server={"workers": 2}) as gateway,
        httpx.Client(base_url=gateway.url, timeout=10) as client,
    ):
        ask = Ask("smart", stream=stream)
        for number in range(1, 101):
            answer = client.post(ask.path(), content=ask.content(), headers=ask.head(KEY))
            assert answer.status_code == 200, answer.text
            counted = by_result(scrape(gateway))
            assert counted["miss"] <= 2  # each worker has its own memory
            assert counted["miss"] + counted.get("hit", 0) == number


def test_a_crowd_at_two_workers_is_counted_as_the_ledger_has_it(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    with Gateway(upstream.url, tmp_path, **SETTINGS, server={"workers": 2}) as gateway:
        crowd = [
            Ask("smart", text=f"question {number % 7}", stream=number % 3 == 0, dialect=dialect)
            for number in range(140)
            for dialect in ("openai", "anthropic")
        ]
        with ThreadPoolExecutor(2) as threads:
            for half in (crowd[::2], crowd[1::2]):
                threads.submit(run_asks, gateway.url, KEY, half, concurrency=16)
        counted = by_result(scrape(gateway))
        assert set(counted) <= {"miss", "hit", "followed"}
        assert sum(counted.values()) == len(crowd)
        assert eventually(lambda: len(last_rows(gateway.ledger())) == len(crowd))
        assert_as_in_ledger(scrape(gateway), gateway.ledger())


def test_what_memory_holds_and_loses_is_shown(upstream: ScriptedUpstream, tmp_path: Path) -> None:
    """A memory for few answers: the gauges are what the worker says of itself."""
    small = {"cache": {"exact": ON | {"max_bytes": "64KiB"}}}
    with Gateway(upstream.url, tmp_path, **small) as gateway:
        many = [Ask("u/ok-100", text=f"question {number}") for number in range(120)]
        run_asks(gateway.url, KEY, many, concurrency=4)
        held = gateway.admin("GET", "/admin/v1/cache").json()["worker"]["memory"]
        assert held["evicted"] > 0
        assert 0 < held["bytes"] <= 64 << 10
        expected = tuple(held[name] for name in ("entries", "bytes", "evicted"))
        assert eventually(lambda: levels(gateway)[:3] == expected, 3)
        purged = gateway.admin("POST", "/admin/v1/cache/purge", {"all": True})
        assert purged.status_code == 200, purged.text
        emptied = (0, 0, held["evicted"], 0)
        assert eventually(lambda: levels(gateway) == emptied, 3), "a purge is no eviction"


def levels(gateway: Gateway) -> tuple[int, ...]:
    """Answers, bytes, evictions, questions."""
    scraped = scrape(gateway)
    names = ("entries", "bytes", "evictions_total", "questions")
    return tuple(int(scraped.of(f"sluicegate_cache_{name}")) for name in names)


def test_what_a_dead_worker_held_is_held_no_more(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    with Gateway(upstream.url, tmp_path, **SETTINGS, server={"workers": 2}) as gateway:
        many = [Ask("smart", text=f"question {number}") for number in range(50)]
        run_asks(gateway.url, KEY, many, concurrency=8)
        assert eventually(lambda: levels(gateway)[0] == 50, 3)
        for process in workers_of(gateway):
            process.kill()
        assert eventually(lambda: len(workers_of(gateway)) == 2 and gateway.ready(), 10)
        assert eventually(lambda: levels(gateway)[0] == 0, 3)


QUESTION = "How do I reset my password?"
SAME = "How can I reset my password?"
OTHER = "How do I reset my password in 3 steps?"
FAR = "What is the capital of France?"


def semantic(**fields: Any) -> dict[str, Any]:
    """Settings whose cache answers by likeness."""
    return {"cache": {"exact": ON, "semantic": {"enabled": True, "threshold": 0.6, **fields}}}


def looks(gateway: Gateway) -> dict[tuple[str, ...], Decimal]:
    """Looks by what came of them."""
    return scrape(gateway).by("sluicegate_cache_semantic_looks_total", "result", "difference")


def vectors(gateway: Gateway) -> dict[tuple[str, ...], Decimal]:
    """Waits for vectors, by embedder and outcome."""
    name = "sluicegate_cache_embedding_duration_seconds_count"
    return scrape(gateway).by(name, "embedder", "outcome")


def kept(gateway: Gateway) -> None:
    """Has a question asked, and in the index."""
    assert asked(gateway, Ask("u/ok-5", text=QUESTION)) == ["miss"]
    assert eventually(lambda: levels(gateway)[3] == 1, 5)


def test_looks_are_counted_by_what_came_of_them(upstream: ScriptedUpstream, tmp_path: Path) -> None:
    with Gateway(upstream.url, tmp_path, **semantic()) as gateway:
        kept(gateway)
        expected = {("none", ""): 1}
        assert looks(gateway) == expected
        questions = [Ask("u/ok-5", text=text) for text in (SAME, QUESTION, OTHER, FAR)]
        assert asked(gateway, *questions) == ["semantic", "hit", "miss", "miss"]
        # What is the very same is found before anything is compared.
        expected = {("none", ""): 2, ("hit", ""): 1, ("refused", "number"): 1}
        assert looks(gateway) == expected
        assert vectors(gateway) == {("ngram", "ok"): sum(expected.values())}
        assert by_result(scrape(gateway)) == {"semantic": 1, "hit": 1, "miss": 3}
        assert eventually(lambda: len(gateway.ledger()) == 5)
        assert_as_in_ledger(scrape(gateway), gateway.ledger())


@pytest.mark.parametrize(
    ("fields", "result"),
    [({"shadow": True}, "shadow"), ({"verify": "u/says-no@judge"}, "unverified")],
    ids=["shadow", "verify"],
)
def test_what_would_have_been_given_is_counted(
    upstream: ScriptedUpstream, tmp_path: Path, fields: dict[str, Any], result: str
) -> None:
    with Gateway(upstream.url, tmp_path, **semantic(**fields)) as gateway:
        kept(gateway)
        assert asked(gateway, Ask("u/ok-5", text=SAME)) == ["miss"]
        assert looks(gateway) == {("none", ""): 1, (result, ""): 1}
        assert scrape(gateway).of("sluicegate_cache_saved_tokens_total") == 0


def test_vectors_of_a_provider_are_timed_by_its_name(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    embedder = "u/ok-1@vectors"
    with Gateway(upstream.url, tmp_path, **semantic(embedder=embedder)) as gateway:
        kept(gateway)
        assert vectors(gateway) == {(embedder, "ok"): 1}
        took = scrape(gateway).of("sluicegate_cache_embedding_duration_seconds_sum")
        assert 0 < took < 2


def test_a_vector_that_is_not_made_is_no_look(upstream: ScriptedUpstream, tmp_path: Path) -> None:
    embedder = "dead/vectors"
    with Gateway(upstream.url, tmp_path, **semantic(embedder=embedder)) as gateway:
        assert asked(gateway, Ask("u/ok-5", text=QUESTION)) == ["miss"]
        assert vectors(gateway) == {(embedder, "failed"): 1}
        assert looks(gateway) == {}
