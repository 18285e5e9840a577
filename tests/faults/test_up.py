"""UP: upstream faults before the first byte."""

import time
from itertools import product

import httpx
import pytest

from ..client import Ask, Got
from ..gateway import KEY, Gateway
from ..upstream import ScriptedUpstream, text
from .checks import (
    NATIVE,
    SCALE,
    all_pairs,
    ask,
    asks,
    assert_error_shape,
    assert_free,
    assert_good,
    assert_refused,
    assert_row,
    cost,
    eventually,
    forms,
    pairs_of,
    ref,
    upstream_dialect,
)
from .conftest import Start

#: Input tokens of the default prompt, "one two three", as the upstream counts them.
PROMPT = 3

#: Plans with several targets; the refs are fixed because a plan is fixed.
FALLBACKS = {
    "up-06-reset": ["u/fault-reset-before-response@f1", "u/ok-5@f1"],
    "up-06-close": ["u/fault-close-before-response@f2", "u/ok-5@f2"],
    "up-06-refused": ["dead/any", "u/ok-5@f3"],
    "up-06-other": ["u/fault-reset-before-response@f4", "a/ok-5@f4"],
    "up-07-hang": ["u/fault-hang@f5", "u/ok-5@f5"],
    "up-03-limit": ["u/fault-429-retryafter-3@f6", "u/ok-5@f6"],
}
TIRED = ["u/fault-500-then-ok-9@t1", "u/fault-hang@t2", "u/fault-hang@t3", "u/fault-hang@t4"]


@pytest.fixture
def planned(gateways: Start) -> Gateway:
    """A gateway whose aliases fall back from one target to the next."""
    plans = {name: {"strategy": "fallback", "targets": to} for name, to in FALLBACKS.items()}
    return gateways(models=plans)


@all_pairs
@forms
def test_up_01_a_500_is_retried_once_and_charged_once(
    gateway: Gateway, upstream: ScriptedUpstream, dialect: str, provider: str, stream: bool
) -> None:
    name = f"fault-500-then-ok-1@{ref('up01')}"
    got = ask(gateway, f"{provider}/{name}", dialect=dialect, stream=stream)
    assert_good(got)
    assert got.headers["x-sluicegate-attempts"] == "2"
    assert got.elapsed_s < 1.5
    seen = upstream.of(name)
    assert [exchange.attempt for exchange in seen] == [1, 2]
    first, second = gateway.rows(got.ref, at_least=2)
    assert_free(first)
    assert_row(first, attempt=1, status=500)
    assert_row(
        second,
        attempt=2,
        status=200,
        client_status=200,
        outcome="ok",
        basis="reported",
        input_tokens=PROMPT,
        output_tokens=10,
        cost_usd=cost(PROMPT, 10),
    )
    assert first["request_id"] == second["request_id"] == got.headers["x-sluicegate-request-id"]


