"""CF: configuration that is wrong, changes under load, and processes that end."""

import asyncio
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest

from ..client import Ask, Got
from ..gateway import KEY, OTHER_KEY, UPSTREAM_KEYS, Gateway, command
from ..nursery import run
from ..upstream import ScriptedUpstream, text
from .checks import (
    PAIRS,
    SCALE,
    ask,
    asks,
    assert_error_shape,
    assert_good,
    assert_row,
    eventually,
    ref,
)
from .conftest import Start

SECRET = "sk-very-secret-value-0123456789"
MEBIBYTE = 1 << 20
_GOOD = "providers:\n  u: {dialect: openai, base_url: 'http://127.0.0.1:9/v1', api_key: none}\n"

#: text of the file; what the message must say: the field, the nearest known name
BROKEN: dict[str, tuple[str, list[str]]] = {
    "syntax": (f"{_GOOD}keys: [{{name: x, key: {SECRET}\n", []),
    "unknown-top": (f"{_GOOD}provider: {{}}\n", ["provider", "providers"]),
    "unknown-deep": (f"{_GOOD}timeouts: {{first_bite_s: 3}}\n", ["first_bite_s", "first_byte_s"]),
    "wrong-type": (f"{_GOOD}timeouts: {{idle_s: soon}}\n", ["idle_s"]),
    "negative": (f"{_GOOD}timeouts: {{idle_s: -1}}\n", ["idle_s"]),
    "missing-env": (
        f"{_GOOD}keys: [{{name: x, key: '${{NO_SUCH_VARIABLE_HERE}}'}}]\n",
        ["NO_SUCH_VARIABLE_HERE"],
    ),
    "unknown-dialect": ("providers: {p: {dialect: opnai, base_url: 'http://h'}}\n", ["openai"]),
    "unknown-provider-target": (
        f"{_GOOD}models: {{m: {{strategy: fallback, targets: [nobody/x]}}}}\n",
        ["nobody"],
    ),
    "short-key": (f"{_GOOD}keys: [{{name: x, key: short}}]\n", ["key"]),
}


def _run(verb: list[str], folder: Path, body: str) -> tuple[int, str]:
    path = folder / "broken.yaml"
    path.write_text(body)
    path.chmod(0o600)
    return run([*verb, str(path)], folder)


@pytest.mark.parametrize("case", BROKEN)
@pytest.mark.parametrize("verb", [["check"], ["serve", "--config"]], ids=["check", "serve"])
def test_cf_01_a_wrong_configuration_names_its_fault_and_stops(
    tmp_path: Path, case: str, verb: list[str]
) -> None:
    body, says = BROKEN[case]
    status, said = _run(verb, tmp_path, body)
    assert status != 0
    for word in says:
        assert word in said
    assert re.search(r"broken\.yaml:\d+: ", said), said
    assert SECRET not in said
    assert "Traceback" not in said


def test_cf_01_a_wrong_reload_keeps_what_was(own_gateway: Start) -> None:
    gateway = own_gateway(models={"m": {"strategy": "fallback", "targets": ["u/ok-3"]}})
    good = gateway.config_path.read_text()
    gateway.config_path.write_text(good.replace('"timeouts"', '"timeout"'))
    gateway.signal(signal.SIGHUP)
    time.sleep(0.7)
    for _ in range(10):
        assert_good(ask(gateway, "m"), 3)
    assert "timeouts" in gateway.log()


def _streams_in_background(gateway: Gateway, what: list[Ask]) -> tuple[threading.Thread, list[Got]]:
    from ..client import ask_all

    out: list[Got] = []

    def run() -> None:
        out.extend(asyncio.run(ask_all(gateway.url, gateway.key, what, len(what), 25)))

    thread = threading.Thread(target=run)
    thread.start()
    return thread, out


