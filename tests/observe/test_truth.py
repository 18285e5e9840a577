"""Counters are what the ledger is, and are so before the client knows that its answer is over."""

from __future__ import annotations

import http.client
import socket
import time
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from ..client import Ask, run_asks
from ..faults.checks import eventually
from ..gateway import KEY, Gateway, Row
from ..rawclient import RawClient, request_bytes
from ..upstream import ScriptedUpstream
from .scrape import Scraped, scrape, sums_by

#: What providers do, good and bad; the same names again and again, as in life.
BEHAVIOURS = [
    *("ok-5", "ok-50", "ok-tools", "fault-usage-cached", "fault-usage-reasoning"),
    *("fault-503", "fault-429-quota", "fault-400", "fault-reset-before-response"),
    *("fault-midstream-reset-after-3", "fault-error-event-after-2", "fault-empty-200"),
    *("fault-usage-missing", "fault-lies-usage", "fault-usage-negative", "fault-no-done"),
    *("fault-invalid-json", "fault-truncated-body", "fault-malformed-event", "fault-auth-rejected"),
]
CLASSES = {
    "input": "input_tokens",
    "cached_input": "cached_input_tokens",
    "cache_write": "cache_write_tokens",
    "cache_write_1h": "cache_write_1h_tokens",
    "output": "output_tokens",
    "reasoning": "reasoning_tokens",
    "audio": "audio_tokens",
    "image": "image_tokens",
}
TURN = [{"role": "user", "content": "how many?"}]
UNPRICED = {"dialect": "openai", "api_key": "none"}


def mixed(count: int) -> list[Ask]:
    """So many requests: both dialects, both ways of each, streamed or not, some refused."""
    kinds = [
        Ask(f"{provider}/{behaviour}", dialect=dialect, stream=stream, headers=FAST)
        for behaviour in BEHAVIOURS
        for provider in ("u", "a")
        for dialect in ("openai", "anthropic")
        for stream in (False, True)
    ]
    refused = [Ask("nobody/knows"), Ask("u/ok-5", fields={"messages": []}), Ask("dead/m")]
    routed = [Ask("chain", stream=stream) for stream in (False, True)]
    free = [Ask("bare/ok-5"), Ask("bare/ok-5", stream=True)]
    return list(islice(cycle([*kinds, *refused, *routed, *free]), count))


FAST = {"x-sluicegate-timeout-ms": "5000"}


def leave(gateway: Gateway, ref: str) -> None:
    """A client that goes away in the middle of its stream."""
    with RawClient(gateway.url) as client:
        client.ask(Ask("u/ok-200+itl-20", stream=True, ref=ref), KEY)
        client.until(b"data: ")
        client.rst()


def assert_same(scraped: Scraped, rows: list[Row]) -> None:
    """Difference 0, by every label that the ledger has as a column."""
    attempts = [row for row in rows if row["attempt"]]
    where = ("provider", "routed_model")
    names = (*where, "outcome", "error_code")
    counted = scraped.by("sluicegate_attempts_total", "provider", "model", "outcome", "error_code")
    assert counted == sums_by(attempts, lambda row: columns(row, *names))
    for name, column in CLASSES.items():
        by_class = scraped.by("sluicegate_tokens_total", "provider", "model", "class")
        counted = {key[:2]: value for key, value in by_class.items() if key[2] == name}
        assert counted == sums_by(attempts, lambda row: columns(row, *where), column), name
    counted = scraped.by("sluicegate_cost_usd_total", "provider", "model")
    assert counted == sums_by(attempts, lambda row: columns(row, *where), "cost_usd")
    for name, column in (("input", "input_tokens"), ("output", "output_tokens")):
        used = scraped.of("gen_ai_client_token_usage_sum", gen_ai_token_type=name)
        assert used == sum(int(row[column] or 0) for row in attempts)
    last = {row["request_id"]: row for row in sorted(rows, key=lambda row: int(row["attempt"]))}
    names = ("operation", "dialect", "outcome", "client_status")
    counted = scraped.by("sluicegate_requests_total", *names)
    assert counted == sums_by(list(last.values()), lambda row: columns(row, *names))


def columns(row: Row, *names: str) -> tuple[str, ...]:
    """Values as labels have them."""
    return tuple(str(row.get(name) or "") for name in names)


