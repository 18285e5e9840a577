"""OpenAI's operations beside chat: carried as they are, and governed as everything."""

from __future__ import annotations

import base64
import gzip
import io
import json
import re
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from sluicegate.media import ENCODERS

from ..gateway import KEY, OTHER_KEY, Gateway
from ..upstream import ScriptedUpstream
from ..upstream.beside import BESIDE, HEARD
from ..upstream.operations import PIECE
from .checks import assert_free, assert_row, cost, only_row, openai_client, ref
from .conftest import Start
from .surface import model_body

MIB = 1 << 20
#: by provider, where that is not OpenAI's
DIALECTS = {"a": "anthropic", "g": "gemini", "r": "openai_responses", "b": "bedrock"}
HEADERS = {"authorization": f"Bearer {KEY}"}
OPERATIONS = {
    "/v1/audio/speech": "speech",
    "/v1/audio/transcriptions": "transcription",
    "/v1/audio/translations": "transcription",
    "/v1/images/edits": "image_generation",
    "/v1/images/generations": "image_generation",
    "/v1/images/variations": "image_generation",
    "/v1/moderations": "moderation",
    "/v1/rerank": "rerank",
}


def _send(gateway: Gateway, path: str, model: str, name: str, **fields: Any) -> httpx.Response:
    body = model_body(path, model) | fields
    headers = HEADERS | {"x-request-id": name}
    return httpx.post(f"{gateway.url}{path}", json=body, headers=headers, timeout=10)


def _fallback(*targets: str) -> dict[str, Any]:
    return {"smart": {"strategy": "fallback", "targets": list(targets)}}


# carried


def test_the_table_of_this_file_is_whole() -> None:
    assert set(OPERATIONS) == set(BESIDE)


@pytest.mark.parametrize("path", OPERATIONS)
def test_it_goes_to_the_model_behind_the_name(
    own_gateway: Start, upstream: ScriptedUpstream, path: str
) -> None:
    name = ref("carried")
    gateway = own_gateway(models=_fallback(f"u/ok-4@{name}"))
    answer = _send(gateway, path, "smart", name)
    assert answer.status_code == 200, answer.text
    [seen] = upstream.of(f"ok-4@{name}")
    assert seen.path == path
    assert seen.json == model_body(path, f"ok-4@{name}")
    assert answer.headers["x-sluicegate-model"] == f"ok-4@{name}"
    row = only_row(gateway, name)
    assert_row(row, outcome="ok", status=200, client_status=200, requested_model="smart")
    assert_row(row, operation=OPERATIONS[path], dialect="openai", upstream_dialect="openai")


@pytest.mark.parametrize("path", ["/v1/images/generations", "/v1/audio/transcriptions"])
def test_azure_has_it_at_its_deployments(
    gateway: Gateway, upstream: ScriptedUpstream, path: str
) -> None:
    name = ref("azure")
    assert _send(gateway, path, f"z/ok-4@{name}", name).status_code == 200
    [seen] = upstream.of(f"ok-4@{name}")
    wanted = f"/openai/deployments/ok-4%40{name}{path.removeprefix('/v1')}"
    assert seen.path == f"{wanted}?api-version=2024-10-21"


@pytest.mark.parametrize(
    ("path", "provider"),
    [
        (path, provider)
        for path, operation in OPERATIONS.items()
        for provider, dialect in DIALECTS.items()
        if (operation, dialect) not in ENCODERS
    ],
)
def test_a_provider_of_another_dialect_has_none(
    gateway: Gateway, upstream: ScriptedUpstream, path: str, provider: str
) -> None:
    name = f"ok-1@{ref('none')}"
    refused = _send(gateway, path, f"{provider}/{name}", name)
    error = refused.json()["error"]
    said = (refused.status_code, error["code"], error["param"])
    assert said == (400, "unsupported_field", "model")
    assert not upstream.of(name)


@pytest.mark.parametrize("path", OPERATIONS)
def test_the_providers_own_headers_stay_here(gateway: Gateway, path: str) -> None:
    name = ref("headers")
    answer = _send(gateway, path, f"u/fault-setcookie@{name}", name)
    assert answer.status_code == 200
    assert "LEAK" not in str(answer.headers)


# failures


@pytest.mark.parametrize("path", OPERATIONS)
def test_what_the_provider_refuses_is_told_in_our_shape(gateway: Gateway, path: str) -> None:
    name = ref("refused")
    refused = _send(gateway, path, f"u/fault-400@{name}", name)
    assert refused.status_code == 400
    assert refused.json()["error"]["origin"] == "upstream"
    assert_free(only_row(gateway, name))


