"""What only hosts speak, over sockets: Bedrock's binary messages, Cohere's events and Ollama's
lines, for every client, broken everywhere.
"""

from __future__ import annotations

import json

import pytest

from ..client import Ask
from ..gateway import Gateway
from ..upstream import ScriptedUpstream, text
from ..upstream.ollama import CONTENT_TYPE
from .checks import (
    HOSTS,
    ask,
    asks,
    assert_cut,
    assert_good,
    assert_refused,
    assert_row,
    cost,
    eventually,
    forms,
    ref,
)

PROMPT = 3
CLIENTS = ["openai", "openai_responses", "anthropic", "gemini"]
clients = pytest.mark.parametrize("dialect", CLIENTS)
CUTS = ["reset", "fin", "clean-end", "bad-chunk"]
hosts = pytest.mark.parametrize("host", HOSTS)


@hosts
@clients
@forms
def test_every_client_reads_text_thoughts_calls_and_usage(
    gateway: Gateway, dialect: str, host: str, stream: bool
) -> None:
    got = ask(gateway, f"{host}/fault-usage-cached@{ref('h')}", dialect=dialect, stream=stream)
    assert got.text == text(10)
    row = gateway.rows(got.ref)[0]
    cached = 0 if host == "o" else 600  # it does not tell
    assert_row(row, outcome="ok", basis="reported", upstream_dialect=HOSTS[host])
    assert_row(row, input_tokens=PROMPT + 1000, cached_input_tokens=cached, output_tokens=10)
    assert row["upstream_request_id"].startswith("up-")
    got = ask(gateway, f"{host}/fault-reasoning@{ref('h')}", dialect=dialect, stream=stream)
    assert (got.text, got.reasoning) == (text(10), "think twice")
    assert_row(gateway.rows(got.ref)[0], outcome="ok", basis="reported", output_tokens=12)
    got = ask(gateway, f"{host}/ok-tools@{ref('h')}", dialect=dialect, stream=stream)
    assert (got.status, got.error, got.text) == (200, None, "Looking it up.")
    assert [(name, json.loads(given)) for name, given in got.tools] == [
        ("get_weather", {"city": "Z\u00fcrich", "unit": "\u00b0C"}),
        ("get_time", {"zone": "Europe/Zurich"}),
    ]
    assert_row(gateway.rows(got.ref)[0], outcome="ok", basis="reported")


@hosts
@clients
def test_st_05_an_error_inside_is_an_error_in_the_clients_dialect(
    gateway: Gateway, dialect: str, host: str
) -> None:
    name = f"{host}/fault-error-event-after-3@{ref('st05')}"
    got = ask(gateway, name, dialect=dialect, stream=True)
    assert_cut(got, 3)
    assert got.error is not None
    assert "scripted failure" in got.error["message"]
    row = gateway.rows(got.ref)[0]
    assert_row(row, output_tokens=3, basis="counted", outcome="error", cost_usd=cost(PROMPT, 3))


@hosts
@clients
def test_st_01_st_05_a_stream_broken_behind_any_token_is_an_error(
    gateway: Gateway, dialect: str, host: str
) -> None:
    """Cut in four ways, stalled, or with an error, an event that is no JSON or one that is not
    UTF-8 in it: what came before is there, and is what is billed.
    """
    cases = {
        f"fault-{how}-after-{count}": count
        for how in (*(f"midstream-{cut}" for cut in CUTS), "idle-stall", "error-event")
        for count in range(1, 8)
    }
    cases |= dict.fromkeys(("fault-malformed-event", "fault-invalid-utf8"), 3)
    what = [Ask(f"{host}/{name}@{ref('st')}", dialect=dialect, stream=True) for name in cases]
    got = asks(gateway, what, concurrency=len(what))
    rows = gateway.rows_of(one.ref for one in got)
    for count, one in zip(cases.values(), got, strict=True):
        assert_cut(one, count)
        assert_row(rows[one.ref][0], output_tokens=count, basis="counted", outcome="error")


