"""The simulated provider in conversations with tools, and as Bedrock, by AWS's own library."""

import json
from collections.abc import Iterator
from typing import Any

import botocore.session
import httpx
import pytest
from botocore.config import Config

from sluicegate.cli.demo import simulator
from sluicegate.simulator.wishes import Wish, due, read_wishes

CALL = 'Call look with {"at": {"x": [1, "}"]}}'
TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}
    for name in ("look", "go")
]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with simulator("--first-token-ms", "0", "--token-ms", "0") as url:
        yield url


@pytest.fixture(scope="module")
def bedrock(url: str) -> Any:
    session = botocore.session.get_session()
    session.set_credentials("AKIDEXAMPLE", "secret")
    config = Config(retries={"max_attempts": 1})
    return session.create_client(
        "bedrock-runtime", region_name="us-east-1", endpoint_url=url, config=config
    )


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("hello", []),
        ("call me with flowers", []),
        ("call look with {nonsense}", []),
        (CALL, [[("look", {"at": {"x": [1, "}"]}})]]),
        ('Call `a` with {} and call b-c.d with {"x":1}.', [[("a", {}), ("b-c.d", {"x": 1})]]),
        ("call a with {}\nthen CALL b with {}", [[("a", {})], [("b", {})]]),
        ('call a with {"x":\n1} and call b with {}', [[("a", {"x": 1}), ("b", {})]]),
    ],
)
def test_what_a_prompt_wishes(text: str, wanted: list[list[tuple[str, Any]]]) -> None:
    assert read_wishes(text) == [[Wish(*one) for one in line] for line in wanted]


def test_a_line_waits_for_the_results_of_those_before() -> None:
    lines = read_wishes("call a with {} and call b with {}\ncall c with {}")
    names = [[wish.name for wish in due(lines, results)] for results in range(5)]
    assert names == [["a", "b"], ["a", "b"], ["c"], [], []]


def _chat(url: str, messages: list[dict[str, Any]], **fields: Any) -> httpx.Response:
    body = {"model": "sim-fast", "messages": messages, "tools": TOOLS, **fields}
    return httpx.post(f"{url}/v1/chat/completions", json=body)


def test_wishes_are_called_as_they_were_worded(url: str) -> None:
    asked = [{"role": "user", "content": f"{CALL} and call fly with {{}}\nthen call go with {{}}"}]
    seen = []
    for _ in range(3):
        message = _chat(url, asked).json()["choices"][0]["message"]
        calls = message.get("tool_calls") or []
        seen.append(
            [(c["function"]["name"], json.loads(c["function"]["arguments"])) for c in calls]
        )
        results = [{"role": "tool", "tool_call_id": c["id"], "content": "done"} for c in calls]
        asked += [message, *results]
    assert seen == [[("look", {"at": {"x": [1, "}"]}})], [("go", {})], []]
    assert 'The tool said: "done".' in message["content"]
    [choice] = _chat(url, asked[:1], tool_choice="none").json()["choices"]
    assert choice["finish_reason"] == "stop"


#: a result of a call that nobody made, by route
STRAY: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {
        "messages": [{"role": "tool", "tool_call_id": "x", "content": "done"}]
    },
    "/v1/messages": {
        "max_tokens": 9,
        "messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "x"}]}],
    },
    "/v1/responses": {
        "input": [{"type": "function_call_output", "call_id": "x", "output": "done"}]
    },
    "/v1beta/models/sim-fast:generateContent": {
        "contents": [{"parts": [{"functionResponse": {"name": "x", "response": {}}}]}]
    },
    "/model/sim-fast/converse": {
        "messages": [{"role": "user", "content": [{"toolResult": {"toolUseId": "x"}}]}]
    },
}


@pytest.mark.parametrize("path", STRAY)
def test_a_result_without_its_call_is_refused(url: str, path: str) -> None:
    got = httpx.post(url + path, json={"model": "sim-fast", **STRAY[path]})
    assert got.status_code == 400
    assert "no call" in got.text


