"""`/v1/completions`: as it is where the provider has it, else as a chat of any dialect."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import httpx
import pytest

from ..gateway import KEY, Gateway
from ..upstream import ScriptedUpstream
from .checks import ask, assert_row, cost, eventually, only_row, openai_client, ref
from .conftest import Start

DIALECT = "openai_completions"
#: by provider, what it is spoken to in; `c` has chat alone
SPOKEN = {
    "u": DIALECT,
    "c": "openai",
    "a": "anthropic",
    "g": "gemini",
    "r": "openai_responses",
    "b": "bedrock",
    "v": "anthropic",
    "i": "anthropic",
}
TRANSLATED = sorted(set(SPOKEN) - {"u"})


@pytest.fixture
def gateway(gateways: Start, upstream: ScriptedUpstream) -> Gateway:
    """The usual one with a host that has only chat."""
    return gateways(**_with_chat_alone(upstream))


def _with_chat_alone(upstream: ScriptedUpstream) -> dict[str, Any]:
    host = {"dialect": "openai", "base_url": f"{upstream.url}/v1", "api_key": "none"}
    price = {"input": 1.0, "output": 2.0}
    return {"providers": {"c": host | {"completions": False}}, "prices": {"c/*": price}}


@pytest.mark.parametrize("provider", SPOKEN)
def test_the_official_sdk_reads_a_whole_answer(
    gateway: Gateway, upstream: ScriptedUpstream, provider: str
) -> None:
    name = ref("whole")
    model = f"ok-6@{name}"
    whole = openai_client(gateway, name).completions.create(
        model=f"{provider}/{model}", prompt="one two three", max_tokens=50
    )
    assert whole.object == "text_completion"
    [choice] = whole.choices
    assert (choice.text, choice.finish_reason) == (ScriptedUpstream.text(model), "stop")
    assert whole.usage is not None
    assert (whole.usage.prompt_tokens, whole.usage.completion_tokens) == (3, 6)
    [seen] = upstream.of(model)
    assert ("prompt" in seen.json) == (provider == "u")
    row = only_row(gateway, name)
    assert_row(row, operation="text_completion", dialect=DIALECT, basis="reported", outcome="ok")
    assert_row(row, upstream_dialect=SPOKEN[provider], input_tokens=3, output_tokens=6)
    assert_row(row, cost_usd=cost(3, 6))


@pytest.mark.parametrize("asked", [False, True], ids=["without usage", "with usage"])
@pytest.mark.parametrize("provider", SPOKEN)
def test_the_official_sdk_reads_a_stream(gateway: Gateway, provider: str, asked: bool) -> None:
    name = ref("stream")
    model = f"ok-6@{name}"
    options: dict[str, Any] = {"stream_options": {"include_usage": True}} if asked else {}
    chunks = list(
        openai_client(gateway, name).completions.create(
            model=f"{provider}/{model}", prompt="one two three", stream=True, **options
        )
    )
    said = [chunk.choices[0] for chunk in chunks if chunk.choices]
    assert "".join(choice.text for choice in said) == ScriptedUpstream.text(model)
    assert [choice.finish_reason for choice in said if choice.finish_reason] == ["stop"]
    usages = [chunk.usage for chunk in chunks if chunk.usage]
    assert [usage.total_tokens for usage in usages] == ([9] if asked else [])
    row = only_row(gateway, name)
    assert_row(row, stream=True, basis="reported", input_tokens=3, output_tokens=6)
    assert_row(row, cost_usd=cost(3, 6), upstream_dialect=SPOKEN[provider])


@pytest.mark.parametrize("provider", SPOKEN)
@pytest.mark.parametrize("fault", ["fault-midstream-reset-after-3", "fault-error-event-after-3"])
def test_a_stream_that_breaks_ends_with_an_error(
    gateway: Gateway, provider: str, fault: str
) -> None:
    got = ask(gateway, f"{provider}/{fault}@{ref('broken')}", dialect=DIALECT, stream=True)
    assert got.text == ScriptedUpstream.text("ok-3")
    assert got.error is not None
    assert got.terminators == 0


@pytest.mark.parametrize("provider", SPOKEN)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_errors_and_failover_are_chats(
    gateway: Gateway, upstream: ScriptedUpstream, provider: str, stream: bool
) -> None:
    name = ref("refused")
    got = ask(gateway, f"{provider}/fault-400@{name}", dialect=DIALECT, stream=stream)
    assert got.status == 400
    assert got.error is not None
    assert got.error["origin"] == "upstream"
    got = ask(gateway, f"{provider}/fault-500-then-ok-1@{name}", dialect=DIALECT, stream=stream)
    assert (got.status, got.text) == (200, ScriptedUpstream.text("ok-10"))


def test_a_fallback_crosses_dialects(own_gateway: Start, upstream: ScriptedUpstream) -> None:
    name = ref("cross")
    targets = [f"u/fault-500@{name}", f"a/ok-4@{name}"]
    gateway = own_gateway(models={"smart": {"strategy": "fallback", "targets": targets}})
    got = ask(gateway, "smart", dialect=DIALECT)
    assert (got.status, got.text) == (200, ScriptedUpstream.text("ok-4"))


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"suffix": "end"}, "suffix"),
        ({"echo": True}, "echo"),
        ({"logprobs": 0}, "logprobs"),
        ({"best_of": 2}, "best_of"),
        ({"logit_bias": {"1": 1}}, "logit_bias"),
        ({"prompt": ["one", "two"]}, "prompt[1]"),
        ({"prompt": [[1, 2], [3]]}, "prompt[0]"),
        ({"prompt": [1, 2, 3]}, "prompt[0]"),
    ],
)
@pytest.mark.parametrize("provider", TRANSLATED)
def test_what_no_chat_has_is_refused_by_name(
    gateway: Gateway, upstream: ScriptedUpstream, provider: str, fields: dict[str, Any], param: str
) -> None:
    name = f"ok-1@{ref('refused')}"
    got = ask(gateway, f"{provider}/{name}", dialect=DIALECT, fields=fields)
    assert got.error is not None
    said = (got.status, got.error["code"], got.error["param"])
    assert said == (400, "unsupported_field", param)
    assert not upstream.of(name)


@pytest.mark.parametrize(("provider", "is_refused"), [("a", True), ("c", False), ("g", False)])
def test_several_answers_where_the_provider_gives_them(
    gateway: Gateway, provider: str, is_refused: bool
) -> None:
    got = ask(gateway, f"{provider}/ok-1@{ref('n')}", dialect=DIALECT, fields={"n": 2})
    assert got.status == (400 if is_refused else 200)
    if is_refused:
        assert got.error is not None
        assert got.error["param"] == "n"


def test_what_asks_for_nothing_is_not_refused(gateway: Gateway) -> None:
    """Clients send the defaults; LangChain's send the prompt as a list of one."""
    fields = {
        "prompt": ["one two three"],
        "suffix": None,
        "echo": False,
        "logprobs": None,
        "best_of": 1,
        "logit_bias": {},
        "n": 1,
        "seed": None,
        "frequency_penalty": 0,
        "presence_penalty": 0,
        "stop": None,
        "temperature": 0.7,
        "top_p": 1,
    }
    for provider in TRANSLATED:
        got = ask(gateway, f"{provider}/ok-2@{ref('plain')}", dialect=DIALECT, fields=fields)
        assert (got.status, got.text) == (200, ScriptedUpstream.text("ok-2")), provider


