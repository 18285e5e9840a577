"""Pictures and sound from hosts of other dialects, through OpenAI's operations."""

from __future__ import annotations

import base64
import io
import wave
from typing import Any

import openai
import pytest

from ..gateway import Gateway
from ..upstream import ScriptedUpstream
from ..upstream.beside import HEARD
from ..upstream.exchange import Exchange
from ..upstream.media import PICTURE, SAMPLES
from .checks import assert_free, assert_row, cost, only_row, openai_client, ref
from .conftest import Start

IMAGEN = "/imagen-4.0-generate-001"
NOVA, TITAN = "-amazon.nova-canvas-v1:0", "-amazon.titan-image-generator-v2:0"
STABILITY = "-stability.stable-image-core-v1:1"
#: by its id: the provider, and how its model's name ends
DRAWERS = {
    "gemini": ("g", ""),
    "imagen": ("g", IMAGEN),
    "nova": ("b", NOVA),
    "titan": ("b", TITAN),
    "stability": ("b", STABILITY),
}


def _seen(upstream: ScriptedUpstream, model: str) -> Exchange:
    [seen] = upstream.of(model)
    return seen


# pictures


@pytest.mark.parametrize("drawer", DRAWERS)
def test_every_model_draws_for_the_official_sdk(
    gateway: Gateway, upstream: ScriptedUpstream, drawer: str
) -> None:
    name = ref("drawn")
    provider, ending = DRAWERS[drawer]
    model = f"ok-2@{name}{ending}"
    made = openai_client(gateway, name).images.generate(
        model=f"{provider}/{model}", prompt="one two three", size="1536x1024"
    )
    assert made.data is not None
    assert {picture.b64_json for picture in made.data} == {PICTURE}
    row = only_row(gateway, name)
    assert_row(row, operation="image_generation", dialect="openai", outcome="ok")
    if drawer == "gemini":
        assert made.usage is not None
        assert (made.usage.input_tokens, made.usage.output_tokens) == (3, 2)
        assert_row(row, basis="reported", image_tokens=2, cost_usd=cost(3, 2))
    else:
        assert made.usage is None
        assert_row(row, basis="estimated", output_tokens=8192, image_tokens=8192)
    assert _seen(upstream, model).dialect == {"g": "gemini", "b": "bedrock"}[provider]


@pytest.mark.parametrize(
    ("drawer", "fields", "wanted"),
    [
        (
            "gemini",
            {"size": "1024x1792"},
            {
                "contents": [{"role": "user", "parts": [{"text": "a cat"}]}],
                "generationConfig": {
                    "responseModalities": ["IMAGE"],
                    "imageConfig": {"aspectRatio": "9:16"},
                },
            },
        ),
        (
            "imagen",
            {"n": 3, "size": "auto"},
            {"instances": [{"prompt": "a cat"}], "parameters": {"sampleCount": 3}},
        ),
        (
            "nova",
            {"n": 2, "size": "1280x720", "quality": "hd"},
            {
                "taskType": "TEXT_IMAGE",
                "textToImageParams": {"text": "a cat"},
                "imageGenerationConfig": {
                    "numberOfImages": 2,
                    "width": 1280,
                    "height": 720,
                    "quality": "premium",
                },
            },
        ),
        (
            "stability",
            {"size": "1024x1024", "output_format": "jpeg"},
            {"prompt": "a cat", "aspect_ratio": "1:1", "output_format": "jpeg"},
        ),
    ],
)
def test_what_a_model_is_asked_for(
    gateway: Gateway,
    upstream: ScriptedUpstream,
    drawer: str,
    fields: dict[str, Any],
    wanted: dict[str, Any],
) -> None:
    name = ref("asked")
    provider, ending = DRAWERS[drawer]
    model = f"ok-1@{name}{ending}"
    asked: dict[str, Any] = {"response_format": "b64_json", "user": "me", "background": "auto"}
    openai_client(gateway, name).images.generate(
        model=f"{provider}/{model}", prompt="a cat", **(asked | fields)
    )
    assert _seen(upstream, model).json == wanted