@hosts
def test_st_06_the_upstream_of_a_stalled_stream_is_let_go(
    gateway: Gateway, upstream: ScriptedUpstream, host: str
) -> None:
    name = f"fault-idle-stall-after-3@{ref('st06')}"
    assert_cut(ask(gateway, f"{host}/{name}", stream=True), 3)
    (seen,) = upstream.of(name)
    assert eventually(lambda: seen.cancelled)


@hosts
@clients
@pytest.mark.parametrize("name", ["split-utf8", "byte-by-byte"])
def test_st_08_any_cut_of_the_bytes_reads_the_same(
    gateway: Gateway, dialect: str, host: str, name: str
) -> None:
    got = ask(gateway, f"{host}/fault-{name}@{ref('st08')}", dialect=dialect, stream=True)
    assert_good(got, wide=True)


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ("fault-400", 400),
        ("fault-403", 502),
        ("fault-429-retryafter-3", 429),
        ("fault-500", 502),
        ("fault-context-length", 400),
        ("fault-200-error-body", 502),
        ("fault-empty-200", 502),
        ("fault-invalid-json", 502),
        ("fault-truncated-body", 502),
        ("fault-wrong-content-type", 502),
    ],
)
@hosts
def test_up_errors_of_hosts_are_told_in_the_clients_dialect(
    gateway: Gateway, host: str, fault: str, status: int
) -> None:
    what = [
        Ask(f"{host}/{fault}@{ref('up')}", dialect=dialect, stream=stream)
        for dialect in CLIENTS
        for stream in (False, True)
    ]
    for got in asks(gateway, what):
        assert_refused(got, status)


@pytest.mark.parametrize("host", ["c", "o"])
@clients
def test_a_host_that_ignores_how_it_was_asked_is_read_all_the_same(
    gateway: Gateway, dialect: str, host: str
) -> None:
    """A whole answer where a stream was asked for, and the other way round."""
    for name, stream in (("fault-stream-ignored", True), ("fault-nonstream-sse", False)):
        got = ask(gateway, f"{host}/{name}@{ref('form')}", dialect=dialect, stream=stream)
        assert_good(got)
        assert_row(gateway.rows(got.ref)[0], outcome="ok", basis="reported", output_tokens=10)


@pytest.mark.parametrize(
    ("host", "path", "kind"),
    [("c", "/v2/chat", "text/event-stream"), ("o", "/api/chat", CONTENT_TYPE)],
)
@forms
def test_a_request_goes_where_the_host_has_its_chat(
    gateway: Gateway, upstream: ScriptedUpstream, host: str, path: str, kind: str, stream: bool
) -> None:
    name = f"ok-5@{ref('path')}"
    assert_good(ask(gateway, f"{host}/{name}", stream=stream), 5)
    [exchange] = upstream.of(name)
    assert exchange.path == path
    assert exchange.header("accept") == (kind if stream else "application/json")
    assert exchange.json["stream"] is stream
    assert exchange.header("authorization") == f"Bearer sk-upstream-{host}-0123456789"


@pytest.mark.parametrize("part", ["labelled-json", "labelled-nothing", "unended"])
def test_lines_are_known_whatever_they_are_called_and_whether_the_last_one_ends(
    gateway: Gateway, part: str
) -> None:
    got = ask(gateway, f"o/ok-5+{part}@{ref('lines')}", stream=True)
    assert_good(got, 5)
    assert_row(gateway.rows(got.ref)[0], outcome="ok", basis="reported", output_tokens=5)


def test_a_call_without_an_id_has_one_that_its_result_can_name(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    got = ask(gateway, f"o/ok-tools@{ref('ids')}")
    calls = json.loads(got.raw)["choices"][0]["message"]["tool_calls"]
    assert len({call["id"] for call in calls}) == 2
    name = f"ok-1@{ref('ids')}"
    said = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": None, "tool_calls": calls},
        *({"role": "tool", "tool_call_id": call["id"], "content": "5"} for call in calls),
    ]
    assert_good(ask(gateway, f"o/{name}", fields={"messages": said}), 1)
    [exchange] = upstream.of(name)
    results = exchange.json["messages"][2:]
    assert [result["tool_name"] for result in results] == ["get_weather", "get_time"]
