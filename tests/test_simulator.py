"""The simulated provider, seen through the vendors' own SDKs."""

import base64
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import anthropic
import httpx
import openai
import pydantic
import pytest
from google import genai
from google.genai import types as genai_types

WEATHER = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "days": {"type": "integer"},
        "unit": {"enum": ["C", "F"]},
    },
    "required": ["city"],
}
PIXEL = "data:image/png;base64," + base64.b64encode(b"png").decode()


def _start(*options: str) -> tuple[subprocess.Popen[str], str]:
    command = [sys.executable, "-m", "sluicegate.simulator", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, str(json.loads(process.stdout.readline())["url"])


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    process, url = _start("--first-token-ms", "20", "--token-ms", "1")
    yield url
    process.terminate()
    assert process.wait(5) == 0


@pytest.fixture
def chat(url: str) -> Any:
    return openai.OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0)


@pytest.fixture
def claude(url: str) -> Any:
    return anthropic.Anthropic(base_url=url, api_key="any", max_retries=0)


def test_openai_streamed_and_whole_say_the_same(chat: Any) -> None:
    asked = [{"role": "user", "content": "How are you today?"}]
    create = chat.chat.completions.create
    whole = create(model="sim-1", messages=asked)
    chunks = list(
        create(model="sim-1", messages=asked, stream=True, stream_options={"include_usage": True})
    )
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == whole.choices[0].message.content
    assert "How are you today?" in text
    assert whole.usage.prompt_tokens == 4
    assert whole.usage.completion_tokens == len(text.split())
    assert chunks[-1].usage == whole.usage
    assert chunks[-2].choices[0].finish_reason == whole.choices[0].finish_reason == "stop"


def test_anthropic_streamed_and_whole_say_the_same(claude: Any) -> None:
    asked = {
        "model": "sim-1",
        "max_tokens": 100,
        "system": "Be brief.",
        "messages": [{"role": "user", "content": "How are you today?"}],
        "thinking": {"type": "enabled", "budget_tokens": 1024},
    }
    whole = claude.messages.create(**asked)
    with claude.messages.stream(**asked) as stream:
        streamed = stream.get_final_message()
    assert [block.type for block in whole.content] == ["thinking", "text"]
    assert [block.to_dict() for block in streamed.content] == [
        block.to_dict() for block in whole.content
    ]
    assert streamed.usage.output_tokens == whole.usage.output_tokens
    counted = claude.messages.count_tokens(
        model="sim-1",
        system="Be brief.",
        messages=[{"role": "user", "content": "How are you today?"}],
    )
    assert counted.input_tokens == whole.usage.input_tokens == 6


@pytest.mark.parametrize(
    ("text", "choice", "calls"),
    [
        ("use the tool", None, 1),
        ("hello", "required", 1),
        ("hello", None, 0),
        ("use the tool", "none", 0),
    ],
)
def test_openai_tools(chat: Any, text: str, choice: str | None, calls: int) -> None:
    tool = {"type": "function", "function": {"name": "get_weather", "parameters": WEATHER}}
    extra = {"tool_choice": choice} if choice else {}
    done = chat.chat.completions.create(
        model="sim-fast", messages=[{"role": "user", "content": text}], tools=[tool], **extra
    )
    message = done.choices[0].message
    assert len(message.tool_calls or []) == calls
    if calls:
        given = json.loads(message.tool_calls[0].function.arguments)
        assert given == {"city": text, "days": 1, "unit": "C"}
        assert done.choices[0].finish_reason == "tool_calls"
        turn = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "sunny"}
        asked = [{"role": "user", "content": text}, message, turn]
        again = chat.chat.completions.create(model="sim-fast", messages=asked, tools=[tool])
        assert 'The tool said: "sunny"' in again.choices[0].message.content


def test_anthropic_tools_streamed(claude: Any) -> None:
    with claude.messages.stream(
        model="sim-fast",
        max_tokens=100,
        messages=[{"role": "user", "content": "Please use the tool"}],
        tools=[{"name": "get_weather", "input_schema": WEATHER}],
    ) as stream:
        message = stream.get_final_message()
    block = message.content[0]
    assert message.stop_reason == "tool_use"
    assert block.type == "tool_use"
    assert block.input == {"city": "Please use the tool", "days": 1, "unit": "C"}


