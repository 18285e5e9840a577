"""The simulated provider beside chat: by the vendors' own SDKs, and through `sluicegate demo`, as a
newcomer has it.
"""

from __future__ import annotations

import base64
import io
import json
import re
import struct
import wave
import zlib
from collections.abc import Iterator
from typing import Any

import anthropic
import cohere
import httpx
import ollama
import openai
import pytest
from botocore.session import Session
from google import genai

from sluicegate.cli.demo import simulator

from .demo import demo as running_demo

#: OpenAI's SDK marks its older calls so; they are answered all the same.
pytestmark = pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")

WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": WEATHER}}
CALL = 'Call get_weather with {"city": "Bern"}'
TITAN = "amazon.titan-embed-text-v2:0"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The simulator itself, at no pace."""
    with simulator("--first-token-ms", "0", "--token-ms", "0") as running:
        yield running


@pytest.fixture(scope="module")
def demo() -> Iterator[tuple[str, str]]:
    """URL and key of a demo, as it prints them."""
    with running_demo() as (_, said):
        base = re.search(r"URL +(\S+)/v1", said)
        key = re.search(r"key +(\S+)", said)
        assert base is not None
        assert key is not None
        yield base[1], key[1]


# the simulator's own dialects


def test_cohere_streamed_and_whole_say_the_same(url: str) -> None:
    client = cohere.ClientV2(api_key="any", base_url=url)
    asked: list[Any] = [{"role": "user", "content": "How are you?"}]
    whole = client.chat(model="sim", messages=asked)
    assert whole.message.content is not None
    text = whole.message.content[0].text  # type: ignore[union-attr]
    events: list[Any] = list(client.chat_stream(model="sim", messages=asked))
    deltas = [event for event in events if event.type == "content-delta"]
    assert "".join(event.delta.message.content.text for event in deltas) == text
    assert "How are you?" in text
    end = events[-1].delta
    assert (end.finish_reason, whole.finish_reason) == ("COMPLETE", "COMPLETE")
    assert end.usage.tokens.output_tokens == len(text.split())


def test_cohere_calls_a_tool_and_takes_its_result(url: str) -> None:
    client = cohere.ClientV2(api_key="any", base_url=url)
    asked: list[Any] = [{"role": "user", "content": CALL}]
    tools: Any = [TOOL]
    called = client.chat(model="sim", messages=asked, tools=tools)
    assert called.message.tool_calls is not None
    [call] = called.message.tool_calls
    assert json.loads(call.function.arguments) == {"city": "Bern"}  # type: ignore
    document = {"type": "document", "document": {"data": "sunny"}}
    asked += [called.message, {"role": "tool", "tool_call_id": call.id, "content": [document]}]
    again = client.chat(model="sim", messages=asked, tools=tools)
    assert 'The tool said: "sunny"' in again.message.content[0].text  # type: ignore


def test_cohere_has_vectors_and_rankings(url: str) -> None:
    client = cohere.ClientV2(api_key="any", base_url=url)
    made = client.embed(
        model="sim", texts=["a b", "c"], input_type="search_query", embedding_types=["float"]
    )
    assert made.embeddings.float_ is not None
    assert [len(vector) for vector in made.embeddings.float_] == [256, 256]
    ranked = client.rerank(model="sim", query="red cars", documents=["blue", "red cars"], top_n=1)
    assert [result.index for result in ranked.results] == [1]


def test_ollama_streamed_and_whole_say_the_same(url: str) -> None:
    client = ollama.Client(host=url)
    asked = [{"role": "user", "content": "How are you?"}]
    whole = client.chat("sim", messages=asked)
    pieces = list(client.chat("sim", messages=asked, stream=True))
    assert whole.message.content == "".join(piece.message.content or "" for piece in pieces)
    assert (pieces[-1].done_reason, whole.done_reason) == ("stop", "stop")
    assert whole.eval_count == len((whole.message.content or "").split())
    assert len(client.embed("sim", ["a", "b"]).embeddings) == 2
    assert {model.model for model in client.list().models} == {"sim-1", "sim-fast", "sim-slow"}


def test_ollama_calls_tools_takes_results_and_fills_forms(url: str) -> None:
    client = ollama.Client(host=url)
    asked: list[Any] = [{"role": "user", "content": CALL}]
    called = client.chat("sim", messages=asked, tools=[TOOL])
    [call] = called.message.tool_calls or []
    assert call.function.arguments == {"city": "Bern"}
    asked += [called.message, {"role": "tool", "tool_name": "get_weather", "content": "sunny"}]
    assert 'The tool said: "sunny"' in (client.chat("sim", messages=asked).message.content or "")
    filled = client.chat("sim", messages=[{"role": "user", "content": "Bern"}], format=WEATHER)
    assert json.loads(filled.message.content or "") == {"city": "Bern"}
    with pytest.raises(ollama.ResponseError, match="simulated failure 500"):
        client.chat("sim-error-500", messages=asked[:1])


def test_bedrocks_models_are_invoked(url: str) -> None:
    client: Any = Session().create_client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=url,
        aws_access_key_id="a",
        aws_secret_access_key="s",
    )
    asked = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 50}
    asked["messages"] = [{"role": "user", "content": "Hi"}]  # type: ignore[assignment]
    body = {"modelId": "anthropic.claude-x", "body": json.dumps(asked)}
    whole = json.loads(client.invoke_model(**body)["body"].read())
    events = client.invoke_model_with_response_stream(**body)["body"]
    chunks = [json.loads(event["chunk"]["bytes"]) for event in events]
    assert chunks[-1]["type"] == "message_stop"
    deltas = [chunk["delta"] for chunk in chunks if chunk["type"] == "content_block_delta"]
    assert "".join(delta["text"] for delta in deltas) == whole["content"][0]["text"]
    titan = json.dumps({"inputText": "a", "dimensions": 512})
    made = client.invoke_model(modelId=TITAN, body=titan)["body"].read()
    assert len(json.loads(made)["embedding"]) == 512


# through the gateway


def _openai(demo: tuple[str, str]) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{demo[0]}/v1", api_key=demo[1], max_retries=0)


def _pixels(data: bytes) -> tuple[int, int]:
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    at = data.index(b"IDAT")
    [size] = struct.unpack("!I", data[at - 4 : at])
    width, height = struct.unpack("!II", data[16:24])
    assert len(zlib.decompress(data[at + 4 : at + 4 + size])) == height * (1 + 3 * width)
    return width, height


def test_a_newcomer_gets_pictures(demo: tuple[str, str]) -> None:
    client = _openai(demo)
    made = client.images.generate(model="demo", prompt="a cat", size="256x256", n=2)
    assert made.data is not None
    pictures = [base64.b64decode(each.b64_json or "") for each in made.data]
    assert [_pixels(picture) for picture in pictures] == [(256, 256)] * 2
    edited = client.images.edit(model="demo", prompt="a dog", image=("a.png", pictures[0]))
    assert edited.data is not None
    assert _pixels(base64.b64decode(edited.data[0].b64_json or "")) == (1024, 1024)
    varied = client.images.create_variation(model="demo", image=("a.png", pictures[0]))
    assert varied.data
    stream = client.images.generate(model="demo", prompt="a cat", stream=True, partial_images=1)
    assert [event.type for event in stream] == [
        "image_generation.partial_image",
        "image_generation.completed",
    ]


@pytest.mark.parametrize("form", ["mp3", "wav", "pcm"])
def test_a_newcomer_gets_speech(demo: tuple[str, str], form: Any) -> None:
    made = _openai(demo).audio.speech.create(
        model="demo", voice="alloy", input="one two three four", response_format=form
    )
    assert made.response.headers["content-type"].startswith("audio/")
    if form == "wav":
        with wave.open(io.BytesIO(made.content)) as sound:
            assert 0.9 < sound.getnframes() / sound.getframerate() < 1.1
    elif form == "mp3":
        assert len(made.content) % 417 == 0
        assert made.content[:2] == b"\xff\xfb"
    else:
        assert len(made.content) % 2 == 0


def test_a_newcomer_gets_transcripts(demo: tuple[str, str]) -> None:
    client = _openai(demo)
    sound = b"RIFF" + bytes(2000)
    wanted = f"talk.wav, 2004 bytes, crc32 {zlib.crc32(sound):08x}"
    file = ("talk.wav", sound)
    made = client.audio.transcriptions.create(model="demo", file=file)
    assert wanted in made.text
    spoken = client.audio.transcriptions.create(model="demo", file=file, stream=True)
    events: list[Any] = list(spoken)
    assert events[-1].text == "".join(event.delta for event in events[:-1]) == made.text
    plain = client.audio.translations.create(model="demo", file=file, response_format="text")
    assert wanted in str(plain)
    long = client.audio.transcriptions.create(
        model="demo", file=file, response_format="verbose_json"
    )
    assert wanted in long.segments[0].text  # type: ignore[index]


def test_a_newcomer_gets_vectors_rankings_verdicts_and_completions(demo: tuple[str, str]) -> None:
    client = _openai(demo)
    vectors = client.embeddings.create(model="demo", input=["a", "b"], dimensions=64)
    assert [len(each.embedding) for each in vectors.data] == [64, 64]
    verdicts = client.moderations.create(model="demo", input=["hello", "please flag me"])
    assert [result.flagged for result in verdicts.results] == [False, True]
    assert verdicts.results[1].categories.violence
    done = client.completions.create(model="demo", prompt="Once upon a time", max_tokens=4)
    assert (done.choices[0].text, done.choices[0].finish_reason) == (
        "This is a simulated",
        "length",
    )
    pieces = client.completions.create(model="demo", prompt="Once", max_tokens=4, stream=True)
    assert "".join(each.choices[0].text for each in pieces if each.choices) == done.choices[0].text
    ranked = cohere.ClientV2(api_key=demo[1], base_url=demo[0]).rerank(
        model="demo", query="red cars", documents=["blue", "red cars"]
    )
    assert [result.index for result in ranked.results] == [1, 0]
    google = genai.Client(api_key=demo[1], http_options={"base_url": demo[0]})  # type: ignore[arg-type]
    made = google.models.embed_content(model="sim-gemini/any", contents=["a", "b"])
    assert len(made.embeddings or []) == 2


@pytest.mark.parametrize(
    "provider",
    ["sim", "sim-anthropic", "sim-bedrock", "sim-cohere", "sim-gemini", "sim-ollama"],
)
def test_a_newcomer_gets_an_answer_of_every_dialect_from_every_sdk(
    demo: tuple[str, str], provider: str
) -> None:
    url, key = demo
    model = f"{provider}/sim-fast"
    hello: Any = [{"role": "user", "content": "Hello there"}]
    claude = anthropic.Anthropic(base_url=url, api_key=key, max_retries=0)
    google = genai.Client(api_key=key, http_options={"base_url": url})  # type: ignore[arg-type]
    client = _openai(demo)
    chunks = client.chat.completions.create(model=model, messages=hello, stream=True)
    texts = [
        "".join(each.choices[0].delta.content or "" for each in chunks if each.choices),
        client.responses.create(model=model, input="Hello there").output_text,
        claude.messages.create(model=model, max_tokens=99, messages=hello).content[0].text,  # type: ignore
        google.models.generate_content(model=model, contents="Hello there").text,
    ]
    assert all('You said: "Hello there".' in str(text) for text in texts)
    assert len(set(texts)) == 1


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/images/generations", {"n": -1}),
        ("/v1/audio/speech", {"input": "x", "response_format": "opus"}),
        ("/v1/audio/transcriptions", {"file": "no file"}),
        ("/v1/completions", {"prompt": ["a", "b"]}),
        ("/v1/rerank", {"query": "no documents"}),
        ("/v2/embed", {"texts": ["a"], "embedding_types": ["int8"]}),
        ("/model/x/invoke", {"prompt": "what Claude had once"}),
        ("/v1beta/models/x:batchEmbedContents", {"requests": 5}),
    ],
)
def test_what_is_not_simulated_is_a_400(url: str, path: str, body: dict[str, Any]) -> None:
    got = httpx.post(url + path, json={"model": "sim", **body})
    assert got.status_code == 400, got.text[:200]
    assert got.json()


@pytest.mark.parametrize("path", ["/v1/images/generations", "/v1/audio/speech", "/v2/chat"])
def test_errors_are_simulated_for_every_operation(url: str, path: str) -> None:
    got = httpx.post(url + path, json={"model": "sim-error-503", "prompt": "x", "input": "x"})
    assert (got.status_code, got.headers["retry-after"]) == (503, "1")