@pytest.mark.parametrize("path", OPERATIONS)
@pytest.mark.parametrize(
    "fault",
    [
        "fault-500",
        "fault-429",
        "fault-reset-before-response",
        "fault-empty-200",
        "fault-200-error-body",
        "fault-html-502",
    ],
)
def test_before_the_first_byte_the_next_target_is_tried(
    gateways: Start, upstream: ScriptedUpstream, path: str, fault: str
) -> None:
    gateway = gateways(
        models={"smart": {"strategy": "fallback", "targets": [f"u/{fault}", "u/ok-4"]}}
    )
    name = ref("failover")
    before = len(upstream.of("ok-4"))
    answer = _send(gateway, path, "smart", name)
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-sluicegate-model"] == "ok-4"
    assert len(upstream.of("ok-4")) == before + 1
    *failed, last = gateway.rows(name, at_least=2)
    for row in failed:
        assert_free(row)
    assert_row(last, outcome="ok", routed_model="ok-4")


@pytest.mark.parametrize(
    ("path", "fault", "fields"),
    [
        ("/v1/images/generations", "fault-invalid-json", {}),
        ("/v1/images/generations", "fault-wrong-content-type", {}),
        ("/v1/images/generations", "fault-error-first", {"stream": True}),
        ("/v1/audio/speech", "fault-wrong-content-type", {}),
        ("/v1/audio/speech", "fault-error-first", {"stream_format": "sse"}),
        ("/v1/audio/transcriptions", "fault-error-first", {"stream": True}),
    ],
)
def test_what_is_no_answer_is_none(
    own_gateway: Start, path: str, fault: str, fields: dict[str, Any]
) -> None:
    name = ref("none")
    gateway = own_gateway(models=_fallback(f"u/{fault}@{name}", f"u/ok-4@{name}"))
    answer = _send(gateway, path, "smart", name, **fields)
    assert answer.status_code == 200, answer.text
    assert "LEAK" not in answer.text
    first, second = gateway.rows(name, at_least=2)
    assert_free(first)
    assert_row(second, outcome="ok")


def test_a_recording_that_breaks_off_breaks_off(gateway: Gateway) -> None:
    """Nobody may take a part for all of it; what came is paid for."""
    name = ref("broken")
    with pytest.raises(httpx.RemoteProtocolError):
        _send(gateway, "/v1/audio/speech", f"u/fault-midstream-reset-after-3@{name}", name)
    row = only_row(gateway, name)
    assert_row(row, outcome="error", basis="estimated")
    assert Decimal(row["cost_usd"]) > 0


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/v1/images/generations", {"stream": True}),
        ("/v1/audio/transcriptions", {"stream": True}),
        ("/v1/audio/speech", {"stream_format": "sse"}),
    ],
)
@pytest.mark.parametrize("fault", ["fault-midstream-reset-after-3", "fault-error-event-after-3"])
def test_a_stream_that_fails_says_so_last(
    gateway: Gateway, path: str, fields: dict[str, Any], fault: str
) -> None:
    name = ref("events")
    answer = _send(gateway, path, f"u/{fault}@{name}", name, **fields)
    events = [json.loads(line[6:]) for line in answer.text.splitlines() if line[:6] == "data: "]
    assert "error" in events[-1]
    assert [event for event in events if "error" in event] == events[-1:]
    assert_row(only_row(gateway, name), outcome="error", basis="estimated")


# metered


@pytest.mark.parametrize("path", sorted(set(OPERATIONS) - {"/v1/moderations"}))
def test_what_is_reported_is_what_it_costs(gateway: Gateway, path: str) -> None:
    name = ref("reported")
    fields = {"stream_format": "sse"} if path == "/v1/audio/speech" else {}
    answer = _send(gateway, path, f"u/ok-4@{name}", name, **fields)
    assert answer.status_code == 200
    given = 3 + HEARD if "/audio/t" in path else 3
    made = 0 if path == "/v1/rerank" else 4
    row = only_row(gateway, name)
    wanted = cost(given, made)
    assert_row(row, basis="reported", input_tokens=given, output_tokens=made, cost_usd=wanted)
    assert_row(
        row,
        image_tokens=4 if "/images/" in path else 0,
        audio_tokens={"/v1/audio/speech": 4}.get(path, HEARD if "/audio/" in path else 0),
    )
    if not fields:
        assert Decimal(answer.headers["x-sluicegate-cost-usd"]) == wanted