def test_ob_04_counters_equal_the_ledger_after_a_mixed_load(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    settings: dict[str, Any] = {
        "server": {"workers": 2},
        "providers": {"bare": {**UNPRICED, "base_url": f"{upstream.url}/v1"}},
        "models": {"chain": {"targets": ["dead/m", "u/fault-503", "a/ok-5"]}},
    }
    with Gateway(upstream.url, tmp_path, **settings) as gateway:
        asked = [*mixed(400), *(Ask("u/ok-5", ref=f"last-{number}") for number in range(4))]
        run_asks(gateway.url, KEY, asked, concurrency=24)
        for path in ("/v1/messages/count_tokens", "/v1/embeddings"):
            for model in ("u/ok-5", "a/ok-5"):
                body = {"model": model, "input": "text", "messages": TURN}
                httpx.post(f"{gateway.url}{path}", json=body, headers={"x-api-key": KEY})
        for number in range(6):
            leave(gateway, f"left-{number}")
        gateway.rows_of([f"left-{number}" for number in range(6)])
        assert eventually(lambda: scrape(gateway).of("sluicegate_active_requests") == 0)
        rows = gateway.ledger()
        assert {row["outcome"] for row in rows} == {"ok", "error", "cancelled", "refused"}
        scraped = scrape(gateway)
        assert_same(scraped, rows)
        assert scraped.of("sluicegate_refusals_total") == sum(
            row["outcome"] == "refused" for row in rows
        )
        unpriced = [row for row in rows if row["price_version"] == "unpriced"]
        assert scraped.of("sluicegate_alerts_total", kind="unpriced") == len(unpriced) > 0


def test_dead_workers_counts_stay_and_what_they_left_open_is_counted(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    with Gateway(upstream.url, tmp_path, server={"workers": 2}) as gateway:
        run_asks(gateway.url, KEY, [Ask("u/ok-5") for _ in range(40)])
        with RawClient(gateway.url) as client:
            client.ask(Ask("u/ok-500+itl-20", stream=True), KEY)
            client.until(b"data: ")
            assert scrape(gateway).of("sluicegate_active_requests") == 1
            for process in workers_of(gateway):  # all of them: nobody is left who counted
                process.kill()
        assert eventually(lambda: len(workers_of(gateway)) == 2 and gateway.ready(), 10)
        run_asks(gateway.url, KEY, [Ask("a/ok-5") for _ in range(20)])

        def same() -> bool:
            rows, scraped = gateway.ledger(), scrape(gateway)
            return scraped.of("sluicegate_attempts_total") == len(rows)

        assert eventually(same, 8)
        assert scrape(gateway).of("sluicegate_active_requests") == 0
        assert_same(scrape(gateway), gateway.ledger())
        assert scrape(gateway).of("sluicegate_attempts_total", outcome="unknown") == 1


def workers_of(gateway: Gateway) -> list[psutil.Process]:
    """The processes that serve."""
    assert gateway.process is not None
    return psutil.Process(gateway.process.pid).children()


@pytest.mark.parametrize(
    ("model", "stream", "mark"),
    [
        ("u/ok-3", True, b"data: [DONE]\n\n"),
        ("a/ok-3", True, b"data: [DONE]\n\n"),
        ("u/ok-3", False, b'"total_tokens"'),
        ("u/fault-error-event-after-2", True, b'"error"'),
        ("u/fault-midstream-reset-after-2", True, b'"error"'),
        ("u/fault-400", False, b'"error"'),
        ("nobody/knows", False, b'"error"'),
    ],
)
def test_a_request_is_counted_before_its_last_byte(
    model: str, stream: bool, mark: bytes, upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    """A client that has read to the end and asks at once finds itself counted: 200 times."""
    with Gateway(upstream.url, tmp_path, server={"workers": 2}) as gateway:
        looking = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=5)
        request = request_bytes(Ask(model, stream=stream), KEY)
        with RawClient(gateway.url) as client:
            client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for number in range(1, 201):
                client.received = b""
                client.send(request)
                assert mark in client.until(mark)
                looking.request("GET", "/metrics")
                scraped = Scraped(looking.getresponse().read().decode())
                assert scraped.of("sluicegate_requests_total") == number
                assert scraped.of("sluicegate_active_requests") == 0
                if b"content-length" not in client.received.partition(b"\r\n\r\n")[0].lower():
                    client.until(b"\r\n0\r\n\r\n")  # the last chunk
        looking.close()


def test_counts_only_grow_and_every_worker_gives_the_same(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    with Gateway(upstream.url, tmp_path, server={"workers": 3}) as gateway:
        before: dict[tuple[str, ...], Any] = {}
        for _ in range(15):
            run_asks(gateway.url, KEY, mixed(8))
            now = counters(scrape(gateway))
            assert all(now[series] >= value for series, value in before.items())
            before = now
        time.sleep(0.1)
        assert all(counters(scrape(gateway)) == before for _ in range(12))


def counters(scraped: Scraped) -> dict[tuple[str, ...], Any]:
    """What must never shrink."""
    ends = ("_total", "_bucket", "_sum", "_count")
    return {
        (name, *(f"{key}={value}" for key, value in labels.items())): value
        for name, labels, value in scraped.samples
        if name.endswith(ends) and not name.startswith("process_")
    }
