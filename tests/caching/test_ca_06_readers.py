"""CA-06: in a crowd nobody waits for who does not read, be it the one whose request goes upstream."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from ..client import Ask
from ..faults.checks import asks, assert_good, assert_row, eventually, ref
from ..faults.conftest import Start
from ..gateway import KEY, Gateway, merge
from ..rawclient import RawClient
from ..upstream import ScriptedUpstream
from .checks import ON, calls, named

MIB = 1 << 20
#: A gateway that waits long for who does not read: a crowd that waited with it would be too late.
PATIENT = {"server": {"write_stall_s": 60}, "timeouts": {"idle_s": 20, "total_s": 60}}
#: Room for all of a stream that is more than sockets hold.
LARGE = merge(merge(ON, PATIENT), {"cache": {"exact": {"max_entry_bytes": 32 * MIB}}})
#: Room for less than that.
SMALL = merge(merge(ON, PATIENT), {"cache": {"exact": {"max_entry_bytes": MIB}}})


@contextmanager
def silent(gateway: Gateway, what: Ask) -> Iterator[RawClient]:
    """A client that asks, and reads the head of its answer at most."""
    what.ref = what.ref or ref("silent")
    with RawClient(gateway.url, timeout_s=10, receive_buffer=8192) as client:
        client.ask(what, KEY)
        yield client


@dataclass(slots=True)
class Read:
    """What came of an answer that is too large to be kept in a test."""

    ref: str
    size: int = 0
    tail: bytes = b""
    elapsed_s: float = 0.0
    digest: Any = field(default_factory=hashlib.sha256)

    def add(self, data: bytes) -> None:
        """More of it."""
        self.digest.update(data)
        self.size += len(data)
        self.tail = (self.tail + data)[-40:]

    def is_whole(self) -> bool:
        """Whether it has its end."""
        return self.tail.endswith(b"data: [DONE]\n\n")


def read_all(gateway: Gateway, model: str, many: int) -> list[Read]:
    """Has so many clients ask the same at once, and read it as fast as this machine lets them."""

    async def one(client: httpx.AsyncClient) -> Read:
        what = Ask(model, stream=True, ref=ref("reader"))
        read, begun = Read(what.ref), time.monotonic()
        url, head = gateway.url + what.path(), what.head(KEY)
        async with client.stream("POST", url, content=what.content(), headers=head) as response:
            assert response.status_code == 200
            async for data in response.aiter_raw():
                read.add(data)
        read.elapsed_s = time.monotonic() - begun
        return read

    async def all_of_them() -> list[Read]:
        limits = httpx.Limits(max_connections=many)
        async with httpx.AsyncClient(timeout=60, limits=limits, verify=False) as client:
            return await asyncio.gather(*(one(client) for _ in range(many)))

    return asyncio.run(all_of_them())


def rest_of(client: RawClient) -> Read:
    """The body of what a silent client has not read yet, to its last chunk or the connection's end."""
    answer = bytearray(client.received)
    while not answer.endswith(b"\r\n0\r\n\r\n"):
        try:
            data = client.sock.recv(1 << 20)
        except OSError:
            break
        if not data:
            break
        answer += data
    read = Read("")
    at = answer.index(b"\r\n\r\n") + 4
    while (line := answer.find(b"\r\n", at)) > 0:
        length = int(answer[at:line], 16)
        read.add(bytes(answer[line + 2 : line + 2 + length]))
        at = line + 2 + length + 2
    return read


def assert_all_of_it(got: list[Read]) -> None:
    """Each has the whole stream, and the same."""
    for each in got:
        assert each.is_whole(), each.tail
        assert (each.size, each.digest.digest()) == (got[0].size, got[0].digest.digest())