@pytest.mark.parametrize(
    ("path", "fields", "price", "given", "made"),
    [
        ("/v1/images/generations", {}, {"output_image": 32}, 3, 4),
        ("/v1/audio/speech", {"stream_format": "sse"}, {"output_audio": 32}, 3, 4),
    ],
)
def test_tokens_of_no_class_are_what_the_operation_is_about(
    own_gateway: Start,
    path: str,
    fields: dict[str, Any],
    price: dict[str, float],
    given: int,
    made: int,
) -> None:
    gateway = own_gateway(prices={"u/*": {"input": 1.0, "output": 2.0} | price})
    name = ref("class")
    assert _send(gateway, path, f"u/ok-4@{name}", name, **fields).status_code == 200
    wanted = Decimal(given + 32 * made) / 10**6
    assert_row(only_row(gateway, name), basis="reported", cost_usd=wanted)


def test_speech_of_bytes_costs_what_was_held_for_it(gateway: Gateway) -> None:
    """Nothing is reported: two tokens for a byte of text is more than any voice takes."""
    name = ref("held")
    text = "one two three"
    answer = _send(gateway, "/v1/audio/speech", f"u/ok-4@{name}", name, input=text)
    assert answer.content == PIECE * 4
    row = only_row(gateway, name)
    assert_row(row, basis="estimated", output_tokens=2 * len(text), audio_tokens=2 * len(text))
    assert_row(row, cost_usd=cost(int(row["input_tokens"]), 2 * len(text)))


def test_moderations_cost_what_a_price_says_and_need_none(own_gateway: Start) -> None:
    free, priced = ref("free"), ref("priced")
    keys = [{"name": "one", "key": KEY, "budget_usd": "1"}]
    gateway = own_gateway(keys=keys)
    assert _send(gateway, "/v1/moderations", f"u/ok@{priced}", priced).status_code == 200
    row = only_row(gateway, priced)
    assert_row(row, basis="estimated", output_tokens=0)
    assert Decimal(row["cost_usd"]) > 0
    unpriced = own_gateway(keys=keys, providers={"mine": {**_host(gateway), "api_key": "none"}})
    assert _send(unpriced, "/v1/moderations", f"mine/ok@{free}", free).status_code == 200
    assert_row(only_row(unpriced, free), basis="none", cost_usd=0, outcome="ok")
    refused = _send(unpriced, "/v1/rerank", f"mine/ok@{free}", ref("unpriced"))
    assert refused.status_code == 403


def _host(gateway: Gateway) -> dict[str, Any]:
    host = gateway.config["providers"]["u"]
    return {"dialect": host["dialect"], "base_url": host["base_url"]}


# governed


@pytest.mark.parametrize("path", OPERATIONS)
def test_a_keys_models_and_routes_hold(own_gateway: Start, path: str) -> None:
    keys = [
        {"name": "one", "key": KEY, "models": ["u/ok-1"]},
        {"name": "two", "key": OTHER_KEY, "routes": ["/v1/chat/completions"]},
    ]
    gateway = own_gateway(keys=keys)
    name = ref("allowed")
    assert _send(gateway, path, "u/ok-1", name).status_code == 200
    assert _send(gateway, path, "u/ok-2", name).status_code == 403
    other = {"authorization": f"Bearer {OTHER_KEY}"}
    body = model_body(path, "u/ok-1")
    assert httpx.post(f"{gateway.url}{path}", json=body, headers=other).status_code == 403


def test_a_forms_model_is_held_to_the_keys_models(
    own_gateway: Start, upstream: ScriptedUpstream
) -> None:
    gateway = own_gateway(keys=[{"name": "one", "key": KEY, "models": ["u/ok-1"]}])
    name = ref("form")
    with pytest.raises(openai.PermissionDeniedError):
        openai_client(gateway, name).audio.transcriptions.create(
            model=f"u/ok-4@{name}", file=b"RIFF"
        )
    assert not upstream.of(f"ok-4@{name}")