def test_what_may_be_dropped_is_told(own_gateway: Start, upstream: ScriptedUpstream) -> None:
    gateway = own_gateway(providers={"a": {"unsupported": "drop"}})
    fields = {"suffix": "end", "echo": True}
    got = ask(gateway, f"a/ok-2@{ref('drop')}", dialect=DIALECT, fields=fields)
    assert got.status == 200
    assert sorted(got.headers["x-sluicegate-dropped"].split(", ")) == ["echo", "suffix"]


@pytest.mark.parametrize("provider", ["u", "c", "a"])
def test_a_stream_ends_where_its_budget_does(
    own_gateway: Start, upstream: ScriptedUpstream, provider: str
) -> None:
    keys = [{"name": "one", "key": KEY, "budget_usd": "0.0011"}]
    gateway = own_gateway(keys=keys, **_with_chat_alone(upstream))
    name = ref("cut")
    chunks = list(
        openai_client(gateway, name).completions.create(
            model=f"{provider}/ok-900@{name}", prompt="one two three", stream=True
        )
    )
    said = [chunk.choices[0] for chunk in chunks if chunk.choices]
    assert [choice.finish_reason for choice in said if choice.finish_reason] == ["length"]
    assert 0 < len("".join(choice.text for choice in said).split()) < 900
    assert {chunk.object for chunk in chunks} == {"text_completion"}
    assert_row(only_row(gateway, name), error_code="cut_by_limit")


@pytest.mark.parametrize(
    ("fields", "answers"),
    [({}, 1), ({"n": 3}, 3), ({"n": 2, "best_of": 4}, 4), ({"prompt": ["a", "b"], "n": 2}, 4)],
)
def test_br_05_each_text_that_is_written_is_held(
    own_gateway: Start, fields: dict[str, Any], answers: int
) -> None:
    gateway = own_gateway(keys=[{"name": "one", "key": KEY, "budget_usd": "1"}])
    fields = fields | {"max_tokens": 100}

    def held() -> Decimal:
        standing = gateway.admin("GET", "/admin/v1/limits/key:one:budget/standing").json()
        return Decimal(standing["held"])

    with ThreadPoolExecutor(1) as pool:
        name = f"u/ok-2+ttft-1500@{ref('held')}"
        asking = pool.submit(ask, gateway, name, dialect=DIALECT, fields=fields)
        assert eventually(held)
        assert cost(0, 100 * answers) < held() < cost(100, 100 * answers)
        assert asking.result().status == 200


def test_passed_to_its_provider_it_is_metered(gateway: Gateway) -> None:
    name = ref("passed")
    headers = {"authorization": f"Bearer {KEY}", "x-request-id": name}
    body = {"model": f"ok-6@{name}", "prompt": "one two three", "stream": True}
    url = f"{gateway.url}/passthrough/u/v1/completions"
    answer = httpx.post(url, json=body, headers=headers)
    assert "[DONE]" in answer.text
    assert json.loads(answer.text.splitlines()[0][6:])["object"] == "text_completion"
    row = only_row(gateway, name)
    assert_row(row, basis="counted", output_tokens=row["counted_output_tokens"])
    assert row["counted_output_tokens"] >= 6