def test_json_images_and_limits(chat: Any) -> None:
    create = chat.chat.completions.create
    schema = {"type": "json_schema", "json_schema": {"name": "w", "schema": WEATHER}}
    asked = [{"role": "user", "content": "Bern"}]
    made = create(model="sim-fast", messages=asked, response_format=schema)
    assert json.loads(made.choices[0].message.content)["city"] == "Bern"
    picture = {"type": "image_url", "image_url": {"url": PIXEL}}
    parts = [{"type": "text", "text": "What is it?"}, picture]
    seen = create(model="sim-fast", messages=[{"role": "user", "content": parts}])
    assert "1 image" in seen.choices[0].message.content
    cut = create(model="sim-fast", messages=asked, max_tokens=3)
    assert cut.choices[0].finish_reason == "length"
    assert cut.usage.completion_tokens == 3


#: what a real provider makes of the same request: the whole text, then what is asked, what comes
ENDS: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "nothing asked": ({}, "", "stop", "end_turn"),
    "a stop text": ({"stop": ["answer"]}, "answer", "stop", "stop_sequence"),
    "the first of several": ({"stop": ["said", "simulated"]}, "simulated", "stop", "stop_sequence"),
    "one that never comes": ({"stop": ["never said"]}, "", "stop", "end_turn"),
    "a bound": ({"max_tokens": 3}, " simulated", "length", "max_tokens"),
    "the bound comes first": (
        {"max_tokens": 3, "stop": ["You"]},
        " simulated",
        "length",
        "max_tokens",
    ),
    "the stop comes first": ({"max_tokens": 5, "stop": ["is"]}, "is", "stop", "stop_sequence"),
}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("case", ENDS)
def test_answers_end_where_a_providers_would(
    chat: Any, claude: Any, case: str, stream: bool
) -> None:
    fields, met, finish, stop_reason = ENDS[case]
    asked = [{"role": "user", "content": "Hello"}]
    full = "This is a simulated answer."
    expected = full[: full.index(met)] if met else full
    if finish == "length":
        expected = "This is a"
    if stream:
        chunks = list(
            chat.chat.completions.create(model="sim-fast", messages=asked, stream=True, **fields)
        )
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
        reason = chunks[-1].choices[0].finish_reason
    else:
        done = chat.chat.completions.create(model="sim-fast", messages=asked, **fields)
        text, reason = done.choices[0].message.content, done.choices[0].finish_reason
    assert text.startswith(expected) if not met else text == expected
    assert reason == finish
    bound = {"max_tokens": fields.get("max_tokens", 100)}
    stops = {"stop_sequences": fields["stop"]} if "stop" in fields else {}
    ask = {"model": "sim-fast", "messages": asked, **bound, **stops}
    if stream:
        with claude.messages.stream(**ask) as events:
            message = events.get_final_message()
    else:
        message = claude.messages.create(**ask)
    assert message.stop_reason == stop_reason
    assert message.stop_sequence == (met if stop_reason == "stop_sequence" else None)
    assert message.content[0].text == text


def test_several_choices_are_told_apart_and_counted(chat: Any) -> None:
    asked = {"model": "sim-fast", "messages": [{"role": "user", "content": "x"}], "n": 3}
    done = chat.chat.completions.create(**asked, logprobs=True, temperature=0.1, seed=7)
    texts = [choice.message.content for choice in done.choices]
    assert len(set(texts)) == 3
    assert done.usage.completion_tokens == sum(len(text.split()) for text in texts)
    streamed = ["", "", ""]
    options = {"include_usage": True}
    for chunk in chat.chat.completions.create(**asked, stream=True, stream_options=options):
        for choice in chunk.choices:
            streamed[choice.index] += choice.delta.content or ""
    assert streamed == texts
    assert chunk.usage == done.usage


def test_a_tool_that_is_demanded_is_called_each_time(chat: Any, claude: Any) -> None:
    tools = [{"type": "function", "function": {"name": name}} for name in ("one", "two")]
    call = {"id": "c", "type": "function", "function": {"name": "two", "arguments": "{}"}}
    asked = [
        {"role": "user", "content": "hello"},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "done"},
    ]
    choice = {"type": "function", "function": {"name": "two"}}
    done = chat.chat.completions.create(
        model="sim-fast", messages=asked, tools=tools, tool_choice=choice
    )
    assert [one.function.name for one in done.choices[0].message.tool_calls] == ["two"]
    message = claude.messages.create(
        model="sim-fast",
        max_tokens=50,
        messages=[{"role": "user", "content": "hello"}],
        tools=[{"name": name, "input_schema": {"type": "object"}} for name in ("one", "two")],
        tool_choice={"type": "tool", "name": "two"},
    )
    assert [(block.type, block.name) for block in message.content] == [("tool_use", "two")]


