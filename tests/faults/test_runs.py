"""Agent runs: caps, circles, names, nesting, the kill switch, and what of them is told."""

from __future__ import annotations

import itertools
import threading
from decimal import Decimal
from typing import Any

import anthropic
import openai
import pytest

from ..client import Ask, Got
from ..gateway import KEY, OTHER_KEY, Gateway
from ..upstream import ScriptedUpstream
from .checks import NATIVE, ask, asks, assert_error_shape, assert_good, cost, eventually, pairs, ref
from .conftest import Start
from .runs import in_run, kill, left, step

dialects = pytest.mark.parametrize("dialect", ["openai", "anthropic"])

#: The provider that speaks a dialect itself.
PROVIDER = {dialect: provider for provider, dialect in NATIVE.items()}
#: The default prompt is three words of the upstream's count.
ONE = cost(3, 20)


# Caps


@dialects
@pytest.mark.parametrize(
    ("cap", "what", "remaining", "status", "code"),
    [
        ({"steps": 3}, "steps", ["2", "1", "0"], 429, "run_limit_exceeded"),
        ({"total_tokens": 69}, "tokens", None, 429, "run_limit_exceeded"),
        ({"cost_usd": str(3 * ONE)}, "usd", None, 402, "budget_exceeded"),
    ],
    ids=["steps", "tokens", "cost"],
)
def test_a_run_has_so_much_and_no_more(
    gateways: Start,
    upstream: ScriptedUpstream,
    dialect: str,
    cap: dict[str, Any],
    what: str,
    remaining: list[str] | None,
    status: int,
    code: str,
) -> None:
    gateway = gateways(runs=cap)
    run, name = ref("r"), f"ok-20@{ref('cap')}"
    fields = {"max_tokens": 20}
    model = f"{PROVIDER[dialect]}/{name}"
    got = [step(gateway, model, run, dialect=dialect, fields=fields) for _ in range(3)]
    assert [each.status for each in got] == [200] * 3, got[-1].raw
    if remaining is not None:
        assert [left(each, what) for each in got] == remaining
    over = step(gateway, model, run, dialect=dialect, fields=fields)
    assert (over.status, over.code) == (status, code)
    assert over.headers["x-should-retry"] == "false"
    assert over.headers["x-sluicegate-run"] == run
    assert Decimal(left(over, what) or "-1") == 0
    assert "retry-after" not in over.headers
    assert_error_shape(over)
    assert len(upstream.of(name)) == 3
    other = step(gateway, model, ref("another"), dialect=dialect, fields=fields)
    assert other.status == 200, "another run has its own"


def test_a_stream_ends_where_its_run_does(own_gateway: Start) -> None:
    gateway = own_gateway(runs={"total_tokens": 40})
    got = step(gateway, f"u/ok-400@{ref('cut')}", "r", stream=True)
    assert (got.finish, got.terminators, got.error) == ("length", 1, None)
    assert b'sluicegate: cut at limit "run:tokens"' in got.raw
    assert step(gateway, f"u/ok-1@{ref('cut')}", "r").status == 429


@pairs
def test_a_runs_time_ends_its_streams(gateways: Start, dialect: str, provider: str) -> None:
    gateway = gateways(runs={"wall_s": 1.5})
    run = ref("r")
    first = step(gateway, f"{provider}/ok-1@{ref('wall')}", run, dialect=dialect)
    assert first.status == 200
    assert int(left(first, "s") or "9") <= 1
    name = f"{provider}/ok-400+itl-20@{ref('wall')}"
    got = step(gateway, name, run, dialect=dialect, stream=True)
    assert got.status == 200
    assert got.elapsed_s < 4.0
    assert (got.code, got.terminators) == ("run_limit_exceeded", 0)
    assert (got.error or {})["origin"] == "gateway"
    [row] = gateway.rows(got.ref)
    assert (row["outcome"], row["error_code"]) == ("error", "run_limit_exceeded")
    over = step(gateway, name, run, dialect=dialect)
    assert (over.status, over.code) == (403, "run_limit_exceeded")
    assert "1.5 seconds" in str(over.error)
    assert over.headers["x-should-retry"] == "false"


