"""CA-04: what is no whole good answer by the model's own will is never kept."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from ..faults.checks import PAIRS, ask, assert_good, eventually, pairs_of
from ..faults.conftest import Start
from ..gateway import KEY, Gateway, merge
from ..upstream import ScriptedUpstream
from .checks import ON, calls, is_kept, named, told

#: Behaviours of an upstream, and in which form a client meets them.
NEVER: dict[str, tuple[bool, ...]] = {
    "fault-400": (False, True),
    "fault-404": (False, True),
    "fault-429": (False, True),
    "fault-500": (False, True),
    "fault-529": (False, True),
    "fault-content-policy": (False, True),
    "fault-context-length": (False, True),
    "fault-reset-before-response": (False, True),
    "fault-redirect": (False, True),
    "fault-html-502": (False, True),
    "fault-200-error-body": (False, True),
    "fault-empty-200": (False, True),
    "fault-invalid-json": (False, True),
    "fault-wrong-content-type": (False, True),
    "fault-truncated-body": (False,),
    "fault-gzip-truncated": (False, True),
    "fault-error-first": (True,),
    "fault-error-event-after-3": (True,),
    "fault-midstream-reset-after-3": (True,),
    "fault-midstream-fin-after-3": (True,),
    "fault-midstream-clean-end-after-3": (True,),
    "fault-midstream-bad-chunk-after-3": (True,),
    "fault-malformed-event": (True,),
    "fault-invalid-utf8": (True,),
    "ok-0": (False, True),
    "ok-tools": (False, True),
    "ends-cut": (False, True),
    "ends-filtered": (False, True),
}
CASES = [(name, stream) for name, forms in NEVER.items() for stream in forms]


@pytest.mark.parametrize(
    ("behaviour", "stream"), CASES, ids=[f"{n}-{'stream' if s else 'whole'}" for n, s in CASES]
)
def test_ca_04_is_never_kept(
    gateways: Start, upstream: ScriptedUpstream, behaviour: str, stream: bool
) -> None:
    """By what stands in the cache, and by whom the next one asks."""
    gateway = gateways(**ON)
    for dialect, provider in pairs_of(behaviour):
        model = named("ca04", behaviour, provider)
        asked = {"dialect": dialect, "stream": stream}
        for _ in range(2):
            before = calls(upstream, model)
            got = ask(gateway, model, **asked)
            assert told(got) != "hit", (dialect, provider)
            if got.status != 503:  # a breaker is open
                assert calls(upstream, model) > before, (dialect, provider)
            for form in (False, True):
                assert not is_kept(gateway, model, dialect=dialect, stream=form)


def test_ca_04_the_good_answer_of_the_next_target_is_kept_where_that_is_wanted(
    gateways: Start, upstream: ScriptedUpstream
) -> None:
    """And the failure before it is not."""
    bad, good = named("ca04", "fault-500"), named("ca04", provider="a")
    kept = {"cache": {"exact": {"fallbacks": True}}}
    gateway = gateways(**merge(ON, {"models": {"m": {"targets": [bad, good]}}, **kept}))
    assert [told(ask(gateway, "m")) for _ in range(2)] == ["miss", "hit"]
    assert calls(upstream, good) == 1


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(("dialect", "provider"), PAIRS, ids=[f"{d}-{p}" for d, p in PAIRS])
def test_ca_04_answers_that_call_tools_are_kept_where_that_is_allowed(
    gateways: Start, upstream: ScriptedUpstream, dialect: str, provider: str, stream: bool
) -> None:
    gateway = gateways(**merge(ON, {"cache": {"exact": {"tool_calls": True}}}))
    model = named("ca04", "ok-tools", provider)
    first, second = (ask(gateway, model, dialect=dialect, stream=stream) for _ in range(2))
    assert (told(first), told(second)) == ("miss", "hit")
    assert first.tools == second.tools
    assert len(second.tools) == 2
    assert calls(upstream, model) == 1


@pytest.mark.parametrize(
    ("most", "asked", "is_cached"),
    [
        (1.0, None, True),
        (1.0, 0, True),
        (1.0, 1, True),
        (1.0, 1.0, True),
        (1.0, 1.1, False),
        (1.0, 2, False),
        (0, 0, True),
        (0, 0.1, False),
        (0, None, True),
        (2, 1.5, True),
    ],
)
@pytest.mark.parametrize("dialect", ["openai", "anthropic", "openai_responses", "gemini"])
def test_ca_04_sampling_above_a_temperature_is_not_cached(
    gateways: Start,
    upstream: ScriptedUpstream,
    dialect: str,
    most: float,
    asked: float | None,
    is_cached: bool,
) -> None:
    gateway = gateways(**merge(ON, {"cache": {"exact": {"max_temperature": most}}}))
    model = named(
        "ca04", provider={"openai": "u", "anthropic": "a", "gemini": "g"}.get(dialect, "r")
    )
    fields: dict[str, Any] = {} if asked is None else {"temperature": asked}
    if dialect == "gemini" and fields:
        fields = {"generationConfig": fields}
    words = [told(ask(gateway, model, dialect=dialect, fields=fields)) for _ in range(2)]
    assert words == (["miss", "hit"] if is_cached else ["bypass", "bypass"])
    assert calls(upstream, model) == (1 if is_cached else 2)


@pytest.mark.parametrize("bound", [1024, 4096])
def test_ca_04_answers_above_a_size_are_not_kept(
    gateways: Start, upstream: ScriptedUpstream, bound: int
) -> None:
    gateway = gateways(**merge(ON, {"cache": {"exact": {"max_entry_bytes": bound}}}))
    for stream, tokens, is_small in (
        (False, 10, True),
        (False, 1000, False),
        (True, 10, bound > 1024),
        (True, 1000, False),
    ):
        model = named("ca04", f"ok-{tokens}")
        for _ in range(2):
            assert_good(ask(gateway, model, stream=stream), tokens)
        assert is_kept(gateway, model) is is_small, (stream, tokens)
        assert calls(upstream, model) == (1 if is_small else 2)


def test_ca_04_an_answer_whose_client_left_is_not_kept(
    gateways: Start, upstream: ScriptedUpstream
) -> None:
    gateway = gateways(**ON)
    model = named("ca04", "ok-50+itl-20")
    _leave(gateway, model)
    assert eventually(lambda: upstream.stats(model.partition("/")[2]).cancelled == 1)
    assert not is_kept(gateway, model)
    assert told(ask(gateway, model, stream=True)) == "miss"
    assert calls(upstream, model) == 2


def _leave(gateway: Gateway, model: str) -> None:
    """Asks for a stream, and goes when its first piece is there."""
    body = {
        "model": model,
        "stream": True,
        "messages": [{"role": "user", "content": "one two three"}],
    }
    headers = {"authorization": f"Bearer {gateway.key}"}
    url = f"{gateway.url}/v1/chat/completions"
    with (
        httpx.Client(verify=False, timeout=10) as client,
        client.stream("POST", url, json=body, headers=headers) as response,
    ):
        next(response.iter_raw())


def test_ca_04_what_is_off_for_a_model_or_a_key_is_not_kept(
    gateways: Start, upstream: ScriptedUpstream
) -> None:
    name = named("ca04")
    off = {"targets": [name], "cache": {"exact": {"enabled": False}}}
    more = {"models": {"off": off, "on": {"targets": [name]}}}
    key = {"name": "three", "key": "sluicegate-key-without-a-cache", "cache": {"enabled": False}}
    gateway = gateways(**merge(ON, more | {"keys": [{"name": "one", "key": KEY}, key]}))
    assert [told(ask(gateway, "off")) for _ in range(2)] == ["bypass", "bypass"]
    assert [told(ask(gateway, "on", key=key["key"])) for _ in range(2)] == ["bypass", "bypass"]
    assert [told(ask(gateway, "on")) for _ in range(2)] == ["miss", "hit"]
    assert calls(upstream, name) == 5


def test_ca_04_a_key_may_have_what_its_model_has_off(
    gateways: Start, upstream: ScriptedUpstream
) -> None:
    key = {"name": "four", "key": "sluicegate-key-with-a-cache", "cache": {"enabled": True}}
    gateway = gateways(cache={"exact": {"tier": "memory"}}, keys=[key])
    model = named("ca04")
    assert [told(ask(gateway, model, key=key["key"])) for _ in range(2)] == ["miss", "hit"]
    assert calls(upstream, model) == 1
