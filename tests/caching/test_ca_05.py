"""CA-05: what a request may say, and that nobody learns what others asked."""

from __future__ import annotations

import statistics
import time

import httpx
import pytest

from ..client import Got
from ..faults.checks import all_pairs, ask, assert_good, assert_row, forms, ref
from ..faults.conftest import Start
from ..gateway import OTHER_KEY, Gateway, merge
from ..upstream import ScriptedUpstream
from .checks import ON, calls, is_kept, named, say, told

#: What says something of one request alone, and not of the answer.
OF_ONE_REQUEST = {
    "x-sluicegate-request-id",
    "x-sluicegate-overhead-us",
    "date",
    "x-sluicegate-cache-key",
    "x-request-id",
    # Whether a short stream is there at its head already is the machine's to say.
    "content-length",
    "transfer-encoding",
}


# directives


def test_ca_05_no_store_reads_nothing_and_keeps_nothing(
    gateways: Start, upstream: ScriptedUpstream
) -> None:
    gateway = gateways(**ON)
    model = named("ca05")
    assert told(ask(gateway, model, headers=say("no-store"))) == "bypass"
    assert not is_kept(gateway, model)
    assert told(ask(gateway, model)) == "miss"
    assert told(ask(gateway, model, headers=say("no-store"))) == "bypass"
    assert calls(upstream, model) == 3
    assert told(ask(gateway, model)) == "hit"


def test_ca_05_no_cache_reads_nothing_and_keeps_the_new_answer(
    gateways: Start, upstream: ScriptedUpstream
) -> None:
    gateway = gateways(**ON)
    model = named("ca05")
    first = ask(gateway, model)
    second = ask(gateway, model, headers=say("no-cache"))
    assert (told(first), told(second)) == ("miss", "bypass")
    third = ask(gateway, model)
    assert (told(third), third.raw) == ("hit", second.raw)
    assert third.raw != first.raw
    assert calls(upstream, model) == 2


@all_pairs
@forms
def test_ca_05_only_if_cached_asks_nobody(
    gateways: Start, upstream: ScriptedUpstream, dialect: str, provider: str, stream: bool
) -> None:
    gateway = gateways(**ON)
    model = named("ca05", provider=provider)
    asked = {"dialect": dialect, "stream": stream}
    got = ask(gateway, model, headers=say("only-if-cached"), **asked)
    assert (got.status, got.code) == (504, "not_cached")
    assert got.error is not None
    assert got.error["origin"] == "gateway"
    assert calls(upstream, model) == 0
    assert_row(gateway.rows(got.ref)[0], attempt=0, outcome="refused", cache="miss")
    ask(gateway, model, **asked)
    hit = ask(gateway, model, headers=say("only-if-cached"), **asked)
    assert told(hit) == "hit"
    assert_good(hit, 5)
    assert calls(upstream, model) == 1


def test_ca_05_max_age_is_how_old_an_answer_may_be(
    gateways: Start, upstream: ScriptedUpstream
) -> None:
    gateway = gateways(**ON)
    model = named("ca05")
    assert told(ask(gateway, model)) == "miss"
    assert told(ask(gateway, model, headers=say("max-age=60"))) == "hit"
    time.sleep(1.2)
    assert told(ask(gateway, model, headers=say("max-age=1"))) == "miss"
    assert told(ask(gateway, model, headers=say("max-age=60"))) == "hit"
    got = ask(gateway, model, headers=say("max-age=0", "only-if-cached"))
    assert got.status in {200, 504}  # an answer of this very moment is not older than nothing
    assert calls(upstream, model) == 2


def test_ca_05_an_answer_ends_with_its_time(gateways: Start, upstream: ScriptedUpstream) -> None:
    gateway = gateways(**ON)
    model, other = named("ca05"), named("ca05")
    ask(gateway, model, headers=say("ttl=1"))
    ask(gateway, other, headers=say("ttl=999999999"))  # no longer than the configuration says
    assert is_kept(gateway, model)
    time.sleep(1.2)
    assert not is_kept(gateway, model)
    assert is_kept(gateway, other)
    assert told(ask(gateway, model)) == "miss"
    assert calls(upstream, model) == 2