def test_cf_02_reloads_disturb_no_stream_and_reach_the_next_request(
    own_gateway: Start, upstream: ScriptedUpstream
) -> None:
    """The case's figures: a hundred reloads under two hundred streams."""
    gateway = own_gateway(models={"m": {"targets": ["u/ok-3"]}})
    long = f"ok+n-120+itl-100@{ref('cf02')}"
    what = [Ask(f"u/{long}", stream=True) for _ in range(200)]
    thread, got = _streams_in_background(gateway, what)
    assert eventually(lambda: len(upstream.of(long)) == 200, 10)
    _reload(gateway, 10)  # what is allocated once
    before = gateway.rss_bytes()
    _reload(gateway, 90)
    grown = gateway.rss_bytes() - before
    thread.join()
    for one in got:
        assert_good(one, 120)
    assert grown < 8 * MEBIBYTE, f"{grown} bytes by ninety reloads"
    for rows in gateway.rows_of(one.ref for one in got).values():
        [row] = rows
        assert_row(row, outcome="ok", output_tokens=120)


def _reload(gateway: Gateway, count: int) -> None:
    """Reads another configuration so many times; the next request has each."""
    for number in range(count):
        tokens = 3 + number % 4
        gateway.write_config(models={"m": {"targets": [f"u/ok-{tokens}"]}})
        gateway.signal(signal.SIGHUP)
        assert eventually(lambda n=tokens: ask(gateway, "m").text == text(n), 2.0)  # type: ignore[misc]


def test_cf_03_sigterm_lets_streams_finish(own_gateway: Start, upstream: ScriptedUpstream) -> None:
    gateway = own_gateway()
    name = f"ok+n-100+itl-20@{ref('cf03')}"
    count = 30 * SCALE
    thread, got = _streams_in_background(
        gateway, [Ask(f"u/{name}", stream=True) for _ in range(count)]
    )
    assert eventually(lambda: len(upstream.of(name)) == count, 5)
    time.sleep(0.5)
    gateway.signal(signal.SIGTERM)
    time.sleep(0.2)
    assert not gateway.ready()
    thread.join()
    assert gateway.process is not None
    assert gateway.process.wait(10) == 0
    assert len(got) == count
    for one in got:
        assert_good(one, 100)
    for rows in gateway.rows_of(one.ref for one in got).values():
        assert len(rows) == 1
        assert_row(rows[0], outcome="ok", basis="reported", output_tokens=100)


def test_cf_04_a_killed_worker_is_replaced(own_gateway: Start) -> None:
    gateway = own_gateway(server={"workers": 2})
    # One that begins to listen later has no stream: then all may be with the one that is killed.
    assert eventually(lambda: _listeners(gateway.port) >= 2, 5.0)
    thread, got = _streams_in_background(
        gateway, [Ask("u/ok+n-100+itl-20", stream=True) for _ in range(20)]
    )
    time.sleep(0.7)
    main, *workers = gateway.processes()
    assert len(workers) >= 2
    victim = workers[-1]
    os.kill(victim, signal.SIGKILL)
    assert eventually(
        lambda: len(gateway.processes()) >= 1 + len(workers) and victim not in gateway.processes(),
        2.0,
    )
    thread.join()
    assert main == gateway.processes()[0]
    whole = [one for one in got if one.broken is None and one.terminators == 1]
    assert whole, "every stream was lost"
    after = asks(gateway, [Ask("u/ok-3") for _ in range(20)])
    for one in after:
        assert_good(one, 3)


def _listeners(port: int) -> int:
    """How many sockets take connections there: each worker has its own."""
    entries = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    return sum(fields[1].endswith(f":{port:04X}") and fields[3] == "0A" for fields in entries)