@pytest.mark.parametrize(
    ("path", "tokens"),
    [("/v1/images/generations", 8192), ("/v1/audio/transcriptions", 4096)],
)
def test_br_05_all_that_it_may_use_is_held(own_gateway: Start, path: str, tokens: int) -> None:
    """What passes as it is is not cut: a budget has room for all of it, or for nothing."""
    budgets = {KEY: cost(60, tokens), OTHER_KEY: cost(0, tokens)}
    keys = [
        {"name": name, "key": key, "budget_usd": f"{usd:f}"}
        for name, (key, usd) in zip(("one", "two"), budgets.items(), strict=True)
    ]
    gateway = own_gateway(keys=keys)
    statuses = []
    for key in budgets:
        headers = {"authorization": f"Bearer {key}"}
        body = model_body(path, "u/ok-1")
        statuses.append(httpx.post(f"{gateway.url}{path}", json=body, headers=headers).status_code)
    assert statuses == [200, 402]


def test_n_pictures_are_held_n_times(own_gateway: Start) -> None:
    keys = [{"name": "one", "key": KEY, "budget_usd": f"{cost(60, 2 * 8192):f}"}]
    gateway = own_gateway(keys=keys)
    path = "/v1/images/generations"
    assert _send(gateway, path, "u/ok-1", ref("n"), n=3).status_code == 402
    assert _send(gateway, path, "u/ok-1", ref("n"), n=2).status_code == 200


# forms


