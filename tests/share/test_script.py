"""The script that hosts share counters by, on a real server."""

from __future__ import annotations

import itertools
import random
import time
from typing import Any

import pytest

from ..valkey import Server
from .hosts import HOSTS, Counter, Host, Rate

DEAD_US = 61_000_000
#: From then on all hosts that live have heard of a new store.
OLD_S = 0.6


def hosts(server: Server, count: int = 3) -> list[Host]:
    return [Host(f"h{n}", server.client) for n in range(count)]


def known(server: Server, *counters: Counter) -> None:
    """As after a ledger was asked."""
    for counter in counters:
        Host("ledger", server.client).seed(counter, {})
    server.client.hdel(HOSTS, "ledger")


def granted(server: Server, counter: Counter) -> int:
    """Units that all hosts have."""
    fields = server.client.hgetall(counter.key)
    return sum(int(value) for name, value in fields.items() if name.startswith("l:"))


@pytest.mark.parametrize("seed", range(12))
def test_no_order_of_events_grants_more_than_the_amount_or_loses_a_unit(
    server: Server, seed: int
) -> None:
    """Three hosts ask, spend, give back; replies are lost and batches sent twice."""
    draw = random.Random(seed)
    amount = draw.choice([1, 7, 100, 5000, 10**13, 2**61])
    grain = max(1, 2 ** (amount.bit_length() - 52))
    counters = [Counter("a", amount, grain=grain), Counter("b", draw.randrange(1, 3000))]
    known(server, *counters)
    all_hosts = hosts(server)
    for _ in range(150):
        host = draw.choice(all_hosts)
        counter = draw.choice(counters)
        match draw.choice(["ask", "ask", "ask both", "spend", "give back"]):
            case "ask" | "ask both" as what:
                asked = counters if what == "ask both" else [counter]
                wants = tuple(
                    (each, need, need + draw.randrange(4))
                    for each in asked
                    for need in [draw.randrange(1, max(2, each.amount // draw.choice([1, 3, 20])))]
                )
                before = [granted(server, each) for each in counters]
                batch = host.decision(*wants)
                [answer] = host.call(batch)
                for _ in range(draw.randrange(3)):  # the reply was lost
                    assert host.call(batch) == [answer]
                if not host.learn(wants, answer):
                    assert [granted(server, each) for each in counters] == before
            case "spend":
                units = min(host.free(counter), draw.randrange(1, counter.amount + 1))
                host.spent[counter.name] = host.spent.get(counter.name, 0) + units
            case "give back":
                batch = host.give_back(counter)
                for _ in range(draw.randrange(1, 3)):
                    host.call(batch)
        for each in counters:
            assert granted(server, each) <= each.amount
            for one in all_hosts:
                field = server.client.hget(each.key, f"l:{one.name}")
                # Returns are rounded to the grain downwards: a host never has more than the server says.
                assert 0 <= int(field or 0) - one.allowance.get(each.name, 0) < 200 * each.grain


def test_a_budget_of_exactly_ten_needs_gives_ten_to_two_hosts(server: Server) -> None:
    counter = Counter("ten", 430)
    known(server, counter)
    one, two = hosts(server, 2)
    answers = [host.ask((counter, 43, 43))[0] for _ in range(10) for host in (one, two)]
    assert answers.count("1") == 10
    assert granted(server, counter) == 430


def test_a_lease_ahead_shrinks_with_what_is_left(server: Server) -> None:
    counter = Counter("ahead", 100_000)
    known(server, counter)
    one, two = hosts(server, 2)
    two.ask((counter, 1, 1))
    grants = []
    while (answer := one.ask((counter, 10, 10)))[0] == "1":
        grants.append(int(answer[1]))
    grants = [grant for grant in grants if grant]
    assert grants[0] > 2000
    assert grants[-1] == 10
    assert all(later <= earlier + 10 for earlier, later in itertools.pairwise(grants))
    assert granted(server, counter) > 99_990


def test_what_one_host_has_and_does_not_use_is_wanted_back(server: Server) -> None:
    counter = Counter("starve", 100)
    known(server, counter)
    one, two = hosts(server, 2)
    assert one.ask((counter, 90, 90))[0] == "1"
    refused = two.ask((counter, 20, 20))
    assert refused[:2] == ["0", "10"]
    assert refused[3] == "0", "it is not spent for good"
    one.call(one.batch())
    assert one.wanted == [counter.key]
    one.spend(counter, 10)
    one.call(one.give_back(counter))
    assert two.ask((counter, 20, 20))[0] == "1"


def test_what_is_spent_everywhere_is_gone_for_good(server: Server) -> None:
    counter = Counter("gone", 100)
    known(server, counter)
    one, two = hosts(server, 2)
    one.ask((counter, 100, 100))
    one.spend(counter, 95)
    one.call(one.give_back(counter))
    refused = two.ask((counter, 6, 6))
    assert refused[:4] == ["0", "5", "0", "1"]
    assert two.ask((counter, 5, 5))[0] == "1"


def test_nothing_is_granted_of_what_no_ledger_was_asked_for(server: Server) -> None:
    counter = Counter("unknown", 100)
    one, two = hosts(server, 2)
    one.allowance[counter.name] = one.spent[counter.name] = 10
    assert one.ask((counter, 1, 1)) == ["?", "1"]
    two.seed(counter, {"h0": 7, "h1": 20, "elsewhere": 30})
    two.allowance[counter.name] = two.spent[counter.name] = 20
    time.sleep(OLD_S)
    assert two.ask((counter, 41, 41))[:2] == ["0", "40"], "who speaks for himself knows better"
    assert two.ask((counter, 40, 40))[0] == "1"


def test_a_server_that_may_evict_is_asked_to_know_each_counter_by_itself(server: Server) -> None:
    counter = Counter("evictable", 100)
    [one] = hosts(server, 1)
    one.kept = 0
    one.seed(counter, {"": 0})
    time.sleep(OLD_S)
    assert one.ask((counter, 10, 10))[0] == "1"
    server.client.delete(counter.key)
    assert one.ask((counter, 50, 50)) == ["?", "1"]


@pytest.mark.parametrize("kept", [0, 1])
def test_a_rebuilt_counter_waits_until_all_hosts_that_live_have_spoken(
    server: Server, kept: int
) -> None:
    counter = Counter("rebuilt", 100)
    one, two, three = hosts(server)
    for host in (one, two, three):
        host.kept = kept
        host.call(host.batch())
    two.allowance[counter.name] = two.held[counter.name] = 30
    one.seed(counter, {"h1": 10})
    time.sleep(OLD_S)
    assert one.ask((counter, 70, 70))[0] == "!"
    two.call(two.batch())
    assert two.wanted == [counter.key]
    two.call(two.give_back(counter))
    assert one.ask((counter, 70, 70))[0] == "!", "the third one has nothing, and must say so"
    three.call(three.give_back(counter))
    assert one.ask((counter, 71, 71))[:2] == ["0", "70"]
    assert one.ask((counter, 70, 70))[0] == "1"


def test_who_does_not_know_a_counter_cannot_make_it(server: Server) -> None:
    [one] = hosts(server, 1)
    batch = one.batch()
    key = Counter("nobodys", 1).key
    batch.words += ["T", "w", batch.place(key), 0, 0, 1, 0, -1, 0, 0, 0, 0, 0]
    assert one.call(batch) == [["1"]]
    assert not server.client.exists(key)


def test_a_counter_that_vanished_is_told_again_by_its_hosts(server: Server) -> None:
    counter = Counter("vanished", 100)
    known(server, counter)
    one, two = hosts(server, 2)
    one.ask((counter, 60, 60))
    one.spend(counter, 60)
    server.client.delete(counter.key)
    one.call(one.give_back(counter))
    assert two.ask((counter, 41, 41))[:2] == ["0", "40"]


def age(server: Server, host: Host, by_us: int) -> None:
    at_us, life = server.client.hget(HOSTS, host.name).split(":")
    server.client.hset(HOSTS, host.name, f"{int(at_us) - by_us}:{life}")


def test_a_dead_hosts_lease_is_what_the_ledger_says_it_spent(server: Server) -> None:
    counter = Counter("dead", 100)
    known(server, counter)
    one, two = hosts(server, 2)
    one.ask((counter, 80, 80))

    def fix() -> None:
        batch = two.batch()
        batch.words += ["F", batch.place(counter.key), one.name, 25]
        two.call(batch)

    assert two.ask((counter, 30, 30))[4] == []
    fix()
    assert granted(server, counter) == 80, "it lives"
    age(server, one, DEAD_US)
    assert two.ask((counter, 30, 30))[4] == [one.name]
    fix()
    assert two.ask((counter, 75, 75))[0] == "1"


def test_an_earlier_life_of_a_host_is_over_when_the_next_one_speaks(server: Server) -> None:
    counter = Counter("life", 100)
    known(server, counter)
    one, two = hosts(server, 2)
    one.ask((counter, 80, 80))
    again = Host(one.name, server.client, life="2", allowance={"life": 5}, spent={"life": 5})
    again.ask((counter, 1, 1))
    assert two.ask((counter, 85, 85))[0] == "1"


def test_slots_of_a_host_that_is_silent_count_for_nothing(server: Server) -> None:
    slots = Counter("slots", 4, kind="p")
    one, two = hosts(server, 2)
    assert [one.ask((slots, 1, 1))[0] for _ in range(3)] == ["1"] * 3
    assert [two.ask((slots, 1, 1))[0] for _ in range(2)] == ["1", "0"]
    age(server, one, 11_000_000)
    assert [two.ask((slots, 1, 1))[0] for _ in range(4)] == ["1", "1", "1", "0"]


def test_a_refusal_by_the_second_limit_takes_nothing_of_the_first(server: Server) -> None:
    wide, narrow = Counter("wide", 100), Counter("narrow", 5)
    known(server, wide, narrow)
    [one] = hosts(server, 1)
    refused = one.ask((wide, 10, 10), (narrow, 6, 6))
    assert refused[0] == "0"
    assert refused[-1] == "2"
    assert granted(server, wide) == 0


def test_a_rate_gives_its_burst_at_once_and_no_more(server: Server) -> None:
    rate = Rate("rate", 100, 60_000_000, 100)
    one, two = hosts(server, 2)
    answers = [host.ask((rate, 1, 1)) for _ in range(60) for host in (one, two)]
    allowed = [answer for answer in answers if answer[0] == "1"]
    assert 100 <= len(allowed) <= 101
    wait_us = int(next(answer[2] for answer in answers if answer[0] == "0"))
    assert 0 < wait_us <= 600_000


@pytest.mark.parametrize("units", [1, 100, 12_345, 10**6, 10**15])
def test_a_rate_fills_up_by_the_servers_clock(server: Server, units: int) -> None:
    rate = Rate(f"fill{units}", units, 1_000_000, units)
    [one] = hosts(server, 1)
    assert one.ask((rate, units, units))[0] == "1"
    refused = one.ask((rate, units, units))
    wait_us = int(refused[2])
    assert 0 < wait_us <= 1_000_000
    time.sleep(wait_us / 1e6)
    assert one.ask((rate, units, units))[0] == "1"


def test_no_window_of_a_rate_has_more_than_its_limit_and_burst(server: Server) -> None:
    """Three hosts, as fast as they can, with units paid for ahead."""
    rate = Rate("window", 2000, 1_000_000, 200)
    draw = random.Random(7)
    begun = time.monotonic()
    given = 0
    while time.monotonic() - begun < 1.5:
        host = draw.choice(hosts(server))
        need = draw.randrange(1, 20)
        answer: list[Any] = host.ask((rate, need, need + draw.randrange(40)))
        given += int(answer[1]) if answer[0] == "1" else 0
    most = 200 + 2000 * (time.monotonic() - begun)
    assert given <= most + 1
    assert given >= 0.9 * most


def test_all_keys_are_in_one_slot_of_a_cluster(server: Server) -> None:
    counter = Counter("slot {x} : y", 100)
    [one] = hosts(server, 1)
    batch = one.decision((counter, 1, 1), (Rate("r", 1, 1_000_000, 1), 1, 1))
    assert len({key[: key.index("}") + 1] for key in batch.keys}) == 1


def test_each_host_reads_on_what_others_told_of_runs(server: Server) -> None:
    one, two, _ = hosts(server)
    assert one.kin(0) == (0, [])
    assert one.kin(0, "b>a", "c>b") == (2, ["b>a", "c>b"])
    assert one.kin(2) == (2, [])
    assert two.kin(0, "b>a", "d>c") == (3, ["b>a", "c>b", "d>c"])
    assert one.kin(2) == (3, ["d>c"])
    assert two.kin(3, "d>c") == (3, [])
    server.client.delete("{sluicegate}kin")
    assert one.kin(3, "e>d") == (1, ["e>d"]), "a list that begins anew is read from its beginning"


def test_of_runs_as_many_are_kept_as_a_host_remembers(server: Server) -> None:
    [host] = hosts(server, 1)
    for n in range(20):
        host.kin(20_000, *(f"{n}-{each}" for each in range(1000)))
    assert server.client.zcard("{sluicegate}kin") == 16_384
    assert 0 < server.client.ttl("{sluicegate}kin") <= 7 * 86400
    last, news = host.kin(0)
    assert (last, len(news), news[0]) == (20_000 - 16_384 + 1000, 1000, "3-616")