def test_a_response_goes_on_from_another(url: str) -> None:
    def respond(**fields: Any) -> httpx.Response:
        tool = {"type": "function", "name": "look", "parameters": {"type": "object"}}
        return httpx.post(
            f"{url}/v1/responses", json={"model": "sim-fast", "tools": [tool], **fields}
        )

    first = respond(input="call look with {}").json()
    [call] = first["output"]
    result = {"type": "function_call_output", "call_id": call["call_id"], "output": "green"}
    then = respond(input=[result], previous_response_id=first["id"]).json()
    assert 'The tool said: "green".' in then["output"][0]["content"][0]["text"]
    unknown = respond(input="hi", previous_response_id="resp_of_nobody")
    assert unknown.status_code == 400


ASKED: dict[str, Any] = {
    "modelId": "anthropic.claude-sonnet-4-6",
    "messages": [{"role": "user", "content": [{"text": "Say it"}]}],
    "inferenceConfig": {"maxTokens": 100},
}


def test_converse_streamed_and_whole_say_the_same(bedrock: Any) -> None:
    fields = {"additionalModelRequestFields": {"thinking": {"type": "adaptive"}}}
    whole = bedrock.converse(**ASKED, **fields)
    thought, said = whole["output"]["message"]["content"]
    assert whole["stopReason"] == "end_turn"
    assert 'You said: "Say it".' in said["text"]
    events = list(bedrock.converse_stream(**ASKED, **fields)["stream"])
    deltas = [e["contentBlockDelta"]["delta"] for e in events if "contentBlockDelta" in e]
    assert "".join(delta.get("text", "") for delta in deltas) == said["text"]
    thoughts = [delta.get("reasoningContent", {}).get("text", "") for delta in deltas]
    assert "".join(thoughts) == thought["reasoningContent"]["reasoningText"]["text"]
    assert events[-1]["metadata"]["usage"] == whole["usage"]
    assert next(e for e in events if "messageStop" in e)["messageStop"]["stopReason"] == "end_turn"


def test_converse_calls_a_tool_and_takes_its_result(bedrock: Any) -> None:
    spec = {"name": "look", "inputSchema": {"json": {"type": "object"}}}
    config = {"toolConfig": {"tools": [{"toolSpec": spec}]}}
    asked = {**ASKED, **config, "messages": [{"role": "user", "content": [{"text": CALL}]}]}
    events = list(bedrock.converse_stream(**asked)["stream"])
    parts = [e["contentBlockDelta"]["delta"]["toolUse"] for e in events if "contentBlockDelta" in e]
    answer = bedrock.converse(**asked)["output"]["message"]
    [call] = [block["toolUse"] for block in answer["content"]]
    assert json.loads("".join(part["input"] for part in parts)) == call["input"]
    assert call["input"] == {"at": {"x": [1, "}"]}}
    result = {"toolUseId": call["toolUseId"], "content": [{"text": "a tree"}]}
    asked["messages"] += [answer, {"role": "user", "content": [{"toolResult": result}]}]
    said = bedrock.converse(**asked)["output"]["message"]["content"][0]["text"]
    assert 'The tool said: "a tree".' in said


def test_converse_sees_pictures_forms_and_breaks(bedrock: Any) -> None:
    picture = {"image": {"format": "png", "source": {"bytes": b"png"}}}
    asked = {**ASKED, "messages": [{"role": "user", "content": [{"text": "What?"}, picture]}]}
    said = bedrock.converse(**asked)["output"]["message"]["content"][0]["text"]
    assert "1 image(s): image/png, 3 bytes, crc32" in said
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    form = {"jsonSchema": {"schema": json.dumps(schema)}}
    held = {"outputConfig": {"textFormat": {"type": "json_schema", "structure": form}}}
    made = bedrock.converse(**ASKED, **held)["output"]["message"]["content"][0]["text"]
    assert json.loads(made) == {"n": 1}
    with pytest.raises(Exception, match="simulated failure"):
        list(bedrock.converse_stream(**{**ASKED, "modelId": "sim-midstream-error"})["stream"])
    with pytest.raises(Exception, match="429"):
        bedrock.converse(**{**ASKED, "modelId": "sim-error-429"})
