"""Each tier on its real server."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from sluicegate.caching.frame import Frames
from sluicegate.caching.redis_tier import RedisTier, has_room
from sluicegate.caching.store_tier import StoreTier
from sluicegate.caching.tier import Tier
from sluicegate.store import Store
from sluicegate.store.cache import Kind, Purge

from ..valkey import Server as Valkey
from .entries import MASTER, entry, eventually, now_ms

GiB = 2**30
OpenStore = Callable[[], Store]


@pytest.fixture(params=["sqlite", "postgres", "redis"])
def tier(request: pytest.FixtureRequest) -> Iterator[Tier]:
    """Each of them, empty."""
    made: Tier
    if request.param == "redis":
        server: Valkey = request.getfixturevalue("redis")
        server.client.flushall()
        made = RedisTier(server.url, Frames(MASTER), lambda: "ab", GiB)
    else:
        made = StoreTier(request.getfixturevalue(f"open_{request.param}")(), Frames(MASTER), GiB)
    with closing(made):
        yield made


def test_what_is_put_is_got_as_it_was(tier: Tier) -> None:
    one = entry(b"a", tags=["t", 'q"t"q'], namespace="ä", epoch=7, body=bytes(range(256)) * 4096)
    two = entry(b"b", body=b"")
    assert tier.get([b"a", b"b"]) == {}
    tier.put([one, two])
    assert tier.get([b"a", b"b", b"c"]) == {b"a": one, b"b": two}
    assert tier.get([]) == {}
    tier.ping()


def test_more_is_put_than_one_call_takes(tier: Tier) -> None:
    entries = [entry(bytes([number]), body=bytes(500_000)) for number in range(12)]
    tier.put(entries)
    for each in entries:
        assert tier.get([each.label.key]) == {each.label.key: each}


def test_an_entry_ends_with_its_life(tier: Tier) -> None:
    tier.put([entry(b"a", expires_ms=now_ms() + 200), entry(b"b", expires_ms=now_ms() - 1)])
    assert tier.get([b"b"]) == {}
    assert eventually(lambda: tier.get([b"a"]) == {}, 3.0)
    tier.sweep()


PURGES: list[tuple[Kind, str, set[int]]] = [
    ("key", "01", {1}),
    ("tag", "t", {1, 2}),
    ("model", "u/m", {0, 1, 2}),
    ("tenant", "key k", {3}),
    ("namespace", "n", {2}),
    ("all", "", {0, 1, 2, 3}),
]


@pytest.mark.parametrize(("kind", "value", "dead"), PURGES, ids=[each[0] for each in PURGES])
def test_what_is_dead_is_forgotten_and_nothing_else(
    tier: Tier, kind: Kind, value: str, dead: set[int]
) -> None:
    entries = [
        entry(b"\x00", epoch=1),
        entry(b"\x01", epoch=1, tags=["t"]),
        entry(b"\x02", epoch=1, tags=["x", "t"], namespace="n"),
        entry(b"\x03", epoch=1, tenant="key k", target="a/c"),
        entry(b"\x04", epoch=3, tags=["t"], namespace="n", tenant="key k"),
    ]
    tier.put(entries)
    gone = tier.forget([Purge(3, kind, value), Purge(3, "tag", "another")])
    assert {key[0] for key in gone} == dead
    left = tier.get([each.label.key for each in entries])
    assert {key[0] for key in left} == {0, 1, 2, 3, 4} - dead


def test_keys_alone_are_forgotten_at_once(tier: Tier) -> None:
    tier.put([entry(b"\x01"), entry(b"\x02")])
    assert tier.forget([Purge(3, "key", "01"), Purge(3, "key", "ffff")]) == [b"\x01"]
    assert set(tier.get([b"\x01", b"\x02"])) == {b"\x02"}


def test_entries_in_their_thousands_are_looked_at(tier: Tier) -> None:
    entries = [
        entry(number.to_bytes(2, "big"), tags=["odd"] if number % 2 else [], body=b"x")
        for number in range(2600)
    ]
    for begin in range(0, len(entries), 200):
        tier.put(entries[begin : begin + 200])
    tier.forget([Purge(1, "tag", "odd")])
    keys = [each.label.key for each in entries]
    left = [key for begin in range(0, 2600, 100) for key in tier.get(keys[begin : begin + 100])]
    assert {key[1] % 2 for key in left} == {0}
    assert len(left) == 1300


def test_the_store_keeps_no_more_than_it_may(open_sqlite: OpenStore) -> None:
    with closing(StoreTier(open_sqlite(), Frames(MASTER), 50_000)) as tier:
        entries = [
            entry(bytes([number]), body=bytes(9_000), expires_ms=now_ms() + 60_000 + number)
            for number in range(10)
        ]
        tier.put(entries)
        tier.sweep()
        left = tier.get([each.label.key for each in entries])
        assert {key[0] for key in left} == {5, 6, 7, 8, 9}


def test_what_somebody_wrote_into_the_store_is_a_miss(open_sqlite: OpenStore) -> None:
    store = open_sqlite()
    with closing(StoreTier(open_sqlite(), Frames(MASTER), GiB)) as tier:
        good = entry(b"a")
        for body in (b"", b"SGC1", Frames(MASTER).encode(good)[:-1], Frames(b"x").encode(good)):
            store.cache.put([entry(b"a", body=body)])
            assert tier.get([b"a"]) == {}
        store.cache.put([entry(b"b", body=Frames(MASTER).encode(good))])
        assert tier.get([b"b"]) == {}, "another key's"


def test_what_somebody_wrote_into_redis_is_a_miss(redis: Valkey) -> None:
    redis.client.flushall()
    frames = Frames(MASTER)
    with closing(RedisTier(redis.url, frames, lambda: "ab", GiB)) as tier:
        name = "{sluicegate}cache:ab:" + b"a".hex()
        tier.put([entry(b"a")])
        assert redis.client.exists(name)
        for value in (b"", b"word", frames.encode(entry(b"a"))[:-1], frames.encode(entry(b"c"))):
            redis.client.set(name, value)
            assert tier.get([b"a"]) == {}
        redis.client.delete(name)
        redis.client.rpush(name, "a list")
        assert tier.get([b"a"]) == {}
        tier.forget([Purge(9, "all", "")])  # what is no entry stays in nobody's way
        assert tier.get([b"a"]) == {}


def test_hosts_with_another_store_share_no_entries(redis: Valkey) -> None:
    redis.client.flushall()
    one, other = (
        RedisTier(redis.url, Frames(MASTER), lambda name=name: name, GiB)  # type: ignore[misc]
        for name in ("aa", "bb")
    )
    with closing(one), closing(other):
        one.put([entry(b"a")])
        assert other.get([b"a"]) == {}
        other.forget([Purge(9, "all", "")])
        assert set(one.get([b"a"])) == {b"a"}


def test_an_entry_in_redis_has_its_life(redis: Valkey) -> None:
    redis.client.flushall()
    with closing(RedisTier(redis.url, Frames(MASTER), lambda: "ab", GiB)) as tier:
        tier.put([entry(b"a", expires_ms=now_ms() + 60_000)])
        assert 50_000 < redis.client.pttl("{sluicegate}cache:ab:61") <= 60_000


@pytest.mark.parametrize(
    ("used", "bound", "expected"),
    [(74, 100, True), (76, 100, False), (999, 0, True), (1001, 0, False)],
)
def test_room_is_left_for_limits(used: int, bound: int, expected: bool) -> None:
    told = f"# Memory\r\nused_memory:{used}\r\nused_memory_human:1K\r\nmaxmemory:{bound}\r\n"
    assert has_room(told, 1000) is expected
    assert has_room("", 1000)


def test_a_full_server_is_given_no_more() -> None:
    with Valkey("--maxmemory", "6mb", "--maxmemory-policy", "noeviction") as server:
        tier = RedisTier(server.url, Frames(MASTER), lambda: "ab", GiB)
        with closing(tier):
            for number in range(40):
                tier.put([entry(bytes([number]), body=bytes(200_000))])
                time.sleep(0.05)
            assert server.client.set("a limit", 1), "what limits need is there"
            assert len(server.client.keys("*cache*")) > 2


def test_a_server_that_tells_nothing_of_its_memory_is_used(own_redis: Valkey) -> None:
    words = ("ACL", "SETUSER", "narrow", "on", ">word", "~*", "+@all", "-info")
    own_redis.client.execute_command(*words)
    url = own_redis.url.replace("redis://", "redis://narrow:word@")
    with closing(RedisTier(url, Frames(MASTER), lambda: "ab", GiB)) as tier:
        tier.put([entry(b"a")])
        assert set(tier.get([b"a"])) == {b"a"}