class Place(pydantic.BaseModel):
    """A class as newcomers write them: nested, optional, bounded, listed, and holding itself."""

    name: Annotated[str, pydantic.Field(min_length=3, max_length=60)]
    height_m: Annotated[int, pydantic.Field(ge=200, lt=5000)]
    share: Annotated[float, pydantic.Field(gt=0, le=1)]
    kind: Literal["town", "village"]
    seen: datetime
    note: str | None
    parts: Annotated[list["Place"], pydantic.Field(max_length=2)]


def test_structured_output_is_what_the_schema_says(chat: Any, claude: Any) -> None:
    asked = [{"role": "user", "content": "Bern"}]
    parsed = chat.chat.completions.parse(model="sim-fast", messages=asked, response_format=Place)
    place = parsed.choices[0].message.parsed
    assert (place.name, place.kind, place.height_m) == ("Bern", "town", 200)
    form = {"type": "json_schema", "schema": Place.model_json_schema()}
    message = claude.messages.create(
        model="sim-fast", max_tokens=5000, messages=asked, output_config={"format": form}
    )
    Place.model_validate_json(message.content[0].text)


@pytest.mark.parametrize(
    ("path", "fields", "says"),
    [
        ("chat/completions", {"messages": []}, "messages"),
        ("chat/completions", {"max_tokens": 0}, "max_tokens"),
        ("chat/completions", {"n": "two"}, "n must"),
        ("messages", {"max_tokens": None}, "max_tokens"),
        ("messages", {"max_tokens": -1}, "max_tokens"),
        ("messages", {"messages": None}, "messages"),
        ("messages/count_tokens", {"messages": []}, "messages"),
    ],
)
def test_what_a_provider_refuses_is_refused(
    url: str, path: str, fields: dict[str, Any], says: str
) -> None:
    body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}
    got = httpx.post(f"{url}/v1/{path}", json=body | fields)
    assert got.status_code == 400
    assert says in got.json()["error"]["message"]


def test_embeddings_are_near_for_shared_words(chat: Any) -> None:
    texts = ["the red house", "the red house by the sea", "quarterly tax report"]
    vectors = [one.embedding for one in chat.embeddings.create(model="e", input=texts).data]
    near = sum(a * b for a, b in zip(vectors[0], vectors[1], strict=True))
    far = sum(a * b for a, b in zip(vectors[0], vectors[2], strict=True))
    assert near > 0.5 > far
    short = chat.embeddings.create(model="e", input="x", dimensions=8).data[0].embedding
    assert len(short) == 8


def test_models_are_listed(chat: Any) -> None:
    assert "sim-1" in [model.id for model in chat.models.list()]


@pytest.mark.parametrize("status", [400, 429, 500, 529])
def test_errors_on_request(url: str, status: int) -> None:
    body = {"model": f"sim-error-{status}", "messages": []}
    for path in ("chat/completions", "messages"):
        got = httpx.post(f"{url}/v1/{path}", json=body)
        assert got.status_code == status
        assert "simulated" in got.json()["error"]["message"]
        assert got.headers.get("retry-after") == ("1" if status == 429 else None)


def test_breaks_inside_a_stream(chat: Any, claude: Any) -> None:
    def chat_stream(model: str) -> None:
        asked = [{"role": "user", "content": "x"}]
        for _ in chat.chat.completions.create(model=model, messages=asked, stream=True):
            pass

    def claude_stream(model: str) -> None:
        with claude.messages.stream(
            model=model, max_tokens=50, messages=[{"role": "user", "content": "x"}]
        ) as stream:
            stream.get_final_message()

    for read in (chat_stream, claude_stream):
        for model in ("sim-midstream-error", "sim-midstream-reset"):
            with pytest.raises(Exception):  # noqa: B017, PT011  # SDKs differ in what they raise
                read(model)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"messages": 3}', b'{"messages": ["x"]}'])