@pytest.mark.parametrize("provider", ["g", "b"])
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("response_format", "url"),
        ("background", "transparent"),
        ("style", "vivid"),
        ("output_format", "webp"),
        ("partial_images", 2),
        ("quality", "odd"),
    ],
)
def test_what_no_other_model_can_is_refused_by_name(
    gateway: Gateway, upstream: ScriptedUpstream, provider: str, field: str, value: Any
) -> None:
    name = ref("refused")
    model = f"ok-1@{name}{DRAWERS['nova' if provider == 'b' else 'gemini'][1]}"
    asked: Any = {field: value}
    with pytest.raises(openai.BadRequestError) as told:
        openai_client(gateway, name).images.generate(
            model=f"{provider}/{model}", prompt="a cat", extra_body=asked
        )
    assert (told.value.code, told.value.param) == ("unsupported_field", field)
    assert not upstream.of(model)


@pytest.mark.parametrize(
    ("drawer", "field", "value"),
    [("gemini", "n", 2), ("gemini", "size", "256x256"), ("stability", "n", 2)],
)
def test_what_one_model_cannot_is_refused_by_name(
    gateway: Gateway, drawer: str, field: str, value: Any
) -> None:
    provider, ending = DRAWERS[drawer]
    model = f"{provider}/ok-1@{ref('refused')}{ending}"
    asked: Any = {field: value}
    with pytest.raises(openai.BadRequestError) as told:
        openai_client(gateway, ref("refused")).images.generate(model=model, prompt="a cat", **asked)
    assert (told.value.code, told.value.param) == ("unsupported_field", field)


def test_a_model_of_bedrock_that_draws_in_an_unknown_way_is_told(gateway: Gateway) -> None:
    name = ref("unknown")
    with pytest.raises(openai.BadRequestError, match="not known"):
        openai_client(gateway, name).images.generate(model=f"b/ok-1@{name}", prompt="a cat")


def test_what_may_be_dropped_is_told(own_gateway: Start) -> None:
    gateway = own_gateway(providers={"g": {"unsupported": "drop"}})
    name = ref("drop")
    images = openai_client(gateway, name).images.with_raw_response
    answer = images.generate(model=f"g/ok-1@{name}", prompt="a cat", style="vivid", n=2)
    assert sorted(answer.headers["x-sluicegate-dropped"].split(", ")) == ["n", "style"]


