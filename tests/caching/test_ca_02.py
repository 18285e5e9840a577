"""CA-02: whatever differs of two requests, known to the gateway or not, they have two answers."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import Any

import httpx
import pytest

from ..client import Ask
from ..faults.checks import ask, asks, assert_good
from ..faults.conftest import Start
from ..gateway import Gateway, merge
from ..upstream import ScriptedUpstream
from .checks import ON, RawAsk, calls, named, told
from .parameters import EMBEDDINGS, VARIANTS, Body

#: Providers that speak a client's dialect: what is unknown then passes.
OWN = {
    "openai": "u",
    "anthropic": "a",
    "openai_responses": "r",
    "gemini": "g",
    "openai_completions": "u",
}


def variants_of(dialect: str, model: str, **more: Any) -> list[Ask]:
    """The plain request, and each of its variants."""
    fields: list[Body] = [{}, *VARIANTS[dialect].values()]
    return [Ask(model, dialect=dialect, fields=each, **more) for each in fields]


@pytest.mark.parametrize("dialect", VARIANTS)
def test_ca_02_requests_that_differ_in_one_thing_never_share_an_answer(
    gateways: Start, upstream: ScriptedUpstream, dialect: str
) -> None:
    """Each is a miss the first time; asked again, streamed or not, each finds its own answer."""
    gateway = gateways(**ON)
    model = named("ca02", provider=OWN[dialect])
    first = asks(gateway, variants_of(dialect, model))
    names = ["plain", *VARIANTS[dialect]]
    for name, got in zip(names, first, strict=True):
        assert (got.status, told(got)) == (200, "miss"), (name, got.raw)
    assert calls(upstream, model) == len(names)
    ids = [_id_of(got.raw) for got in first]
    assert len(set(ids)) == len(names)
    for stream in (False, True):
        again = asks(gateway, variants_of(dialect, model, stream=stream))
        for name, got, own in zip(names, again, ids, strict=True):
            assert (got.status, told(got)) == (200, "hit"), name
            assert own in got.raw.decode(), name
    assert calls(upstream, model) == len(names)


@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
def test_ca_02_long_requests_that_differ_in_one_thing_never_share_an_answer(
    gateways: Start, upstream: ScriptedUpstream, dialect: str
) -> None:
    """Long bodies are known by their bytes once they were read; what they say stays what counts."""
    gateway = gateways(**ON)
    model = named("ca02", provider=OWN[dialect])
    long = {"x_long": "no end of it " * 400}
    plain = variants_of(dialect, model)
    wanted = [replace(each, fields=dict(each.fields) | long) for each in plain]
    first = asks(gateway, wanted)
    for each, got in zip(wanted, first, strict=True):
        assert (got.status, told(got)) == (200, "miss"), each.fields
    ids = [_id_of(got.raw) for got in first]
    for _ in range(2):
        for each, got, own in zip(wanted, asks(gateway, wanted), ids, strict=True):
            assert (got.status, told(got)) == (200, "hit"), each.fields
            assert _id_of(got.raw) == own
    assert calls(upstream, model) == len(wanted)


def _id_of(raw: bytes) -> str:
    """The answer's own id, which this upstream gives to no other."""
    body = json.loads(raw)
    return str(body.get("id") or body["responseId"])


def test_ca_02_every_parameter_is_probed() -> None:
    """The probe is as wide as the case asks for."""
    for needed in ("temperature", "tools", "json_schema", "seed", "user", "an image"):
        assert needed in VARIANTS["openai"]
    assert "safetySettings" in VARIANTS["gemini"]
    assert sum(len(variants) for variants in VARIANTS.values()) >= 250


def test_ca_02_embeddings_that_differ_in_one_thing_never_share_an_answer(
    gateways: Start, upstream: ScriptedUpstream
) -> None:
    gateway = gateways(**ON)
    model = named("ca02")
    bodies = [
        {"input": "one two three"},
        *({"input": "one two three"} | v for v in EMBEDDINGS.values()),
    ]
    for word in ("miss", "hit"):
        for body in bodies:
            got = _embed(gateway, {"model": model} | body)
            assert got.status_code == 200, (body, got.text)
            assert got.headers["x-sluicegate-cache"] == word, body
        assert calls(upstream, model) == len(bodies)


def _embed(gateway: Gateway, body: Body) -> httpx.Response:
    headers = {"authorization": f"Bearer {gateway.key}"}
    url = f"{gateway.url}/v1/embeddings"
    return httpx.post(url, json=body, headers=headers, timeout=10, verify=False)


@pytest.mark.parametrize(
    ("dialect", "name", "values"),
    [
        ("anthropic", "anthropic-beta", ["", "a-1", "a-2", "a-1,a-2", "a-2,a-1"]),
        ("anthropic", "anthropic-version", ["2023-06-01", "2023-01-01"]),
        ("openai", "openai-beta", ["", "a=v1", "a=v2"]),
    ],
)
def test_ca_02_headers_that_go_upstream_are_part_of_the_request(
    gateways: Start, upstream: ScriptedUpstream, dialect: str, name: str, values: list[str]
) -> None:
    gateway = gateways(**ON)
    model = named("ca02", provider=OWN[dialect])
    for word in ("miss", "hit"):
        for value in values:
            headers = {name: value} if value else {}
            got = ask(gateway, model, dialect=dialect, headers=headers)
            assert (got.status, told(got)) == (200, word), value
    assert calls(upstream, model) == len(values)


