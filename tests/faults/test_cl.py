"""CL: clients that leave, stall, dribble, smuggle and reset."""

import json
import threading
import time
import uuid

import pytest

from ..client import Ask
from ..gateway import FRONT, KEY, OTHER_KEY, Gateway
from ..rawclient import RawClient, request_bytes
from ..upstream import Exchange, ScriptedUpstream, token
from .checks import SCALE, ask, asks, assert_good, assert_row, eventually, ref
from .conftest import Start

MEBIBYTE = 1 << 20
DIALECTS = pytest.mark.parametrize(
    ("dialect", "provider"), [("openai", "u"), ("anthropic", "a"), ("anthropic", "u")]
)
LEAVING = pytest.mark.parametrize("how", ["fin", "rst"])


def _new(name: str, provider: str, dialect: str, *, stream: bool = True) -> Ask:
    return Ask(f"{provider}/{name}", dialect=dialect, stream=stream, ref=uuid.uuid4().hex)


def _assert_cancelled(exchange: Exchange, left: float, within_s: float = 0.5) -> None:
    assert eventually(lambda: exchange.cancelled)
    assert exchange.cancelled is not None
    assert exchange.cancelled - left <= within_s


@DIALECTS
@LEAVING
def test_cl_01_a_client_that_leaves_cancels_its_upstream(
    gateway: Gateway, upstream: ScriptedUpstream, dialect: str, provider: str, how: str
) -> None:
    name = f"ok+n-500+itl-5@{ref('cl01')}"
    gone: dict[str, tuple[Exchange, float]] = {}
    for _ in range(10 * SCALE):
        what = _new(name, provider, dialect)
        with RawClient(gateway.url) as client:
            before = len(upstream.of(name))
            client.ask(what, KEY)
            client.until(token(5).encode())
            getattr(client, how)()
        gone[what.ref] = (upstream.of(name)[before], time.monotonic())
    for exchange, left in gone.values():
        _assert_cancelled(exchange, left)
    for row_ref, rows in gateway.rows_of(gone).items():
        exchange = gone[row_ref][0]
        assert len(rows) == 1
        assert_row(rows[0], outcome="cancelled", basis="counted")
        assert abs(rows[0]["output_tokens"] - exchange.tokens_sent) <= 3