@pytest.mark.parametrize("workers", [1, 2])
def test_cf_04_workers_that_die_again_and_again_are_replaced_again_and_again(
    own_gateway: Start, workers: int
) -> None:
    """Each time all of them, and each time within a second of the last: a gateway that gave up
    then would be an outage.
    """
    gateway = own_gateway(server={"workers": workers})
    main = gateway.processes()[0]
    assert eventually(lambda: "serves on" in gateway.log(), 5.0), "it knows that it has served"
    for _ in range(3):
        victims = set(gateway.processes()[1:])
        for victim in victims:
            os.kill(victim, signal.SIGKILL)
        alive = partial(_replaced, gateway, victims, workers)
        assert eventually(alive, 5.0), gateway.log()[-2000:]
    assert eventually(gateway.ready, 5.0), gateway.log()[-2000:]
    assert gateway.processes()[0] == main
    for one in asks(gateway, [Ask("u/ok-3") for _ in range(10)]):
        assert_good(one, 3)
    assert gateway.stop() == 0


def _replaced(gateway: Gateway, victims: set[int], workers: int) -> bool:
    living = set(gateway.processes()[1:])
    return len(living) >= workers and not living & victims


def test_cf_04_a_gateway_that_cannot_start_ends_and_says_so(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    """Its workers die before they serve: there is nothing to keep up."""
    gateway = Gateway(upstream.url, tmp_path)
    (tmp_path / "data").mkdir(mode=0o700)
    (tmp_path / "data" / "journal").write_text("a file where a folder belongs")
    with pytest.raises(AssertionError, match="before the gateway ever served"):
        gateway.start()
    assert gateway.process is not None
    assert gateway.process.wait(10) == 1


#: models whose requests have the core panic, by where it does
PANICS = {point: f"ok-3+itl-300@panic-{point}" for point in ("admit", "attempt", "relay")}
UNHARMED = "ok+n-100+itl-10"


@pytest.fixture
def fragile(own_gateway: Start, monkeypatch: pytest.MonkeyPatch) -> Gateway:
    """A gateway whose core panics on purpose, with limits that every request holds something of."""
    names = [f"{point}={p}/{name}" for point, name in PANICS.items() for p in ("u", "a")]
    monkeypatch.setenv("SLUICEGATE_TEST_PANICS", ",".join(names))
    return own_gateway(
        keys=[{"name": "one", "key": KEY, "budget_usd": "5", "max_parallel": 50}],
        limits=[{"name": "provider", "scope": {"provider": "u"}, "cost_usd": 5, "per": "day"}],
    )


def _standing(gateway: Gateway, limit: str) -> dict[str, str]:
    answer = gateway.admin("GET", f"/admin/v1/limits/{limit}/standing")
    assert answer.status_code == 200, answer.text
    out: dict[str, str] = answer.json()
    return out


@pytest.mark.parametrize("point", PANICS)
def test_cf_04_a_panic_is_one_requests_500(fragile: Gateway, point: str) -> None:
    before = fragile.processes()
    thread, unharmed = _streams_in_background(
        fragile, [Ask(f"u/{UNHARMED}", stream=True) for _ in range(10)]
    )
    cases = [(dialect, provider, stream) for dialect, provider in PAIRS for stream in (False, True)]
    if point == "relay":
        cases = [case for case in cases if case[2]]
    what = [
        Ask(f"{provider}/{PANICS[point]}", dialect=dialect, stream=stream)
        for dialect, provider, stream in cases
        for _ in range(5)
    ]
    got = asks(fragile, what)
    for one in got:
        assert one.error is not None, one.raw
        assert (one.code, one.error["origin"]) == ("internal_error", "gateway")
        assert_error_shape(one)
        if point == "relay":  # it had begun: an error event is the end
            assert (one.status, one.terminators) == (200, 0)
            assert one.text
        else:
            assert one.status == 500
    thread.join()
    for one in unharmed:
        assert_good(one, 100)
    for one in asks(fragile, [Ask("u/ok-3"), Ask("a/ok-3", dialect="anthropic")]):
        assert_good(one, 3)
    assert fragile.processes() == before, "no process died of it"
    _assert_settled(fragile, got, point)
    assert len(re.findall("a defect of the core at rust/drive/", fragile.log())) == len(got)


def _assert_settled(gateway: Gateway, got: list[Got], point: str) -> None:
    """A row for each request, nothing held, and counters that say what the ledger says."""
    for rows in gateway.rows_of(one.ref for one in got).values():
        [row] = rows
        assert_row(row, error_code="internal_error")
        if point == "admit":
            assert_row(row, attempt=0, outcome="refused", basis="none", client_status=500)
        elif point == "attempt":
            assert_row(row, attempt=1, outcome="error", basis="none", client_status=500, cost_usd=0)
        else:  # as after a crash: what was held for it
            assert_row(row, attempt=1, outcome="error", basis="estimated")
            assert Decimal(row["cost_usd"]) > 0
    for limit in ("key:one:budget", "key:one:parallel", "provider"):
        assert eventually(lambda n=limit: Decimal(_standing(gateway, n)["held"]) == 0)  # type: ignore[misc]
    spent = sum(Decimal(row["cost_usd"] or 0) for row in gateway.ledger())
    # nano-dollars are rounded up, once for each request
    assert 0 <= Decimal(_standing(gateway, "key:one:budget")["spent"]) - spent < Decimal("0.000001")


def test_cf_04_no_client_can_have_the_core_panic(gateway: Gateway) -> None:
    """Nobody set the variable: these are models like any others."""
    what = [
        Ask(f"u/{name}", stream=True, headers={"SLUICEGATE_TEST_PANICS": f"{point}=u/{name}"})
        for point, name in PANICS.items()
    ]
    for one in asks(gateway, what):
        assert_good(one, 3)
    assert "a defect of the core" not in gateway.log()


# CF-05


def _minted(gateway: Gateway, name: str) -> tuple[str, str]:
    made = gateway.admin("POST", "/admin/v1/keys", {"name": name}).json()
    time.sleep(1.0)  # every worker knows it by then; one that answers says nothing of others
    assert ask(gateway, "u/ok-1", key=made["key"]).status == 200
    return made["key"], made["record"]["id"]


def _by_api(gateway: Gateway, verb: str, key_id: str) -> str:
    body = {"overlap_s": 0} if verb == "rotate" else {}
    answer = gateway.admin("POST", f"/admin/v1/keys/{key_id}/{verb}", body)
    assert answer.status_code == 200, answer.text
    return str(answer.json().get("key", ""))


def _by_command(gateway: Gateway, verb: str, key_id: str) -> str:
    more = ["--overlap-s", "0"] if verb == "rotate" else []
    done = subprocess.run(
        [*command(), "keys", verb, key_id, *more, "--config", str(gateway.config_path)],
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    return done.stdout.strip()


@pytest.mark.parametrize("verb", ["revoke", "rotate", "delete"])
@pytest.mark.parametrize("how", [_by_api, _by_command], ids=["api", "command"])
def test_cf_05_a_key_that_ends_is_refused_and_what_runs_finishes(
    own_gateway: Start, upstream: ScriptedUpstream, verb: str, how: Callable[..., str]
) -> None:
    """By every worker within a second of the command's end; another key feels nothing."""
    gateway = own_gateway(server={"workers": 2})
    key, key_id = _minted(gateway, "ends")
    long = f"ok+n-100+itl-40@{ref('cf05')}"
    what = [Ask(f"u/{long}", stream=True, key=each) for each in [key] * 10 + [KEY] * 10]
    thread, running = _streams_in_background(gateway, what)
    assert eventually(lambda: len(upstream.of(long)) == 20, 5)
    if verb == "delete" and how is _by_api:
        assert gateway.admin("DELETE", f"/admin/v1/keys/{key_id}").status_code == 200
        new = ""
    else:
        new = how(gateway, verb, key_id)
    time.sleep(1.0)
    again = [Ask("u/ok-1", key=each) for each in [key, KEY] * 20]
    for one in asks(gateway, again):
        assert one.status == (401 if one.ask.key == key else 200)
    if verb == "rotate":
        assert {one.status for one in asks(gateway, [Ask("u/ok-1", key=new)] * 10)} == {200}
    thread.join()
    for one in running:
        assert_good(one, 100)


def test_cf_05_a_rotated_key_has_two_secrets_for_a_while(own_gateway: Start) -> None:
    gateway = own_gateway(server={"workers": 2})
    key, key_id = _minted(gateway, "overlaps")
    answer = gateway.admin("POST", f"/admin/v1/keys/{key_id}/rotate", {"overlap_s": 3})
    new = answer.json()["key"]
    ends_s = time.monotonic() + 3
    time.sleep(1.0)  # the same of the new secret
    while time.monotonic() < ends_s - 0.5:
        got = asks(gateway, [Ask("u/ok-1", key=each) for each in (key, new)])
        assert {one.status for one in got} == {200}
    time.sleep(1.5)
    got = asks(gateway, [Ask("u/ok-1", key=each) for each in [key] * 10 + [new] * 10])
    assert [one.status for one in got] == [401] * 10 + [200] * 10
    assert {row["key_name"] for row in gateway.ledger()} == {"overlaps"}


def test_cf_05_a_keys_end_needs_no_look_at_the_store(own_gateway: Start) -> None:
    """Expiry holds to the moment, whatever is polled when."""
    gateway = own_gateway()
    key, key_id = _minted(gateway, "expires")
    ends = datetime.now(UTC) + timedelta(seconds=2)
    changed = gateway.admin("PATCH", f"/admin/v1/keys/{key_id}", {"expires_at": ends.isoformat()})
    assert changed.status_code == 200, changed.text
    while datetime.now(UTC) < ends - timedelta(seconds=0.3):
        assert ask(gateway, "u/ok-1", key=key).status == 200
    time.sleep(0.4)
    assert ask(gateway, "u/ok-1", key=key).status == 401


def test_cf_05_a_providers_key_is_rotated_by_a_reload(
    own_gateway: Start, upstream: ScriptedUpstream
) -> None:
    """What runs keeps the old one, what comes has the new one, and neither is mixed."""
    gateway = own_gateway(server={"workers": 2})
    long = f"ok+n-100+itl-30@{ref('cf05')}"
    thread, running = _streams_in_background(
        gateway, [Ask(f"u/{long}", stream=True) for _ in range(20)]
    )
    assert eventually(lambda: len(upstream.of(long)) == 20, 5)
    new = "sk-upstream-u-rotated-0123456789"
    gateway.write_config(providers={"u": {"api_key": new}})
    gateway.signal(signal.SIGHUP)
    name = f"ok-1@{ref('cf05')}"

    def is_new() -> bool:
        asks(gateway, [Ask(f"u/{name}") for _ in range(8)])
        seen = {each.header("authorization") for each in upstream.of(name)[-8:]}
        return seen == {f"Bearer {new}"}

    assert eventually(is_new, 1.0)
    assert is_new(), "no worker goes back"
    thread.join()
    for one in running:
        assert_good(one, 100)
    assert {each.header("authorization") for each in upstream.of(long)} == {
        f"Bearer {UPSTREAM_KEYS['u']}"
    }
    assert new not in gateway.log()


@pytest.mark.parametrize("how", ["its entry goes", "its key changes"])
def test_cf_05_a_configured_key_ends_by_a_reload(own_gateway: Start, how: str) -> None:
    gateway = own_gateway(server={"workers": 2})
    assert ask(gateway, "u/ok-1", key=OTHER_KEY).status == 200
    other = [{"name": "two", "key": f"{OTHER_KEY}-new"}] if how == "its key changes" else []
    gateway.write_config(keys=[{"name": "one", "key": KEY}, *other])
    gateway.signal(signal.SIGHUP)
    time.sleep(1.0)
    got = asks(gateway, [Ask("u/ok-1", key=each) for each in [KEY, OTHER_KEY] * 10])
    assert [one.status for one in got] == [200, 401] * 10
    if other:
        assert ask(gateway, "u/ok-1", key=other[0]["key"]).status == 200