def test_ca_06_a_leader_who_does_not_read_holds_nobody_back(
    gateways: Start, upstream: ScriptedUpstream
) -> None:
    """Its stream stands still by the time the others come; it has all of it later."""
    gateway = gateways(**LARGE)
    model = named("ca06", "fault-flood-16")
    leading = Ask(model, stream=True)
    with silent(gateway, leading) as leader:
        assert leader.until(b"\r\n\r\n").startswith(b"HTTP/1.1 200")
        [asked] = upstream.of(model.partition("/")[2])
        time.sleep(0.5)  # so that all between them is full
        assert asked.bytes_sent < 16 * MIB
        got = read_all(gateway, model, 20)
        assert_all_of_it(got)
        for each in got:
            assert each.elapsed_s < 20, "as long as it takes to give a reader up"
        assert_all_of_it([*got, rest_of(leader)])
    assert calls(upstream, model) == 1
    assert_row(gateway.rows(leading.ref)[0], attempt=1, outcome="ok", cache="miss")
    for rows in gateway.rows_of(each.ref for each in got).values():
        assert_row(rows[0], attempt=0, outcome="cached", cache="hit")


def test_ca_06_a_follower_who_does_not_read_holds_nobody_back(
    gateways: Start, upstream: ScriptedUpstream
) -> None:
    gateway = gateways(**LARGE)
    model = named("ca06", "fault-flood-8+ttft-500")
    with ExitStack() as opened:
        first = opened.enter_context(silent(gateway, Ask(model, stream=True)))
        assert eventually(lambda: upstream.of(model.partition("/")[2]))
        quiet = [
            first,
            *(opened.enter_context(silent(gateway, Ask(model, stream=True))) for _ in range(3)),
        ]
        got = read_all(gateway, model, 10)
        assert_all_of_it(got)
        for client in quiet:
            assert_all_of_it([*got, rest_of(client)])
    assert calls(upstream, model) == 1


def test_ca_06_who_is_too_far_behind_has_no_more_and_nobody_joins_a_long_stream(
    gateways: Start, upstream: ScriptedUpstream
) -> None:
    """What is held is bounded: 32 MiB go past, and one in a crowd that reads them all loses nothing."""
    gateway = gateways(**SMALL)
    assert_good(asks(gateway, [Ask(named("ca06"), stream=True)])[0], 5)
    model = named("ca06", "fault-flood-32+ttft-500")
    quiet = [Ask(model, stream=True) for _ in range(3)]
    before = gateway.reset_peak()
    with ExitStack() as opened:
        clients = [opened.enter_context(silent(gateway, what)) for what in quiet]
        got = read_all(gateway, model, 3)
        grown = gateway.peak_rss_bytes() - before
        assert_all_of_it(got)
        assert got[0].size > 32 * MIB
        assert calls(upstream, model) == 1
        assert grown <= 24 * MIB, f"{grown / MIB:.1f} MiB"
        for client in clients:
            assert not rest_of(client).is_whole()
    for what in quiet:
        row = gateway.rows(what.ref)[0]
        assert_row(row, outcome="cancelled", client_status=200)
    paid = [row for what in quiet for row in gateway.rows(what.ref) if row["attempt"]]
    assert len(paid) == 1


@pytest.mark.parametrize("readers", [1, 6])
def test_ca_06_a_crowd_that_reads_has_all_of_a_long_stream(
    gateways: Start, upstream: ScriptedUpstream, readers: int
) -> None:
    """However unevenly a busy machine lets them read."""
    gateway = gateways(**SMALL)
    model = named("ca06", "fault-flood-16+ttft-500")
    got = read_all(gateway, model, readers)
    assert_all_of_it(got)
    assert calls(upstream, model) == 1


@pytest.mark.parametrize("mebibytes", [1, 6])
def test_ca_06_one_event_larger_than_what_is_held_loses_nobody_who_reads(
    gateways: Start, upstream: ScriptedUpstream, mebibytes: int
) -> None:
    gateway = gateways(**SMALL)
    model = named("ca06", f"fault-giant-event-{mebibytes}+ttft-500")
    got = read_all(gateway, model, 6)
    assert_all_of_it(got)
    assert got[0].size > mebibytes * MIB
    assert calls(upstream, model) == 1
