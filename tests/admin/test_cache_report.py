"""What the cache saved, out of rows as the core writes them."""

from pathlib import Path
from typing import Any

import pytest

from sluicegate.store.judged import Count, Pair

from .office import Office, code_of

HIT: dict[str, Any] = {
    "attempt": 0,
    "outcome": "cached",
    "basis": "none",
    "cost_usd": "0",
    "cache": "hit",
    "saved_usd": "0.000000000001",
    "saved_input_tokens": 2**40,
    "saved_output_tokens": 7,
    "saved_ms": 1500,
}
MISS: dict[str, Any] = {"cache": "miss", "outcome": "ok", "basis": "reported", "cost_usd": "0.5"}
NONE: dict[str, Any] = {
    "requests": 0,
    "hits": 0,
    "semantic_hits": 0,
    "misses": 0,
    "bypassed": 0,
    "hit_rate": None,
    "saved_input_tokens": 0,
    "saved_output_tokens": 0,
    "saved_usd": "0",
    "unpriced_hits": 0,
    "saved_s": 0.0,
    "prompt_cache": {
        "input_tokens": 0,
        "cached_input_tokens": 0,
        "cache_write_tokens": 0,
        "saved_usd": "0",
    },
}


async def test_an_empty_report_has_no_rate(either: Office) -> None:
    assert await either.given("GET", "/cache/report") == {
        "by": [],
        "since": None,
        "until": None,
        "data": [],
        "total": NONE,
        "shadow": [],
    }
    either.written(1, cache="", cost_usd="0.5", outcome="ok")
    assert (await either.given("GET", "/cache/report"))["total"] == NONE


async def test_a_report_adds_up_what_rows_say(either: Office) -> None:
    core = {"organisation": "a/b", "team": "core", "key_name": "k1", "requested_model": "smart"}
    alone = {"key_name": "k2", "requested_model": "smart"}
    either.written(1, **MISS, **core)
    either.written(2, **HIT, **core)
    either.written(3, **{**HIT, "cache": "semantic", "saved_usd": "1"}, **core)
    either.written(4, **{**HIT, "saved_usd": None}, **alone)
    # a stale answer in the place of a failed attempt is one request, and a hit
    either.written(5, **{**MISS, "outcome": "error", "basis": "none"}, **alone)
    either.written(5, **HIT, **alone)
    # two attempts are one miss
    either.written(6, **{**MISS, "outcome": "error"}, **alone)
    either.written(6, **{**MISS, "attempt": 2}, **alone)
    either.written(7, cache="bypass", outcome="ok", **alone)
    either.written(8, cache="bypass", outcome="refused", attempt=0, **alone)
    report = await either.given("GET", "/cache/report?by=tenant")
    groups = {row["group"]["tenant"]: row["sums"] for row in report["data"]}
    assert set(groups) == {"team a%2Fb/core", "key k2"}
    assert groups["team a%2Fb/core"] == {
        **NONE,
        "requests": 3,
        "hits": 1,
        "semantic_hits": 1,
        "misses": 1,
        "hit_rate": 0.666667,
        "saved_input_tokens": 2**41,
        "saved_output_tokens": 14,
        "saved_usd": "1.000000000001",
        "saved_s": 3.0,
    }
    total = report["total"]
    counts = {name: total[name] for name in ("requests", "hits", "misses", "bypassed")}
    assert counts == {"requests": 6, "hits": 3, "misses": 2, "bypassed": 1}
    assert (total["unpriced_hits"], total["saved_usd"]) == (1, "1.000000000002")
    one = await either.given("GET", "/cache/report?key=k1&by=requested_model,day")
    [row] = one["data"]
    assert row["group"] == {"requested_model": "smart", "day": "2026-11-23"}
    assert row["sums"] == one["total"] == groups["team a%2Fb/core"]


async def test_what_providers_own_caches_saved_may_be_less_than_nothing(either: Office) -> None:
    read = {"cached_input_tokens": 80, "input_tokens": 100, "prompt_cache_saved_usd": "0.3"}
    written = {"cache_write_tokens": 90, "input_tokens": 100, "prompt_cache_saved_usd": "-0.5"}
    either.written(1, **MISS, **read)
    either.written(2, **MISS, **written)
    either.written(3, **MISS, input_tokens=7)
    found = (await either.given("GET", "/cache/report"))["total"]["prompt_cache"]
    assert found == {
        "input_tokens": 207,
        "cached_input_tokens": 80,
        "cache_write_tokens": 90,
        "saved_usd": "-0.2",
    }