def test_a_request_that_waits_ends_with_its_run(own_gateway: Start) -> None:
    gateway = own_gateway(runs={"wall_s": 0.5})
    got = step(gateway, f"u/fault-hang@{ref('wall')}", "r")
    assert (got.status, got.code) == (403, "run_limit_exceeded")
    assert (got.error or {})["origin"] == "gateway"


def test_runs_nest_as_deep_and_as_wide_as_they_may(own_gateway: Start) -> None:
    """Over two workers, which remember together."""
    gateway = own_gateway(runs={"depth": 2, "fan_out": 2}, server={"workers": 2})
    name = f"u/ok-1@{ref('nest')}"
    steps = [
        ("root", None, 200, "0"),
        ("a", "root", 200, "1"),
        ("b", "a", 200, "2"),
        ("c", "b", 403, None),
        ("d", "root", 200, "1"),
        ("e", "root", 403, None),
        ("a", "root", 200, "1"),
        ("root", "root", 200, "0"),
        ("root", "b", 200, "0"),
    ]
    for run, parent, status, depth in steps:
        got = step(gateway, name, run, parent)
        assert got.status == status, (run, parent, got.raw)
        assert got.headers.get("x-sluicegate-run-depth") == depth
        assert got.headers["x-sluicegate-run"] == run
        if status == 403:
            assert got.code == "run_limit_exceeded"
    got = step(gateway, name, "a", "root")
    assert (left(got, "depth"), left(got, "sub-runs")) == ("1", "1")


def test_many_sub_runs_at_once_are_counted_exactly(own_gateway: Start) -> None:
    gateway = own_gateway(runs={"fan_out": 5}, server={"workers": 2})
    name = f"u/ok-1@{ref('wide')}"
    what = [Ask(name, headers=in_run(f"child-{n}", "root")) for n in range(40)]
    got = asks(gateway, what, concurrency=40)
    assert sorted(each.status for each in got) == [200] * 5 + [403] * 35


def test_two_keys_with_one_runs_name_share_nothing(own_gateway: Start) -> None:
    gateway = own_gateway(
        runs={"steps": 1, "fan_out": 1, "depth": 1, "loop": {"repeats": 2, "action": "stop"}}
    )
    name = f"u/ok-1@{ref('own')}"
    assert step(gateway, name, "r", "p").status == 200
    assert step(gateway, name, "r", "p").status == 429
    other = step(gateway, name, "r", "p", key=OTHER_KEY)
    assert other.status == 200, other.raw
    assert other.headers["x-sluicegate-run-depth"] == "1"
    foreign = step(gateway, name, "q", "r", key=OTHER_KEY)
    assert (foreign.status, foreign.code) == (403, "run_limit_exceeded"), "below its own r"


# Circles


def agents(dialect: str, results: list[str]) -> list[dict[str, Any]]:
    """A conversation in which one tool was called the same way for each of the results."""
    messages: list[dict[str, Any]] = [{"role": "user", "content": "find it"}]
    for n, result in enumerate(results):
        if dialect == "openai":
            function = {"name": "search", "arguments": '{"q": "x"}'}
            call = {"id": f"call_{n}", "type": "function", "function": function}
            messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
            messages.append({"role": "tool", "tool_call_id": f"call_{n}", "content": result})
        else:
            use = {"type": "tool_use", "id": f"toolu_{n}", "name": "search", "input": {"q": "x"}}
            messages.append({"role": "assistant", "content": [use]})
            block = {"type": "tool_result", "tool_use_id": f"toolu_{n}", "content": result}
            messages.append({"role": "user", "content": [block]})
    return messages


def tools(dialect: str) -> list[dict[str, Any]]:
    """The tool's definition."""
    schema = {"type": "object", "properties": {"q": {"type": "string"}}}
    if dialect == "openai":
        return [{"type": "function", "function": {"name": "search", "parameters": schema}}]
    return [{"name": "search", "input_schema": schema}]


def circling(dialect: str, times: int = 3) -> dict[str, Any]:
    """A request of an agent that has done the same so often."""
    return {"messages": agents(dialect, ["nothing"] * times), "tools": tools(dialect)}