def test_ca_05_no_request_makes_an_answer_last_longer_than_it_may(gateways: Start) -> None:
    gateway = gateways(**merge(ON, {"cache": {"exact": {"ttl_s": 1}}}))
    model = named("ca05")
    ask(gateway, model, headers=say("ttl=60"))
    assert is_kept(gateway, model)
    time.sleep(1.2)
    assert not is_kept(gateway, model)


def test_ca_05_a_hit_says_how_old_it_is(gateways: Start) -> None:
    gateway = gateways(**ON)
    model = named("ca05")
    miss = ask(gateway, model)
    time.sleep(1.1)
    hit = ask(gateway, model)
    assert "x-sluicegate-cache-age-s" not in miss.headers
    assert 1 <= int(hit.headers["x-sluicegate-cache-age-s"]) <= 30
    key = hit.headers["x-sluicegate-cache-key"]
    assert len(key) == 64
    assert int(key, 16)
    assert miss.headers["x-sluicegate-cache-key"] == key


def test_ca_05_namespaces_are_apart(gateways: Start, upstream: ScriptedUpstream) -> None:
    name = named("ca05")
    own = {"name": "three", "key": "sluicegate-key-with-a-space", "team": "t"}
    plain = {"name": "four", "key": "sluicegate-key-of-that-team", "team": "t"}
    within = {"name": "five", "key": "sluicegate-key-within-it-all", "team": "t"}
    more = {
        "models": {
            "m": {"targets": [name]},
            "spaced": {"targets": [name], "cache": {"exact": {"namespace": "of-the-model"}}},
        },
        "keys": [
            own | {"cache": {"namespace": "a"}},
            plain,
            within | {"cache": {"namespace": "a/b"}},
        ],
    }
    gateway = gateways(**merge(ON, more))
    asked = [
        (plain["key"], {}),
        (plain["key"], say("namespace=x")),
        (plain["key"], say("namespace=y")),
        (own["key"], {}),
        (own["key"], say("namespace=b/c")),
        (within["key"], say("namespace=c")),
    ]
    for word in ("miss", "hit"):
        for key, headers in asked:
            assert told(ask(gateway, "m", key=key, headers=headers)) == word, (key, headers)
    assert calls(upstream, name) == len(asked)


@pytest.mark.parametrize(
    "value",
    ["no-stor", "max-age", "max-age=soon", "max-age=-1", "ttl=", "namespace=", "tag", "no-store=1"],
)
def test_ca_05_a_directive_that_nobody_knows_is_refused_by_name(
    gateways: Start, upstream: ScriptedUpstream, value: str
) -> None:
    """A slip that were ignored would keep what must not be kept."""
    gateway = gateways(**ON)
    model = named("ca05")
    got = ask(gateway, model, headers=say(value))
    assert got.status == 400, got.raw
    assert "x-sluicegate-cache" in str(got.error)
    assert calls(upstream, model) == 0


def test_ca_05_directives_may_stand_in_any_form(gateways: Start) -> None:
    gateway = gateways(**ON)
    model = named("ca05")
    headers = {"x-sluicegate-cache": 'No-Store ,, tag="a" , tag=b'}
    assert told(ask(gateway, model, headers=headers)) == "bypass"
    assert not is_kept(gateway, model)


@pytest.mark.parametrize("value", ["no-store", "no-cache", "max-age=5", "tag=a"])
def test_ca_05_directives_mean_no_harm_where_the_cache_is_off(gateways: Start, value: str) -> None:
    gateway = gateways()
    got = ask(gateway, named("ca05"), headers=say(value))
    assert_good(got, 5)
    assert told(got) == "bypass"