def test_a_picture_is_edited_where_the_model_sees_it(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    name = ref("edited")
    model = f"ok-1@{name}"
    edited = openai_client(gateway, name).images.edit(
        model=f"g/{model}", image=[("a.png", b"\x89PNG-1"), ("b.png", b"\x89PNG-2")], prompt="mix"
    )
    assert edited.data is not None
    parts = _seen(upstream, model).json["contents"][0]["parts"]
    pictures = [base64.b64decode(part["inlineData"]["data"]) for part in parts[:-1]]
    assert (pictures, parts[-1]) == ([b"\x89PNG-1", b"\x89PNG-2"], {"text": "mix"})
    for provider, ending in (DRAWERS["imagen"], DRAWERS["nova"]):
        with pytest.raises(openai.BadRequestError) as told:
            openai_client(gateway, name).images.edit(
                model=f"{provider}/{model}{ending}", image=b"\x89PNG", prompt="mix"
            )
        assert told.value.param == "image"
    with pytest.raises(openai.BadRequestError) as told:
        openai_client(gateway, name).images.edit(
            model=f"g/{model}", image=b"\x89PNG", mask=b"\x89PNG", prompt="mix"
        )
    assert told.value.param == "mask"


# speech


@pytest.mark.parametrize("form", [None, "wav", "pcm"])
def test_speech_of_gemini(gateway: Gateway, upstream: ScriptedUpstream, form: Any) -> None:
    name = ref("spoken")
    model = f"ok-3@{name}"
    asked: Any = {} if form is None else {"response_format": form}
    spoken = openai_client(gateway, name).audio.speech.create(
        model=f"g/{model}", voice="Kore", input="one two three", instructions="Softly", **asked
    )
    if form == "pcm":
        assert (spoken.content, spoken.response.headers["content-type"]) == (
            SAMPLES * 3,
            "audio/pcm",
        )
    else:
        assert spoken.response.headers["content-type"] == "audio/wav"
        with wave.open(io.BytesIO(spoken.content)) as file:
            assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (24000, 1, 2)
            assert file.readframes(100) == SAMPLES * 3
    config = _seen(upstream, model).json["generationConfig"]
    assert config["speechConfig"]["voiceConfig"]["prebuiltVoiceConfig"]["voiceName"] == "Kore"
    row = only_row(gateway, name)
    assert_row(row, operation="speech", basis="reported", output_tokens=3, audio_tokens=3)
    assert_row(row, cost_usd=cost(int(row["input_tokens"]), 3))


@pytest.mark.parametrize(
    ("field", "value"), [("response_format", "mp3"), ("speed", 2), ("stream_format", "sse")]
)
def test_speech_that_gemini_does_not_have(gateway: Gateway, field: str, value: Any) -> None:
    asked: Any = {field: value}
    with pytest.raises(openai.BadRequestError) as told:
        openai_client(gateway, ref("no")).audio.speech.create(
            model=f"g/ok-3@{ref('no')}", voice="Kore", input="one", **asked
        )
    assert (told.value.code, told.value.param) == ("unsupported_field", field)


# transcripts


@pytest.mark.parametrize("form", ["json", "text"])
@pytest.mark.parametrize("size", [10, 3_000_000], ids=["small", "3 MB"])
def test_a_transcript_of_gemini(
    gateway: Gateway, upstream: ScriptedUpstream, form: Any, size: int
) -> None:
    name = ref("heard")
    model = f"ok-4@{name}"
    sound = (bytes(range(256)) * (size // 256 + 1))[:size]
    heard = openai_client(gateway, name).audio.transcriptions.create(
        model=f"g/{model}", file=("a.mp3", sound), language="de", response_format=form
    )
    text = heard.strip() if isinstance(heard, str) else heard.text
    assert text == ScriptedUpstream.text(model)
    blob, asked = _seen(upstream, model).json["contents"][0]["parts"]
    assert base64.b64decode(blob["inlineData"]["data"]) == sound
    assert blob["inlineData"]["mimeType"] == "audio/mp3"
    assert "de" in asked["text"]
    row = only_row(gateway, name)
    assert_row(row, operation="transcription", basis="reported", audio_tokens=HEARD)
    assert_row(row, output_tokens=4, cost_usd=cost(int(row["input_tokens"]), 4))


def test_a_translation_is_into_english(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    name = ref("english")
    model = f"ok-4@{name}"
    with pytest.deprecated_call():
        heard = openai_client(gateway, name).audio.translations.create(
            model=f"g/{model}", file=("a.wav", b"RIFF")
        )
    assert heard.text == ScriptedUpstream.text(model)
    assert "into English" in _seen(upstream, model).json["contents"][0]["parts"][1]["text"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("response_format", "srt"),
        ("timestamp_granularities", ["word"]),
        ("include", ["logprobs"]),
        ("stream", True),
    ],
)
def test_a_transcript_that_gemini_does_not_have(gateway: Gateway, field: str, value: Any) -> None:
    asked: Any = {field: value}
    with pytest.raises(openai.BadRequestError) as told:
        openai_client(gateway, ref("no")).audio.transcriptions.create(
            model=f"g/ok-3@{ref('no')}", file=b"RIFF", **asked
        )
    assert (told.value.code, told.value.param) == ("unsupported_field", field)


# failures


@pytest.mark.parametrize(
    "fault", ["fault-500", "fault-empty-200", "fault-invalid-json", "fault-200-error-body"]
)
def test_the_next_target_may_be_of_another_dialect(own_gateway: Start, fault: str) -> None:
    name = ref("failover")
    targets = [f"g/{fault}@{name}", f"b/ok-1@{name}{NOVA}"]
    gateway = own_gateway(models={"smart": {"strategy": "fallback", "targets": targets}})
    made = openai_client(gateway, name).images.generate(model="smart", prompt="a cat")
    assert made.data is not None
    *failed, last = gateway.rows(name, at_least=2)
    for row in failed:
        assert_free(row)
    assert_row(last, outcome="ok", provider="b")


def test_an_answer_in_words_is_no_picture(own_gateway: Start, upstream: ScriptedUpstream) -> None:
    name = ref("words")
    gateway = own_gateway()
    with pytest.raises(openai.InternalServerError):
        openai_client(gateway, name).images.generate(
            model=f"b/fault-wrong-content-type@{name}{NOVA}", prompt="a cat"
        )
    with pytest.raises(openai.InternalServerError):
        openai_client(gateway, name).images.generate(model=f"b/ok-0@{name}{NOVA}", prompt="a cat")
    for row in gateway.rows(name, at_least=2):
        assert_free(row)