@pairs
@pytest.mark.parametrize("action", ["warn", "note", "stop"])
def test_a_run_in_circles_is_warned_told_or_stopped(
    gateways: Start, upstream: ScriptedUpstream, dialect: str, provider: str, action: str
) -> None:
    gateway = gateways(runs={"loop": {"repeats": 3, "action": action, "note": 'Do "else".'}})
    run, name = ref("r"), f"ok-2@{ref('loop')}"
    model = f"{provider}/{name}"

    def go(**fields: Any) -> Got:
        return step(gateway, model, run, dialect=dialect, fields=fields)

    fresh = go(messages=agents(dialect, ["one", "two", "three"]), tools=tools(dialect))
    twice = go(**circling(dialect, 2))
    for got in (fresh, twice):
        assert got.status == 200, got.raw
        assert "x-sluicegate-run-loop" not in got.headers
    got = go(**circling(dialect))
    assert got.headers["x-sluicegate-run-loop"] == "search, 3 times with nothing new"
    sent = [exchange.json["messages"] for exchange in upstream.of(name)]
    if action == "stop":
        assert (got.status, got.code) == (403, "run_loop")
        assert got.headers["x-should-retry"] == "false"
        assert_error_shape(got)
        assert len(sent) == 2
        return
    assert got.status == 200
    assert eventually(lambda: f'"{run}" goes round in circles' in gateway.log(), 4.0)
    assert_alternate(NATIVE[provider], sent[-1])
    noted = [text for text in texts(sent[-1]) if "Do" in text]
    assert noted == (['Do "else".'] if action == "note" else [])


def texts(messages: list[dict[str, Any]]) -> list[str]:
    """Every text that a user says in a conversation."""
    out: list[str] = []
    for message in messages:
        content = message["content"]
        blocks = [{"text": content}] if isinstance(content, str) else content or []
        if message["role"] == "user":
            out += [block["text"] for block in blocks if "text" in block]
    return out


def assert_alternate(dialect: str, messages: list[dict[str, Any]]) -> None:
    """What an upstream would refuse: turns of one role in a row, a result that comes late."""
    roles = [message["role"] for message in messages]
    if dialect == "openai":
        assert set(roles[2::2]) <= {"tool", "user"}
        return
    assert all(one != other for one, other in itertools.pairwise(roles)), roles
    last = messages[-1]["content"]
    assert last[0]["type"] == "tool_result"


@dialects
def test_the_same_request_again_and_again_is_a_circle(own_gateway: Start, dialect: str) -> None:
    gateway = own_gateway(runs={"loop": {"repeats": 3, "action": "stop"}}, server={"workers": 2})
    name = f"{PROVIDER[dialect]}/ok-1@{ref('same')}"
    got = [step(gateway, name, "r", dialect=dialect, stream=n % 2 == 0) for n in range(4)]
    assert [each.status for each in got] == [200, 200, 403, 403]
    assert got[2].code == "run_loop"
    assert "the same request 3 times" in str(got[2].error)
    assert step(gateway, name, "r", dialect=dialect, text="something else").status == 200
    assert step(gateway, name, "other", dialect=dialect).status == 200


def test_what_failed_may_be_asked_again(own_gateway: Start) -> None:
    """A client's own retries are no circle: nothing was heard that could be old."""
    gateway = own_gateway(runs={"loop": {"repeats": 2, "action": "stop"}})
    client = openai.OpenAI(
        base_url=f"{gateway.url}/v1", api_key=KEY, max_retries=5, default_headers=in_run("r")
    )
    model = f"u/fault-500-then-ok-6@{ref('again')}"
    answer = client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": "one two three"}]
    )
    assert answer.choices[0].finish_reason == "stop"
    with pytest.raises(openai.PermissionDeniedError) as refused:
        client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": "one two three"}]
        )
    assert refused.value.code == "run_loop"
    assert refused.value.response.headers["x-sluicegate-run-loop"] == "the same request 2 times"
    cut = f"u/fault-midstream-reset-after-3@{ref('again')}"
    broken = [step(gateway, cut, "s", stream=True) for _ in range(3)]
    assert [each.status for each in broken] == [200] * 3