@pytest.mark.parametrize("size", [10, 24 * MIB], ids=["small", "24 MiB"])
def test_a_recording_goes_up_as_it_is(
    own_gateway: Start, upstream: ScriptedUpstream, size: int
) -> None:
    """Only the model's name changes in a form, and no more of it is held than it takes."""
    name = ref("recording")
    # The upstream is this process, which reads 24 MiB before it answers.
    gateway = own_gateway(
        models={"ears": {"strategy": "fallback", "targets": [f"u/ok-4@{name}"]}},
        timeouts={"first_byte_s": 20},
    )
    sound = (PIECE * (size // 256 + 1))[:size]
    openai_client(gateway, ref("first")).audio.transcriptions.create(model="u/ok-4", file=b"RIFF")
    before = gateway.reset_peak()
    heard = openai_client(gateway, name).audio.transcriptions.create(
        model="ears", file=("a; b.mp3", io.BytesIO(sound)), language="en"
    )
    assert gateway.peak_rss_bytes() - before <= 4 * size + MIB
    assert heard.text == ScriptedUpstream.text(f"ok-4@{name}")
    [seen] = upstream.of(f"ok-4@{name}")
    assert sound in seen.body
    assert b"ears" not in seen.body
    assert_row(only_row(gateway, name), basis="reported", input_tokens=HEARD, output_tokens=4)


def test_a_form_goes_to_the_next_target_too(own_gateway: Start, upstream: ScriptedUpstream) -> None:
    name = ref("again")
    gateway = own_gateway(models=_fallback(f"u/fault-500@{name}", f"u/ok-4@{name}"))
    heard = openai_client(gateway, name).audio.transcriptions.create(model="smart", file=b"RIFF")
    assert heard.text == ScriptedUpstream.text(f"ok-4@{name}")
    assert b"RIFF" in upstream.of(f"ok-4@{name}")[0].body


@pytest.mark.parametrize(
    "body",
    [
        b'--b\r\ncontent-disposition: form-data; name="model"\r\n\r\nu/ok\r\n' * 2 + b"--b--\r\n",
        b'preamble\r\n--b\r\ncontent-disposition: form-data; name="model"\r\n\r\nu/ok\r\n--b--',
        b"--b\r\ncontent-disposition: form-data; name*=utf-8''model\r\n\r\nu/ok\r\n--b--",
        b'--b\r\ncontent-disposition: form-data; name="model"\r\n\r\nu/ok\r\n',
    ],
    ids=["two models", "a preamble", "an encoded name", "no end"],
)
def test_au_08_a_form_that_two_could_read_in_two_ways_is_refused(
    gateway: Gateway, upstream: ScriptedUpstream, body: bytes
) -> None:
    before = len(upstream.requests)
    headers = HEADERS | {"content-type": "multipart/form-data; boundary=b"}
    url = f"{gateway.url}/v1/audio/transcriptions"
    assert httpx.post(url, content=body, headers=headers).status_code == 400
    assert len(upstream.requests) == before


def test_recorded_forms_are_read(
    gateway: Gateway, upstream: ScriptedUpstream, corpora: Path | None
) -> None:
    """As Ruby's, Python's and other clients write them."""
    if corpora is None:
        pytest.skip("there are no recordings here")
    count = 0
    for record in _recorded_forms(corpora):
        name = ref("recorded")
        kind = record["request_headers"]["content-type"]
        body = _renamed(record, f"u/ok-4@{name}")
        headers = HEADERS | {"content-type": kind, "x-request-id": name}
        url = f"{gateway.url}/v1/audio/transcriptions"
        answer = httpx.post(url, content=body, headers=headers)
        assert answer.status_code == 200, (record["id"], answer.text)
        assert len(upstream.of(f"ok-4@{name}")) == 1
        count += 1
    assert count > 0


def _recorded_forms(corpora: Path) -> list[dict[str, Any]]:
    records = []
    for file in ("openai_misc", "large_bodies"):
        with gzip.open(corpora / "provider_traffic" / f"{file}.jsonl.gz") as lines:
            records += [json.loads(line) for line in lines if b"audio_transcription" in line]
    return [record for record in records if record["request_body_encoding"] == "base64"]


def _renamed(record: dict[str, Any], model: str) -> bytes:
    body = base64.b64decode(record["request_body"])
    return re.sub(
        rb'(name="?model"?[^\r]*(?:\r\n[^\r]+)*\r\n\r\n)[^\r]+',
        lambda found: found[1] + model.encode(),
        body,
        count=1,
    )


# the official SDK


def test_speech_is_bytes_as_they_came(gateway: Gateway) -> None:
    name = ref("speech")
    spoken = openai_client(gateway, name).audio.speech.create(
        model=f"u/ok-4@{name}", voice="alloy", input="one two three"
    )
    assert spoken.content == PIECE * 4
    assert spoken.response.headers["content-type"] == "audio/mpeg"


def test_speech_arrives_while_it_is_spoken(gateway: Gateway) -> None:
    name = ref("paced")
    speaking = openai_client(gateway, name).audio.speech.with_streaming_response.create(
        model=f"u/ok-5+itl-200@{name}", voice="alloy", input="one two three"
    )
    with speaking as spoken:
        begun = time.monotonic()
        pieces = spoken.iter_bytes()
        assert next(pieces)
        assert time.monotonic() - begun < 0.6
        rest = b"".join(pieces)
    assert len(rest) == 4 * len(PIECE)
    assert time.monotonic() - begun >= 0.7


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_transcript_in_several_forms(gateway: Gateway, form: Any) -> None:
    name = ref("transcript")
    heard = openai_client(gateway, name).audio.transcriptions.create(
        model=f"u/ok-4@{name}", file=b"RIFF", response_format=form
    )
    text = heard if isinstance(heard, str) else heard.text
    assert text == ScriptedUpstream.text(f"ok-4@{name}")


def test_a_transcript_streams(gateway: Gateway) -> None:
    name = ref("transcript")
    stream = openai_client(gateway, name).audio.transcriptions.create(
        model=f"u/ok-4@{name}", file=b"RIFF", stream=True
    )
    events = list(stream)
    said = "".join(e.delta for e in events if e.type == "transcript.text.delta")
    assert said == ScriptedUpstream.text(f"ok-4@{name}")
    assert events[-1].type == "transcript.text.done"
    assert_row(only_row(gateway, name), stream=True, basis="reported", output_tokens=4)


def test_a_verdict_of_mistral_is_flagged_as_openais(gateway: Gateway) -> None:
    model = f"u/ok@{ref('mistral')}"
    judged = openai_client(gateway, ref("mistral")).moderations.create(model=model, input="one two")
    assert judged.results[0].flagged is True


def test_images_edits_and_moderations(gateway: Gateway) -> None:
    name = ref("images")
    client = openai_client(gateway, name)
    model = f"u/ok-4@{name}"
    made = client.images.generate(model=model, prompt="one two three")
    edited = client.images.edit(model=model, image=("x.png", PIECE), prompt="one two three", n=1)
    with pytest.deprecated_call():
        varied = client.images.create_variation(model=model, image=("x.png", PIECE))
    for images in (made, edited, varied):
        assert images.data is not None
        assert images.data[0].b64_json == "AA=="
    drawn = list(client.images.generate(model=model, prompt="one two three", stream=True))
    assert [e.type for e in drawn][-1] == "image_generation.completed"
    judged = client.moderations.create(model=model, input="one two")
    assert judged.results[0].flagged is False
    rows = gateway.rows(name, at_least=5)
    assert {row["operation"] for row in rows} == {"image_generation", "moderation"}
