"""CA-01: an answer is its tenant's, and with `scope: key` its key's."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ..client import Ask
from ..faults.checks import SCALE, all_pairs, ask, asks, assert_good, forms
from ..faults.conftest import Start
from ..gateway import FRONT, KEY, OTHER_KEY, Gateway, merge
from ..upstream import ScriptedUpstream
from .checks import KEYS, ON, TENANTS, calls, is_kept, key_of, named, say, told

#: Requests of other tenants for what one has; 100,000 is the case's figure.
PROBES = 100_000 if FRONT == "native" or SCALE > 1 else 10_000
#: Requests to a write; the other front takes one after the other.
AT_ONCE = 40 if FRONT == "native" else 1


@all_pairs
@forms
def test_ca_01_another_tenants_identical_request_is_a_miss(
    gateways: Start, upstream: ScriptedUpstream, dialect: str, provider: str, stream: bool
) -> None:
    gateway = gateways(**ON)
    model = named("ca01", provider=provider)
    told_of = []
    for key in (KEY, KEY, OTHER_KEY, OTHER_KEY, KEY):
        got = ask(gateway, model, dialect=dialect, stream=stream, key=key)
        assert_good(got, 5)
        told_of.append(told(got))
    assert told_of == ["miss", "hit", "miss", "hit", "hit"]
    assert calls(upstream, model) == 2


@pytest.mark.parametrize("scope", ["tenant", "key"])
def test_ca_01_who_shares_answers(gateways: Start, upstream: ScriptedUpstream, scope: str) -> None:
    gateway = gateways(**merge(ON, {"cache": {"exact": {"scope": scope}}} | TENANTS))
    model = named("ca01")
    first = {name: told(ask(gateway, model, key=key_of(name))) for name in KEYS}
    again = {name: told(ask(gateway, model, key=key_of(name))) for name in KEYS}
    shared = {"core-2"} if scope == "tenant" else set()
    assert first == {name: "hit" if name in shared else "miss" for name in KEYS}
    assert again == dict.fromkeys(KEYS, "hit")
    assert calls(upstream, model) == len(KEYS) - len(shared)


def test_ca_01_a_namespace_of_that_name_opens_no_other_tenants_entries(gateways: Start) -> None:
    gateway = gateways(**merge(ON, TENANTS))
    model = named("ca01")
    for space in ("team acme/core", "key two", "acme", ""):
        headers = say(f"namespace={space}") if space else {}
        assert told(ask(gateway, model, key=key_of("core-1"), headers=headers)) == "miss"
        for other in ("other", "zeta", "bare", "core"):
            assert not is_kept(gateway, model, key=key_of(other), headers=headers)


def test_ca_01_keys_of_one_team_do_not_wait_for_another_teams_answer(
    gateways: Start, upstream: ScriptedUpstream
) -> None:
    """Single flight is within a tenant too: nobody learns that another asks the same now."""
    gateway = gateways(**merge(ON, TENANTS))
    model = named("ca01", "ok-5+ttft-300")
    names = [name for name in KEYS for _ in range(10)]
    asked = [Ask(model, key=key_of(name)) for name in names]
    for got in asks(gateway, asked, concurrency=len(asked)):
        assert_good(got, 5)
    assert calls(upstream, model) == len(KEYS) - 1


def test_ca_01_no_cross_tenant_hit_in_100000_probes(
    gateways: Start, upstream: ScriptedUpstream
) -> None:
    """Over plain sockets, many requests to a write: what is kept of one tenant, others ask for."""
    gateway = gateways(**merge(ON, TENANTS))
    model = named("ca01-probe")
    texts = [f"question {number}" for number in range(40)]
    kept = asks(gateway, [Ask(model, text=text, key=key_of("core-1")) for text in texts])
    assert {told(got) for got in kept} == {"miss"}
    asked_before = calls(upstream, model)
    many = PROBES // 4
    asked: dict[str, int] = dict.fromkeys(["other", "zeta", "bare", "core"], many)
    asked["core-2"] = 400  # these find what is there
    with ThreadPoolExecutor(len(asked)) as threads:
        counting = {
            name: threads.submit(_statuses, gateway, model, texts, key_of(name), times)
            for name, times in asked.items()
        }
    counts = {name: each.result() for name, each in counting.items()}
    assert counts.pop("core-2") == {b"200": 400}
    assert counts == {name: {b"504": many} for name in counts}
    assert calls(upstream, model) == asked_before


def _statuses(
    gateway: Gateway, model: str, texts: list[str], key: str, times: int
) -> dict[bytes, int]:
    """How often which status came."""
    requests = [_request(Ask(model, text=text), key) for text in texts]
    found: dict[bytes, int] = {}
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as connection:
        stream = connection.makefile("rb")
        for at in range(0, times, AT_ONCE):
            some = [requests[(at + more) % len(requests)] for more in range(AT_ONCE)]
            connection.sendall(b"".join(some))
            for _ in some:
                status = _one(stream)
                found[status] = found.get(status, 0) + 1
    return found


def _request(what: Ask, key: str) -> bytes:
    body = what.content()
    head = what.head(key) | say("only-if-cached") | {"content-length": str(len(body))}
    lines = [f"{name}: {value}" for name, value in head.items() if value]
    return "\r\n".join([f"POST {what.path()} HTTP/1.1", "host: x", *lines, "", ""]).encode() + body


def _one(stream: Any) -> bytes:
    """The status of the next response, which says its length."""
    status: bytes = stream.readline().split()[1]
    length = 0
    while (line := stream.readline()) != b"\r\n":
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    assert len(stream.read(length)) == length
    return status