def test_an_anthropic_agent_that_is_stopped_reads_why(own_gateway: Start) -> None:
    gateway = own_gateway(runs={"loop": {"repeats": 3, "action": "stop"}})
    claude = anthropic.Anthropic(
        base_url=gateway.url, api_key=KEY, default_headers=in_run("r"), max_retries=3
    )
    asked: Any = circling("anthropic")
    with pytest.raises(anthropic.PermissionDeniedError) as refused:
        claude.messages.create(model=f"a/ok-1@{ref('sdk')}", max_tokens=9, **asked)
    assert "search, 3 times with nothing new" in str(refused.value)
    rows = [row for row in gateway.ledger() if row["error_code"] == "run_loop"]
    assert [row["run"] for row in rows] == ["r"], "asked once, never again"


def test_official_clients_hear_that_a_runs_time_is_over(own_gateway: Start) -> None:
    gateway = own_gateway(runs={"wall_s": 1})
    model = f"u/ok-400+itl-20@{ref('sdk')}"
    message: Any = [{"role": "user", "content": "one two three"}]
    client = openai.OpenAI(
        base_url=f"{gateway.url}/v1", api_key=KEY, default_headers=in_run("o"), max_retries=3
    )
    chunks = client.chat.completions.create(model=model, messages=message, stream=True)
    words: list[Any] = []
    with pytest.raises(openai.APIError) as ended:
        words.extend(choice.delta.content for chunk in chunks for choice in chunk.choices)
    assert ended.value.code == "run_limit_exceeded"
    assert len(words) > 3
    with pytest.raises(openai.PermissionDeniedError):
        client.chat.completions.create(model=model, messages=message, stream=True)
    claude = anthropic.Anthropic(
        base_url=gateway.url, api_key=KEY, default_headers=in_run("a"), max_retries=3
    )
    with (
        pytest.raises(anthropic.APIStatusError) as told,
        claude.messages.stream(model=model, messages=message, max_tokens=500) as stream,
    ):
        stream.get_final_message()
    assert "the run's time is over" in str(told.value)
    with pytest.raises(anthropic.PermissionDeniedError):
        claude.messages.create(model=model, messages=message, max_tokens=5)
    rows = gateway.ledger()
    assert [row["error_code"] for row in rows] == ["run_limit_exceeded"] * 4, "nothing was retried"


# Names


@dialects
def test_steps_of_one_conversation_are_one_run(own_gateway: Start, dialect: str) -> None:
    gateway = own_gateway(runs={"derive": True, "steps": 3})
    name = f"{PROVIDER[dialect]}/ok-1@{ref('derive')}"

    def go(results: list[str], key: str = KEY, **headers: str) -> Got:
        fields = {"messages": agents(dialect, results), "tools": tools(dialect)}
        return ask(gateway, name, dialect=dialect, fields=fields, key=key, headers=headers)

    got = [go(["x"] * n) for n in range(3)]
    names = {each.headers["x-sluicegate-run"] for each in got}
    assert len(names) == 1
    [run] = names
    assert run.startswith("auto-")
    assert [left(each, "steps") for each in got] == ["2", "1", "0"]
    assert [gateway.rows(each.ref)[0]["run"] for each in got] == [run] * 3
    assert go(["x"] * 3).status == 429
    assert go([], key=OTHER_KEY).headers["x-sluicegate-run"] != run
    assert go([], **{"x-sluicegate-user": "eve"}).headers["x-sluicegate-run"] != run
    named = go([], **in_run("mine"))
    assert named.headers["x-sluicegate-run"] == "mine"


def test_without_a_rule_a_request_without_a_name_has_no_run(gateway: Gateway) -> None:
    got = ask(gateway, f"u/ok-1@{ref('none')}")
    assert not [name for name in got.headers if name.startswith("x-sluicegate-run")]
    [row] = gateway.rows(got.ref)
    assert not row["run"]


# What is told afterwards