def test_ca_02_headers_that_nobody_answers_by_are_no_part_of_it(
    gateways: Start, upstream: ScriptedUpstream
) -> None:
    gateway = gateways(**ON)
    model = named("ca02")
    assert told(ask(gateway, model)) == "miss"
    for headers in (
        {"x-sluicegate-run": "r1"},
        {"x-sluicegate-metadata": '{"a": 1}'},
        {"x-sluicegate-timeout-ms": "5000"},
        {"user-agent": "another"},
    ):
        assert told(ask(gateway, model, headers=headers)) == "hit", headers
    assert calls(upstream, model) == 1


def test_ca_02_models_and_dialects_never_share_an_answer(
    gateways: Start, upstream: ScriptedUpstream
) -> None:
    """Also where one model is behind several names, and where others are behind one name."""
    name, other = named("ca02"), named("ca02")
    behind = {"one": [name], "same": [name], "more": [name, other], "turned": [other, name]}
    models = {alias: {"targets": targets} for alias, targets in behind.items()}
    gateway = gateways(**merge(ON, {"models": models}))
    for word in ("miss", "hit"):
        for model in (name, other, *behind):
            assert told(ask(gateway, model)) == word, model
    assert told(ask(gateway, name, dialect="openai_completions")) == "miss"
    assert told(ask(gateway, name, dialect="anthropic")) == "miss"
    assert told(ask(gateway, name, dialect="gemini")) == "miss"
    assert calls(upstream, name) + calls(upstream, other) == len(behind) + 2 + 3


def test_ca_02_a_target_that_is_changed_has_no_answer_of_the_one_before(
    own_gateway: Start, upstream: ScriptedUpstream
) -> None:
    name, other = named("ca02"), named("ca02")
    gateway = own_gateway(**merge(ON, {"models": {"m": {"targets": [name]}}}))
    assert [told(ask(gateway, "m")) for _ in range(2)] == ["miss", "hit"]
    gateway.write_config(models={"m": {"targets": [other]}})
    assert gateway.admin("POST", "/admin/v1/reload", {}).status_code == 202
    got = ask(gateway, "m")
    while calls(upstream, other) == 0 and told(got) == "hit":  # it is read beside the requests
        got = ask(gateway, "m")
    assert told(got) == "miss"
    assert (calls(upstream, name), calls(upstream, other)) == (1, 1)


# what is the same


def _shuffled(value: Any, drawn: random.Random) -> Any:
    """A value with the members of its objects in another order."""
    if isinstance(value, dict):
        names = list(value)
        drawn.shuffle(names)
        return {name: _shuffled(value[name], drawn) for name in names}
    if isinstance(value, list):
        return [_shuffled(item, drawn) for item in value]
    return value


@pytest.mark.parametrize("dialect", VARIANTS)
def test_ca_02_order_of_fields_white_space_and_escapes_make_no_other_request(
    gateways: Start, upstream: ScriptedUpstream, dialect: str
) -> None:
    gateway = gateways(**ON)
    model = named("ca02", provider=OWN[dialect])
    nested = {"x_nested": {"b": [{"d": 1, "c": "\u00e9\u20ac\U0001f600/"}], "a": {"z": 1, "y": {}}}}
    body = Ask(model, dialect=dialect, fields=nested).body()
    drawn = random.Random(6)
    written = [json.dumps(body)]
    written += [
        json.dumps(_shuffled(body, drawn), indent=n % 4, ensure_ascii=n % 2 == 0) for n in range(8)
    ]
    written.append(json.dumps(body, separators=(",", ":"), ensure_ascii=False).replace("/", r"\/"))
    written.append(f"\r\n\t {json.dumps(body)} \n")
    for number, text in enumerate(written):
        got = ask_raw(gateway, dialect, model, text)
        assert (got.status, told(got)) == (200, "hit" if number else "miss"), text
    assert calls(upstream, model) == 1


def ask_raw(gateway: Gateway, dialect: str, model: str, text: str) -> Any:
    """One request whose body is written just so."""
    [got] = asks(gateway, [RawAsk(model, dialect=dialect, raw=text.encode())])
    return got


@pytest.mark.parametrize(
    "members",
    [
        ['"x":1,"x":2', '"x":2,"x":1', '"x":1', '"x":2'],
        ['"x":{"a":1,"a":2}', '"x":{"a":2,"a":1}', '"x":{"a":2}', '"x":{"a":1}'],
        ['"x":1', r'"\u0078x":1', '"x":1e0', '"x":"1"'],
        ['"x":9007199254740993', '"x":9007199254740992', '"x":9007199254740993.5'],
        ['"x":1e400', '"x":1e401', '"x":-1e400'],
        ['"x":0.1', '"x":0.1000000000000000055511151231257827', '"x":0.1000000000000000055'],
        ['"x":"\\ud83d\\ude00"', '"x":"\\ud83d"', '"x":"\\ude00"', '"x":"\ufffd"'],
    ],
    ids=["twice", "twice inside", "names", "2^53", "no double", "places", "halves"],
)
def test_ca_02_bodies_that_a_reader_may_take_for_one_are_several(
    gateways: Start, upstream: ScriptedUpstream, members: list[str]
) -> None:
    """What comes of such bodies is the provider's to say: each has its own answer, or none kept."""
    gateway = gateways(**ON)
    model = named("ca02")
    said = '"messages":[{"role":"user","content":"one two three"}]'
    answers: dict[str, bytes] = {}
    for _ in range(2):
        for member in members:
            got = ask_raw(gateway, "openai", model, f'{{"model":"{model}",{said},{member}}}')
            if got.status == 400:  # refused before anybody could read it in two ways
                continue
            assert_good(got, 5)
            answer = _id_of(got.raw).encode()
            if told(got) == "hit":
                assert answers[member] == answer, member
            assert answer not in {a for m, a in answers.items() if m != member}, member
            answers[member] = answer
    assert calls(upstream, model) >= len(answers)