def test_cl_02_an_http2_reset_cancels_a_silent_upstream(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    from ..h2client import H2Client

    name = f"fault-idle-stall-after-3@{ref('cl02')}"
    what = _new(name, "u", "openai")
    with H2Client(gateway.url) as client:
        stream_id = client.ask(what, KEY)
        client.until(stream_id, token(2).encode())
        client.reset(stream_id)
        left = time.monotonic()
        (exchange,) = upstream.of(name)
        _assert_cancelled(exchange, left)
        again = client.ask(_new("ok-5", "u", "openai"), KEY)
        assert b"[DONE]" in client.until(again, b"[DONE]")
    assert_row(gateway.rows(what.ref)[0], outcome="cancelled", output_tokens=3, basis="counted")


@DIALECTS
@LEAVING
@pytest.mark.parametrize(
    ("model", "stream"), [("fault-hang", True), ("fault-hang", False), ("ok+n-100+itl-20", False)]
)
def test_cl_03_leaving_before_the_answer_cancels_too(
    gateway: Gateway,
    upstream: ScriptedUpstream,
    dialect: str,
    provider: str,
    how: str,
    model: str,
    stream: bool,
) -> None:
    name = f"{model}@{ref('cl03')}"
    what = _new(name, provider, dialect, stream=stream)
    with RawClient(gateway.url) as client:
        client.ask(what, KEY)
        assert eventually(lambda: upstream.of(name))
        getattr(client, how)()
    left = time.monotonic()
    _assert_cancelled(upstream.of(name)[0], left)
    rows = gateway.rows(what.ref)
    assert len(rows) == 1
    assert_row(rows[0], outcome="cancelled", client_status=None)
    assert "Traceback" not in gateway.log_path.read_text()


def test_cl_04_a_draining_provider_is_read_to_the_end(
    own_gateway: Start, upstream: ScriptedUpstream
) -> None:
    gateway = own_gateway(providers={"u": {"on_disconnect": "drain"}})
    name = f"ok+n-100+itl-5@{ref('cl04')}"
    what = _new(name, "u", "openai")
    with RawClient(gateway.url) as client:
        client.ask(what, KEY)
        client.until(token(5).encode())
        client.fin()
    assert eventually(lambda: upstream.of(name)[0].finished)
    assert_row(gateway.rows(what.ref)[0], basis="reported", output_tokens=100)


def test_cl_04_so_many_streams_are_drained_at_once_and_no_more(
    own_gateway: Start, upstream: ScriptedUpstream
) -> None:
    """Sixty-four in a worker; what is above is cancelled, and settled as it was counted."""
    gateway = own_gateway(providers={"u": {"on_disconnect": "drain"}})
    name = f"ok+n-200+itl-20@{ref('cl04')}"
    what = [_new(name, "u", "openai") for _ in range(80)]
    clients = [RawClient(gateway.url) for _ in what]
    for client, each in zip(clients, what, strict=True):
        client.ask(each, KEY)
    for client in clients:
        client.until(token(5).encode())
    for client in clients:
        client.fin()
    seen = upstream.of(name)
    assert eventually(lambda: all(each.finished or each.cancelled for each in seen), 10)
    assert sum(each.finished is not None for each in seen) == 64
    rows = [rows[0] for rows in gateway.rows_of(each.ref for each in what).values()]
    assert sorted(row["basis"] for row in rows) == ["counted"] * 16 + ["reported"] * 64


def test_cl_05_slow_readers_hold_back_the_upstream_and_cost_no_memory(
    own_gateway: Start, upstream: ScriptedUpstream
) -> None:
    """Nobody reads: the upstream is blocked and memory stays flat."""
    gateway = own_gateway()
    name = f"fault-flood-64@{ref('cl05')}"
    ask(gateway, "u/ok-5", stream=True)
    before = gateway.reset_peak()
    count = 20 * SCALE
    clients = [RawClient(gateway.url, receive_buffer=8192) for _ in range(count)]
    for client in clients:
        client.ask(_new(name, "u", "openai"), KEY)
    time.sleep(1.5)
    grown = gateway.peak_rss_bytes() - before
    sent = [exchange.bytes_sent for exchange in upstream.of(name)]
    assert len(sent) == count
    assert max(sent) < 32 * MEBIBYTE
    assert grown <= 64 * MEBIBYTE, f"{grown / MEBIBYTE:.0f} MiB"
    assert_good(ask(gateway, "u/ok-10", stream=True))
    for client in clients:
        client.fin()
    assert eventually(lambda: all(exchange.cancelled for exchange in upstream.of(name)), 5)


@pytest.mark.parametrize("provider", ["u", "a"])
def test_cl_06_a_client_that_stopped_reading_is_freed_at_the_stall_timeout(
    gateways: Start, upstream: ScriptedUpstream, provider: str
) -> None:
    """A vanished host and one that stopped reading look alike to the sender."""
    gateway = gateways(server={"write_stall_s": 2})
    dialect = "openai" if provider == "u" else "anthropic"
    name = f"fault-flood-64@{ref('cl06')}"
    what = _new(name, provider, dialect)
    with RawClient(gateway.url, receive_buffer=8192) as client:
        started = time.monotonic()
        client.ask(what, KEY)
        assert eventually(lambda: upstream.of(name))
        (exchange,) = upstream.of(name)
        assert eventually(lambda: exchange.cancelled, 8)
        assert exchange.cancelled is not None
        assert exchange.cancelled - started <= 2.0 + 1.5
    row = gateway.rows(what.ref)[0]
    assert_row(row, basis="counted")
    assert row["output_tokens"] > 0
    assert "Traceback" not in gateway.log_path.read_text()


def test_cl_07_a_head_that_dribbles_is_cut_off(gateway: Gateway) -> None:
    """The header deadline is 10 s; other clients do not notice."""
    clients = [RawClient(gateway.url) for _ in range(50)]
    stop = threading.Event()

    def dribble() -> None:
        for byte in b"POST /v1/chat/completions HTTP/1.1\r\nHost: gateway\r\nX: " + b"x" * 40:
            for client in clients:
                try:
                    client.send(bytes([byte]))
                except OSError:
                    continue
            if stop.wait(0.5):
                return

    thread = threading.Thread(target=dribble)
    thread.start()
    started = time.monotonic()
    quick = asks(gateway, [Ask("u/ok-5") for _ in range(50)], concurrency=4)
    assert max(got.elapsed_s for got in quick) < 1
    gone = all(
        client.closed_within(max(0.1, started + 14 - time.monotonic())) for client in clients
    )
    stop.set()
    thread.join()
    for client in clients:
        client.fin()
    assert gone


def test_cl_07_a_body_that_dribbles_is_a_408(
    own_gateway: Start, upstream: ScriptedUpstream
) -> None:
    gateway = own_gateway(server={"body_timeout_s": 3})
    request = request_bytes(_new(f"ok-5@{ref('cl07')}", "u", "openai"), KEY)
    clients = [RawClient(gateway.url) for _ in range(50)]
    for client in clients:
        client.send(request[:-20])
    started = time.monotonic()
    for extra in (request[-20:-19], request[-19:-18]):
        for client in clients[::2]:
            client.send(extra)
        time.sleep(0.5)
    for client in clients:
        with client:
            assert client.closed_within(max(0.1, started + 5 - time.monotonic()))
            assert client.received.startswith(b"HTTP/1.1 408")
            assert b'"code"' in client.received


#: Framings that two parsers may read differently.  Source: RFC 9112, 6.3 and 11.2.
_POST = "POST /v1/chat/completions HTTP/1.1\r\nHost: gateway\r\n"
_TE = "Transfer-Encoding: chunked\r\n"
_HIDDEN = "GET /v1/smuggled HTTP/1.1\r\nHost: gateway\r\n\r\n"
SMUGGLED: dict[str, str] = {
    "cl-and-te": f"{_POST}Content-Length: 5\r\n{_TE}\r\n0\r\n\r\n{_HIDDEN}",
    "te-and-cl": f"{_POST}{_TE}Content-Length: 5\r\n\r\n0\r\n\r\n{_HIDDEN}",
    "two-cl": f"{_POST}Content-Length: 2\r\nContent-Length: 40\r\n\r\n{{}}{_HIDDEN}",
    "cl-list": f"{_POST}Content-Length: 2, 40\r\n\r\n{{}}{_HIDDEN}",
    "cl-plus": f"{_POST}Content-Length: +2\r\n\r\n{{}}{_HIDDEN}",
    "cl-minus": f"{_POST}Content-Length: -2\r\n\r\n{{}}{_HIDDEN}",
    "cl-hex": f"{_POST}Content-Length: 0x2\r\n\r\n{{}}{_HIDDEN}",
    "cl-space": f"{_POST}Content-Length: 2 2\r\n\r\n{{}}{_HIDDEN}",
    "cl-huge": f"{_POST}Content-Length: 99999999999999999999999\r\n\r\n{{}}{_HIDDEN}",
    "cl-empty": f"{_POST}Content-Length:\r\n\r\n{_HIDDEN}",
    "te-space-colon": f"{_POST}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n{_HIDDEN}",
    "te-identity": f"{_POST}Transfer-Encoding: identity\r\nContent-Length: 2\r\n\r\n{{}}{_HIDDEN}",
    "te-twice": f"{_POST}{_TE}Transfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "te-xchunked": f"{_POST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{_HIDDEN}",
    "te-not-last": f"{_POST}Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n{_HIDDEN}",
    "te-vtab": f"{_POST}Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n{_HIDDEN}",
    "te-1.0": _POST.replace("1.1", "1.0") + f"{_TE}\r\n0\r\n\r\n{_HIDDEN}",
    "chunk-size-0x": f"{_POST}{_TE}\r\n0x2\r\n{{}}\r\n0\r\n\r\n",
    "chunk-size-plus": f"{_POST}{_TE}\r\n+2\r\n{{}}\r\n0\r\n\r\n",
    "chunk-size-wraps": f"{_POST}{_TE}\r\n10000000000000002\r\n{{}}\r\n0\r\n\r\n",
    "chunk-no-crlf": f"{_POST}{_TE}\r\n2\r\n{{}}xx0\r\n\r\n{_HIDDEN}",
    "folded": f"{_POST}X: y\r\n Content-Length: 40\r\nContent-Length: 2\r\n\r\n{{}}{_HIDDEN}",
    "bare-cr": f"{_POST}X: y\rContent-Length: 40\r\nContent-Length: 2\r\n\r\n{{}}{_HIDDEN}",
}


@pytest.mark.parametrize("framing", SMUGGLED)
def test_cl_08_an_ambiguous_framing_is_refused_and_not_forwarded(
    gateway: Gateway, upstream: ScriptedUpstream, framing: str
) -> None:
    log = upstream.log
    unrouted, calls, anomalies = len(log.unrouted), len(upstream.requests), len(log.anomalies)
    with RawClient(gateway.url) as client:
        client.send(SMUGGLED[framing].encode())
        answer = client.rest(1.0)
    assert answer.count(b"HTTP/1.") <= 1
    assert b"smuggled" not in answer
    if answer:
        assert answer.split()[1][:1] == b"4", answer[:200]
    assert len(log.unrouted) == unrouted
    assert len(upstream.requests) == calls
    assert log.anomalies[anomalies:] == []


def test_cl_09_pipelined_requests_are_answered_in_order_or_not_at_all(gateway: Gateway) -> None:
    what = [Ask("u/ok-3"), Ask("u/ok-5", key=OTHER_KEY), Ask("u/ok-7")]
    with RawClient(gateway.url) as client:
        client.send(b"".join(request_bytes(one, one.key or KEY) for one in what))
        answer = client.rest(1.5)
    texts = [
        json.loads(part[part.index(b"{") : part.rindex(b"}") + 1])
        for part in answer.split(b"HTTP/1.1 200 OK")[1:]
        if b"{" in part
    ]
    counts = [len(body["choices"][0]["message"]["content"].split()) for body in texts]
    assert counts in ([3], [3, 5], [3, 5, 7])


def test_cl_10_http2_resets_cost_the_one_who_resets(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    from ..h2client import H2Client

    name = f"ok+n-50+itl-20@{ref('cl10')}"
    with H2Client(gateway.url) as client:
        client.ask_and_reset([_new(name, "u", "openai") for _ in range(500 * SCALE)], KEY)
    assert eventually(lambda: all(x.cancelled or x.finished for x in upstream.of(name)), 5)
    if FRONT == "native":  # Granian counts no resets: docs/front.md
        assert len(upstream.of(name)) <= 200
    assert_good(ask(gateway, "u/ok-10"))


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([("authorization", f"Bearer {KEY}"), ("authorization", f"Bearer {OTHER_KEY}")], 400),
        ([("authorization", f"Bearer {KEY}"), ("x-api-key", OTHER_KEY)], 400),
        ([("authorization", f"Bearer {KEY}"), ("x-api-key", KEY)], 200),
        ([("x_api_key", KEY)], 401),
        ([("x-forwarded-for", "127.0.0.1"), ("forwarded", "for=127.0.0.1")], 401),
        ([("authorization", f"Basic {KEY}")], 401),
    ],
    ids=["two", "two-places", "same-twice", "alias", "forwarded", "scheme"],
)
def test_cl_11_credentials_are_taken_from_one_place_only(
    gateway: Gateway, headers: list[tuple[str, str]], status: int
) -> None:
    body = json.dumps(Ask("u/ok-3").body()).encode()
    lines = [_POST + f"Content-Length: {len(body)}", *(f"{n}: {v}" for n, v in headers)]
    with RawClient(gateway.url) as client:
        client.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        answer = client.rest(1.0)
    assert answer.split()[1] == str(status).encode(), answer[:300]


def test_cl_11_hop_by_hop_headers_stop_here(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    name = f"ok-3@{ref('cl11')}"
    hop = {
        "connection": "x-hop, keep-alive",
        "x-hop": "1",
        "te": "trailers",
        "upgrade": "h2c",
        "proxy-authorization": "Basic eA==",
        "x-forwarded-for": "127.0.0.1",
        "cookie": "a=b",
    }
    got = ask(gateway, f"u/{name}", headers=hop)
    assert_good(got, 3)
    names = {header.lower() for header, _ in upstream.of(name)[0].headers}
    assert not names & {"x-hop", "te", "upgrade", "proxy-authorization", "cookie"}