def test_nonsense_is_a_400(url: str, body: bytes) -> None:
    for path in ("chat/completions", "messages"):
        assert httpx.post(f"{url}/v1/{path}", content=body).status_code == 400


def test_the_pace_is_kept(url: str) -> None:
    process, slow = _start("--first-token-ms", "200", "--token-ms", "10")
    body = {"model": "sim-1", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    started = time.monotonic()
    with httpx.stream("POST", f"{slow}/v1/chat/completions", json=body) as answer:
        lines = (line for line in answer.iter_lines() if '"content":"This"' in line)
        next(lines)
        first = time.monotonic() - started
    process.kill()
    process.wait()
    assert 0.2 <= first < 5  # not before its time; how long after says what else runs here


def test_it_ends_with_its_parent() -> None:
    program = (
        "import subprocess, sys\n"
        "p = subprocess.Popen([sys.executable, '-m', 'sluicegate.simulator', '--die-with-parent'],"
        " stdout=subprocess.PIPE)\n"
        "print(p.pid, p.stdout.readline().decode(), flush=True)\n"
        "sys.stdin.read()\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline().split()[0])
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    end = time.monotonic() + 3
    while _alive(pid):
        assert time.monotonic() < end
        time.sleep(0.05)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_gemini_streamed_and_whole_say_the_same(url: str) -> None:
    options = genai_types.HttpOptions(base_url=url)
    client = genai.Client(api_key="any", http_options=options)
    config = genai_types.GenerateContentConfig(
        system_instruction="Be brief.",
        thinking_config=genai_types.ThinkingConfig(include_thoughts=True),
    )
    asked: Any = {"model": "sim-1", "contents": "How are you today?", "config": config}
    whole = client.models.generate_content(**asked)
    chunks = list(client.models.generate_content_stream(**asked))
    text = "".join(chunk.text or "" for chunk in chunks)
    assert text == whole.text
    assert "How are you today?" in text
    assert whole.usage_metadata is not None
    assert whole.usage_metadata.prompt_token_count == 6
    assert whole.usage_metadata.candidates_token_count == len(text.split())
    assert whole.usage_metadata.thoughts_token_count == 5
    assert chunks[-1].usage_metadata == whole.usage_metadata
    counted = client.models.count_tokens(model="sim-1", contents="How are you today?")
    assert counted.total_tokens == 4
    client.close()


def test_gemini_calls_a_tool_and_takes_its_result(url: str) -> None:
    def get_weather(city: str) -> str:
        """The weather of a city."""
        return f"rain in {city}"

    client = genai.Client(api_key="any", http_options=genai_types.HttpOptions(base_url=url))
    config = genai_types.GenerateContentConfig(tools=[get_weather])
    answer = client.models.generate_content(
        model="sim-1", contents="Use the tool, please.", config=config
    )
    assert answer.text is not None
    assert "rain in" in answer.text
    client.close()


def test_responses_streamed_and_whole_say_the_same(chat: Any) -> None:
    asked = {"model": "sim-1", "input": "How are you today?", "reasoning": {"summary": "auto"}}
    whole = chat.responses.create(**asked)
    with chat.responses.stream(**asked) as stream:
        events = list(stream)
        made = stream.get_final_response()
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(deltas) == made.output_text == whole.output_text
    assert 'You said: "How are you today?".' in whole.output_text
    assert [item.type for item in whole.output] == ["reasoning", "message"]
    assert made.usage == whole.usage


def test_responses_call_a_tool_and_stop_where_they_must(chat: Any) -> None:
    tool = {"type": "function", "name": "get_weather", "parameters": WEATHER, "strict": False}
    asked = {"model": "sim-fast", "input": "use the tool", "tools": [tool]}
    with chat.responses.stream(**asked) as stream:
        [call] = stream.get_final_response().output
    assert (call.name, json.loads(call.arguments)["days"]) == ("get_weather", 1)
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
    given = [{"role": "user", "content": "use the tool"}, call.to_dict(), result]
    after = chat.responses.create(**{**asked, "input": given})
    assert 'The tool said: "sunny".' in after.output_text
    cut = chat.responses.create(model="sim-fast", input="hi", max_output_tokens=3)
    assert (cut.status, cut.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    assert cut.usage.output_tokens == 3
