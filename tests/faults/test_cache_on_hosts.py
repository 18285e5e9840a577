"""CA-05 and DB over several workers and hosts: each serves what another kept and none what any
purged; without Redis, without the store, requests go on as misses.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ..client import Got
from ..gateway import Gateway
from ..postgres import Server as Postgres
from ..upstream import ScriptedUpstream
from ..valkey import Server as Valkey
from .checks import ask, assert_good, eventually, forms, ref
from .conftest import Start

MASTER = "a-master-key-that-both-hosts-have-0123456789"
ON = {"exact": {"enabled": True}}
KEPT_ONLY = {"x-sluicegate-cache": "only-if-cached"}
#: What a request may take that finds the place of the entries away, on a machine that is busy.
QUICK_S = 1.0


@pytest.fixture
def redis() -> Iterator[Valkey]:
    with Valkey() as running:
        yield running


@pytest.fixture
def hosts(own_gateway: Start, redis: Valkey, postgres: Postgres) -> tuple[Gateway, Gateway]:
    """Two on one PostgreSQL and one Redis."""
    settings: dict[str, Any] = {
        "store": postgres.database(),
        "shared_state": redis.url,
        "master_key": MASTER,
        "cache": ON,
    }
    with ThreadPoolExecutor() as pool:
        one, two = [pool.submit(own_gateway, **settings) for _ in range(2)]
        return one.result(), two.result()


def became(got: Got) -> str:
    """What became of the cache's part in a request."""
    return got.headers.get("x-sluicegate-cache", "")


def kept(gateway: Gateway, name: str, **fields: Any) -> bool:
    """Whether a host has an answer, without asking anybody else."""
    got = ask(gateway, name, headers=KEPT_ONLY, **fields)
    assert got.status in (200, 504), got.raw
    return got.status == 200


def purge(gateway: Gateway, **form: Any) -> None:
    got = gateway.admin("POST", "/admin/v1/cache/purge", form)
    assert got.status_code == 200, got.text


@forms
def test_ca_05_each_host_serves_what_the_other_kept(
    hosts: tuple[Gateway, Gateway], upstream: ScriptedUpstream, stream: bool
) -> None:
    for one, other in (hosts, hosts[::-1]):
        name = f"ok-10@{ref('hosts')}"
        first = ask(one, f"u/{name}", stream=stream)
        assert_good(first)
        assert became(first) == "miss"
        assert eventually(lambda: kept(other, f"u/{name}", stream=stream), 3.0)  # noqa: B023
        again = ask(other, f"u/{name}", stream=stream)
        assert_good(again)
        assert became(again) == "hit"
        assert len(upstream.of(name)) == 1


@pytest.mark.parametrize("kind", ["key", "tag", "model", "tenant", "namespace", "all"])
def test_ca_05_a_purge_on_one_host_is_in_force_on_the_other_within_a_second(
    hosts: tuple[Gateway, Gateway], kind: str
) -> None:
    one, other = hosts
    name, beside = (f"u/ok-10@{ref('purge')}" for _ in range(2))
    said = {"x-sluicegate-cache": "tag=nightly, namespace=n"}
    looks = {"x-sluicegate-cache": "only-if-cached, namespace=n"}
    first = ask(one, name, headers=said)
    assert_good(first)
    assert_good(ask(one, beside))
    assert eventually(lambda: ask(other, name, headers=looks).status == 200, 3.0)
    assert eventually(lambda: kept(other, beside), 3.0)
    form = {
        "key": first.headers["x-sluicegate-cache-key"],
        "tag": "nightly",
        "model": name,
        "tenant": "key one",
        "namespace": "n",
        "all": True,
    }
    purge(one, **{kind: form[kind]})
    began_s = time.monotonic()
    for host in hosts:
        assert eventually(lambda: ask(host, name, headers=looks).status == 504, 1.0)  # noqa: B023
    assert time.monotonic() - began_s < 1.0
    assert kept(other, beside) is (kind not in ("tenant", "all"))
    assert_good(ask(other, name, headers=said))
    assert eventually(lambda: ask(one, name, headers=looks).status == 200, 3.0), "it is kept anew"


def test_db_01_db_02_without_redis_requests_go_on_as_misses(
    hosts: tuple[Gateway, Gateway], redis: Valkey, upstream: ScriptedUpstream
) -> None:
    one, other = hosts
    name = f"ok-10@{ref('away')}"
    assert_good(ask(one, f"u/{name}"))
    assert eventually(lambda: redis.client.keys("*cache*"), 3.0)
    for fault in (redis.freeze, redis.kill):
        fault()
        for _ in range(10):
            got = ask(other, f"u/ok-10@{ref('miss')}")
            assert_good(got)
            assert became(got) == "miss"
        taken = [ask(other, f"u/ok-10@{ref('miss')}") for _ in range(10)]
        assert sorted(got.elapsed_s for got in taken)[5] < QUICK_S
        assert kept(one, f"u/{name}"), "what it has in memory it has"
        if fault == redis.freeze:
            redis.thaw()
            assert eventually(lambda: kept(other, f"u/{name}"), 5.0), "it comes back by itself"
    assert other.log().count("the cache in shared_state is away") == 2
    redis.start()
    name = f"ok-10@{ref('back')}"

    def is_shared_again() -> bool:
        assert_good(ask(one, f"u/{name}", headers={"x-sluicegate-cache": "no-cache"}))
        return eventually(lambda: kept(other, f"u/{name}"), 0.5)

    assert eventually(is_shared_again, 10.0)