def test_ca_05_only_if_cached_is_a_miss_where_the_cache_is_off(
    gateways: Start, upstream: ScriptedUpstream
) -> None:
    gateway = gateways()
    model = named("ca05")
    got = ask(gateway, model, headers=say("only-if-cached"))
    assert (got.status, got.code) == (504, "not_cached")
    assert calls(upstream, model) == 0


@pytest.mark.parametrize(
    ("path", "more"),
    [
        ("/v1/embeddings", {"input": "a"}),
        (
            "/v1/chat/completions",
            {"messages": [{"role": "user", "content": "a"}], "temperature": 2},
        ),
        ("/v1/moderations", {"input": "a"}),
        ("/v1/images/generations", {"prompt": "a"}),
        ("/passthrough/u/v1/chat/completions", {"messages": [{"role": "user", "content": "a"}]}),
    ],
)
def test_ca_05_only_if_cached_is_a_miss_of_what_is_never_kept(
    gateways: Start, upstream: ScriptedUpstream, path: str, more: dict[str, object]
) -> None:
    gateway = gateways(**ON)
    name = named("ca05")
    model = name.removeprefix("u/") if path.startswith("/passthrough") else name
    reference = ref("ca05")
    headers = say("only-if-cached") | {
        "authorization": f"Bearer {gateway.key}",
        "x-request-id": reference,
    }
    got = httpx.post(
        gateway.url + path, json={"model": model, **more}, headers=headers, timeout=10, verify=False
    )
    assert (got.status_code, got.json()["error"]["code"]) == (504, "not_cached"), got.text
    assert calls(upstream, name) == 0
    [row] = gateway.rows(reference)
    is_looked_for = "embeddings" in path
    assert_row(row, attempt=0, outcome="refused", client_status=504, cost_usd=0)
    assert_row(row, cache="miss" if is_looked_for else "bypass")


# what others learn


def _shown(got: Got) -> dict[str, str]:
    """What a response's head says that another's may say too."""
    return {name: value for name, value in got.headers.items() if name not in OF_ONE_REQUEST}


@forms
def test_ca_05_a_miss_looks_alike_whether_another_tenant_asked_or_nobody(
    gateways: Start, stream: bool
) -> None:
    gateway = gateways(**ON)
    known, never = named("ca05"), named("ca05")
    never = never[:-8] + known[-8:][::-1]  # names of one length
    for _ in range(2):
        assert_good(ask(gateway, known, stream=stream), 5)
    seen, unseen = (ask(gateway, model, stream=stream, key=OTHER_KEY) for model in (known, never))
    alike = [
        {
            name: value.replace(got.ask.model.partition("/")[2], "M")
            for name, value in _shown(got).items()
        }
        for got in (seen, unseen)
    ]
    assert alike[0] == alike[1]
    keys = [got.headers.get("x-sluicegate-cache-key") for got in (ask(gateway, known), seen)]
    assert keys[0] != keys[1]
    [row] = gateway.rows(seen.ref)
    assert_row(row, attempt=1, cache="miss", key_name="two")


def _only_if_cached_ms(gateway: Gateway, model: str, text: str) -> float:
    got = ask(gateway, model, text=text, key=OTHER_KEY, headers=say("only-if-cached"))
    assert got.status == 504
    return got.elapsed_s * 1000


def test_ca_05_a_miss_takes_as_long_whether_another_tenant_asked_or_nobody(
    gateways: Start,
) -> None:
    """In pairs that lie beside each other; what makes both slow is in neither's favour."""
    gateway = gateways(**ON)
    model = named("ca05", "ok-400")
    for number in range(5):
        ask(gateway, model, text=f"kept {number}")
    pairs = [
        (
            _only_if_cached_ms(gateway, model, f"kept {number % 5}"),
            _only_if_cached_ms(gateway, model, f"free {number % 5}"),
        )
        for number in range(60)
    ]
    known, unknown = (statistics.median(times) for times in zip(*pairs, strict=True))
    assert 0.5 < known / unknown < 2, (known, unknown)