def test_ledger_and_reports_know_runs_and_their_parents(own_gateway: Start) -> None:
    gateway = own_gateway(runs={"steps": 3})
    name = f"u/ok-20@{ref('ledger')}"
    root = [step(gateway, name, "root") for _ in range(2)]
    child = step(gateway, name, "child", "root", stream=True)
    refused = step(gateway, name, "root")
    rows = gateway.rows_of([got.ref for got in (*root, child, refused)])
    told = [(rows[got.ref][0]["run"], rows[got.ref][0].get("parent_run") or None) for got in root]
    assert told == [("root", None)] * 2
    [row] = rows[child.ref]
    assert (row["run"], row["parent_run"]) == ("child", "root")
    [row] = rows[refused.ref]
    assert (row["run"], row["outcome"], row["error_code"]) == (
        "root",
        "refused",
        "run_limit_exceeded",
    )
    assert eventually(lambda: spend(gateway) == {("root", ""): 2 * ONE, ("child", "root"): ONE})
    [shown] = [
        run
        for run in gateway.admin("GET", "/admin/v1/runs").json()["data"]
        if run["run"] == "child"
    ]
    assert shown["parent_run"] == "root"


def spend(gateway: Gateway) -> dict[tuple[str, str], Decimal]:
    """Dollars by run and parent."""
    report = gateway.admin("GET", "/admin/v1/spend?by=run,parent_run").json()
    return {
        (row["group"]["run"], row["group"]["parent_run"] or ""): Decimal(row["sums"]["cost_usd"])
        for row in report["data"]
    }


# The kill switch


@pairs
@pytest.mark.parametrize("by", ["api", "command", "parent"])
def test_an_ended_run_loses_its_streams_within_a_second(
    gateways: Start, upstream: ScriptedUpstream, dialect: str, provider: str, by: str
) -> None:
    gateway = gateways()
    run, above, other = (ref(each) for each in "rps")
    # A first count reads the vocabulary, and streams wait for it.
    assert_good(ask(gateway, f"{provider}/ok-1", dialect=dialect, stream=True), 1)
    name = f"ok-400+itl-50@{ref('kill')}"
    got: list[Got] = []

    def go() -> None:
        got.append(step(gateway, f"{provider}/{name}", run, above, dialect=dialect, stream=True))

    asking = threading.Thread(target=go)
    asking.start()
    assert eventually(lambda: bool(upstream.of(name) and upstream.of(name)[0].tokens_sent > 3), 5.0)
    ended = kill(gateway, above if by == "parent" else run, by)
    asking.join(10)
    [stream] = got
    assert stream.ended - ended < 1.0
    assert (stream.code, stream.terminators) == ("run_ended", 0)
    assert (stream.error or {})["origin"] == "gateway"
    assert stream.text.split(), "what had come stays"
    [exchange] = upstream.of(name)
    assert eventually(lambda: exchange.cancelled is not None)
    again = step(gateway, f"{provider}/ok-1@{ref('kill')}", run, above, dialect=dialect)
    assert (again.status, again.code) == (403, "run_ended")
    assert again.headers["x-should-retry"] == "false"
    [row] = gateway.rows(stream.ref)
    assert (row["outcome"], row["error_code"], row["basis"]) == ("error", "run_ended", "counted")
    assert int(row["output_tokens"]) > 0
    assert step(gateway, f"{provider}/ok-1@{ref('kill')}", other, dialect=dialect).status == 200


@pytest.mark.parametrize("provider", ["u", "a"])
def test_a_run_that_ends_while_its_first_token_arrives_is_told_so(
    gateways: Start, upstream: ScriptedUpstream, provider: str
) -> None:
    gateway = gateways()
    for _ in range(4):
        name, run = f"ok-400+itl-20@{ref('kill')}", ref("r")
        got: list[Got] = []

        def go(model: str = f"{provider}/{name}", run: str = run, got: list[Got] = got) -> None:
            got.append(step(gateway, model, run, stream=True))

        asking = threading.Thread(target=go)
        asking.start()
        assert eventually(lambda n=name: any(x.tokens_sent for x in upstream.of(n)), 5.0)
        kill(gateway, run, "api")
        asking.join(10)
        assert got[0].broken is None, "an answer, not the end of a connection"
        assert (got[0].code, got[0].terminators) == ("run_ended", 0)
        assert got[0].status == (200 if got[0].is_stream else 403)