@pytest.mark.parametrize(
    ("query", "hits"),
    [
        ("since=2026-11-23", 1),
        ("since=2026-11-24", 0),
        ("until=2026-11-23", 0),
        ("since=2026-11-23T00:00:01Z&until=2026-11-23T00:00:02Z", 1),
    ],
)
async def test_a_report_is_of_a_stretch_of_time(office: Office, query: str, hits: int) -> None:
    office.written(1, **HIT)
    report = await office.given("GET", f"/cache/report?{query}")
    assert report["total"]["hits"] == hits


async def test_a_report_is_of_the_actors_own(office: Office) -> None:
    place = {"organisation": "acme", "team": "core"}
    office.written(1, **HIT, **place)
    office.written(2, **HIT, organisation="acme", team="other")
    key = await office.admin("t", "team_admin", **place)
    assert (await office.given("GET", "/cache/report", key=key))["total"]["hits"] == 1
    assert (await office.given("GET", "/cache/report"))["total"]["hits"] == 2


@pytest.mark.parametrize("query", ["by=colour", "from=2026-11-23", "since=soon", "by=key,key"])
async def test_a_question_that_means_nothing_is_refused(office: Office, query: str) -> None:
    answer = await office.ask("GET", f"/cache/report?{query}")
    assert code_of(answer) == (400, "invalid_request")


async def test_a_report_has_what_the_shadow_mode_found(tmp_path: Path) -> None:
    office = Office(tmp_path, "cache: {semantic: {enabled: true, shadow: true, threshold: 0.9}}")
    tenants = ("team acme/core", "team acme/other", "team acme/core2", "key alone")
    office.store.judged.add(
        {
            Pair("smart", tenant, "ngram", bucket): Count(judged, wrong)
            for tenant in tenants
            for bucket, judged, wrong in ((86, 10, 9), (90, 90, 5), (95, 10, 0))
        }
        | {Pair("smart", tenants[0], "minilm", 90): Count(1, 1)}
    )
    shadow = (await office.given("GET", "/cache/report"))["shadow"]
    assert [(each["tenant"], each["embedder"]) for each in shadow] == [
        ("key alone", "ngram"),
        ("team acme/core", "minilm"),
        *((tenant, "ngram") for tenant in ("team acme/core", "team acme/core2", "team acme/other")),
    ]
    assert shadow[1]["threshold"] is None
    assert shadow[2] == {
        "model": "smart",
        "tenant": "team acme/core",
        "embedder": "ngram",
        "threshold": 0.9,
        "judged": 110,
        "would_be_hits": 100,
        "disagreements": 5,
        "false_hit_rate": 0.05,
        "false_hit_rate_low": 0.021544,
        "false_hit_rate_high": 0.11175,
    }
    place = {"organisation": "acme", "team": "core"}
    key = await office.admin("t", "team_admin", **place)
    own = (await office.given("GET", "/cache/report", key=key))["shadow"]
    assert {each["tenant"] for each in own} == {"team acme/core"}
    key = await office.admin("o", "organisation_admin", organisation="acme")
    own = (await office.given("GET", "/cache/report", key=key))["shadow"]
    assert {each["tenant"] for each in own} == set(tenants[:3])


async def test_what_was_found_of_a_key_that_is_gone_has_its_name_no_more(office: Office) -> None:
    made = await office.given("POST", "/keys", {"name": "gone"})
    pair = Pair("smart", "key gone", "ngram", 90)
    office.store.judged.add({pair: Count(3, 1), pair._replace(tenant="key stays"): Count(1, 0)})
    gone = await office.given("DELETE", f"/keys/{made['record']['id']}")
    assert office.store.judged.all() == {
        pair._replace(tenant=f"key {gone['redacted_as']}"): Count(3, 1),
        pair._replace(tenant="key stays"): Count(1, 0),
    }