def test_ca_05_while_the_store_is_away_nothing_durable_is_served_for_long(
    own_gateway: Start,
) -> None:
    with Postgres() as server:
        settings = {"store": server.database(), "master_key": MASTER, "cache": ON}
        one, other = own_gateway(**settings), own_gateway(**settings)
        name = f"u/ok-10@{ref('unknown')}"
        assert_good(ask(one, name))
        assert eventually(lambda: kept(other, name), 3.0)
        server.freeze()
        time.sleep(4)
        fresh = f"u/ok-10@{ref('unknown')}"
        got = ask(other, fresh)
        assert_good(got)
        assert got.elapsed_s < QUICK_S
        server.thaw()
        assert eventually(lambda: kept(one, fresh), 5.0)


def test_ca_05_workers_of_a_host_share_entries_and_purges(own_gateway: Start) -> None:
    gateway = own_gateway(server={"workers": 2}, cache=ON)
    name = f"u/ok-10@{ref('workers')}"
    assert_good(ask(gateway, name))
    assert eventually(lambda: all(kept(gateway, name) for _ in range(10)), 5.0)
    purge(gateway, model=name)
    assert eventually(lambda: not any(kept(gateway, name) for _ in range(10)), 1.5)


def test_entries_outlive_the_gateway(own_gateway: Start, upstream: ScriptedUpstream) -> None:
    gateway = own_gateway(cache=ON)
    name = f"ok-10@{ref('restart')}"
    assert_good(ask(gateway, f"u/{name}", stream=True))
    assert gateway.stop() == 0
    gateway.start()
    got = ask(gateway, f"u/{name}", stream=True)
    assert_good(got)
    assert became(got) == "hit"
    assert len(upstream.of(name)) == 1
    code, said = gateway.run("cache", "purge", "--all")
    assert code == 0, said
    assert eventually(lambda: not kept(gateway, f"u/{name}"), 1.5)


def test_a_key_of_the_store_that_has_the_cache_on_has_it_beside_memory_too(
    own_gateway: Start, upstream: ScriptedUpstream
) -> None:
    gateway = own_gateway()
    made = gateway.admin("POST", "/admin/v1/keys", {"name": "cached", "cache": {"enabled": True}})
    assert made.status_code == 201, made.text
    key, name = made.json()["key"], f"ok-10@{ref('key')}"
    assert eventually(lambda: became(ask(gateway, f"u/{name}", key=key)) == "hit", 3.0)
    asked = len(upstream.of(name))
    assert gateway.stop() == 0
    gateway.start()
    looks: list[bool] = []

    def is_kept() -> bool:
        looks.append(kept(gateway, f"u/{name}", key=key))
        return looks[-1]

    assert eventually(is_kept, 3.0)
    assert len(upstream.of(name)) == asked
    assert became(ask(gateway, f"u/{name}")) == "bypass"
    told = gateway.admin("GET", "/admin/v1/cache").json()
    assert told["store"]["entries"] == 1
    assert told["worker"]["memory"]["entries"] == 1
    # Its 50 ms begin when a thread takes the request up, the request's own when it asks: what is
    # found in the first and not in the second is a hit here, and a miss for its client.
    assert 1 <= told["worker"]["beside"]["hits"] <= len(looks)


def test_questions_of_one_host_are_found_by_the_other_in_the_store(
    own_gateway: Start, postgres: Postgres, upstream: ScriptedUpstream
) -> None:
    semantic = {"enabled": True, "threshold": 0.6, "index": "store", "max_entries": 1}
    settings: dict[str, Any] = {
        "store": postgres.database(),
        "master_key": MASTER,
        "cache": {**ON, "semantic": semantic},
    }
    one, other = own_gateway(**settings), own_gateway(**settings)
    name, beside = (f"ok-10@{ref('pgvector')}" for _ in range(2))
    asked = "How do I reset my password?"
    first = ask(one, f"u/{name}", text=asked)
    assert became(first) == "miss"
    # It has no room left in memory for the one before.
    assert became(ask(one, f"u/{beside}", text="Where is the nearest station?")) == "miss"

    def answered(host: Gateway, text: str) -> bool:
        got = ask(host, f"u/{name}", text=text, headers=KEPT_ONLY)
        return got.status == 200 and became(got) == "semantic" and got.text == first.text

    for host in (one, other):
        assert eventually(lambda: answered(host, "How can I reset my password?"), 5.0)  # noqa: B023
    assert not answered(other, "How can I reset my 2 passwords?"), "the guards look at it"
    purge(one, model=f"u/{name}")
    assert eventually(lambda: not answered(other, "How can I reset my password?"), 1.0)
    assert len(upstream.of(name)) == 1
