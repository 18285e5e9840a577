"""Whatever a client writes about pictures and sound is written for the host or refused by name."""

import asyncio
import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sluicegate import media
from sluicegate.errors import InvalidRequestError

MODELS = {
    ("image_generation", "gemini"): ["gemini-2.5-flash-image", "imagen-4.0-generate-001"],
    ("image_generation", "bedrock"): [
        "amazon.titan-image-generator-v2:0",
        "stability.stable-image-core-v1:1",
        "a-model-of-another-kind",
    ],
    ("speech", "gemini"): ["gemini-2.5-flash-tts"],
    ("transcription", "gemini"): ["gemini-2.5-flash"],
}
FIELDS = [
    *("prompt", "input", "voice", "instructions", "n", "size", "quality", "output_format"),
    *("response_format", "speed", "background", "stream", "stream_format", "language"),
    *("temperature", "images", "image", "user", "model", "other"),
]
#: Values as JSON has them; the core lets all of these pass.
VALUES = st.one_of(
    st.sampled_from(
        ["null", "true", "1e999", "-1e999", "9" * 400, "9" * 5000, "{}", "[1]", "[{}]"]
    ),
    st.sampled_from(["1", "1.5", "-1", '"1"', '"nan"', '"1e999"', '""', '"1024x1024"', '"²x²"']),
    st.sampled_from([f'"{"9" * 5000}x1"', '[{"image_url":"data:image/png;base64,AA=="}]']),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20).map(json.dumps),
)


def _encoded(kind: tuple[str, str], model: str, source: media.Source, *, drop: bool) -> Any:
    """The host's request, or None where the client's is refused."""
    encoding = media.encode_request(media.ENCODERS[kind], source, model, drop=drop)
    try:
        body, _ = asyncio.run(encoding)
    except InvalidRequestError as error:
        assert error.param
        return None
    return msgspec.json.decode(body)


every_model = pytest.mark.parametrize(
    ("kind", "model"),
    [(kind, model) for kind, models in MODELS.items() for model in models],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else value,
)


def test_every_encoder_is_tried() -> None:
    assert set(MODELS) == set(media.ENCODERS)


@every_model
@given(fields=st.dictionaries(st.sampled_from(FIELDS), VALUES), drop=st.booleans())
@example(fields={"prompt": '"x"', "size": '"²x²"'}, drop=False)
@example(fields={"prompt": '"x"', "size": f'"{"9" * 5000}x1"'}, drop=False)
@example(fields={"prompt": '"x"', "other": "1e999"}, drop=True)
def test_any_fields_are_written_or_refused(
    kind: tuple[str, str], model: str, fields: dict[str, str], drop: bool
) -> None:
    body = "{" + ",".join(f'"{name}":{value}' for name, value in fields.items()) + "}"
    _encoded(kind, model, media.Source("/v1/x", body.encode(), None), drop=drop)


def _form(*parts: tuple[str, str]) -> bytes:
    told = (f"--b\r\nContent-Disposition: form-data; {head}\r\n\r\n{v}\r\n" for head, v in parts)
    return "".join([*told, "--b--\r\n"]).encode()


RECORDING = ('name="file"; filename="a.mp3"', "sound")
NAMES = ["language", "language[]", "temperature", "model", "file", "file[]", "other[]"]


@given(
    parts=st.lists(
        st.tuples(
            st.sampled_from([f'name="{name}"' for name in NAMES]),
            st.sampled_from(["de", "nan", "inf", "1e999", "1", ""]),
        )
    )
)
@example(parts=[('name="language"', "a"), ('name="language[]"', "b")])
@example(parts=[('name="temperature"', "nan")])
def test_any_form_is_written_or_refused(parts: list[tuple[str, str]]) -> None:
    source = media.Source("/v1/audio/transcriptions", _form(RECORDING, *parts), "b")
    asked = _encoded(("transcription", "gemini"), "gemini", source, drop=False)
    if asked is not None:
        temperature = asked.get("generationConfig", {}).get("temperature", 0)
        assert isinstance(temperature, float | int)


def test_a_text_with_a_content_type_is_no_file() -> None:
    # As .NET's clients and others write every field of a form.
    typed = "\r\nContent-Type: text/plain; charset=utf-8"
    body = _form(RECORDING, (f'name="model"{typed}', "m"), (f'name="language"{typed}', "de"))
    source = media.Source("/v1/audio/transcriptions", body, "b")
    asked = _encoded(("transcription", "gemini"), "gemini", source, drop=False)
    assert "de" in asked["contents"][0]["parts"][1]["text"]