@pytest.mark.xfail(strict=True, reason="the retry budget and the breaker come with routing")
def test_up_02_a_storm_of_500s_is_not_amplified(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    name = f"fault-500@{ref('up02')}"
    got = asks(gateway, [Ask(f"u/{name}") for _ in range(200)], concurrency=8)
    assert {one.status for one in got} <= {502, 503}
    assert len(upstream.of(name)) <= 1.2 * len(got)


@all_pairs
@pytest.mark.parametrize(
    ("fault", "passed_on"),
    [
        ("fault-429-retryafter-3", {"3"}),
        ("fault-429-retryafter-date", {"1", "2", "3"}),
        ("fault-429-retryafter-bad", {None}),
    ],
)
def test_up_03_a_rate_limit_is_passed_on_with_its_time(
    gateway: Gateway,
    upstream: ScriptedUpstream,
    dialect: str,
    provider: str,
    fault: str,
    passed_on: set[str | None],
) -> None:
    name = f"{fault}@{ref('up03')}"
    got = ask(gateway, f"{provider}/{name}", dialect=dialect)
    assert_refused(got, 429)
    given = got.headers.get("retry-after")
    assert given in passed_on or (None in passed_on and (given or "").isdigit())
    assert len(upstream.of(name)) == 1
    assert_free(gateway.rows(got.ref)[0])


def test_up_03_a_short_wait_is_waited_for(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    name = f"fault-429-retryafter-ms-250-then-ok-1@{ref('up03')}"
    got = ask(gateway, f"u/{name}")
    assert_good(got)
    first, second = upstream.of(name)
    assert second.arrived - first.arrived >= 0.25


def test_up_03_another_target_does_not_wait(planned: Gateway) -> None:
    got = ask(planned, "up-03-limit")
    assert_good(got, 5)
    assert got.elapsed_s < 1


@all_pairs
@pytest.mark.parametrize(
    ("fault", "status", "kinds"),
    [
        ("fault-429-quota", 429, None),  # a limit of ours with the provider: its words stay here
        ("fault-400", 400, {"invalid_request_error"}),
        ("fault-context-length", 400, {"invalid_request_error"}),
        ("fault-content-policy", 400, {"invalid_request_error"}),
    ],
)
def test_up_04_the_callers_own_mistake_is_passed_on(
    gateway: Gateway,
    upstream: ScriptedUpstream,
    dialect: str,
    provider: str,
    fault: str,
    status: int,
    kinds: set[str] | None,
) -> None:
    name = f"{fault}@{ref('up04')}"
    got = ask(gateway, f"{provider}/{name}", dialect=dialect)
    assert_refused(got, status)
    assert got.error is not None
    assert kinds is None or got.error["type"] in kinds
    if fault == "fault-context-length":
        assert "maximum context length" in got.error["message"]
    assert len(upstream.of(name)) == 1
    row = gateway.rows(got.ref)[0]
    assert_free(row)
    assert_row(row, status=status, client_status=status)


@all_pairs
@forms
def test_up_05_a_rejected_provider_key_is_not_the_clients_401(
    gateway: Gateway, upstream: ScriptedUpstream, dialect: str, provider: str, stream: bool
) -> None:
    name = f"fault-auth-rejected@{ref('up05')}"
    got = ask(gateway, f"{provider}/{name}", dialect=dialect, stream=stream)
    assert_refused(got, 502)
    assert "credential" in got.code
    assert len(upstream.of(name)) == 1
    assert_row(gateway.rows(got.ref)[0], status=401, client_status=502)


@pytest.mark.xfail(strict=True, reason="the cool-down of a rejected credential comes with routing")
def test_up_05_a_rejected_key_cools_down(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    name = f"fault-auth-rejected@{ref('up05c')}"
    asks(gateway, [Ask(f"u/{name}") for _ in range(5)], concurrency=1)
    assert len(upstream.of(name)) == 1


@all_pairs
@pytest.mark.parametrize("fault", ["fault-reset-before-response", "fault-close-before-response"])
def test_up_06_a_connection_lost_before_the_answer_is_tried_once_more(
    gateway: Gateway, upstream: ScriptedUpstream, dialect: str, provider: str, fault: str
) -> None:
    name = f"{fault}@{ref('up06')}"
    got = ask(gateway, f"{provider}/{name}", dialect=dialect)
    assert_refused(got, 502)
    assert len(upstream.of(name)) == 2
    rows = gateway.rows(got.ref, at_least=2)
    assert [row["attempt"] for row in rows] == [1, 2]
    for row in rows:
        assert_free(row)
        assert_row(row, status=None)


def test_up_06_a_closed_port_is_a_502(gateway: Gateway) -> None:
    got = ask(gateway, "dead/any")
    assert_refused(got, 502)
    assert got.elapsed_s < 1.5
    for row in gateway.rows(got.ref):
        assert_free(row)


@pytest.mark.parametrize("plan", ["up-06-reset", "up-06-close", "up-06-refused", "up-06-other"])
@forms
def test_up_06_the_next_target_answers_within_a_second(
    planned: Gateway, plan: str, stream: bool
) -> None:
    got = ask(planned, plan, stream=stream)
    assert_good(got, 5)
    assert got.elapsed_s <= 1.0
    rows = planned.rows(got.ref, at_least=2)
    for row in rows[:-1]:
        assert_free(row)
    assert_row(rows[-1], outcome="ok", output_tokens=5)


def _assert_deadline(gateway: Gateway, upstream: ScriptedUpstream, got: Got) -> None:
    """504 at 2 s +- 0.2, upstream closed within 200 ms of that, one attempt, no charge."""
    name = got.ask.model.partition("/")[2]
    assert_refused(got, 504)
    assert 1.8 <= got.elapsed_s <= 2.2
    assert eventually(lambda: upstream.of(name)[0].cancelled)
    (exchange,) = upstream.of(name)
    assert exchange.cancelled is not None
    assert exchange.cancelled - got.started <= 2.0 + 0.25
    assert_free(gateway.rows(got.ref)[0])


def test_up_07_up_08_what_comes_first_has_a_deadline(
    gateway: Gateway, upstream: ScriptedUpstream, subtests: pytest.Subtests
) -> None:
    """The first byte, for every pair of dialects, and headers that trickle, which have one in all:
    all of them at once, since each takes two seconds.
    """
    faults = ("fault-hang", "fault-slow-first-byte-3s")
    what = [
        Ask(f"{provider}/{fault}@{ref('up07')}", dialect=dialect, stream=provider == "u")
        for (dialect, provider), fault in product(pairs_of("up-07"), faults)
    ]
    what += [Ask(f"u/fault-slow-headers-3s@{ref('up08')}", stream=one) for one in (False, True)]
    for got in asks(gateway, what, concurrency=len(what)):
        with subtests.test(msg=f"{got.ask.dialect} of {got.ask.model}, stream: {got.ask.stream}"):
            _assert_deadline(gateway, upstream, got)


def test_up_07_a_hang_falls_over_to_the_next_target(planned: Gateway) -> None:
    got = ask(planned, "up-07-hang")
    assert_good(got, 5)
    assert 1.8 <= got.elapsed_s <= 2.4


@pytest.mark.xfail(strict=True, reason="breakers that eject a target come with routing")
def test_up_09_a_broken_target_is_ejected(own_gateway: Start, upstream: ScriptedUpstream) -> None:
    broken = f"fault-503@{ref('up09')}"
    targets = [{"model": f"u/{broken}", "weight": 1}, {"model": "a/ok-5", "weight": 1}]
    gateway = own_gateway(models={"both": {"strategy": "weighted", "targets": targets}})
    got = asks(gateway, [Ask("both") for _ in range(200)], concurrency=4)
    assert sum(one.status != 200 for one in got) <= 5
    assert 1 <= len(upstream.of(broken)) <= 12


@all_pairs
@forms
@pytest.mark.parametrize("fault", ["fault-redirect", "fault-redirect-metadata"])
def test_up_10_a_redirect_is_not_followed(
    gateway: Gateway,
    upstream: ScriptedUpstream,
    dialect: str,
    provider: str,
    stream: bool,
    fault: str,
) -> None:
    got = ask(gateway, f"{provider}/{fault}@{ref('up10')}", dialect=dialect, stream=stream)
    assert_refused(got, 502)
    assert upstream.log.trap_hits == []
    for row in gateway.rows(got.ref):
        assert_free(row)


BROKEN_ANSWERS = [
    "fault-html-502",
    "fault-200-error-body",
    "fault-empty-200",
    "fault-invalid-json",
    "fault-truncated-body",
    "fault-wrong-content-type",
]


@all_pairs
@forms
def test_up_11_each_broken_answer_is_a_502_with_its_own_code(
    gateway: Gateway, dialect: str, provider: str, stream: bool
) -> None:
    codes: dict[str, str] = {}
    refs: list[str] = []
    for fault in BROKEN_ANSWERS:
        got = ask(gateway, f"{provider}/{fault}@{ref('up11')}", dialect=dialect, stream=stream)
        assert_refused(got, 502)
        assert got.headers["content-type"].startswith("application/json")
        codes[fault] = got.code
        refs.append(got.ref)
    assert len(set(codes.values())) == len(BROKEN_ANSWERS), codes
    for rows in gateway.rows_of(refs).values():
        for row in rows:
            assert_row(row, output_tokens=0, cost_usd=0, outcome="error")


@pytest.mark.parametrize("provider", ["u", "a"])
@pytest.mark.parametrize(
    ("fault", "concurrency"), [("fault-stale-keepalive", 8), ("fault-stale-keepalive-reset", 1)]
)
def test_up_13_a_stale_connection_is_replaced(
    gateway: Gateway, upstream: ScriptedUpstream, provider: str, fault: str, concurrency: int
) -> None:
    """In silence where it was closed; as an attempt where it broke under the request, which the
    upstream may have read.
    """
    name = f"{fault}@{ref('up13')}"
    count = 100 * SCALE
    what = [Ask(f"{provider}/{name}", dialect=NATIVE[provider]) for _ in range(count)]
    got = asks(gateway, what, concurrency=concurrency)
    for one in got:
        assert_good(one)
    assert len(upstream.of(name)) == count
    for rows in gateway.rows_of(one.ref for one in got).values():
        *broken, last = rows
        assert_row(last, outcome="ok", output_tokens=10)
        assert len(broken) <= fault.endswith("reset")
        for row in broken:
            assert_free(row)
            assert_row(row, error_code="upstream_reset", client_status=200)


@pytest.mark.parametrize("provider", ["u", "a"])
@pytest.mark.parametrize("fault", ["fault-reset-before-response", "fault-close-before-response"])
def test_up_06_a_reset_over_a_used_connection_is_an_attempt_too(
    own_gateway: Start, upstream: ScriptedUpstream, provider: str, fault: str
) -> None:
    gateway = own_gateway()
    for ends, starts in (("-then-ok-1", 2), ("", 2)):
        ask(gateway, f"{provider}/ok-1", dialect=NATIVE[provider])
        time.sleep(1.05)  # a connection rests for a second while few are idle
        name = f"{fault}{ends}@{ref('up06')}"
        got = ask(gateway, f"{provider}/{name}", dialect=NATIVE[provider])
        seen = upstream.of(name)
        assert [one.reused for one in seen] == [True, False]
        first, second = gateway.rows(got.ref, at_least=starts)
        assert_free(first)
        if ends:
            assert_good(got)
            assert got.headers["x-sluicegate-attempts"] == "2"
            assert_row(second, outcome="ok", output_tokens=10, cost_usd=cost(PROMPT, 10))
        else:
            assert_refused(got, 502)
            assert_free(second)


@pytest.mark.parametrize("fault", ["fault-huge-headers-256", "fault-many-headers-2000"])
@pytest.mark.parametrize("provider", ["u", "a"])
def test_up_14_heads_have_a_limit(gateway: Gateway, provider: str, fault: str) -> None:
    got = ask(gateway, f"{provider}/{fault}@{ref('up14')}", dialect=NATIVE[provider])
    assert_refused(got, 502)


@all_pairs
@forms
def test_up_14_only_listed_headers_pass(
    gateway: Gateway, dialect: str, provider: str, stream: bool
) -> None:
    got = ask(gateway, f"{provider}/fault-setcookie", dialect=dialect, stream=stream)
    assert_good(got)
    assert not [name for name, value in got.headers.items() if "LEAK" in value]
    hidden = {"set-cookie", "x-internal-host", "x-powered-by", "proxy-authenticate"}
    assert not hidden & set(got.headers)


@all_pairs
@forms
@pytest.mark.parametrize(
    "fault",
    [
        "fault-stream-ignored",
        "fault-nonstream-sse",
        "fault-http10",
        "fault-cl-sse",
        "fault-close-delimited",
        "fault-trailers",
        "fault-informational",
    ],
)
def test_up_15_odd_but_lawful_answers_are_right(
    gateway: Gateway, dialect: str, provider: str, stream: bool, fault: str
) -> None:
    got = ask(gateway, f"{provider}/{fault}@{ref('up15')}", dialect=dialect, stream=stream)
    assert b"LEAK" not in got.raw
    if fault in ("fault-stream-ignored", "fault-nonstream-sse") and got.status == 502:
        assert_refused(got, 502)
        return
    assert_good(got)
    # Nobody asked the OpenAI upstream for usage: the client wants no stream.
    reports = upstream_dialect(dialect, provider) != "openai"
    asked = stream or fault != "fault-nonstream-sse" or reports
    basis = "reported" if asked else "counted"
    assert_row(gateway.rows(got.ref)[0], outcome="ok", basis=basis, output_tokens=10)


def test_up_16_all_attempts_end_at_the_deadline(gateways: Start) -> None:
    plan = {"strategy": "fallback", "targets": TIRED}
    gateway = gateways(models={"tired": plan}, timeouts={"total_s": 5, "first_byte_s": 2})
    got = ask(gateway, "tired")
    assert got.status in (502, 504)
    assert_error_shape(got)
    assert got.elapsed_s <= 5.2
    assert 2 <= len(gateway.rows(got.ref)) <= 5


@forms
def test_up_16_the_clients_own_deadline_shortens(
    gateway: Gateway, upstream: ScriptedUpstream, stream: bool
) -> None:
    name = f"fault-hang@{ref('up16')}"
    deadline = {"x-sluicegate-timeout-ms": "1000"}
    got = ask(gateway, f"u/{name}", stream=stream, headers=deadline)
    assert_refused(got, 504, origin=str((got.error or {}).get("origin")))
    assert 0.9 <= got.elapsed_s <= 1.2
    assert eventually(lambda: upstream.of(name)[0].cancelled)
    seen = upstream.of(name)[0]
    assert seen.cancelled is not None
    assert seen.cancelled - got.started <= 1.25


def test_up_16_the_clients_deadline_cannot_lengthen(gateway: Gateway) -> None:
    longer = {"x-sluicegate-timeout-ms": "60000"}
    started = time.monotonic()
    got = ask(gateway, f"u/fault-hang@{ref('up16')}", headers=longer)
    assert got.status == 504
    assert time.monotonic() - started < 2.5


def test_up_the_upstream_sees_its_own_key_and_no_client_key(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    for provider, header in (("u", "authorization"), ("a", "x-api-key")):
        name = f"ok-2@{ref('upkey')}"
        got = ask(gateway, f"{provider}/{name}", dialect=NATIVE[provider])
        assert got.text == text(2)
        sent = upstream.of(name)[0]
        assert KEY not in (sent.header(header) or "")
        assert f"sk-upstream-{provider}" in (sent.header(header) or "")
    assert httpx.get(f"{gateway.url}/health/live").status_code == 200
